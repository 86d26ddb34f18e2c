"""dht.mainline.nodeid: ids tied to addresses (BEP 42)."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.mainline.nodeid import crc32c, exempt, is_secure, secure_key

# BEP 42, "test vectors": address, rand, example id. Of the id the first 21 bits and the last
# byte count.
VECTORS = [
    ("124.31.75.21", 1, "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401"),
    ("21.75.31.124", 86, "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256"),
    ("65.23.51.170", 22, "a5d43220bc8f112a3d426c84764f8c2a1150e616"),
    ("84.124.73.14", 65, "1b0321dd1bb1fe518101ceef99462b947a01ff41"),
    ("43.213.53.83", 90, "e56f6cbf5b7c4be0237986d5243b87aa6d51305a"),
]

# The CRC of the masked address with r in its top bits, worked out for the same vectors.
MASKED = [
    ("200f0b15", "5fbfbdb2"),
    ("c10b1f7c", "5a3ce9b0"),
    ("c10733aa", "a5d4344a"),
    ("200c090e", "1b03217b"),
    ("43053553", "e56f6972"),
]

public_hosts = (
    (st.ip_addresses(v=4) | st.ip_addresses(v=6)).map(str).filter(lambda h: not exempt(h))
)


def bitwise_crc32c(data: bytes) -> int:
    """The definition: long division of bit-reversed polynomials over GF(2)."""
    register = 0xFFFFFFFF
    for bit in (byte >> i & 1 for byte in data for i in range(8)):
        carry = (register ^ bit) & 1
        register = register >> 1 ^ (0x82F63B78 if carry else 0)
    return register ^ 0xFFFFFFFF


def test_the_check_value_of_crc32c() -> None:
    # The Castagnoli CRC's standard check: the digits "123456789".
    assert crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize(("masked", "crc"), MASKED)
def test_crc_of_masked_addresses(masked: str, crc: str) -> None:
    assert crc32c(bytes.fromhex(masked)) == int(crc, 16)


@given(st.binary(max_size=40))
def test_crc_equals_the_definition(data: bytes) -> None:
    assert crc32c(data) == bitwise_crc32c(data)


@pytest.mark.parametrize(("host", "rand", "node_id"), VECTORS)
def test_vectors_of_bep_42(host: str, rand: int, node_id: str) -> None:
    expected = int(node_id, 16)
    assert is_secure(expected, host)
    drawn = secure_key(host, rand, Random(1))
    assert drawn >> 139 == expected >> 139
    assert drawn & 0xFF == rand


@pytest.mark.parametrize(("host", "rand", "node_id"), VECTORS)
def test_any_change_of_what_counts_breaks_it(host: str, rand: int, node_id: str) -> None:
    key = int(node_id, 16)
    for bit in range(139, 160):
        assert not is_secure(key ^ 1 << bit, host)
    for bit in range(8, 139):
        assert is_secure(key ^ 1 << bit, host)
    for other in range(8):
        if other != rand & 7:
            assert not is_secure(key ^ (rand & 7) ^ other, host)


@given(public_hosts, st.integers(0, 255), st.integers(0, 2**32))
def test_drawn_keys_are_secure(host: str, rand: int, seed: int) -> None:
    key = secure_key(host, rand, Random(seed))
    assert 0 <= key < 2**160
    assert is_secure(key, host)


@given(public_hosts)
def test_a_host_has_eight_prefixes(host: str) -> None:
    prefixes = {secure_key(host, r, Random(0)) >> 139 for r in range(256)}
    assert len(prefixes) == 8


def test_the_network_half_of_an_ipv6_address_counts() -> None:
    key = secure_key("2a00:1:2:3::1", 5, Random(0))
    assert is_secure(key, "2a00:1:2:3:ffff:ffff:ffff:ffff")
    assert not is_secure(key, "2a00:1:2:4::1")


@pytest.mark.parametrize(
    "host",
    ["10.1.2.3", "172.16.9.9", "192.168.0.1", "169.254.0.1", "127.0.0.1", "::1", "fe80::1"],
)
def test_local_addresses_are_exempt(host: str) -> None:
    # BEP 42, "Enforcement": "Any peer on a local network address is exempt".
    assert exempt(host)
    assert is_secure(0, host)
    assert not exempt("172.32.0.1")
