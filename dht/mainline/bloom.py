"""The Bloom filters that count a swarm (BEP 33).

Each node that holds peers of an infohash summarises them in two filters, one of seeds and one of
the others. Filters of different nodes are united by OR, and the size of the union is estimated
from the share of bits still zero, so peers known to several nodes are counted once.

The parameters are fixed by the BEP: 2048 bits, two positions per address, both from its SHA-1.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Final, cast

from dht.core.messages import Scrape
from dht.mainline.compact import pack_host

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dht.core.messages import Provider
    from dht.mainline.compact import Address

SIZE: Final = 256
_BITS: Final = SIZE * 8
_HASHES: Final = 2


def insert(filter_: bytearray, address: bytes) -> None:
    """Insert an address, 4 or 16 bytes (never a port: BEP 33)."""
    digest = hashlib.sha1(address, usedforsecurity=False).digest()
    for low, high in (digest[0:2], digest[2:4]):
        index = (low | high << 8) % _BITS
        filter_[index // 8] |= 1 << index % 8


def union(filters: Iterable[bytes]) -> bytes:
    """The filter of all addresses that are in any of ``filters``, each 256 bytes."""
    bits = 0
    for each in filters:
        bits |= int.from_bytes(each, "big")
    return bits.to_bytes(SIZE, "big")


def estimate(filter_: bytes) -> float:
    """How many addresses were inserted, roughly.

    Useless beyond some 6000, where nearly all bits are set: then it is a lower bound.
    """
    zeros = _BITS - int.from_bytes(filter_, "big").bit_count()
    share = min(_BITS - 1, max(zeros, 1)) / _BITS
    return math.log(share) / (_HASHES * math.log(1 - 1 / _BITS)) if zeros < _BITS else 0.0


def summarise(providers: Iterable[Provider]) -> Scrape:
    """The two filters of all providers of a key."""
    seeds, peers = bytearray(SIZE), bytearray(SIZE)
    for provider in providers:
        host, _ = cast("Address", provider.endpoint)
        insert(seeds if provider.seed else peers, pack_host(host))
    return Scrape(bytes(seeds), bytes(peers))
