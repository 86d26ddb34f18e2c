"""The allowed-fast set against BEP 6's own figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.core.fastset import allowed_fast

# BEP 6, "Allowed Fast Set Generation": 80.4.4.200, infohash aa...aa, 1313 pieces.
PUBLISHED = (1059, 431, 808, 1217, 287, 376, 1188, 353, 508)


@pytest.mark.parametrize("count", [7, 9])
def test_published_sets(count: int) -> None:
    assert allowed_fast(b"\xaa" * 20, "80.4.4.200", 1313, count) == PUBLISHED[:count]


@given(st.binary(min_size=20, max_size=20), st.ip_addresses(v=4), st.integers(0, 300))
def test_a_set_is_as_large_as_it_can_be_and_one_for_a_subnet(
    infohash: bytes, address: object, piece_count: int
) -> None:
    pieces = allowed_fast(infohash, str(address), piece_count)
    assert len(set(pieces)) == len(pieces) == min(10, piece_count)
    assert all(0 <= piece < piece_count for piece in pieces)
    neighbour = str(address).rpartition(".")[0] + ".77"
    assert allowed_fast(infohash, neighbour, piece_count) == pieces


def test_other_families_have_none() -> None:
    assert allowed_fast(bytes(20), "2001:db8::1", 100) == ()
    assert allowed_fast(bytes(20), "fe80::1%eth0", 100) == ()
