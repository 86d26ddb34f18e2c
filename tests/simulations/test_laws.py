"""Laws of session times against their closed forms, and draws against the laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.chance import Chance
from simulations.errors import ConfigError
from simulations.laws import (
    LAWS,
    Exponential,
    Fixed,
    Law,
    LogNormal,
    Pareto,
    Weibull,
    law_quantile,
    positive,
)

MEANS = st.floats(min_value=1e-3, max_value=1e9)
SHAPES = st.floats(min_value=0.2, max_value=5.0)
ANY_LAW = st.one_of(
    st.builds(Exponential, MEANS),
    st.builds(Weibull, MEANS, SHAPES),
    st.builds(LogNormal, MEANS, st.floats(min_value=0.05, max_value=3.0)),
    st.builds(Pareto, MEANS, st.floats(min_value=1.05, max_value=6.0)),
    st.builds(Fixed, MEANS),
)
TAME = [
    Exponential(100.0),
    Weibull(100.0, 0.6),
    Weibull(100.0, 2.0),
    LogNormal(100.0, 0.8),
    Pareto(100.0, 4.5),
    Fixed(100.0),
]
"""Laws whose first moments are seen in 200,000 draws."""
DRAWS = 200_000


def ident(law: Law) -> str:
    return repr(law)


def furthest(draws: np.ndarray, law: Law) -> float:
    """The Kolmogorov distance to the law, times sqrt(n): above 1.95 once in 1,000."""
    ordered = np.sort(draws)
    expected = np.array([law.cdf(x) for x in ordered])
    steps = np.arange(len(draws) + 1) / len(draws)
    off = np.maximum(np.abs(expected - steps[1:]), np.abs(expected - steps[:-1]))
    return float(off.max() * math.sqrt(len(draws)))


def below(law: Law, most: float, steps: int = 200_000) -> float:
    """The integral of 1 - F from 0 to ``most``, by the middle of many thin slices."""
    width = most / steps
    return sum(1 - law.cdf((i + 0.5) * width) for i in range(steps)) * width


@pytest.mark.parametrize("law", TAME, ids=ident)
def test_the_mean_of_draws_is_the_mean(law: Law) -> None:
    draws = law.draw(Chance(1).generator(), DRAWS)
    assert draws.shape == (DRAWS,)
    assert draws.min() >= 0
    error = math.sqrt(law.second_moment - law.mean**2) / math.sqrt(DRAWS)
    assert abs(draws.mean() - law.mean) <= 4 * error


@pytest.mark.parametrize("law", TAME, ids=ident)
def test_the_second_moment_of_draws_is_the_second_moment(law: Law) -> None:
    draws = law.draw(Chance(2).generator(), DRAWS)
    assert (draws**2).mean() == pytest.approx(law.second_moment, rel=0.1)


@pytest.mark.parametrize("law", TAME[:-1], ids=ident)
def test_draws_follow_the_distribution_function(law: Law) -> None:
    assert furthest(law.draw(Chance(3).generator(), 5_000), law) < 1.95


@pytest.mark.parametrize("law", TAME, ids=ident)
def test_the_mean_is_the_integral_of_what_survives(law: Law) -> None:
    assert below(law, 100 * law.mean) == pytest.approx(law.mean, rel=0.01)


@pytest.mark.parametrize("law", TAME, ids=ident)
def test_what_is_left_is_half_the_second_moment_over_the_first(law: Law) -> None:
    left = law.residual(Chance(4).generator(), DRAWS)
    assert law.residual_mean == pytest.approx(law.second_moment / law.mean / 2)
    assert left.mean() == pytest.approx(law.residual_mean, rel=0.03)


@pytest.mark.parametrize("law", TAME, ids=ident)
def test_what_is_left_has_the_density_that_renewal_theory_says(law: Law) -> None:
    """P(R < t) is the integral of (1 - F) / E[L]: the closed form beside the draws."""
    left = law.residual(Chance(5).generator(), DRAWS)
    for share in (0.25, 1.0, 3.0):
        expected = below(law, share * law.mean, 20_000) / law.mean
        assert (left < share * law.mean).mean() == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("law", TAME, ids=ident)
def test_age_and_rest_are_alike_and_make_up_the_session_that_was_met(law: Law) -> None:
    age, left = law.stationary(Chance(6).generator(), DRAWS)
    whole = law.biased(Chance(6).generator(), DRAWS)
    assert np.allclose(age + left, whole)
    assert age.mean() == pytest.approx(left.mean(), rel=0.03)


def test_what_is_left_of_an_exponential_session_is_as_long_as_a_new_one() -> None:
    law = Exponential(60.0)
    assert law.residual_mean == 60.0
    assert furthest(law.residual(Chance(7).generator(), 5_000), law) < 1.95


def test_weibull_of_shape_one_half_leaves_three_times_the_mean() -> None:
    assert Weibull(10.0, 0.5).residual_mean == pytest.approx(30.0)


def test_weibull_of_shape_one_is_exponential() -> None:
    weibull, exponential = Weibull(7.0, 1.0), Exponential(7.0)
    for x in (-1.0, 0.0, 0.1, 7.0, 70.0):
        assert weibull.cdf(x) == pytest.approx(exponential.cdf(x))


def test_what_is_left_of_a_pareto_session_is_pareto_with_one_less() -> None:
    law = Pareto(100.0, 3.0)
    rest = Pareto(law.scale / (law.shape - 2), law.shape - 1)
    assert rest.scale == pytest.approx(law.scale)
    assert law.residual_mean == pytest.approx(rest.mean)
    assert furthest(law.residual(Chance(8).generator(), 5_000), rest) < 1.95


def test_a_heavy_pareto_leaves_no_mean() -> None:
    assert Pareto(100.0, 2.0).residual_mean == math.inf
    assert np.isfinite(Pareto(100.0, 1.5).residual(Chance(9).generator(), 1_000)).all()


def test_fixed_sessions_leave_anything_from_nothing_to_all() -> None:
    law = Fixed(8.0)
    assert (law.cdf(7.9), law.cdf(8.0)) == (0.0, 1.0)
    left = law.residual(Chance(10).generator(), DRAWS)
    assert left.min() >= 0
    assert left.max() <= 8
    assert law.residual_mean == 4.0


# Published fits: Stutzbach & Rejaie, IMC 2006, minutes.
@pytest.mark.parametrize(
    ("shape", "scale"), [(0.38, 42.4), (0.34, 21.3), (0.59, 41.9)], ids=["debian", "red hat", "ff"]
)
def test_weibull_by_its_scale_as_papers_have_it(shape: float, scale: float) -> None:
    law = Weibull.of_scale(60 * scale, shape)
    assert law.scale == pytest.approx(60 * scale)
    assert law.cdf(60 * scale) == pytest.approx(1 - math.exp(-1))


def test_log_normal_by_its_median() -> None:
    law = LogNormal.of_median(7200.0, 1.5)
    assert law.cdf(7200.0) == pytest.approx(0.5)
    assert law.mu == pytest.approx(math.log(7200.0))


@given(law=ANY_LAW, u=st.floats(min_value=0.001, max_value=0.999))
def test_the_compiled_quantile_inverts_the_distribution_function(law: Law, u: float) -> None:
    at = law_quantile(*law.code(), u)
    if isinstance(law, Fixed):
        assert at == law.mean
    else:
        assert law.cdf(at) == pytest.approx(u, rel=1e-6)


@given(law=ANY_LAW, u=st.floats(min_value=0.0, max_value=0.999))
def test_the_quantile_is_the_same_uncompiled(law: Law, u: float) -> None:
    plain = law_quantile.py_func(*law.code(), u)  # type: ignore[attr-defined]
    assert law_quantile(*law.code(), u) == pytest.approx(plain, rel=1e-9)


@given(law=ANY_LAW)
def test_no_session_is_shorter_than_nothing(law: Law) -> None:
    assert law.cdf(-1.0) == law.cdf(0.0) == 0.0
    assert law_quantile(*law.code(), 0.0) in (0.0, law.mean)
    assert law.draw(Chance(11).generator(), 10).min() >= 0


@pytest.mark.parametrize("law", [Exponential, Fixed])
@pytest.mark.parametrize("mean", [0.0, -1.0, math.inf, math.nan])
def test_an_impossible_mean_is_refused(law: type[Law], mean: float) -> None:
    with pytest.raises(ConfigError, match=f"mean of the {law.name} law is"):
        law(mean)


def test_an_impossible_shape_is_refused() -> None:
    with pytest.raises(ConfigError, match="shape of the weibull law is 0, but must be a number"):
        Weibull(1.0, 0)
    with pytest.raises(ConfigError, match=r"shape of the pareto law is 1.0, but must be above 1"):
        Pareto(1.0, 1.0)
    with pytest.raises(ConfigError, match="sigma of the log-normal law"):
        LogNormal(1.0, -0.5)
    with pytest.raises(ConfigError, match="here is -1"):
        positive("here", -1)


def test_every_law_has_a_name_and_a_code_of_its_own() -> None:
    assert len({law.name for law in LAWS}) == len(LAWS)
    assert len({law.code()[0] for law in TAME}) == len(LAWS)
