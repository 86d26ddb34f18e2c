"""Bodies on their way to a visitor.

Where bytes lie verified in a file, the kernel sends them from there (``sendfile``); else they are
read, which waits for peers where need be. The beginning of an answer goes out with the first
bytes of its body: until then an error can still be said, and a small file is one ``send``.

Sockets are the system's own, non-blocking; a stream of trio's costs a checkpoint each way, which
is a quarter of the time that a small file takes.
"""

from __future__ import annotations

import os
import socket
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from torrent.cdn.gateway.core.planning import Plan
    from torrent.cdn.gateway.core.ranges import Part
    from torrent.cdn.gateway.resources import Reading
    from torrent.io.files import Span

PORTION: Final = 4 << 20
"""Bytes looked up and handed to the kernel at once; what changed on disk is noticed in between."""
SMALL: Final = 64 << 10
"""Bytes up to which copying is cheaper than a second system call."""
_MORE: Final = getattr(socket, "MSG_MORE", 0)
_TURN: Final = 8
"""Portions after which others get their turn, should the socket never be full."""


class Sender:
    """Writes to one visitor.

    Attributes:
        sent: Bytes written.
    """

    def __init__(
        self, sock: socket.socket, moved: Callable[[], None], looks: Callable[[], None]
    ) -> None:
        """Begin.

        Args:
            sock: Non-blocking.
            moved: Called whenever the socket took something, or may take more.
            looks: Called when there is nothing to send until more of the body is here.
        """
        self._sock = sock
        self._moved = moved
        self._looks = looks
        self.sent = 0

    async def answer(self, head: Callable[[], bytes], plan: Plan, reading: Reading | None) -> None:
        """Send all of an answer.

        Args:
            head: Makes its beginning, once the first bytes of the body are here.
            plan: The answer.
            reading: What its parts are parts of.

        Raises:
            OSError: The visitor is gone.
            TorrentError: The body cannot be had. If ``head`` was called, something was sent that
                is of no use, and the connection must go.
        """
        before: bytes | None = None
        for piece in plan.body:
            if isinstance(piece, bytes):
                before = (head() if before is None else before) + piece
            else:
                assert reading is not None  # noqa: S101 - parts are parts of something
                make = head if before is None else partial(bytes, before)
                await self._part(make, piece, reading)
                before = b""
        if before is None:
            before = head()
        if before:
            await self.write(before)

    async def _part(self, head: Callable[[], bytes], part: Part, reading: Reading) -> None:
        at, turns = part.begin, 0
        while at < part.end:
            length = min(PORTION, part.end - at)
            span = reading.span(at, length)
            if span is None:
                self._looks()
                data = await reading.read(at, length)
                self._moved()
                await self.write(head() + data)
                length = len(data)
            else:
                await self._span(head(), span, length)
            head = bytes
            at += length
            turns += 1
            if not turns % _TURN:
                await trio.lowlevel.checkpoint()

    async def _span(self, head: bytes, span: Span, length: int) -> None:
        """Send bytes from a file."""
        if length <= SMALL:
            await self.write(head + _pread(span, length))
            return
        if head:
            await self.write(head, _MORE)
        offset = span.offset
        while length:
            try:
                count = os.sendfile(self._sock.fileno(), span.fd, offset, length)
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._sock)
                continue
            if not count:
                raise OSError("the file was cut short while it was sent")
            self._took(count)
            offset += count
            length -= count

    async def write(self, data: bytes, flags: int = 0) -> None:
        """Send all of some bytes."""
        view = memoryview(data)
        while view:
            try:
                count = self._sock.send(view, flags)
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._sock)
                continue
            self._took(count)
            view = view[count:]

    def _took(self, count: int) -> None:
        self.sent += count
        self._moved()


def _pread(span: Span, length: int) -> bytes:
    """Read all of some bytes.

    Raises:
        OSError: The file was cut short.
    """
    data = os.pread(span.fd, length, span.offset)
    if len(data) != length:
        raise OSError("the file was cut short while it was sent")
    return data
