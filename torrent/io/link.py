"""One TCP stream, from the socket to the swarm and back.

Reading: one task a link waits until the socket is readable, takes up to a megabyte into the
session's one scratch buffer and hands it to the swarm, which copies what it wants to keep. One
buffer serves all links, because nothing awaits between the reading and the parsing.

Writing: the swarm never writes; it says :class:`~torrent.core.effects.Ready`, and
:meth:`Link.pump` pulls what it has: control messages first, then blocks, as many as the socket and
the upload limit take. A block goes out as a 13 byte header (held back by ``MSG_MORE``) and an
``os.sendfile`` from the file: its bytes never pass through this process. Where a block lies in
several files it is read and sent as bytes. Only when the socket is full does a second task wait
for it.

What comes before the BitTorrent handshake on a stream (encryption, uTP's framing) will be a layer
around the socket: all that is asked of it is ``recv_into``, ``send``, ``fileno`` and readiness.
"""

from __future__ import annotations

import errno
import os
import socket
from collections import deque
from typing import TYPE_CHECKING, Final

import trio

from torrent.core.wire import block_header

if TYPE_CHECKING:
    from torrent.core.wire import Request
    from torrent.io.files import Span
    from torrent.io.sharing import Sharing
    from torrent.io.throttle import Throttle

READ: Final = 1 << 20
"""Bytes taken at once: a whole piece of the usual size, and 1 ms of parsing between checkpoints."""
_BATCH: Final = 1 << 20
"""The most bytes of blocks pulled from the swarm at once: what a fast socket takes."""
_LEAST: Final = 1 << 15
"""The fewest: two blocks. What was pulled cannot be cancelled or choked any more, so it is no more
than the socket took the last time: at 2 Mbit/s a megabyte would be four seconds."""
_MORE: Final = getattr(socket, "MSG_MORE", 0)
"""Tells Linux to wait with the header for the block; elsewhere it costs a small packet."""


class _Bytes:
    """Bytes on their way out: control messages, a block's header, or a block that was read.

    ``block``: how many of a block's bytes have gone out when this has.
    """

    __slots__ = ("_left", "block")

    def __init__(self, data: bytes | bytearray, block: int = 0) -> None:
        self._left = memoryview(data)
        self.block = block

    def write(self, sock: socket.socket, flags: int) -> int:
        count = sock.send(self._left, flags)
        self._left = self._left[count:]
        return count

    def __bool__(self) -> bool:
        return bool(self._left)


class _FromFile:
    """A block on its way out of a file."""

    __slots__ = ("_left", "_offset", "_span", "block")

    def __init__(self, span: Span, length: int) -> None:
        self._span = span  # Kept, for it keeps the file open.
        self._offset = span.offset
        self._left = self.block = length

    def write(self, sock: socket.socket, _flags: int) -> int:
        count = os.sendfile(sock.fileno(), self._span.fd, self._offset, self._left)
        if count == 0:
            raise OSError(errno.EIO, "a file that is being served became shorter")
        self._offset += count
        self._left -= count
        return count

    def __bool__(self) -> bool:
        return bool(self._left)


class Link:
    """A connection to a peer of one torrent.

    Attributes:
        number: What the swarm calls it.
        endpoint: The other side's address.
        closed: Whether it is over.
        received: Bytes read from the socket.
        sent: Bytes written to it.
    """

    __slots__ = (
        "_batch",
        "_out",
        "_room",
        "_scratch",
        "_sharing",
        "_sock",
        "_throttle",
        "_waiting",
        "closed",
        "endpoint",
        "number",
        "received",
        "sent",
    )

    def __init__(
        self,
        number: int,
        sock: socket.socket,
        endpoint: tuple[str, int],
        sharing: Sharing,
        throttle: Throttle,
        scratch: memoryview,
    ) -> None:
        self.number = number
        self.endpoint = endpoint
        self.closed = False
        self.received = self.sent = 0
        self._sock = sock
        self._sharing = sharing
        self._throttle = throttle
        self._scratch = scratch
        self._out: deque[_Bytes | _FromFile] = deque()
        self._waiting = False
        self._batch = _LEAST
        self._room = trio.Event()

    # Reading.

    async def read(self) -> None:
        """Hand all that comes to the swarm until the stream ends; the reading task."""
        while not self.closed:
            size = await self._throttle.may_read(READ)
            try:
                count = self._sock.recv_into(self._scratch, size)
            except BlockingIOError:
                await self._until_readable()
                continue
            except OSError as error:
                self.close(error.strerror or "the connection broke")
                break
            if count == 0:
                self.close("the peer closed the connection")
                break
            self.received += count
            self._throttle.was_read(count)
            self._sharing.receive(self, self._scratch[:count])
            await trio.lowlevel.checkpoint()

    async def _until_readable(self) -> None:
        try:
            await trio.lowlevel.wait_readable(self._sock)
        except (trio.ClosedResourceError, OSError):
            self.close("closed")

    # Writing.

    async def write(self) -> None:
        """Go on pumping whenever a full socket has room again; the writing task."""
        while True:
            await self._room.wait()
            if self.closed:
                return
            try:
                await trio.lowlevel.wait_writable(self._sock)
            except (trio.ClosedResourceError, OSError):
                self.close("closed")
                return
            self._room = trio.Event()
            self._waiting = False
            self.pump()

    def pump(self) -> None:
        """Write what the swarm has for this peer, as far as socket and limits allow."""
        if self._waiting or self.closed:
            return
        served, before = 0, self.sent
        out, sock = self._out, self._sock
        try:
            while self._fill():
                self._batch = min(2 * self._batch, _BATCH)
                while out:
                    head = out[0]
                    self.sent += head.write(sock, _MORE if len(out) > 1 else 0)
                    if not head:
                        served += head.block
                        del out[0]
        except BlockingIOError:
            self._waiting = True
            self._room.set()
            self._batch = max(min(self.sent - before, _BATCH), _LEAST)
        except OSError as error:
            self.close(error.strerror or "the connection broke")
        if served and not self.closed:
            self._sharing.delivered(self, served)

    def _fill(self) -> bool:
        """Pull from the swarm what is to be written next; False if there is nothing."""
        sharing = self._sharing
        control = sharing.swarm.output(self.number)
        if control:
            self._out.append(_Bytes(control))
        if not self._out and (budget := self._throttle.may_write(self, self._batch)):
            for request in sharing.swarm.uploads(self.number, budget):
                self._enqueue(request)
        return bool(self._out)

    def _enqueue(self, request: Request) -> None:
        """Put a block among what is written; at once, if it can go from its file as it is."""
        storage = self._sharing.storage
        if storage is None:
            return
        self._throttle.will_write(request.length)
        span = storage.readable(request.piece, request.begin, request.length)
        if span is None:
            self._sharing.fetch(self, request)
        else:
            self._append(request, _FromFile(span, request.length))

    def _append(self, request: Request, block: _Bytes | _FromFile) -> None:
        header = block_header(request.piece, request.begin, request.length)
        self._out.append(_Bytes(header))
        self._out.append(block)

    def serve(self, request: Request, block: Span | bytearray) -> None:
        """Serve a block that had to be read, or whose piece had to be hashed first."""
        if self.closed:
            return
        if isinstance(block, bytearray):
            self._append(request, _Bytes(block, request.length))
        else:
            self._append(request, _FromFile(block, request.length))
        self.pump()

    # Ending.

    def close(self, reason: str) -> None:
        """Close the stream and tell the swarm; closing twice is closing once."""
        if self.closed:
            return
        self.closed = True
        trio.lowlevel.notify_closing(self._sock)
        self._sock.close()
        self._out.clear()
        self._room.set()
        self._sharing.ended(self, reason)
