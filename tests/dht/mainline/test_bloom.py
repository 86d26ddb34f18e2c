"""dht.mainline.bloom: scrape filters (BEP 33)."""

from __future__ import annotations

import hashlib
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.core.messages import Provider
from dht.mainline.bloom import SIZE, estimate, insert, summarise, union

# BEP 33, "Test Vectors": 192.0.2.0 - 192.0.2.255 and 2001:DB8:: - 2001:DB8::3E7 inserted.
VECTOR = bytes.fromhex(
    "F6C3F5EAA07FFD91BDE89F777F26FB2BFF37BDB8FB2BBAA2FD3DDDE7BACFFF75EE7CCBAE"
    "FE5EEDB1FBFAFF67F6ABFF5E43DDBCA3FD9B9FFDF4FFD3E9DFF12D1BDF59DB53DBE9FA5B"
    "7FF3B8FDFCDE1AFB8BEDD7BE2F3EE71EBBBFE93BCDEEFE148246C2BC5DBFF7E7EFDCF24F"
    "D8DC7ADFFD8FFFDFDDFFF7A4BBEEDF5CB95CE81FC7FCFF1FF4FFFFDFE5F7FDCBB7FD79B3"
    "FA1FC77BFE07FFF905B7B7FFC7FEFEFFE0B8370BB0CD3F5B7F2BD93FEB4386CFDD6F7FD5"
    "BFAF2E9EBFFFFEECD67ADBF7C67F17EFD5D75EBA6FFEBA7FFF47A91EB1BFBB53E8ABFB57"
    "62ABE8FF237279BFEFBFEEF5FFC5FEBFDFE5ADFFADFEE1FB737FFFFBFD9F6AEFFEEE76B6"
    "FD8F72EF"
)
V4 = [f"192.0.2.{i}" for i in range(256)]
V6 = [str(ip_address(int(ip_address("2001:db8::")) + i)) for i in range(0x3E8)]

addresses = st.sets(st.binary(min_size=4, max_size=4), max_size=60)


def filter_of(inserted: set[bytes]) -> bytes:
    bits = bytearray(SIZE)
    for address in inserted:
        insert(bits, address)
    return bytes(bits)


def test_the_vector_of_bep_33() -> None:
    assert filter_of({ip_address(host).packed for host in V4 + V6}) == VECTOR
    assert estimate(VECTOR) == pytest.approx(1224.9308, abs=1e-4)  # printed cut off


def test_summarise_keeps_seeds_and_peers_apart() -> None:
    seeds = [Provider((host, 1), seed=True) for host in V4]
    peers = [Provider((host, 2)) for host in V6]
    scrape = summarise(seeds + peers)
    assert union([scrape.seeds, scrape.peers]) == VECTOR
    assert scrape.seeds == summarise(seeds).seeds
    assert scrape.peers == summarise(peers).peers
    assert summarise(peers).seeds == bytes(SIZE)


@given(addresses)
def test_positions_are_those_of_the_pseudocode(inserted: set[bytes]) -> None:
    expected = set()
    for address in inserted:
        digest = hashlib.sha1(address).digest()
        expected |= {(digest[0] | digest[1] << 8) % 2048, (digest[2] | digest[3] << 8) % 2048}
    bits = filter_of(inserted)
    assert {i for i in range(2048) if bits[i // 8] >> i % 8 & 1} == expected


@given(addresses, addresses)
def test_the_union_of_filters_is_the_filter_of_the_union(one: set[bytes], two: set[bytes]) -> None:
    assert union([filter_of(one), filter_of(two)]) == filter_of(one | two)


def test_the_union_of_nothing_is_empty() -> None:
    assert union([]) == bytes(SIZE)


@pytest.mark.parametrize("size", [0, 1, 10, 100, 1000, 3000])
def test_estimates_are_near(size: int) -> None:
    filled = filter_of({i.to_bytes(4, "big") for i in range(size)})
    assert estimate(filled) == pytest.approx(size, rel=0.12, abs=0.6)


def test_a_full_filter_has_a_finite_estimate() -> None:
    assert 6000 < estimate(b"\xff" * SIZE) < 10_000
