"""Many datagrams per system call: Linux's sendmmsg and recvmmsg through ctypes.

The sender of a flood must be faster than any server it measures. In Python that is possible only
if no Python runs per packet: packets lie ready in memory, a call sends 64 of them, another
receives up to 64 answers, and all that Python does is to count.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZE = 64
"""Datagrams per call."""
ROOM = 2048
"""Bytes for each received datagram; no answer of a DHT is longer."""
ADDRESS_ROOM = 28  # sizeof(struct sockaddr_in6)

DONT_WAIT = socket.MSG_DONTWAIT
WAIT_FOR_ONE = 0x10000


class _Piece(ctypes.Structure):  # struct iovec
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):  # struct msghdr
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("pieces", ctypes.POINTER(_Piece)),
        ("piece_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):  # struct mmsghdr
    _fields_ = (("header", _Header), ("length", ctypes.c_uint32))


_libc = ctypes.CDLL(None, use_errno=True)


class Batch:
    """A row of datagram buffers that one call sends or fills."""

    def __init__(self, packets: Sequence[bytes], *, addressed: bool = False) -> None:
        count = len(packets)
        self._buffers = [ctypes.create_string_buffer(p, max(len(p), 1)) for p in packets]
        self._names = [ctypes.create_string_buffer(ADDRESS_ROOM) for _ in range(count * addressed)]
        self._pieces = (_Piece * count)()
        self._messages = (_Message * count)()
        for index, buffer in enumerate(self._buffers):
            self._pieces[index] = _Piece(ctypes.addressof(buffer), len(packets[index]))
            header = self._messages[index].header
            header.pieces = ctypes.pointer(self._pieces[index])
            header.piece_count = 1
            if addressed:
                header.name = ctypes.addressof(self._names[index])
                header.name_length = ADDRESS_ROOM
        self._base = ctypes.addressof(self._messages)
        self._step = ctypes.sizeof(_Message)

    @classmethod
    def empty(cls, *, addressed: bool = False) -> Batch:
        """Room for :data:`SIZE` datagrams."""
        return cls([bytes(ROOM)] * SIZE, addressed=addressed)

    def __len__(self) -> int:
        return len(self._messages)

    def __getitem__(self, index: int) -> bytes:
        """The datagram received into place ``index``."""
        return self._buffers[index].raw[: self._messages[index].length]

    def send(self, descriptor: int, first: int, count: int, flags: int = DONT_WAIT) -> int:
        """Send ``count`` from ``first`` on; how many went out (0: the socket is full)."""
        return _checked(_libc.sendmmsg(descriptor, self._at(first), count, flags))

    def receive(self, descriptor: int, count: int, flags: int = DONT_WAIT) -> int:
        """Fill up to ``count`` places; how many were filled (0: nothing waits)."""
        return _checked(_libc.recvmmsg(descriptor, self._at(0), count, flags, None))

    def echo(self, descriptor: int, count: int) -> None:
        """Send back the first ``count`` places, each to where it came from, as received."""
        for index in range(count):
            self._pieces[index].length = self._messages[index].length
        sent = 0
        while sent < count:
            sent += self.send(descriptor, sent, count - sent, 0)
        for index in range(count):
            self._pieces[index].length = ROOM

    def _at(self, index: int) -> ctypes.c_void_p:
        return ctypes.c_void_p(self._base + index * self._step)


def _checked(result: int) -> int:
    if result >= 0:
        return result
    number = ctypes.get_errno()
    if number in {errno.EAGAIN, errno.EINTR, errno.ENOBUFS}:
        return 0
    raise OSError(number, os.strerror(number))
