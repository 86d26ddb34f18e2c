"""The estimator against simulated uniform networks and its own closed form."""

from __future__ import annotations

from heapq import nsmallest
from math import sqrt
from random import Random
from statistics import mean, stdev
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.core.keys import AMINO_SPACE, MAINLINE_SPACE, Key, KeySpace
from dht.core.size import Estimate, NetworkSize, relative_variance
from tests.dht.core.lookup_world import contact

if TYPE_CHECKING:
    from dht.core.messages import Contact


def sampled_closest(space: KeySpace, size: int, k: int, rng: Random) -> tuple[Key, list[Contact]]:
    """A target and its k closest among ``size`` uniform nodes, without drawing them all.

    The gaps between the smallest of many uniform numbers are those of Renyi's representation:
    each next one is the minimum of the nodes that remain, over what remains of the space.
    """
    target, low = space.draw(rng), 0.0
    found = []
    for index in range(k):
        low += (1 - low) * (1 - (1 - rng.random()) ** (1 / (size - index)))
        found.append(contact(target ^ int(low * (1 << space.bits))))
    return target, found


def estimated(space: KeySpace, size: int, k: int, lookups: int, rng: Random) -> Estimate:
    network = NetworkSize(space)
    for _ in range(lookups):
        assert network.observe(*sampled_closest(space, size, k, rng))
    estimate = network.estimate()
    assert estimate is not None
    return estimate


def test_nothing_is_known_before_the_first_lookup() -> None:
    assert NetworkSize(MAINLINE_SPACE).estimate() is None


def test_a_lookup_that_found_nobody_teaches_nothing() -> None:
    network = NetworkSize(MAINLINE_SPACE)
    assert not network.observe(Key(5), [])
    assert not network.observe(Key(5), [contact(5)])  # the target itself is at distance 0
    assert network.estimate() is None


def test_evenly_spaced_nodes_are_counted_exactly_but_for_the_bias_correction() -> None:
    space, target = KeySpace(16), Key(0)
    network = NetworkSize(space)
    network.observe(target, [contact(i << 8) for i in range(1, 9)])  # 2^16 / 2^8 = N + 1
    estimate = network.estimate()
    assert estimate is not None
    variance = relative_variance(8)
    assert estimate.size == pytest.approx(256 / (1 + variance) - 1)
    assert estimate.error == pytest.approx(256 / (1 + variance) * sqrt(variance))
    assert estimate.samples == 1


def test_closed_form_of_the_deviation() -> None:
    assert relative_variance(1) == 1.0  # the minimum of many is exponential
    assert sqrt(relative_variance(8)) == pytest.approx(0.377, abs=0.001)
    assert sqrt(relative_variance(20)) == pytest.approx(0.242, abs=0.001)


@pytest.mark.parametrize("k", [1, 2, 8, 20])
def test_closed_form_agrees_with_a_plain_sum(k: int) -> None:
    squares = sum(i * i for i in range(1, k + 1))
    weights = [sum(range(j, k + 1)) / squares for j in range(1, k + 1)]
    assert relative_variance(k) == pytest.approx(sum(w * w for w in weights))


@pytest.mark.parametrize("space", [MAINLINE_SPACE, AMINO_SPACE])
@pytest.mark.parametrize("size", [1_000, 100_000])
@pytest.mark.parametrize("k", [8, 20])
def test_within_tolerance_of_simulated_networks(space: KeySpace, size: int, k: int) -> None:
    rng = Random(size + k)
    estimate = estimated(space, size, k, 128, rng)
    assert estimate.size == pytest.approx(size, rel=0.12)
    assert abs(estimate.size - size) < 3.5 * estimate.error
    assert estimate.error < 0.05 * size


@pytest.mark.parametrize("k", [8, 20])
@pytest.mark.parametrize("size", [1_000, 100_000])
def test_deviation_shrinks_with_the_root_of_lookups_and_is_what_is_reported(
    size: int, k: int
) -> None:
    rng = Random(29)
    spreads = {}
    for lookups in (1, 4, 16, 64):
        runs = [estimated(MAINLINE_SPACE, size, k, lookups, rng) for _ in range(150)]
        sizes = [run.size for run in runs]
        spreads[lookups] = stdev(sizes)
        if lookups > 1:
            assert mean(sizes) == pytest.approx(size, rel=0.1)
            law = sqrt(relative_variance(k) / lookups) * size
            assert 0.8 < spreads[lookups] / law < 1.35
            assert 0.7 < spreads[lookups] / mean(run.error for run in runs) < 1.3
    assert spreads[1] > 1.6 * spreads[4] > 1.6**2 * spreads[16] > 1.6**3 * spreads[64]


def test_a_real_draw_of_all_nodes() -> None:
    rng = Random(31)
    nodes = [MAINLINE_SPACE.draw(rng) for _ in range(1_000)]
    network = NetworkSize(MAINLINE_SPACE)
    for _ in range(100):
        target = MAINLINE_SPACE.draw(rng)
        closest = nsmallest(8, nodes, key=lambda key: key ^ target)
        network.observe(target, [contact(key) for key in closest])
    estimate = network.estimate()
    assert estimate is not None
    assert estimate.size == pytest.approx(1_000, rel=0.15)


def test_history_is_bounded_and_forgets_the_oldest() -> None:
    rng = Random(37)
    network = NetworkSize(MAINLINE_SPACE, history=16)
    for size in (100, 10_000):
        for _ in range(40):
            network.observe(*sampled_closest(MAINLINE_SPACE, size, 8, rng))
    estimate = network.estimate()
    assert estimate is not None
    assert estimate.samples == 16
    assert estimate.size == pytest.approx(10_000, rel=0.4)


def test_the_same_target_again_replaces_what_was_known_of_it() -> None:
    rng = Random(41)
    network = NetworkSize(MAINLINE_SPACE)
    target, found = sampled_closest(MAINLINE_SPACE, 1_000, 8, rng)
    for _ in range(50):
        network.observe(target, found)
    estimate = network.estimate()
    assert estimate is not None
    assert estimate.samples == 1


def test_slopes_that_spread_wider_than_theory_widen_the_error() -> None:
    rng = Random(43)
    network = NetworkSize(MAINLINE_SPACE)
    for index in range(40):
        size = 1_000 if index % 4 else 1_000_000  # Sybils around every fourth target
        network.observe(*sampled_closest(MAINLINE_SPACE, size, 20, rng))
    estimate = network.estimate()
    assert estimate is not None
    assert estimate.error > 1.5 * estimate.size * sqrt(relative_variance(20) / 40)


def test_two_nodes_in_all() -> None:
    network = NetworkSize(KeySpace(8))
    network.observe(Key(0), [contact(255)])
    estimate = network.estimate()
    assert estimate is not None
    assert estimate.size == 1.0


@given(
    st.integers(0, 255),
    st.lists(st.integers(0, 255), min_size=1, max_size=20),
    st.randoms(use_true_random=False),
)
def test_order_and_duplicates_of_contacts_do_not_matter(
    target: int, found: list[int], rng: Random
) -> None:
    results = []
    for each in (found, rng.sample(found * 2, 2 * len(found))):
        network = NetworkSize(KeySpace(8))
        network.observe(Key(target), [contact(key) for key in each])
        results.append(network.estimate())
    assert results[0] == results[1]
