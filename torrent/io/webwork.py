"""What a torrent's web seeds have to do, and where what they bring goes.

:class:`~torrent.io.webseed.WebSeed` asks for runs of pieces and hands over bytes in portions of any
size; the swarm takes whole blocks. Between them stands this.
"""

from __future__ import annotations

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

    Args:
        torrent: What is fetched; its files must be open.
        url: The web seed, by which the swarm knows it.
    """

    def __init__(self, torrent: Torrent, url: str) -> None:
        self._torrent = torrent
        self._url = url
        self._part = bytearray()

    async def next_run(self) -> PieceRun | None:
        """Wait until the swarm has pieces to spare for us."""
        while True:
            await trio.lowlevel.checkpoint()
            run = self._torrent.sharing.swarm.webseed_run(self._url, trio.current_time())
            if run is not None:
                self._part.clear()
                return run
            with trio.move_on_after(_LOOK):
                await self._torrent.moved()

    async def deliver(self, piece: int, begin: int, data: memoryview) -> None:
        """Cut what came into blocks, and hand over those that are whole."""
        await trio.lowlevel.checkpoint()
        assert self._torrent.info is not None  # noqa: S101 - its files are open
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
