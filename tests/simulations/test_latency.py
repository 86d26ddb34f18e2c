"""Delays, and who hears whom."""

from __future__ import annotations

import math
from statistics import NormalDist, median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.chance import Chance
from simulations.errors import ConfigError
from simulations.latency import (
    MODELS,
    SHORTEST,
    Constant,
    Latency,
    LogNormal,
    Matrix,
    Nat,
    Plane,
    latency_delay,
    reaches,
)

NODES = st.integers(min_value=0, max_value=99)
CHANCES = st.floats(min_value=0.0, max_value=1.0, exclude_max=True)
SITES = np.array([[0.0, 0.1, 0.2], [0.15, 0.0, 0.3], [0.25, 0.35, 0.0]], np.float32)
PLACED: list[Latency] = [
    Constant(0.07),
    LogNormal(0.05, 0.5),
    Plane(0.01, 0.1).place(100, Chance(1).generator()),
    Matrix.of(SITES),
]


@given(a=NODES, b=NODES, u=CHANCES)
def test_constant_is_constant(a: int, b: int, u: float) -> None:
    assert Constant(0.07).delay(a, b, u) == 0.07


@given(a=NODES, b=NODES, u=st.floats(min_value=1e-9, max_value=1 - 1e-9))
def test_log_normal_has_its_median_and_sigma(a: int, b: int, u: float) -> None:
    delay = LogNormal(0.05, 0.5).delay(a, b, u)
    assert delay == pytest.approx(
        max(SHORTEST, math.exp(NormalDist(math.log(0.05), 0.5).inv_cdf(u))), rel=1e-9
    )


def test_half_of_all_log_normal_delays_exceed_the_median() -> None:
    model = LogNormal(0.08, 1.0)
    draws = [model.delay(0, 1, u) for u in Chance(1).generator().random(2_000)]
    assert median(draws) == pytest.approx(0.08, rel=0.1)


def test_no_message_is_faster_than_a_rack() -> None:
    assert LogNormal(0.05, 3.0).delay(0, 1, 0.0) == SHORTEST
    assert LogNormal(0.0002, 3.0).delay(0, 1, 1e-12) == SHORTEST


@given(a=NODES, b=NODES, u=CHANCES)
def test_on_the_plane_the_way_back_is_as_long_and_nobody_is_nearer_than_the_base(
    a: int, b: int, u: float
) -> None:
    model = PLACED[2]
    assert model.delay(a, b, u) == model.delay(b, a, u) >= 0.01
    assert model.delay(a, a, u) == 0.01
    assert model.delay(a, b, u) <= 0.01 + 0.1 * math.sqrt(2)


def test_the_mean_way_in_a_square_is_052_of_a_side() -> None:
    """(2 + sqrt(2) + 5 asinh(1)) / 15: the mean distance of two points in a unit square."""
    model = Plane(0.01, 1.0).place(200, Chance(2).generator())
    ways = [model.delay(a, b, 0.0) - 0.01 for a in range(200) for b in range(a)]
    expected = (2 + math.sqrt(2) + 5 * math.asinh(1)) / 15
    assert sum(ways) / len(ways) == pytest.approx(expected, rel=0.03)


def test_a_matrix_says_what_stands_in_it_and_wraps_around() -> None:
    model = Matrix.of(SITES, "king.csv")
    for a in range(7):
        for b in range(7):
            expected = float(SITES[a % 3, b % 3]) or SHORTEST
            assert model.delay(a, b, 0.5) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("delays", "fault"),
    [
        (np.ones((2, 3)), r"must be square, but has the shape \(2, 3\)"),
        (np.ones(4), "must be square"),
        (np.ones((0, 0)), "must be square"),
        (np.array([[0, -1], [1, 0]]), "no number above 0"),
        (np.array([[0, 0], [1, 0]]), "no number above 0"),
        (np.array([[math.nan, 1], [1, 0]]), "no number above 0"),
    ],
)
def test_an_impossible_matrix_is_refused(delays: np.ndarray, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        Matrix.of(delays)


@pytest.mark.parametrize("model", PLACED, ids=repr)
@given(a=NODES, b=NODES, u=CHANCES)
def test_compiled_and_plain_agree(model: Latency, a: int, b: int, u: float) -> None:
    plain = latency_delay.py_func(*model.code(), a, b, u)  # type: ignore[attr-defined]
    assert latency_delay(*model.code(), a, b, u) == pytest.approx(plain, rel=1e-9)


@pytest.mark.parametrize("model", PLACED, ids=repr)
def test_places_are_two_dimensional_float32_for_every_kernel(model: Latency) -> None:
    assert model.code()[3].dtype == np.float32
    assert model.code()[3].ndim == 2


@pytest.mark.parametrize("model", [Constant(), LogNormal(), Matrix.of(SITES)], ids=repr)
def test_models_without_places_stay_what_they_are(model: Latency) -> None:
    assert model.place(10, Chance(1).generator()) is model


def test_places_are_no_part_of_what_a_model_is() -> None:
    assert PLACED[2] == Plane(0.01, 0.1)
    assert "places" not in repr(PLACED[2])


def test_every_model_has_a_name_and_a_kind_of_its_own() -> None:
    assert len({model.name for model in MODELS}) == len(MODELS)
    assert len({model.code()[0] for model in PLACED}) == len(MODELS)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (Constant, (0.0,)),
        (LogNormal, (-1.0,)),
        (LogNormal, (1.0, 0.0)),
        (Plane, (0.0,)),
        (Plane, (0.1, math.inf)),
    ],
)
def test_impossible_delays_are_refused(model: type[Latency], fields: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="must be a number above 0"):
        model(*fields)


# Who hears whom: rows are senders, columns receivers; "." always, "?" if spoken to, "-" never.
HEARS = {
    Nat.PUBLIC: ".??",
    Nat.RESTRICTED: ".?-",
    Nat.SYMMETRIC: ".--",
}


@pytest.mark.parametrize("source", Nat)
@pytest.mark.parametrize("target", Nat)
def test_who_hears_whom(source: Nat, target: Nat) -> None:
    expected = HEARS[source][target]
    for kernel in (reaches, reaches.py_func):  # type: ignore[attr-defined]
        assert kernel(source, target, spoken=True) is (expected != "-")
        assert kernel(source, target, spoken=False) is (expected == ".")
