from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.compiled import use_threads
from simulations.lookup.tables import NOBODY, build, depths, draw_ids, first_at_least, halve
from simulations.lookup.truth import live_before
from tests.simulations.lookup.small import ids_lists, known, shared


def true_depth(ids: Any, node: int, k: int) -> int:
    """The least number of bits that at most k others share: count them."""
    for bits in range(65):
        if sum(shared(ids[node], other) >= bits for other in ids) - 1 <= k:
            return bits
    raise AssertionError


@given(ids_lists(), st.integers(1, 8))
def test_depths_are_what_counting_says(ids: Any, k: int) -> None:
    assert depths(ids, k).tolist() == [true_depth(ids, node, k) for node in range(len(ids))]


@given(ids_lists(), st.integers(1, 8), st.integers(0, 2**64 - 1))
def test_rows_hold_k_of_their_range_or_all_of_it(ids: Any, k: int, seed: int) -> None:
    tables = build(ids, k, seed)
    for node, own in enumerate(ids):
        depth = int(tables.depth[node])
        for level, row in enumerate(tables.rows[node]):
            bits = [shared(own, other) for other in ids]
            if level == depth:
                range_ = {n for n, bit in enumerate(bits) if bit >= level and n != node}
            else:
                range_ = {n for n, bit in enumerate(bits) if bit == level and level < depth}
            held = [int(each) for each in row if each != NOBODY]
            assert len(set(held)) == len(held) == min(k, len(range_))
            assert set(held) <= range_
            assert (row[len(held) :] == NOBODY).all(), "free places come last"


def test_the_table_is_that_of_a_routing_table_of_ours() -> None:
    """As many contacts as the real one would take: see the comparison with engines as well."""
    ids = draw_ids(500, np.random.default_rng(1))
    tables = build(ids, 8, 1)
    assert tables.k == 8
    assert all(node not in known(tables, node) for node in range(500))


def test_all_sets_of_a_range_are_as_likely() -> None:
    """Half of all nodes stand in the range of the other half's first row."""
    ids = np.array([*range(10), *(2**63 + n for n in range(10))], np.uint64)
    counts = np.zeros(20)
    for seed in range(4000):
        counts[build(ids, 3, seed).rows[0, 0]] += 1
    assert counts[:10].sum() == 0
    chi = ((counts[10:] - 1200) ** 2 / 1200).sum()
    assert chi < 27.9, "the 99.9th percentile of chi-squared with 9 degrees of freedom"


def test_threads_and_neighbours_change_nothing() -> None:
    ids = draw_ids(3000, np.random.default_rng(3))
    use_threads(1)
    alone = build(ids, 8, 42)
    use_threads(2)
    together = build(ids, 8, 42)
    assert (alone.rows == together.rows).all()
    assert (alone.depth == together.depth).all()
    assert (alone.rows != build(ids, 8, 43).rows).any()


def test_ids_are_sorted_and_different() -> None:
    ids = draw_ids(10_000, np.random.default_rng(1))
    assert len(ids) == 10_000
    assert (ids[1:] > ids[:-1]).all()


@given(ids_lists(), st.integers(0, 2**64 - 1))
def test_bisection_finds_what_counting_finds(ids: Any, bound: int) -> None:
    expected = sum(int(each) < bound for each in ids)
    assert first_at_least(ids, 0, len(ids), np.uint64(bound)) == expected


@given(ids_lists(), st.integers(0, 63))
def test_ranges_are_halved_where_the_bit_turns(ids: Any, level: int) -> None:
    own = ids[0]
    inside = [n for n, each in enumerate(ids) if shared(own, each) >= level]
    low, high = inside[0], inside[-1] + 1
    bit = 63 - level
    zeros = sum(not int(ids[n]) >> bit & 1 for n in inside)
    assert halve(ids, low, high, level, own) == low + zeros


@pytest.mark.parametrize("alive", [[], [True], [False, True, True]])
def test_the_living_are_counted(alive: list[bool]) -> None:
    counted = live_before(np.array(alive, np.bool_))
    assert counted.tolist() == [sum(alive[:n]) for n in range(len(alive) + 1)]
