"""Intervals, tests and digests against tables, identities and stupid oracles."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.chance import Chance
from simulations.rows import Rows
from simulations.statistics import (
    Interval,
    bootstrap,
    digest,
    kolmogorov,
    ks,
    quantiles,
    t_bands,
    t_cdf,
    t_interval,
    t_quantile,
)

NUMBERS = st.lists(st.floats(min_value=-1e6, max_value=1e6), min_size=1, max_size=40)
WHOLE = st.lists(st.integers(min_value=0, max_value=5), min_size=1, max_size=30)

# Abramowitz & Stegun, table 26.10 (percentage points of the t distribution).
TABLE = [
    (0.975, 1, 12.706),
    (0.975, 2, 4.303),
    (0.975, 4, 2.776),
    (0.975, 9, 2.262),
    (0.975, 19, 2.093),
    (0.975, 30, 2.042),
    (0.995, 1, 63.657),
    (0.995, 5, 4.032),
    (0.95, 10, 1.812),
    (0.75, 3, 0.765),
]


@pytest.mark.parametrize(("p", "freedom", "t"), TABLE)
def test_students_t_as_tables_have_it(p: float, freedom: int, t: float) -> None:
    assert t_quantile(p, freedom) == pytest.approx(t, abs=6e-4)
    assert t_quantile(1 - p, freedom) == pytest.approx(-t, abs=6e-4)


@given(t=st.floats(min_value=-50, max_value=50), freedom=st.integers(1, 60))
def test_students_t_is_symmetric_and_grows(t: float, freedom: int) -> None:
    assert t_cdf(t, freedom) + t_cdf(-t, freedom) == pytest.approx(1.0)
    assert t_cdf(t, freedom) <= t_cdf(t + 0.1, freedom) + 1e-12


def test_students_t_of_one_degree_is_cauchys() -> None:
    for t in (-3.0, 0.0, 0.5, 10.0):
        assert t_cdf(t, 1) == pytest.approx(0.5 + math.atan(t) / math.pi)


def test_students_t_of_many_degrees_is_normal() -> None:
    assert t_quantile(0.975, 2000) == pytest.approx(NormalDist().inv_cdf(0.975), abs=2e-3)


@given(p=st.floats(min_value=0.01, max_value=0.99), freedom=st.integers(1, 40))
def test_the_quantile_inverts(p: float, freedom: int) -> None:
    assert t_cdf(t_quantile(p, freedom), freedom) == pytest.approx(p, abs=1e-8)


def test_an_interval_by_hand() -> None:
    """Mean 3, deviation sqrt(2.5), five values: 3 ± 2.776 sqrt(2.5 / 5)."""
    found = t_interval([1, 2, 3, 4, 5])
    assert found.middle == 3
    assert found.half == pytest.approx(2.7764 * math.sqrt(0.5), abs=1e-4)
    assert 3 in found
    assert 6 not in found


def test_one_run_has_no_interval_and_none_has_no_mean() -> None:
    assert t_interval([4.0]).middle == 4.0
    assert math.isnan(t_interval([4.0]).half)
    assert math.isnan(t_interval([]).middle)


def test_ninety_five_of_a_hundred_intervals_hold_the_truth() -> None:
    rng = Chance(1).generator()
    held = sum(0.0 in t_interval(rng.normal(size=5)) for _ in range(2_000))
    assert held / 2_000 == pytest.approx(0.95, abs=0.015)


def test_bands_are_intervals_column_by_column_and_skip_what_is_missing() -> None:
    curves = np.array([[1.0, 5.0, math.nan], [2.0, math.nan, math.nan], [3.0, 7.0, math.nan]])
    middle, low, high = t_bands(curves)
    for column, expected in enumerate([t_interval([1, 2, 3]), t_interval([5, 7])]):
        assert (middle[column], low[column], high[column]) == pytest.approx(
            (expected.middle, expected.low, expected.high)
        )
    assert math.isnan(middle[2])


def test_the_bootstrap_of_a_mean_is_about_students_interval() -> None:
    values = Chance(2).generator().normal(10, 1, 100)
    again = bootstrap(values, lambda v: float(v.mean()), Chance(3))
    exact = t_interval(values)
    assert again.middle == pytest.approx(exact.middle)
    assert again.low == pytest.approx(exact.low, abs=0.05)
    assert again.high == pytest.approx(exact.high, abs=0.05)


def test_the_bootstrap_draws_the_same_from_the_same_chance() -> None:
    values = [1.0, 5.0, 2.0, 9.0]
    first, second = (bootstrap(values, lambda v: float(np.median(v)), Chance(4)) for _ in "ab")
    assert first == second
    assert first.low <= first.middle <= first.high


def naive_distance(one: list[float], other: list[float]) -> float:
    """The greatest distance of the two steps, at every value."""
    at = [*one, *other]
    return max(
        abs(sum(v <= x for v in one) / len(one) - sum(v <= x for v in other) / len(other))
        for x in at
    )


@given(one=NUMBERS, other=NUMBERS)
def test_the_distance_is_that_of_the_stupid_way(one: list[float], other: list[float]) -> None:
    assert ks(one, other)[0] == pytest.approx(naive_distance(one, other))


@given(one=WHOLE, other=WHOLE)
def test_the_distance_with_ties(one: list[int], other: list[int]) -> None:
    expected = naive_distance([float(x) for x in one], [float(x) for x in other])
    assert ks(one, other)[0] == pytest.approx(expected)
    assert ks(one, other) == ks(other, one)


def test_equal_samples_are_not_apart() -> None:
    assert ks([1, 2, 3], [3, 1, 2]) == (0.0, 1.0)


def test_nothing_is_comparable_to_nothing() -> None:
    assert all(map(math.isnan, ks([], [1.0])))


def test_of_equal_laws_one_in_twenty_is_called_different() -> None:
    rng = Chance(5).generator()
    called = [ks(rng.normal(size=80), rng.normal(size=60))[1] < 0.05 for _ in range(1_000)]
    assert 0.025 < sum(called) / 1_000 < 0.065


def test_of_different_laws_most_are() -> None:
    rng = Chance(6).generator()
    assert all(ks(rng.normal(size=200), rng.normal(1, 1, 200))[1] < 1e-6 for _ in range(20))


# Smirnov 1948, table of the limit law: K(1.36) = 0.9505, K(1.63) = 0.9902, K(0.83) = 0.5040.
@pytest.mark.parametrize(("x", "above"), [(1.36, 0.0495), (1.63, 0.0098), (0.83, 0.4963)])
def test_kolmogorovs_law_as_tables_have_it(x: float, above: float) -> None:
    assert kolmogorov(x) == pytest.approx(above, abs=3e-4)


def test_kolmogorovs_law_has_its_ends() -> None:
    assert kolmogorov(0.0) == kolmogorov(0.1) == 1.0
    assert kolmogorov(10.0) == pytest.approx(0.0, abs=1e-12)
    assert kolmogorov(0.2001) == pytest.approx(1.0)


def test_quantiles() -> None:
    assert quantiles([3, 1, 2], (0.0, 0.5, 1.0)) == [1.0, 2.0, 3.0]
    assert all(map(math.isnan, quantiles([], (0.5, 0.9))))


def rows(**columns: object) -> Rows:
    return Rows(columns)  # type: ignore[arg-type]


def test_a_digest_is_the_same_for_the_same() -> None:
    one, other = rows(a=[1, 2], b=["x", "yy"]), rows(b=["x", "yy"], a=[1, 2])
    assert digest(one) == digest(other)
    assert len(digest(one)) == 64


@pytest.mark.parametrize(
    "other",
    [
        rows(a=[1, 3]),
        rows(a=[2, 1]),
        rows(a=[1.0, 2.0]),
        rows(b=[1, 2]),
        rows(a=[1, 2, 2]),
        rows(a=["1", "2"]),
        rows(a=[1, 2], b=[0, 0]),
        rows(),
    ],
    ids=["value", "order", "type", "name", "length", "text", "more", "none"],
)
def test_a_digest_sees_every_difference(other: Rows) -> None:
    assert digest(rows(a=[1, 2])) != digest(other)


def test_a_digest_does_not_see_how_memory_lies() -> None:
    wide = np.arange(10, dtype=np.int64)
    assert digest(rows(a=wide[::2])) == digest(rows(a=wide[::2].copy()))
    assert digest(rows(a=wide.astype(">i8"))) == digest(rows(a=wide))


def test_a_digest_that_holds_for_good() -> None:
    """Files carry digests: to change how they are made is to call all of them wrong."""
    assert digest(rows(hops=[1, 2, 3], name=["a", "b", "c"])) == GOLDEN


GOLDEN = "09802c3bc2277a1c56c922ef8f0b133bfa128a5f42fb0517329cf4253b9467b5"


def test_an_interval_holds_its_ends() -> None:
    assert all(x in Interval(2, 1, 3) for x in (1, 2, 3))
