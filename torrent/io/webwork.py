"""What a torrent's web seeds have to do, and where what they bring goes.

:class:`~torrent.io.webseed.WebSeed` asks for runs of pieces and hands over bytes in portions of any
size; the swarm takes whole blocks. Between them stands this.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import trio

from torrent.core.policy import BLOCK
from torrent.core.webseed import WebFile, WebLayout

if TYPE_CHECKING:
    from torrent.core.metainfo import Info
    from torrent.core.webseed import PieceRun
    from torrent.io.torrent import Torrent

_LOOK: Final = 1.0
"""Seconds between two looks for work, where nothing else says that there is some."""
_CHANCE: Final = 0.3
"""Seconds in which peers may show how fast they are."""
_SHORT: Final = 1 << 18
"""Bytes of a run that is over at once and shows no speed but that of a round trip."""
_USUAL: Final = 1_250_000.0
"""Bytes a second that a server is thought to send until it did: 10 Mbit/s."""


def layout(info: Info) -> WebLayout:
    """What a web seed has to know of a torrent.

    In v2 each file begins a piece, and no pad files are listed between them: here they are, so that
    piece space is again the files in a row.
    """
    below = 1 if info.multifile else len(info.files[0].path.parts)
    files: list[WebFile] = []
    end = 0
    for file in info.files:
        if file.offset > end:
            files.append(WebFile((), file.offset - end, pad=True))
        files.append(WebFile(file.path.parts[below:], file.length, file.pad))
        end = file.offset + file.length
    return WebLayout(info.name, info.piece_length, tuple(files), single=not info.multifile)


class WebWork:
    """The work of one web seed: a :class:`~torrent.core.webseed.Work`.

    A server is somebody's who pays for what it sends; peers are what a swarm is for. So it helps
    as long as peers bring less than it does by itself: whoever waits gets no less than from the
    server alone, and one that is overrun by many looks slow to each of them, who turn to each
    other. How fast peers are is looked at all the time, also while the server sends: a pause
    before each run would be most of the time where slow peers leave only short runs.

    Args:
        torrent: What is fetched; its files must be open.
        url: The web seed, by which the swarm knows it.
    """

    def __init__(self, torrent: Torrent, url: str) -> None:
        self._torrent = torrent
        self._url = url
        self._part = bytearray()
        self._rate = _USUAL
        self._begun = 0.0
        self._brought = 0
        self._looked: tuple[float, int] | None = None
        self._peers = 0.0

    async def next_run(self) -> PieceRun | None:
        """Wait until the swarm has pieces to spare for us."""
        while True:
            await self._give_peers_a_chance()
            run = self._torrent.sharing.swarm.webseed_run(self._url, trio.current_time())
            if run is not None:
                self._part.clear()
                self._begun, self._brought = trio.current_time(), 0
                return run
            with trio.move_on_after(_LOOK):
                await self._torrent.moved()

    async def _give_peers_a_chance(self) -> None:
        """Wait for as long as peers are faster than we are."""
        self._measure()
        await trio.lowlevel.checkpoint()
        while not self._torrent.complete:
            now, sent = trio.current_time(), self._from_peers()
            if self._looked is None:  # Peers have yet to be dialled.
                self._looked, self._peers = (now, sent), math.inf
            since, before = self._looked
            if now - since >= _CHANCE:
                self._looked, self._peers = (now, sent), (sent - before) / (now - since)
            alone = not self._torrent.statistics().peers and self._peers < math.inf
            if alone or self._peers < self._rate:
                return
            await trio.sleep(_CHANCE)

    def _measure(self) -> None:
        """How fast the last run came."""
        took = trio.current_time() - self._begun
        if took > 0 and (self._brought >= _SHORT or (self._brought and took > _CHANCE)):
            self._rate = self._brought / took
        self._brought = 0

    def _from_peers(self) -> int:
        """Bytes that did not come from web seeds."""
        webbed = sum(seed.status.received for seed in self._torrent.web_seeds)
        return self._torrent.statistics().downloaded - webbed

    async def deliver(self, piece: int, begin: int, data: memoryview) -> None:
        """Cut what came into blocks, and hand over those that are whole."""
        await trio.lowlevel.checkpoint()
        assert self._torrent.info is not None  # noqa: S101 - its files are open
        self._brought += len(data)
        size = self._torrent.info.piece_size(piece)
        part, at = self._part, begin - len(self._part)
        part += data[: max(0, size - begin)]  # What follows is padding that v2 does not count.
        whole = len(part) if at + len(part) == size else len(part) - len(part) % BLOCK
        blocks = memoryview(bytes(part[:whole]))
        del part[:whole]
        for offset in range(0, whole, BLOCK):
            self._hand_over(piece, at + offset, blocks[offset : offset + BLOCK])

    def _hand_over(self, piece: int, begin: int, block: memoryview) -> None:
        sharing = self._torrent.sharing
        now = trio.current_time()
        sharing.perform(sharing.swarm.webseed_block(self._url, piece, begin, block, now))

    def abandoned(self, run: PieceRun) -> None:
        """Give back what will not come."""
        sharing = self._torrent.sharing
        sharing.perform(sharing.swarm.webseed_failed(self._url, trio.current_time()))
