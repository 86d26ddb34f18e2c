"""Many datagrams a system call: Linux's recvmmsg(2) and sendmmsg(2), through ctypes.

To a node under load, half the cost of a reply was getting the query in and the reply out: two
entries into the kernel, and an address made a tuple of text and number only to be parsed again.
In bulk there is one entry for up to 64 datagrams, and an address stays the bytes it is, which are
handed back for the reply. Measured on a flood of ``find_node``, a reply fell from 8.7 us of
processor time to 6.2; on a machine with much else to do, from 8.9 to 7.7.

The calls want structures that point at each other. They are made once, in memory of our own, and
nothing in them ever moves: before a call only lengths and the pieces to send are filled in, for all
messages at once, because Python that touches each field of each message would cost more than the
system calls saved (an attribute of a ctypes structure: 0.1 us).

``sockaddr_in`` is family (2 bytes), port (2, big-endian), address (4) and padding, 16 bytes in all;
``sockaddr_in6`` is family, port, flow (4), address (16) and scope (4), 28 bytes.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from array import array
from functools import lru_cache
from itertools import accumulate
from mmap import mmap
from struct import Struct
from threading import local
from typing import TYPE_CHECKING, Any, ClassVar, Final

from dht.node.carrier import BATCH, DATAGRAM, REMEMBERED, Source, source_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_V4_NAME: Final = 16
_V6_NAME: Final = 28
_NOTHING: Final = frozenset({errno.EAGAIN, errno.EINTR})


class _Header(ctypes.Structure):  # struct msghdr
    _fields_: ClassVar[Any] = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("pieces", ctypes.c_void_p),
        ("piece_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class _Message(ctypes.Structure):  # struct mmsghdr
    _fields_: ClassVar[Any] = [("header", _Header), ("length", ctypes.c_uint)]


_SIZE: Final = ctypes.sizeof(_Message)
_WORD: Final = ctypes.sizeof(ctypes.c_uint)

_libc = ctypes.CDLL(None, use_errno=True)
_receive: Final = _libc.recvmmsg
_send: Final = _libc.sendmmsg
_send.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
_receive.argtypes = (*_send.argtypes, ctypes.c_void_p)


class _Row:
    """Messages for one system call, of one name and one piece of data each.

    Attributes:
        names: The names, one behind the other.
        pieces: Where data lies and how long it is, in turns (``struct iovec``): two numbers of
            the size of a pointer, which an ``unsigned long`` has on Linux.
        start: The address of the first message.
        lengths: What the kernel says how long each datagram was: a view of that field alone.
    """

    def __init__(self, name_size: int) -> None:
        self.names = bytearray(BATCH * name_size)
        self.pieces = array("L", [0] * (2 * BATCH))
        self._messages = (_Message * BATCH)()
        pieces, each = self.pieces.buffer_info()[0], 2 * self.pieces.itemsize
        for index, message in enumerate(self._messages):
            header = message.header
            header.name = _address(self.names) + index * name_size
            header.name_length = name_size
            header.pieces = pieces + index * each
            header.piece_count = 1
        self.start = ctypes.addressof(self._messages)
        words = memoryview(self._messages).cast("B").cast("I")
        self.lengths = words[_Message.length.offset // _WORD :: _SIZE // _WORD]


class _Desk:
    """What the carriers of one thread and family receive into and send from.

    They share it, since nothing stays in it between two calls: a network of a thousand nodes in
    a process needs it once. Of its half megabyte the system provides what was ever written to.
    """

    def __init__(self, name_size: int) -> None:
        self.name_size = name_size
        self.names = Struct(f"{name_size}s" * BATCH).unpack_from
        self.inbox, self.outbox = _Row(name_size), _Row(name_size)
        self.room = mmap(-1, BATCH * DATAGRAM)  # its slices are bytes: one copy, not two
        self.places = range(0, BATCH * DATAGRAM, DATAGRAM)
        base = _address(self.room)
        self.inbox.pieces[::2] = array("L", [base + place for place in self.places])
        self.inbox.pieces[1::2] = array("L", [DATAGRAM] * BATCH)


class _Desks(local):
    """One of each family for each thread; made when first used."""

    def __init__(self) -> None:
        self._made: dict[int, _Desk] = {}

    def of(self, name_size: int) -> _Desk:
        if name_size not in self._made:
            self._made[name_size] = _Desk(name_size)
        return self._made[name_size]


_desks: Final = _Desks()


class Bulk:
    """The carrier of a socket that does not block. Only for the thread that made it."""

    __slots__ = ("_desk", "_sock", "source")

    def __init__(self, sock: socket.socket) -> None:
        v6 = sock.family == socket.AF_INET6
        self._sock = sock
        self._desk = _desks.of(_V6_NAME if v6 else _V4_NAME)
        self.source = _source6 if v6 else _source4

    def receive(self, most: int) -> tuple[Sequence[bytes], Sequence[bytes]]:
        """See :meth:`dht.node.carrier.Carrier.receive`."""
        desk = self._desk
        row, most = desk.inbox, min(most, BATCH)
        # The number is asked for each time: that of a closed socket may be another's by now.
        count = _receive(self._sock.fileno(), row.start, most, socket.MSG_DONTWAIT, None)
        if count < 0:
            number = ctypes.get_errno()
            if number in _NOTHING:
                return (), ()
            raise OSError(number, os.strerror(number))
        room, lengths = desk.room, row.lengths[:count].tolist()
        datagrams = [room[at : at + size] for at, size in zip(desk.places, lengths, strict=False)]
        return datagrams, desk.names(row.names)

    def send(self, datagrams: Sequence[bytes], names: Sequence[bytes]) -> int:
        """See :meth:`dht.node.carrier.Carrier.send`."""
        desk, count = self._desk, len(datagrams)
        row, data, sizes = desk.outbox, b"".join(datagrams), [*map(len, datagrams)]
        # The address of what bytes hold; ``data`` keeps it valid until the calls are over.
        start = ctypes.c_void_p.from_buffer(ctypes.c_char_p(data)).value or 0
        row.pieces[0 : 2 * count : 2] = array("L", [*accumulate(sizes[:-1], initial=start)])
        row.pieces[1 : 2 * count : 2] = array("L", sizes)
        row.names[: count * desk.name_size] = b"".join(names)
        return self._send_row(row, count)

    def _send_row(self, row: _Row, count: int) -> int:
        """The system stops at one that it refuses: that one is lost, the others go on."""
        number = self._sock.fileno()
        first = refused = 0
        while first < count:
            start = row.start + first * _SIZE
            sent = _send(number, start, count - first, socket.MSG_DONTWAIT)
            refused += sent < 1
            first += max(sent, 1)
        return count - refused


def _address(memory: bytearray | mmap) -> int:
    """Where ``memory`` begins. It must never be resized."""
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


@lru_cache(REMEMBERED)
def _source4(name: bytes) -> Source:
    """Of a ``sockaddr_in``."""
    return source_of(name[4:8] + name[2:4])


@lru_cache(REMEMBERED)
def _source6(name: bytes) -> Source:
    """Of a ``sockaddr_in6``."""
    return source_of(name[8:24] + name[2:4])
