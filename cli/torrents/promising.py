"""Writing down that a torrent is to be seeded, and that all of it is here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from cli.torrents import stored
from torrent.core.bitfield import Bitfield
from torrent.core.metainfo import Metainfo, wrapped
from torrent.io.resume import Progress, StoredTorrent

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Ready(NamedTuple):
    """A torrent whose data was hashed just now, and is whole.

    Attributes:
        metainfo: What it is.
        directory: Where its files are.
        looks: What they look like from outside.
    """

    metainfo: Metainfo
    directory: Path
    looks: bytes


def promise(state: Path, ready: Iterable[Ready]) -> None:
    """Write down that these are to be seeded, and that all of each is here. Blocks.

    Raises:
        CommandError: The state cannot be written.
    """
    with stored.opened(state, readonly=False) as torrents:
        for metainfo, directory, looks in ready:
            info, wall = metainfo.info, time.time()
            everything = Bitfield(info.piece_count)
            everything.fill()
            progress = Progress(
                info.infohashes[0],
                have=everything.to_bytes(),
                fingerprint=looks,
                completed=wall,
            )
            torrent = StoredTorrent(info.name, directory, wall, progress)
            torrents.add(torrent, wrapped(metainfo))
