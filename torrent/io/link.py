"""One TCP stream, from the socket to the swarm and back.

Reading: one task a link waits until the socket is readable, takes up to half a megabyte into the
session's one scratch buffer and hands it to the swarm, which copies what it wants to keep. One
buffer serves all links, because nothing awaits between the reading and the parsing. Where the swarm
foresees what comes (:mod:`torrent.core.landing`), blocks are read into their pieces instead.

Writing: the swarm never writes; it says :class:`~torrent.core.effects.Ready`, and
:meth:`Link.pump` pulls what it has: control messages first, then blocks, as many as the socket and
the upload limit take. Blocks are laid out in the session's one :class:`~torrent.io.slab.Slab` and
written from there; what the socket did not take stays a request. A block that lies in several
files is read by a thread first. Only when the socket is full does a second task wait for it.

What comes before the BitTorrent handshake on a stream (encryption, uTP's framing) will be a layer
around the socket: all that is asked of it is ``recv_into``, ``recvmsg_into``, ``send`` and
readiness.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from operator import attrgetter
from typing import TYPE_CHECKING, Final

import trio

from torrent.core.wire import BLOCK_HEADER, block_header

if TYPE_CHECKING:
    import socket

    from torrent.core.landing import Landing
    from torrent.core.wire import Request
    from torrent.io.sharing import Sharing
    from torrent.io.slab import Slab
    from torrent.io.throttle import Throttle

_length: Final = attrgetter("length")

READ: Final = 1 << 19
"""Bytes taken at once: 31 blocks. Each reading hands the interpreter's lock to the threads and must
get it back: with 64 KiB a leecher took half as much processor time again as with 256 (before blocks
were read into their pieces); from there on more was not told from noise."""
_READS: Final = 4
"""Times that is done between checkpoints: 1 ms of parsing."""
_BATCH: Final = 1 << 20
"""The most bytes of blocks pulled from the swarm at once: what a fast socket takes."""
_LEAST: Final = 1 << 15
"""The fewest: two blocks. What was pulled cannot be cancelled or choked any more, so it is no more
than the socket took the last time: at 2 Mbit/s a megabyte would be four seconds."""


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
        "_blocks",
        "_landing",
        "_out",
        "_room",
        "_scratch",
        "_served",
        "_sharing",
        "_slab",
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
        landing: Landing,
        slab: Slab,
    ) -> None:
        self.number = number
        self.endpoint = endpoint
        self.closed = False
        self.received = self.sent = 0
        self._sock = sock
        self._sharing = sharing
        self._throttle = throttle
        self._scratch = scratch
        self._landing = landing
        self._slab = slab
        # Bytes on their way, each with how many of a block's bytes have gone when it has.
        self._out: deque[tuple[memoryview, int]] = deque()
        self._blocks: list[Request] = []
        self._served = 0
        self._waiting = False
        self._batch = _LEAST
        self._room = trio.Event()

    # Reading.

    async def read(self) -> None:
        """Hand all that comes to the swarm until the stream ends; the reading task."""
        while not self.closed:
            drained = False
            for _ in range(_READS):
                size = await self._throttle.may_read(READ)
                drained = self._take(size)
                if drained or self.closed:
                    break
            if drained:
                await self._until_readable()
            else:
                await trio.lowlevel.checkpoint()

    def _take(self, size: int) -> bool:
        """Hand over up to ``size`` bytes; whether there is nothing more to read for now."""
        expected = self._sharing.swarm.expect(self.number, self._landing, size)
        try:
            if expected:
                size = self._landing.size
                count = self._sock.recvmsg_into(self._landing.views)[0]
            else:
                count = self._sock.recv_into(self._scratch, size)
        except BlockingIOError:
            return True
        except OSError as error:
            self.close(error.strerror or "the connection broke")
            return False
        if count == 0:
            self.close("the peer closed the connection")
            return False
        self.received += count
        self._throttle.was_read(count)
        if expected:
            self._sharing.landed(self, self._landing, count)
        else:
            self._sharing.receive(self, self._scratch[:count])
        return count < size and not self.closed

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
        before = self.sent
        try:
            while self._fill():
                self._write_bytes() if self._out else self._write_blocks()
        except BlockingIOError:
            self._waiting = True
            self._room.set()
            self._batch = max(min(self.sent - before, _BATCH), _LEAST)
        except OSError as error:
            self.close(error.strerror or "the connection broke")
        if self._served and not self.closed:
            served, self._served = self._served, 0
            self._sharing.delivered(self, served)

    def _fill(self) -> bool:
        """Pull from the swarm what is to be written next; False if there is nothing."""
        swarm = self._sharing.swarm
        control = swarm.output(self.number)
        if control:
            self._out.append((memoryview(control), 0))
        if self._out or self._blocks:
            return True
        if budget := self._throttle.may_write(self, self._batch):
            self._blocks = swarm.uploads(self.number, budget)
            self._throttle.will_write(sum(map(_length, self._blocks)))
            self._batch = min(2 * self._batch, _BATCH)
        return bool(self._blocks)

    def _write_bytes(self) -> None:
        """Write the first of what is on its way."""
        data, block = self._out[0]
        count = self._sock.send(data)
        self.sent += count
        if count < len(data):
            self._out[0] = data[count:], block
        else:
            self._served += block
            del self._out[0]

    def _write_blocks(self) -> None:
        """Write blocks as far as the socket takes them; the one that it cuts is kept."""
        storage = self._sharing.storage
        ends = [] if storage is None else self._slab.load(storage, self._blocks)
        if not ends:
            self._sharing.fetch(self, self._blocks.pop(0))
            return
        count = self._sock.send(self._slab.view[: ends[-1]])
        self.sent += count
        whole = gone = bisect_right(ends, count)
        begin = ends[whole - 1] if whole else 0
        self._served += begin - whole * BLOCK_HEADER
        if begin < count:
            rest = bytes(self._slab.view[count : ends[whole]])
            self._out.append((memoryview(rest), self._blocks[whole].length))
            gone += 1
        del self._blocks[:gone]

    def serve(self, request: Request, block: bytearray | None) -> None:
        """Serve a block that had to be read, or (None) whose piece had to be hashed first."""
        if self.closed:
            return
        if block is None:
            self._blocks.append(request)
        else:
            header = block_header(request.piece, request.begin, request.length)
            self._out.append((memoryview(header + block), request.length))
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
        self._blocks.clear()
        self._room.set()
        self._sharing.ended(self, reason)
