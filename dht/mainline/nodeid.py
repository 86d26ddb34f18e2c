"""Node ids tied to addresses (BEP 42).

Whoever chooses its own id can sit next to any key. BEP 42 takes most of the choice away: the
first 21 bits of an id are the CRC-32C of the node's masked external address and three bits of
chance, so one IPv4 address can have 8 prefixes, a /24 eight times 256 at the very best.

The text of the BEP says to hash a 64-bit integer; its code hashes the 4 masked bytes of an IPv4
address (8 for IPv6), and so do its test vectors and every implementation. We follow the code.

Nobody is turned away for a wrong id ("requests [...] should always be serviced"); contacts with a
right one are preferred.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from dht.core.keys import Key
from dht.mainline.compact import Scope, pack_host, scope

if TYPE_CHECKING:
    from random import Random

_POLYNOMIAL: Final = 0x82F63B78
"""CRC-32C's, Castagnoli's, bits reversed."""

_V4_MASK: Final = bytes.fromhex("030f3fff")
_V6_MASK: Final = bytes.fromhex("0103070f1f3f7fff")
_V6_OCTETS: Final = 8
"""Of an IPv6 address only the network half counts."""

_PREFIX_BITS: Final = 21
_REST_BITS: Final = 160 - _PREFIX_BITS


def _table() -> tuple[int, ...]:
    """What each value of a byte does to the register."""
    table = []
    for register in range(256):
        for _ in range(8):
            register = register >> 1 ^ (_POLYNOMIAL if register & 1 else 0)  # noqa: PLW2901
        table.append(register)
    return tuple(table)


_TABLE: Final = _table()


def crc32c(data: bytes) -> int:
    """CRC-32C of ``data``. A byte at a time will do for 4 or 8 bytes."""
    register = 0xFFFFFFFF
    for byte in data:
        register = register >> 8 ^ _TABLE[(register ^ byte) & 0xFF]
    return register ^ 0xFFFFFFFF


@lru_cache(4096)
def _prefix(host: str, r: int) -> int:
    """The 21 bits that an id at ``host`` begins with, for ``r`` from 0 to 7."""
    packed = pack_host(host)
    mask = _V4_MASK if len(packed) == len(_V4_MASK) else _V6_MASK
    masked = bytearray(a & b for a, b in zip(packed[:_V6_OCTETS], mask, strict=True))
    masked[0] |= r << 5
    return crc32c(bytes(masked)) >> 32 - _PREFIX_BITS


def secure_key(host: str, r: int, rng: Random) -> Key:
    """Draw an id for a node whose external address is ``host``.

    Args:
        host: The address, v4 or v6.
        r: The last byte of the id; its low three bits choose among the eight prefixes.
        rng: Draws the rest.
    """
    middle = rng.getrandbits(_REST_BITS - 8)
    return Key(_prefix(host, r & 7) << _REST_BITS | middle << 8 | r & 0xFF)


def is_secure(key: Key, host: str) -> bool:
    """Whether an id is one that ``host`` may have. Exempt addresses may have any."""
    if exempt(host):
        return True
    return key >> _REST_BITS == _prefix(host, key & 7)


def exempt(host: str) -> bool:
    """Whether ``host`` is on a local network, where the rule does not apply.

    BEP 42 lists 10/8, 172.16/12, 192.168/16, 169.254/16 and 127/8; the IPv6 counterparts and
    carrier-grade NAT go without saying.
    """
    return scope(host) is not Scope.WORLD
