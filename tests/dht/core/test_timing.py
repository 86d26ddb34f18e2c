"""Timing against RFC 6298's arithmetic and the goals of the lookup."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.core.policy import Timeouts
from dht.core.timing import RECENT, Timing

BOUNDS = Timeouts()
ROUND_TRIPS = st.floats(min_value=0.0, max_value=60.0)


def seasoned(rtts: list[float]) -> Timing:
    timing = Timing(BOUNDS)
    for rtt in rtts:
        timing.observe(rtt)
    return timing


def test_before_the_first_answer_the_initial_values_hold() -> None:
    timing = Timing(BOUNDS)
    assert timing.mean is None
    assert timing.patience(None) == (BOUNDS.short_initial, BOUNDS.long_initial)


def test_a_remembered_round_trip_only_lengthens_the_initial_values() -> None:
    timing = Timing(BOUNDS)
    assert timing.patience(0.001) == (BOUNDS.short_initial, BOUNDS.long_initial)
    assert timing.patience(1.2) == (1.2, 2.4)


def test_first_sample_as_rfc_6298_section_2_2_says() -> None:
    timing = seasoned([0.2])
    assert timing.mean == 0.2
    assert timing.spread == 0.1
    assert timing.patience(None) == pytest.approx((0.4, 0.8))


def test_second_sample_as_rfc_6298_section_2_3_says() -> None:
    timing = seasoned([0.2, 0.4])
    assert timing.spread == pytest.approx(3 / 4 * 0.1 + 1 / 4 * 0.2)  # from the old mean
    assert timing.mean == pytest.approx(7 / 8 * 0.2 + 1 / 8 * 0.4)
    assert timing.patience(None) == pytest.approx((0.225 + 2 * 0.125, 2 * (0.225 + 2 * 0.125)))


def test_a_known_contact_is_judged_by_its_own_round_trip() -> None:
    timing = seasoned([0.2, 0.4])
    near, far = timing.patience(0.05), timing.patience(0.6)
    assert near == pytest.approx((0.05 + 0.25, 2 * 0.3))
    assert far == pytest.approx((0.6 + 0.25, 2 * 0.85))


def test_on_loopback_a_dead_contact_costs_a_tenth_of_a_second() -> None:
    rng = Random(1)
    timing = seasoned([rng.uniform(0.0005, 0.0015) for _ in range(100)])
    assert timing.patience(None) == (BOUNDS.short_floor, BOUNDS.long_floor)
    assert timing.patience(0.001) == (0.03, 0.1)


def slow_link(rng: Random) -> float:
    """A link of 200 ± 100 ms, as a normal distribution that never goes below 20 ms."""
    return max(0.02, rng.gauss(0.2, 0.1))


def test_on_a_slow_link_the_dead_cost_under_a_second_and_the_living_are_kept() -> None:
    rng = Random(2)
    timing = Timing(BOUNDS)
    hasty = given_up = 0
    waited = 0.0
    for sample in range(10_000):
        rtt = slow_link(rng)
        short, long = timing.patience(None)
        if sample >= 10:
            hasty += rtt > short
            given_up += rtt > long
            waited += long / 9_990
        timing.observe(rtt)
    assert 0.5 < waited < 1.0
    assert given_up <= 3  # of ten thousand
    assert hasty < 1000


def test_evenly_spread_round_trips_never_cost_a_living_contact() -> None:
    rng = Random(3)
    timing = seasoned([rng.uniform(0.1, 0.3) for _ in range(20)])
    for _ in range(10_000):
        rtt = rng.uniform(0.1, 0.3)
        assert rtt < timing.patience(None)[1]
        timing.observe(rtt)


def test_a_link_that_becomes_slow_is_learnt_from_late_answers() -> None:
    timing = seasoned([0.01] * 50)
    assert timing.patience(None)[1] == BOUNDS.long_floor
    for _ in range(3):
        timing.observe(1.0)
    assert timing.patience(None)[1] > 1.0


def test_one_very_late_answer_is_forgotten_soon() -> None:
    timing = seasoned([0.01] * 50)
    timing.observe(3600.0)
    assert timing.spread <= BOUNDS.long_ceiling / 4
    for _ in range(60):
        timing.observe(0.01)
    assert timing.patience(None)[1] == pytest.approx(BOUNDS.long_floor, rel=0.1)


def test_after_a_slow_start_patience_is_back_within_two_blocks() -> None:
    """RFC 6298's mean alone would need 25 quick answers to forget what congestion taught it."""
    rng = Random(4)
    timing = seasoned([rng.uniform(0.2, 1.0) for _ in range(30)])
    assert timing.patience(None)[1] > 1.0
    for _ in range(2 * RECENT):
        timing.observe(0.002)
    assert timing.patience(None) == (BOUNDS.short_floor, BOUNDS.long_floor)
    # And whoever was slow with all the others is not waited for as long as then.
    assert timing.patience(0.8) == (BOUNDS.short_floor, BOUNDS.long_floor)


def test_a_contact_that_is_far_away_brings_patience_back_by_answering_late() -> None:
    timing = seasoned([0.002] * 64)
    assert timing.patience(0.3)[1] == BOUNDS.long_floor
    timing.observe(0.3)
    assert timing.patience(0.3)[0] >= 0.3


def test_the_slowest_of_late_is_a_sliding_maximum() -> None:
    rng = Random(5)
    timing, seen = Timing(BOUNDS), []
    for _ in range(300):
        seen.append(rng.expovariate(5))
        timing.observe(seen[-1])
        short, _ = timing.patience(4.0)
        if len(seen) >= 2 * RECENT:
            assert max(seen[-RECENT:]) <= short <= max(seen[-2 * RECENT :])


@pytest.mark.parametrize("spread", ["even", "normal", "exponential"])
def test_no_more_than_one_answer_in_nine_is_called_slow(spread: str) -> None:
    rng = Random(6)
    draw = {
        "even": lambda: rng.uniform(0.1, 0.3),
        "normal": lambda: max(0.001, rng.gauss(0.2, 0.05)),
        "exponential": lambda: rng.expovariate(5),
    }[spread]
    timing = seasoned([draw() for _ in range(50)])
    slow = dead = 0
    for _ in range(10_000):
        rtt = draw()
        patience = timing.patience(None)
        slow += rtt > patience[0]
        dead += rtt > patience[1]
        timing.observe(rtt)
    assert slow <= 1_111
    assert dead <= 180


def test_a_clock_that_stepped_back_is_read_as_no_time_at_all() -> None:
    assert seasoned([-5.0]).mean == 0.0


def test_long_is_never_below_short_whatever_the_bounds() -> None:
    timing = Timing(Timeouts(long_floor=0.01, long_ceiling=0.2))
    timing.observe(0.19)
    short, long = timing.patience(None)
    assert long >= short


@given(st.lists(ROUND_TRIPS, max_size=30), st.none() | ROUND_TRIPS)
def test_patience_is_always_within_bounds(rtts: list[float], rtt: float | None) -> None:
    short, long = seasoned(rtts).patience(rtt)
    assert BOUNDS.short_floor <= short <= BOUNDS.short_ceiling
    assert BOUNDS.long_floor <= long <= BOUNDS.long_ceiling
    assert short <= long


@given(st.lists(ROUND_TRIPS, min_size=1, max_size=30), ROUND_TRIPS, ROUND_TRIPS)
def test_patience_grows_with_the_contacts_own_round_trip(
    rtts: list[float], one: float, other: float
) -> None:
    timing = seasoned(rtts)
    near, far = sorted([one, other])
    assert timing.patience(near) <= timing.patience(far)
