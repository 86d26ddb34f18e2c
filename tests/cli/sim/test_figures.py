"""Numbers for people and for JSON."""

from __future__ import annotations

import math

import pytest

from cli.sim.figures import finite, interval, number, plus_minus, told
from simulations.statistics import Interval


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.99871, "0.9987"),
        (12.3456, "12.35"),
        (3.0, "3"),
        (1234.5, "1,234"),
        (1_000_000.0, "1,000,000"),
        (-2.2e-16, "0"),
        (0.000123456, "0.0001235"),
        (math.nan, "-"),
        (math.inf, "-"),
    ],
)
def test_four_digits_that_matter(value: float, text: str) -> None:
    assert number(value) == text


def test_half_a_width_has_two_digits() -> None:
    assert plus_minus(Interval(1.0, 0.8766, 1.1234)) == "0.12"
    assert plus_minus(Interval(1.0, math.nan, math.nan)) == "-"


def test_json_knows_no_infinity() -> None:
    assert finite(math.nan) is finite(math.inf) is None
    assert interval(Interval(1.0, math.nan, 2.0), "a_") == {
        "a_mean": 1.0,
        "a_low": None,
        "a_high": 2.0,
    }


def test_points_are_told_by_their_values() -> None:
    assert told({"a.b": 3, "c": "x"}) == "a.b = 3, c = x"
