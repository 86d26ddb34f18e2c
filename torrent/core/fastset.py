"""BEP 6's allowed-fast set: the pieces a peer may have although it is choked.

They are a function of its address and the torrent, so that a peer gets the same few whenever it
comes back and whoever it asks. Only three bytes of the address count, "to prevent a user that
obtains more than one IP address on the same network from obtaining more than one allowed fast set".
"""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Address, ip_address
from struct import Struct
from typing import Final

ALLOWED_FAST: Final = 10
"""Pieces in a set: "We currently set k to 10, but peers are free to change this number"."""

_WORDS: Final = Struct(">5I")
_SUBNET: Final = 0xFFFFFF00


def allowed_fast(
    infohash: bytes, host: str, piece_count: int, count: int = ALLOWED_FAST
) -> tuple[int, ...]:
    """The pieces that the peer at ``host`` may have at once, in the order they are drawn.

    "We currently have no provisions for IPv6": the set of such a host is empty. In a torrent of no
    more than ``count`` pieces it is all of them.
    """
    address = ip_address(host.partition("%")[0])
    if not isinstance(address, IPv4Address):
        return ()
    count = min(count, piece_count)
    drawn: dict[int, None] = {}
    seed = (int(address) & _SUBNET).to_bytes(4, "big") + infohash
    while len(drawn) < count:
        seed = hashlib.sha1(seed, usedforsecurity=False).digest()
        for word in _WORDS.unpack(seed):
            if len(drawn) < count:
                drawn[word % piece_count] = None
    return tuple(drawn)
