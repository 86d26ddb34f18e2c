"""Checks, and finding those who make them."""

from __future__ import annotations

import math

import pytest

from simulations.chance import Chance
from simulations.validation import Check, Sense, validate, validators


def check(expected: float, obtained: float, tolerance: float, sense: Sense) -> Check:
    return Check(name="x", expected=expected, obtained=obtained, tolerance=tolerance, sense=sense)


@pytest.mark.parametrize(
    ("sense", "expected", "tolerance", "right", "wrong"),
    [
        ("relative", 200.0, 0.01, [198.0, 200.0, 202.0], [197.9, 202.1]),
        ("relative", -200.0, 0.01, [-198.0, -202.0], [-197.9, 200.0]),
        ("absolute", 0.8, 0.015, [0.79, 0.81], [0.78, 0.82]),
        ("at least", 10.0, 0.0, [10.0, 99.0], [9.99]),
        ("at most", 10.0, 0.5, [-5.0, 10.5], [10.6]),
    ],
)
def test_what_passes_and_what_does_not(
    sense: Sense, expected: float, tolerance: float, right: list[float], wrong: list[float]
) -> None:
    for obtained in right:
        assert check(expected, obtained, tolerance, sense).verdict == "pass"
    for obtained in [*wrong, math.nan]:
        assert check(expected, obtained, tolerance, sense).verdict == "FAIL"


def test_validators_are_found_by_their_files() -> None:
    assert "laws" in validators()
    assert validators() == sorted(validators())


def test_the_laws_are_what_theory_says() -> None:
    checks = list(validate(Chance(1), ["laws"]))
    assert len(checks) == 4
    assert [each.name for each in checks if not each.passed] == []


def test_validators_draw_from_streams_of_their_own() -> None:
    assert list(validate(Chance(1), ["laws"])) == list(validate(Chance(1), ["laws", "laws"]))[4:]
