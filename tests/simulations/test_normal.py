"""The compiled normal quantile against the standard library's."""

from __future__ import annotations

from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.normal import _ratio, normal_quantile

ORACLE = NormalDist()
SHARES = st.floats(min_value=1e-300, max_value=1.0, exclude_max=True)


@given(p=SHARES)
def test_it_is_the_standard_librarys(p: float) -> None:
    assert normal_quantile(p) == pytest.approx(ORACLE.inv_cdf(p), rel=1e-12, abs=1e-14)


@given(p=SHARES)
def test_it_is_the_same_uncompiled(p: float) -> None:
    plain = normal_quantile.py_func(p)  # type: ignore[attr-defined]
    assert normal_quantile(p) == pytest.approx(plain, rel=1e-12, abs=1e-14)


# Wichura 1988, the check values printed with AS 241.
@pytest.mark.parametrize(
    ("p", "z"),
    [(0.25, -0.6744897501960817), (0.001, -3.090232306167814), (1e-20, -9.262340089798408)],
)
def test_published_values(p: float, z: float) -> None:
    assert normal_quantile(p) == pytest.approx(z, rel=1e-14)


def test_ratio_is_one_polynomial_over_another() -> None:
    import numpy as np

    above, below = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    plain = _ratio.py_func(above, below, 2.0)  # type: ignore[attr-defined]
    assert _ratio(above, below, 2.0) == plain == (4 + 4 + 3) / (16 + 10 + 6)
