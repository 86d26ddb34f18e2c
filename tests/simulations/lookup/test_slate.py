from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.lookup import slate
from simulations.lookup.slate import BARRED, STATE, card, depth, find, insert, live, rank, settle


@given(st.integers(0, 2**31 - 1), st.integers(0, 255))
def test_a_card_says_who_and_how_far(node: int, hops: int) -> None:
    entry = card(node, hops)
    assert (rank(entry), depth(entry), entry & STATE, entry & BARRED) == (node, hops, 0, 0)


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 12))
def test_inserting_keeps_the_nearest_in_order(distances: list[int], room: int) -> None:
    away, cards = np.zeros(room, np.uint64), np.zeros(room, np.int64)
    held: list[int] = []
    for distance in distances:
        where = insert(away, cards, len(held), np.uint64(distance), card(distance, 1))
        expected = sorted({*held, distance})[:room]
        assert where == (-1 if expected == held else expected.index(distance))
        held = expected
        assert away[: len(held)].tolist() == held
        assert [rank(each) for each in cards[: len(held)]] == held
    for distance in range(41):
        place = find(away, len(held), np.uint64(distance))
        assert place == (held.index(distance) if distance in held else -1)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-1, 3)), max_size=20), st.integers(1, 3))
def test_of_a_subnet_the_nearest_live_ones_may_be_asked(
    contacts: list[tuple[int, int]], most: int
) -> None:
    cards = np.array([card(n, 1) | state for n, (state, _) in enumerate(contacts)], np.int64)
    subnets = np.array([subnet for _, subnet in contacts], np.int32)
    settle(cards, len(cards), subnets, most)
    held: dict[int, int] = {}
    for index, (state, subnet) in enumerate(contacts):
        expected = state < slate.FAILED
        if expected and subnet >= 0:
            expected = held.get(subnet, 0) < most
            held[subnet] = held.get(subnet, 0) + expected
        assert live(cards[index]) == expected


@pytest.mark.parametrize("name", ["UNASKED", "WAITING", "SLOW", "ANSWERED", "FAILED", "DROPPED"])
def test_states_are_those_of_the_shipped_shortlist(name: str) -> None:
    from dht.core import shortlist

    assert getattr(slate, name) == getattr(shortlist, name)
