"""Buffers of one piece each, recycled, and bounded in bytes: the backpressure of a download.

A piece that arrives in blocks needs a place until it is whole, hashed and written. That place comes
from here, and if there is none, no new piece is begun: peers then wait in their sockets, and
memory stays flat however slow the disk is. Allocating a mebibyte anew for each piece would instead
touch fresh zeroed pages each time, at a tenth of the whole cost of receiving.
"""

from __future__ import annotations

from typing import Final

_SHARE: Final = 4
"""A buffer of more than this part of the pool is *large*: see :class:`Buffers`."""


class Buffers:
    """A bounded pool of buffers. Not for threads: acquire and release on the event loop.

    Buffers come in powers of two, since nearly every piece length is one, so that a torrent's
    shorter last piece and other torrents' pieces find what earlier ones left. One *large* buffer at
    a time is given out whatever else is in use: a torrent of 64 MiB pieces must not starve beside
    one of 256 KiB pieces that takes whatever is free. So the bound in bytes is the limit and one
    piece.

    Attributes:
        limit: Bytes that may be in use, but for one large buffer.
        used: Bytes in use.
        refused: How often there was none.
    """

    def __init__(self, limit: int) -> None:
        self.limit: Final = limit
        self.used = self.refused = 0
        self._kept = 0
        self._free: dict[int, list[bytearray]] = {}
        self._out: dict[int, bytearray] = {}
        self._large: int | None = None

    def acquire(self, size: int) -> memoryview | None:
        """A writable buffer of ``size`` bytes with anything in it; None if the pool is in use."""
        room = _rounded(size)
        large = room * _SHARE > self.limit
        if large and self._large is None:
            buffer = bytearray(room)
            self._large = id(buffer)
        elif self.used + room > self.limit:
            self.refused += 1
            return None
        else:
            buffer = self._take(room)
        self.used += 0 if id(buffer) == self._large else room
        self._out[id(buffer)] = buffer
        return memoryview(buffer)[:size]

    def release(self, buffer: memoryview) -> None:
        """Give back what :meth:`acquire` gave; the caller must not touch it again.

        Raises:
            ValueError: It is not out, so two of them would have shared it next.
        """
        owner = buffer.obj
        if self._out.pop(id(owner), None) is None or not isinstance(owner, bytearray):
            raise ValueError("this buffer does not come from this pool, or was released before")
        if id(owner) == self._large:
            self._large = None
            return
        self.used -= len(owner)
        self._kept += len(owner)
        self._free.setdefault(len(owner), []).append(owner)

    def trim(self) -> None:
        """Let go of the memory that is not in use: a client that only seeds needs none."""
        self._free.clear()
        self._kept = 0

    def _take(self, room: int) -> bytearray:
        """A recycled buffer, or a new one; of other sizes as many go as the bound demands."""
        if free := self._free.get(room):
            self._kept -= room
            return free.pop()
        if self.used + self._kept + room > self.limit:
            self.trim()
        return bytearray(room)


def _rounded(size: int) -> int:
    """The next power of two."""
    return 1 << max(size - 1, 0).bit_length()
