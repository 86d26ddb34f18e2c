"""Addresses and contacts in compact form, and what kind of address one is.

BEP 5 writes a peer as 4 bytes of address and 2 of port, a node as its 20-byte id followed by
that; BEP 32 does the same with 16 bytes of IPv6 address. Inside, an endpoint is ``(host, port)``
with the host spelled as the operating system spells it, so that the endpoint of a contact equals
the source of its packets.

Text and bytes are turned into each other half a dozen times for every message, and mostly the
same few thousand addresses. The functions are pure, so their results are remembered
(``lru_cache``, bounded); that is worth a microsecond per contact. Contacts decoded twice are then
also the same object, which keeps many tables in one process small.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from dht.core.messages import Contact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dht.core.keys import Key

Address: TypeAlias = tuple[str, int]
"""An endpoint of Mainline: host and UDP port."""

KEY_SIZE: Final = 20
V4_PEER: Final = 6
V6_PEER: Final = 18
V4_NODE: Final = KEY_SIZE + V4_PEER
V6_NODE: Final = KEY_SIZE + V6_PEER

MAX_CONTACTS: Final = 128
"""Contacts read from one field of an answer. Some implementations send their whole table (a
hundred contacts); a lookup takes the nearest two buckets of it."""

REMEMBERED: Final = 4096
"""Entries in each memory: at some 300 bytes, about a megabyte each on a busy node."""

key_from: Final = cast("Callable[[bytes], Key]", int.from_bytes)
"""``key_from(raw)``, big-endian: without the call that NewType would cost, twice a packet."""


class Scope(IntEnum):
    """How far an address reaches; a wider one is greater."""

    NOWHERE = 0
    """Unspecified, multicast, broadcast, reserved: no node can be there."""
    HOST = 1
    """Loopback: this machine."""
    SITE = 2
    """Private, shared (RFC 6598), link-local, unique local: some network, perhaps not ours."""
    WORLD = 3


@lru_cache(REMEMBERED)
def scope(host: str) -> Scope:
    """How far ``host`` reaches; ``NOWHERE`` also for what is not an address.

    Documentation and benchmarking networks (192.0.2.0/24 and the like) count as WORLD: packets
    to them are lost, which does no harm, and simulated networks live there.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return Scope.NOWHERE
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return Scope.NOWHERE  # such packets travel as IPv4, and belong to that network
    if address.is_unspecified or address.is_multicast or _is_reserved(address):
        return Scope.NOWHERE
    if address.is_loopback:
        return Scope.HOST
    return Scope.SITE if address.is_link_local or _is_private(address) else Scope.WORLD


def _is_reserved(address: IPv4Address | IPv6Address) -> bool:
    """0.0.0.0/8 ("this network") and 240.0.0.0/4, the broadcast address among them."""
    if isinstance(address, IPv6Address):
        return False
    return address.packed[0] == 0 or address.packed[0] >= 0xF0  # noqa: PLR2004


def _is_private(address: IPv4Address | IPv6Address) -> bool:
    """RFC 1918, RFC 6598, RFC 4193."""
    packed = address.packed
    if isinstance(address, IPv6Address):
        return packed[0] & 0xFE == 0xFC  # noqa: PLR2004
    first, second = packed[0], packed[1]
    return (
        first == 10  # noqa: PLR2004
        or (first == 172 and second & 0xF0 == 16)  # noqa: PLR2004
        or (first == 192 and second == 168)  # noqa: PLR2004
        or (first == 100 and second & 0xC0 == 64)  # noqa: PLR2004
    )


def host_of(contact: Contact) -> str:
    """The host of a contact of this network."""
    address: Address = contact.endpoint  # type: ignore[assignment]
    return address[0]


def is_v6(host: str) -> bool:
    """Whether ``host``, an address in text, is an IPv6 one."""
    return ":" in host


@lru_cache(REMEMBERED)
def pack_host(host: str) -> bytes:
    """The bytes of an address: 4 or 16. A zone (``fe80::1%eth0``) does not travel.

    Raises:
        ValueError: ``host`` is not an address.
    """
    return ip_address(host.partition("%")[0]).packed


def unpack_host(packed: bytes) -> str:
    """The text of 4 or 16 address bytes, as ``inet_ntop`` writes it."""
    if len(packed) == 4:  # noqa: PLR2004
        return "%d.%d.%d.%d" % tuple(packed)  # noqa: UP031 - twice as fast as a format
    return IPv6Address(packed).compressed


@lru_cache(REMEMBERED)
def pack_address(address: Address) -> bytes:
    """Compact form of ``(host, port)``: BEP 5's "compact IP-address/port info".

    Raises:
        ValueError: The host is not an address, or the port not a port.
    """
    host, port = address
    if not 0 <= port <= 0xFFFF:  # noqa: PLR2004
        raise ValueError(f"a port is a number from 0 to 65535, not {port}")
    return pack_host(host) + port.to_bytes(2, "big")


@lru_cache(REMEMBERED)
def unpack_address(compact: bytes) -> Address:
    """Read 6 or 18 bytes; the caller has made sure of the length."""
    return unpack_host(compact[:-2]), int.from_bytes(compact[-2:], "big")


@lru_cache(REMEMBERED)
def _unpack_node(compact: bytes) -> tuple[Contact, Scope]:
    """Read 26 or 38 bytes."""
    address = unpack_address(compact[KEY_SIZE:])
    return Contact(key_from(compact[:KEY_SIZE]), address), scope(address[0])


def pack_node(contact: Contact) -> bytes:
    """Compact node info: id, address, port."""
    address: Address = contact.endpoint  # type: ignore[assignment]
    return contact.key.to_bytes(KEY_SIZE, "big") + pack_address(address)


def unpack_nodes(compact: object, size: int, at_least: Scope) -> list[Contact]:
    """Read the contacts of a ``nodes`` or ``nodes6`` field, whatever it turns out to be.

    Args:
        compact: The field's value; anything but bytes holds no contacts. Bytes left over after
            the last whole contact are ignored.
        size: Bytes of one contact.
        at_least: Contacts of a narrower scope are left out. A node on the Internet has no
            business telling us about machines on our own network: its word would make us send
            packets to hosts that a firewall shields from it.
    """
    if type(compact) is not bytes:
        return []
    end = min(len(compact) // size, MAX_CONTACTS) * size
    nodes = [_unpack_node(compact[at : at + size]) for at in range(0, end, size)]
    return [contact for contact, reach in nodes if reach >= at_least]


def pack_nodes(contacts: Iterable[Contact]) -> bytes:
    """The value of a ``nodes`` or ``nodes6`` field."""
    return b"".join([pack_node(contact) for contact in contacts])
