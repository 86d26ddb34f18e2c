from __future__ import annotations

import math
from math import comb
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.theory.hops import bits_per_hop, hops_per_doubling
from simulations.theory.paths import clean_path
from simulations.theory.roos import rounds_until_named, total_variation
from simulations.theory.sybils import (
    all_closest,
    eclipse_tries,
    mean_distance,
    nearest_distance_median,
    tries,
)
from simulations.theory.tables import binomial, bucket_entries, bucket_lost, table_entries


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [(10_000, 197.52), (100_000, 263.93), (1_000_000, 330.23), (4_000_000, 370.23)],
)
def test_v1_entries_are_those_of_the_reference(nodes: int, expected: int) -> None:
    assert table_entries(nodes, 20) == pytest.approx(expected, abs=0.005)


def test_v1_a_small_network_is_known_whole() -> None:
    assert table_entries(5, 20) == pytest.approx(4, abs=1e-9)
    assert bucket_entries(3, 20, 0) == pytest.approx(1)


@given(st.integers(0, 30), st.floats(0.001, 0.999), st.integers(0, 40))
def test_the_binomial_is_that_of_the_schoolbook(trials: int, share: float, most: int) -> None:
    expected = [
        comb(trials, hits) * share**hits * (1 - share) ** (trials - hits) if hits <= trials else 0
        for hits in range(most + 1)
    ]
    assert binomial(trials, share, most) == pytest.approx(expected, abs=1e-9)


def test_the_binomial_of_a_certainty() -> None:
    assert binomial(3, 1.0, 4) == [0, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("k", "bits"),
    [(1, 2), (2, 2.667), (3, 3.143), (5, 3.794), (8, 4.421), (10, 4.726), (16, 5.377), (20, 5.69)],
)
def test_v2_bits_per_hop_are_those_of_the_reference(k: int, bits: float) -> None:
    assert bits_per_hop(k) == pytest.approx(bits, abs=5e-4)
    assert hops_per_doubling(k) == pytest.approx(1 / bits, rel=1e-3)


@pytest.mark.parametrize(
    ("hostile", "paths", "expected"),
    [(0.1, 1, 0.843), (0.1, 2, 0.973), (0.2, 4, 0.987), (0.3, 2, 0.801), (0.3, 8, 0.996)],
)
def test_v4_is_that_of_the_reference(hostile: float, paths: int, expected: int) -> None:
    between = [0.0, 0.40, 0.56, 0.04]
    assert clean_path(hostile, paths, between) == pytest.approx(expected, abs=0.001)


def test_v9_sybils() -> None:
    assert all_closest(500, 1000, 1) == 0.5
    assert all_closest(5, 1000, 6) == 0
    assert all_closest(300_000, 1_000_000, 8) == pytest.approx(0.3**8, rel=1e-3)
    assert nearest_distance_median(25_000) == pytest.approx(math.log(2) / 25_000, rel=1e-4)
    assert tries(25_000) == pytest.approx(25_000 / math.log(2), rel=1e-4)
    assert eclipse_tries(25_000, 20) == pytest.approx(0.72e6, rel=0.01)
    assert mean_distance(3, 99) == 0.03


def test_v11_a_bucket_is_lost() -> None:
    assert bucket_lost(0.5, 8) == 1 / 256


def test_the_chain_needs_answers_that_fill_a_round() -> None:
    with pytest.raises(ValueError, match="alpha"):
        rounds_until_named(5000, 2, 3)


@pytest.mark.parametrize(("k", "alpha"), [(1, 1), (8, 1), (8, 3), (20, 3)])
def test_the_chain_is_a_distribution(k: int, alpha: int) -> None:
    chances = rounds_until_named(5000, k, alpha)
    assert sum(chances) == pytest.approx(1, abs=1e-3 if k > 1 else 0.02)
    assert all(chance >= 0 for chance in chances)


def test_the_chain_knows_what_the_own_table_knows() -> None:
    """The target is any node, so the own table names it as often as it holds anybody."""
    expected = table_entries(10_000, 20) / 9_999
    assert rounds_until_named(10_000, 20, 1)[0] == pytest.approx(expected, rel=0.01)


def test_more_at_once_is_sooner_and_more_nodes_are_later() -> None:
    def mean(*told: Any) -> float:
        return sum(index * chance for index, chance in enumerate(rounds_until_named(*told)))

    assert mean(10_000, 8, 3) < mean(10_000, 8, 1)
    assert mean(10_000, 8, 1) < mean(100_000, 8, 1)


def test_total_variation() -> None:
    assert total_variation([0.5, 0.5], [0.5, 0.5, 0.0]) == 0
    assert total_variation([1.0], [0.0, 1.0]) == 1
