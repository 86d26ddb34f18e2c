"""V5 and V6: the published figures, and sums against simulated sessions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulations.laws import Exponential, Fixed, LogNormal, Pareto, Weibull
from simulations.theory.churn import (
    departed,
    exponential_loss,
    loss,
    mean_time_to_loss,
    population,
)


@pytest.mark.parametrize(
    ("holders", "lifetimes", "expected"), [(8, 1.0, 0.02549), (20, 2.0, 0.05457)]
)
def test_replicas_with_exponential_lives(holders: int, lifetimes: float, expected: float) -> None:
    assert exponential_loss(3600.0, 3600.0 * lifetimes, holders) == pytest.approx(
        expected, abs=5e-6
    )
    by_law = loss(Exponential(3600.0), 3600.0 * lifetimes, holders)
    assert by_law == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("holders", "expected"), [(3, 1.833), (8, 2.718), (20, 3.598)])
def test_the_last_holder(holders: int, expected: float) -> None:
    assert mean_time_to_loss(1.0, holders) == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize(
    "law",
    [
        Exponential(100.0),
        Weibull(100.0, 0.4),
        LogNormal(100.0, 1.2),
        Pareto(100.0, 3.0),
        Fixed(100.0),
    ],
    ids=lambda law: law.name,
)
@pytest.mark.parametrize("interval", [1.0, 60.0, 500.0])
def test_who_has_left(law: Weibull, interval: float) -> None:
    left = law.residual(np.random.default_rng(1), 200_000)
    share = float((left <= interval).mean())
    assert departed(law, interval) == pytest.approx(share, abs=0.006)


def test_nobody_leaves_in_no_time_and_everybody_in_the_end() -> None:
    assert departed(Exponential(10.0), 0.0) == 0.0
    assert departed(Fixed(10.0), 10.0) == pytest.approx(1.0, abs=1e-4)
    assert departed(Exponential(10.0), 1e4) == pytest.approx(1.0, abs=1e-3)
    assert math.isclose(departed(Fixed(10.0), 5.0), 0.5, abs_tol=1e-4)


def test_littles_law() -> None:
    assert population(2.0, 30.0) == 60.0
