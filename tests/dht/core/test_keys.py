"""The XOR metric's laws, and what depends on the width of a space."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.core.keys import AMINO_SPACE, MAINLINE_SPACE, Key, KeySpace, distance
from tests.strategies import keys, keys_near

SPACES = (MAINLINE_SPACE, AMINO_SPACE, KeySpace(8))
spaces = st.sampled_from(SPACES)


def common_bits(space: KeySpace, a: int, b: int) -> int:
    """The stupid way: write both out and compare digit by digit."""
    one, other = f"{a:0{space.bits}b}", f"{b:0{space.bits}b}"
    count = 0
    while count < space.bits and one[count] == other[count]:
        count += 1
    return count


@pytest.mark.parametrize("bits", [0, -8, 7, 161])
def test_a_space_is_whole_bytes_wide(bits: int) -> None:
    with pytest.raises(ValueError, match=f"not {bits} bits"):
        KeySpace(bits)


def test_widths_of_the_networks() -> None:
    assert (MAINLINE_SPACE.bits, MAINLINE_SPACE.size) == (160, 20)
    assert (AMINO_SPACE.bits, AMINO_SPACE.size) == (256, 32)
    assert repr(MAINLINE_SPACE) == "KeySpace(160)"


@given(spaces, st.data())
def test_bytes_and_back(space: KeySpace, data: st.DataObject) -> None:
    key = data.draw(keys(space))
    raw = space.to_bytes(key)
    assert len(raw) == space.size
    assert space.from_bytes(raw) == key


@pytest.mark.parametrize("length", [0, 19, 21])
def test_bytes_of_another_width_are_no_key(length: int) -> None:
    with pytest.raises(ValueError, match=f"20 bytes, not {length}"):
        MAINLINE_SPACE.from_bytes(bytes(length))


def test_keys_are_big_endian() -> None:
    assert MAINLINE_SPACE.from_bytes(bytes(19) + b"\x01") == 1
    assert MAINLINE_SPACE.to_bytes(Key(1 << 152)) == b"\x01" + bytes(19)


@given(keys(MAINLINE_SPACE), keys(MAINLINE_SPACE), keys(MAINLINE_SPACE))
def test_the_metric(a: Key, b: Key, c: Key) -> None:
    assert distance(a, a) == 0
    assert (distance(a, b) == 0) == (a == b)
    assert distance(a, b) == distance(b, a)
    assert distance(a, c) <= distance(a, b) + distance(b, c)
    # Unidirectional: one key only at each distance.
    assert distance(a, Key(a ^ distance(a, b))) == distance(a, b)


@given(spaces, st.data())
def test_prefix_length_is_the_number_of_common_leading_bits(
    space: KeySpace, data: st.DataObject
) -> None:
    a = data.draw(keys(space))
    b = data.draw(keys(space) if space.bits < 9 else keys_near(space, a, 150))
    assert space.prefix_length(a, b) == common_bits(space, a, b)
    assert space.prefix_length(a, a) == space.bits


@given(spaces, st.data(), st.randoms(use_true_random=False))
def test_a_draw_shares_exactly_as_many_bits_as_asked(
    space: KeySpace, data: st.DataObject, rng: Random
) -> None:
    key = data.draw(keys(space))
    length = data.draw(st.integers(0, space.bits))
    drawn = space.draw_sharing(key, length, rng)
    assert 0 <= drawn < 1 << space.bits
    assert common_bits(space, key, drawn) == length


@given(spaces, st.data(), st.randoms(use_true_random=False))
def test_a_draw_under_a_prefix_keeps_it(space: KeySpace, data: st.DataObject, rng: Random) -> None:
    prefix = data.draw(keys(space))
    length = data.draw(st.integers(0, space.bits))
    drawn = space.draw_under(prefix, length, rng)
    assert 0 <= drawn < 1 << space.bits
    assert common_bits(space, prefix, drawn) >= length


def test_draws_reach_their_whole_range() -> None:
    rng, tiny = Random(5), KeySpace(8)
    own = Key(0b1011_0101)
    everything = set(range(256))
    assert {tiny.draw(rng) for _ in range(5000)} == everything
    for length in range(9):
        exact = {key for key in everything if common_bits(tiny, own, key) == length}
        under = {key for key in everything if common_bits(tiny, own, key) >= length}
        assert {tiny.draw_sharing(own, length, rng) for _ in range(3000)} == exact
        assert {tiny.draw_under(own, length, rng) for _ in range(3000)} == under
