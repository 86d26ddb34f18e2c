"""What an origin says a torrent is, when nobody else does.

A web seed (BEP 19) has the files, but not what they are: metadata comes from peers (BEP 9), and
while there are none, the best server is of no use. So a publisher may put the torrent file beside
the files, called by what the name leads to: ``URL/<infohash>.torrent``. Nothing is believed because
an origin says it: the infohash in the signed record is the hash of what the file must hold.

Peers are asked first, alone, for :data:`HEAD_START`: an origin is there to be spared.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import trio

from torrent.core.metainfo import read_metainfo
from torrent.errors import MetainfoError, TorrentError
from torrent.io.task import MAX_FILE

if TYPE_CHECKING:
    from torrent.core.metainfo import Info, Magnet
    from torrent.io.torrent import Torrent

HEAD_START: Final = 0.5
"""Seconds: a torrent file is small beside what it describes, and a visitor waits."""
_log: Final = logging.getLogger("torrent.cdn")


def beside_files(origin: str, infohash: bytes) -> str:
    """Where an origin has the torrent file."""
    return f"{origin.rstrip('/')}/{infohash.hex()}.torrent"


async def learn(torrent: Torrent, link: Magnet) -> Info:
    """The metadata of a torrent, from whoever has it first: peers, or the origins in its link.

    Raises:
        TorrentError: The torrent was removed.
    """
    found: list[Info] = []
    failures: list[TorrentError] = []

    async def ask() -> None:
        await trio.sleep(HEAD_START)
        if (info := await _asked(link)) is not None:
            found.append(info)
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        # Caught here, because the nursery would wrap it in a group.
        try:
            found.append(await torrent.metadata())
        except TorrentError as problem:
            failures.append(problem)
        nursery.cancel_scope.cancel()
    if not found:
        raise failures[0]
    return found[0]


async def _asked(link: Magnet) -> Info | None:
    """What the first origin says that has it; ``None`` if none does."""
    # HTTP's library is only loaded where there is an origin to be asked.
    from torrent.core.outgoing import Purpose  # noqa: PLC0415
    from torrent.io.http import HttpFailed, HttpSettings, Lane  # noqa: PLC0415

    infohash = link.infohashes[0]
    for origin in link.web_seeds:
        url = beside_files(origin, infohash)
        try:
            async with Lane(Purpose.WEB_SEED, HttpSettings()) as lane:
                info = read_metainfo(await lane.get(url, limit=MAX_FILE)).info
        except (HttpFailed, MetainfoError) as problem:
            _log.info("%s does not say what it has: %s", url, problem)
            continue
        if infohash in info.infohashes:
            return info
        _log.warning("%s is another torrent: refused", url)
    return None
