"""Local service discovery on trio: multicast announces of our torrents, and ears for others'.

One object serves the session. :meth:`LocalDiscovery.serve` holds the sockets and listens;
:meth:`LocalDiscovery.run`, once a torrent, is the :class:`~torrent.core.sources.PeerSource`: it
announces at once, then every five minutes, and soon after somebody else announced the same
torrent, so that a newcomer need not wait for our turn.

The sockets are bound to the group's address, which lets in multicast of that group and nothing
else: no datagram from beyond the local network is ever read. What a liar on the local network can
do is name himself as a peer.
"""

from __future__ import annotations

import random
import socket
import struct
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from torrent.core.lsd import (
    GROUP_V4,
    GROUP_V6,
    MAX_DATAGRAM,
    LocalAnnounce,
    decode_untrusted,
    encode,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torrent.core.sources import Announced, Endpoint, Found

INTERVAL_S: Final = 300.0
"""BEP 14: announces of a torrent every five minutes."""
LEAST_S: Final = 60.0
"""BEP 14: "not more than 1 announce per minute" whatever is heard, against storms."""

_Option: TypeAlias = tuple[int, int, int | bytes]

_ONE_HOP: Final = 1
_SOURCE: Final = "lsd"


@dataclass(frozen=True, slots=True)
class Interface:
    """A network to be discovered on.

    Attributes:
        address: Our IPv4 address there; ``0.0.0.0`` lets the system choose, ``None`` is none.
        index: Its number, for IPv6; 0 lets the system choose, ``None`` is none.
    """

    address: str | None = "0.0.0.0"  # noqa: S104 - the system's choice
    index: int | None = 0


@dataclass(slots=True, eq=False)
class _Listed:
    """A torrent of ours."""

    torrent: Announced
    found: Found
    announced_at: float
    asked: trio.Event


class LocalDiscovery:
    """The session's ears and voice on the local network."""

    def __init__(
        self, interfaces: Sequence[Interface] = (Interface(),), rng: random.Random | None = None
    ) -> None:
        """Take the networks to be heard on."""
        self._interfaces = tuple(interfaces)
        self._cookie = f"{(rng or random.SystemRandom()).getrandbits(32):08x}"
        self._sockets: list[tuple[trio.socket.SocketType, Endpoint]] = []
        self._listed: dict[bytes, _Listed] = {}

    @property
    def exhausted(self) -> bool:
        """No: who is not here and who did not hear us are silent alike."""
        return False

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen until cancelled. Networks without multicast are done without."""
        try:
            for interface in self._interfaces:
                self._sockets += _open(interface)
            async with trio.open_nursery() as nursery:
                for sock, _ in self._sockets:
                    nursery.start_soon(self._listen, sock)
                task_status.started()
                await trio.sleep_forever()
        finally:
            for sock, _ in self._sockets:
                sock.close()
            self._sockets.clear()

    async def run(self, torrent: Announced, found: Found) -> None:
        """Announce ``torrent`` until cancelled, and hand over who else has it.

        A private torrent's peers come from its trackers alone (BEP 27): for one, nothing happens.
        """
        if torrent.private:
            return
        listed = _Listed(torrent, found, trio.current_time(), trio.Event())
        for infohash in torrent.infohashes:
            self._listed[infohash] = listed
        try:
            while True:
                await self._announce(torrent)
                listed.announced_at, listed.asked = trio.current_time(), trio.Event()
                with trio.move_on_after(INTERVAL_S):
                    await listed.asked.wait()
                    await trio.sleep_until(listed.announced_at + LEAST_S)
        finally:
            for infohash in torrent.infohashes:
                if self._listed.get(infohash) is listed:
                    del self._listed[infohash]

    async def _announce(self, torrent: Announced) -> None:
        """Say it on every network. What cannot be sent is lost, as any datagram may be."""
        announce = LocalAnnounce(torrent.port, torrent.infohashes, self._cookie)
        for sock, group in list(self._sockets):
            for datagram in encode(announce, group):
                try:
                    await sock.sendto(datagram, group)
                except OSError:
                    await trio.lowlevel.checkpoint()

    async def _listen(self, sock: trio.socket.SocketType) -> None:
        while True:
            try:
                data, source = await sock.recvfrom(MAX_DATAGRAM + 1)
            except OSError:
                await trio.lowlevel.checkpoint()
                continue
            self._hear(data, str(source[0]))

    def _hear(self, data: bytes, host: str) -> None:
        """Take note of what somebody announced. Multicast brings our own words back too."""
        announce = decode_untrusted(data)
        if announce is None or announce.cookie == self._cookie:
            return
        for infohash in announce.infohashes:
            listed = self._listed.get(infohash)
            if listed is not None:
                listed.found([(host, announce.port)], _SOURCE)
                listed.asked.set()


def _open(interface: Interface) -> list[tuple[trio.socket.SocketType, Endpoint]]:
    """A socket for each family of an interface that can be had."""
    wanted: list[tuple[Endpoint, Endpoint | tuple[str, int, int, int], list[_Option]]] = []
    if interface.address is not None:
        wanted.append((GROUP_V4, GROUP_V4, _v4_options(interface.address)))
    if interface.index is not None:
        place = (*GROUP_V6, 0, interface.index)
        wanted.append((GROUP_V6, place, _v6_options(interface.index)))
    opened = [(_bound(place, options), group) for group, place, options in wanted]
    return [(sock, group) for sock, group in opened if sock is not None]


def _v4_options(address: str) -> list[_Option]:
    """Join the group, and speak to it, at ``address`` only."""
    here, level = socket.inet_aton(address), socket.IPPROTO_IP
    return [
        (level, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP_V4[0]) + here),
        (level, socket.IP_MULTICAST_IF, here),
        (level, socket.IP_MULTICAST_TTL, _ONE_HOP),
        (level, socket.IP_MULTICAST_LOOP, 1),  # other programs of this machine count as well
    ]


def _v6_options(index: int) -> list[_Option]:
    """The same with IPv6, where networks have numbers."""
    group, level = socket.inet_pton(socket.AF_INET6, GROUP_V6[0]), socket.IPPROTO_IPV6
    return [
        (level, socket.IPV6_JOIN_GROUP, group + struct.pack("@I", index)),
        (level, socket.IPV6_MULTICAST_IF, index),
        (level, socket.IPV6_MULTICAST_HOPS, _ONE_HOP),
        (level, socket.IPV6_MULTICAST_LOOP, 1),
    ]


def _bound(
    place: Endpoint | tuple[str, int, int, int], options: list[_Option]
) -> trio.socket.SocketType | None:
    """A socket at the group's address; ``None`` if this machine or network does not have it."""
    family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
    with ExitStack() as stack:
        try:
            sock = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Every client on a machine listens at this port.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind(place)
            for level, option, value in options:
                sock.setsockopt(level, option, value)
        except OSError:
            return None
        stack.pop_all()
        return trio.socket.from_stdlib_socket(sock)
