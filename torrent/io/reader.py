"""A file of a torrent, read while it comes.

>>> async with torrent.open(0) as file:                            # doctest: +SKIP
...     head = await file.read(1024)

What is about to be read is given a deadline, piece by piece, and so is fetched first, from the
fastest peers (:mod:`torrent.core.picker`). Everything that comes out of here has been verified.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final, Self

import trio

from torrent.core.commands import Deadline, Prioritise
from torrent.errors import StorageError

if TYPE_CHECKING:
    from types import TracebackType

    from torrent.core.metainfo import Info
    from torrent.io.torrent import Torrent

CHUNK: Final = 1 << 18
"""Bytes read at once when all is wanted: a checkpoint for every quarter of a megabyte."""
_AHEAD: Final = 8 << 20
"""Bytes that are hurried before they are asked for: some seconds of video."""
_LEAST_AHEAD: Final = 3
"""Pieces, where they are larger."""
_PACE: Final = 0.5
"""Seconds between the deadlines of pieces that follow each other."""
_URGENT: Final = 7


class Reader:
    """A file being read; made by :meth:`~torrent.io.torrent.Torrent.open`.

    Attributes:
        name: The file's path in the torrent.
        size: Its length in bytes.
    """

    def __init__(self, torrent: Torrent, info: Info, index: int) -> None:
        file = info.files[index]
        self.name = str(file.path)
        self.size = file.length
        self._torrent = torrent
        self._info = info
        self._start = file.offset
        self._at = 0
        self._hurried: set[int] = set()

    async def __aenter__(self) -> Self:
        await self._torrent.ready()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Hurry nothing any more."""
        for piece in self._hurried:
            self._torrent.command(Deadline(piece, None))
        self._hurried.clear()

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go elsewhere; what was to be read here is no longer hurried.

        Raises:
            ValueError: Before the beginning.
        """
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError(f"{offset} leads to before the beginning of {self.name}")
        self._at = base + offset
        return self._at

    async def read(self, size: int = -1) -> bytes:
        """Read up to ``size`` bytes, or all that is left; waits for them to come.

        Raises:
            StorageError: The disk refused, or the file changed under us.
            TorrentError: The torrent was removed.
        """
        left = max(0, self.size - self._at)
        parts = []
        wanted = left if size < 0 else min(size, left)
        while wanted > 0:
            part = await self.read_some(wanted)
            parts.append(part)
            wanted -= len(part)
        await trio.lowlevel.checkpoint()
        return b"".join(parts)

    async def read_some(self, most: int = CHUNK) -> bytes:
        """Read what one piece has of the next ``most`` bytes; empty at the end."""
        length = min(most, self.size - self._at)
        if length <= 0:
            await trio.lowlevel.checkpoint()
            return b""
        piece, begin = divmod(self._start + self._at, self._info.piece_length)
        length = min(length, self._info.piece_size(piece) - begin)
        self._hurry(piece)
        data = await self._verified(piece, begin, length)
        self._at += length
        return data

    async def _verified(self, piece: int, begin: int, length: int) -> bytes:
        """These bytes, once their piece is here and true."""
        data = bytearray(length)
        while True:
            await self._torrent.has(piece)
            storage = self._torrent.sharing.storage
            if storage is None:
                raise StorageError(f"{self.name}: its files are not open")
            if await storage.read(piece, begin, length, memoryview(data)):
                return bytes(data)
            self._torrent.sharing.lost(piece)

    def _hurry(self, first: int) -> None:
        """Give deadlines to ``first`` and to what comes after it in this file."""
        info = self._info
        last = (self._start + self.size - 1) // info.piece_length
        ahead = max(_LEAST_AHEAD, _AHEAD // info.piece_length)
        wanted = set(range(first, min(first + ahead, last + 1)))
        now = trio.current_time()
        have = self._torrent.have
        for piece in sorted(wanted - self._hurried):
            if piece not in have:
                self._torrent.command(Prioritise(pieces={piece: _URGENT}))
                self._torrent.command(Deadline(piece, now + (piece - first) * _PACE))
        for piece in self._hurried - wanted:
            self._torrent.command(Deadline(piece, None))
        self._hurried = wanted

    async def __anext__(self) -> bytes:
        """The next bytes in order."""
        data = await self.read_some()
        if not data:
            raise StopAsyncIteration
        return data

    def __aiter__(self) -> Self:
        return self
