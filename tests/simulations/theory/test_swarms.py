"""Closed forms of swarms: the published examples, and a bound found by trying everything."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.theory.swarms import (
    attempts,
    clean,
    fluid_bound,
    gathered_bound,
    piece_bound,
    steady_state,
)


def test_each_term_of_the_fluid_bound_can_be_the_limit() -> None:
    assert fluid_bound(100, 1, [10, 10]) == 100
    assert fluid_bound(100, 10, [10, 10], down=2) == 50
    assert fluid_bound(100, 10, [1, 1, 1, 1]) == pytest.approx(400 / 14)


@pytest.mark.parametrize(
    ("pieces", "receivers", "rounds"),
    [(1, 1, 1), (1, 2, 2), (1, 3, 2), (1, 4, 3), (1, 7, 3), (5, 3, 6), (1000, 1000, 1009)],
)
def test_one_piece_doubles_and_the_rest_follow(pieces: int, receivers: int, rounds: int) -> None:
    assert piece_bound(pieces, receivers) == rounds


@given(pieces=st.integers(1, 500), receivers=st.integers(1, 500))
def test_gathering_helps_but_not_beyond_the_source(pieces: int, receivers: int) -> None:
    gathered = gathered_bound(pieces, receivers)
    assert pieces <= gathered + 1e-9
    assert gathered <= piece_bound(pieces, receivers) + 1e-9


def test_qiu_and_srikants_example() -> None:
    # Their figures: uplink .00125, downlink .002, seeds leave at .005.
    steady = steady_state(1.0, 0.00125, 0.002, leaving=0.005)
    assert steady == pytest.approx((600, 200, 600))
    steady = steady_state(1.0, 0.00125, 0.002, leaving=0.005, giving_up=0.001)
    assert steady == pytest.approx((375, 125, 375))


def test_downlinks_can_be_the_limit() -> None:
    assert steady_state(1.0, 1.0, 0.01, leaving=1.0).time == pytest.approx(100)


def test_seeds_that_stay_for_ever_leave_no_steady_state() -> None:
    with pytest.raises(ValueError, match="seeds alone"):
        steady_state(1.0, 0.01, math.inf, leaving=0.001)


def test_poison() -> None:
    assert clean(0.1, 4) == pytest.approx(0.6561)
    assert attempts(0.1, 4) == pytest.approx(1 / 0.6561)
