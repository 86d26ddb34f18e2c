"""Datagrams in and out of a socket, and who sent them.

A sender is known by its *name*, whatever the system calls it: the bytes of a ``sockaddr`` where
datagrams come in bulk (:mod:`dht.node.bulk`), host and port elsewhere. Names are compared and
given back as they came; :meth:`Carrier.source` tells what there is to know of their bearer. As
senders mostly return, that is remembered for some thousands of them, in the whole process.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from dht.mainline.compact import V4_PEER, pack_address, unpack_address

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

Address: TypeAlias = tuple[str, int]
Name: TypeAlias = Any
"""Hashable, and opaque: only the carrier that gave it can read it."""

BATCH: Final = 64
"""Datagrams a system call at most. With 128 a reply costs the same, with 32 a few percent more."""
DATAGRAM: Final = 8192
"""Longer ones are cut, and so undecodable. The largest seen in the wild is some 4 kB: a
client that answers with its whole table."""
REMEMBERED: Final = 4096
"""Senders remembered, of each family: at some 400 bytes, 1.6 MB when there are as many."""

_HOST_SIZE: Final = 4
_NETWORK_SIZE: Final = 8


@dataclass(slots=True)  # not frozen: that costs three times as much to make, for each stranger
class Source:
    """What a sender's name tells.

    Attributes:
        address: Host and port; the same object as in contacts, which makes comparing quick.
        compact: The same as BEP 5 and BEP 32 write it.
        payer: Who is charged for its requests: the host, of an IPv6 address the /64 (what one
            customer is given, so what one attacker has for free).
    """

    address: Address
    compact: bytes
    payer: bytes


def source_of(compact: bytes) -> Source:
    """The source at an address of 6 or 18 bytes."""
    payer = compact[: _HOST_SIZE if len(compact) == V4_PEER else _NETWORK_SIZE]
    return Source(unpack_address(compact), compact, payer)


class Carrier(Protocol):
    """Takes datagrams from a socket and hands others to it. Never waits."""

    def receive(self, most: int) -> tuple[Sequence[bytes], Sequence[Name]]:
        """What has arrived, at most ``most`` datagrams and :data:`BATCH`; the names beside it.

        There may be more names than datagrams: those in excess mean nothing.

        Raises:
            OSError: The socket is closed, or the system reports the ICMP error of an earlier
                datagram of ours.
        """
        ...

    def source(self, name: Name, /) -> Source:
        """What ``name`` tells."""
        ...

    def send(self, datagrams: Sequence[bytes], names: Sequence[Name]) -> int:
        """Send each to the name beside it, at most :data:`BATCH`; how many the system took."""
        ...


def carrier_of(sock: socket.socket) -> Carrier:
    """The best carrier that this system has for ``sock``, which must not block."""
    if sys.platform != "linux":
        return Singly(sock.recvfrom, sock.sendto)
    from dht.node.bulk import Bulk  # noqa: PLC0415 - elsewhere its import fails

    return Bulk(sock)


class Singly:
    """One datagram a system call: on any system, and through whatever stands before a socket.

    Args:
        recvfrom: As that of a socket that does not block.
        sendto: The same.
    """

    def __init__(
        self,
        recvfrom: Callable[[int], tuple[bytes, Any]],
        sendto: Callable[[bytes, Address], int],
    ) -> None:
        self._recvfrom = recvfrom
        self._sendto = sendto

    def receive(self, most: int) -> tuple[list[bytes], list[Address]]:
        """See :meth:`Carrier.receive`. An error is raised when it comes first, else it is lost."""
        datagrams: list[bytes] = []
        names: list[Address] = []
        while len(datagrams) < min(most, BATCH):
            try:
                data, name = self._recvfrom(DATAGRAM)
            except BlockingIOError:
                break
            except OSError:
                if datagrams:
                    break
                raise
            datagrams.append(data)
            names.append(name[:2])  # that of IPv6 has a flow and a scope besides
        return datagrams, names

    @staticmethod
    @lru_cache(REMEMBERED)
    def source(name: Address) -> Source:
        """See :meth:`Carrier.source`."""
        return source_of(pack_address(name))

    def send(self, datagrams: Sequence[bytes], names: Sequence[Address]) -> int:
        """See :meth:`Carrier.send`."""
        refused = 0
        for data, name in zip(datagrams, names, strict=True):
            try:
                self._sendto(data, name)
            except OSError:
                refused += 1
        return len(datagrams) - refused
