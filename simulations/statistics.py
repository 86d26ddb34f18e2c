"""How sure we may be: intervals, two samples compared, and the digest that says "the same".

The unit of chance is a *run*, not a row: the lookups of one run share its network, so a million of
them are no million independent draws. Intervals are therefore over runs (one figure a seed): means
by Student's t, which at ten seeds is honest where 1.96 is too short; everything else by the
bootstrap.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from simulations.chance import Chance
    from simulations.rows import Rows

    Floats: TypeAlias = NDArray[np.float64]

LEVEL: Final = 0.95
BOOTSTRAPS: Final = 2000
"""Resamples: the ends of an interval are then quantiles of 50 draws on each side."""


@dataclass(frozen=True)
class Interval:
    """A figure, and where it may lie. With a single run the ends are not numbers."""

    middle: float
    low: float
    high: float

    @property
    def half(self) -> float:
        """Half its width: what stands after ±."""
        return (self.high - self.low) / 2

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def t_cdf(t: float, freedom: int) -> float:
    """Student's distribution function for whole degrees of freedom (A&S 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine2 = math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for step in range(1 + odd, freedom, 2):
        total += term
        term *= cosine2 * step / (step + 1)
    inside = math.sin(angle) * total
    return 0.5 + ((angle + inside) / math.pi if odd else inside / 2)


def t_quantile(p: float, freedom: int) -> float:
    """The value that Student's t stays below with probability ``p``, by halving."""
    high = 1.0
    while t_cdf(high, freedom) < max(p, 1 - p):
        high *= 2
    low = 0.0
    while high - low > 1e-10 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if t_cdf(middle, freedom) < max(p, 1 - p) else (low, middle)
    return math.copysign(high, p - 0.5)


def t_interval(values: ArrayLike, level: float = LEVEL) -> Interval:
    """The mean of ``values``, one a run, and its interval."""
    given = np.asarray(values, np.float64)
    mean = float(given.mean()) if given.size else math.nan
    if given.size < 2:  # noqa: PLR2004 - one run says nothing about spread
        return Interval(mean, math.nan, math.nan)
    half = t_quantile((1 + level) / 2, given.size - 1) * float(given.std(ddof=1))
    half /= math.sqrt(given.size)
    return Interval(mean, mean - half, mean + half)


def t_bands(curves: Floats, level: float = LEVEL) -> tuple[Floats, Floats, Floats]:
    """Mean, lower and upper curve of ``curves``, one a row and run; NaNs are runs that say nothing.

    Where fewer than two runs say something, the band has no width to show and is NaN.
    """
    columns = [t_interval(column[~np.isnan(column)], level) for column in curves.T]
    table = np.array([(c.middle, c.low, c.high) for c in columns]).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def bootstrap(
    values: ArrayLike,
    statistic: Callable[[Floats], float],
    chance: Chance,
    *,
    level: float = LEVEL,
    draws: int = BOOTSTRAPS,
) -> Interval:
    """``statistic`` of ``values``, one a run, and its interval by resampling them (percentiles)."""
    given = np.asarray(values, np.float64)
    rng = chance.generator()
    again = [statistic(given[rng.integers(0, len(given), len(given))]) for _ in range(draws)]
    low, high = np.quantile(again, [(1 - level) / 2, (1 + level) / 2])
    return Interval(statistic(given), float(low), float(high))


def ks(one: ArrayLike, other: ArrayLike) -> tuple[float, float]:
    """The two-sample test of Kolmogorov and Smirnov.

    Returns:
        The greatest distance between the two empirical distributions, and the probability of one
        at least as great if both come from the same (asymptotic, with Stephens' correction; on
        whole numbers, which have ties, it errs on the side of "the same").
    """
    first, second = np.sort(np.asarray(one, np.float64)), np.sort(np.asarray(other, np.float64))
    if not (first.size and second.size):
        return math.nan, math.nan
    at = np.concatenate([first, second])
    below = np.searchsorted(first, at, side="right") / first.size
    beside = np.searchsorted(second, at, side="right") / second.size
    distance = float(np.abs(below - beside).max())
    root: float = math.sqrt(first.size * second.size / (first.size + second.size))
    return distance, kolmogorov((root + 0.12 + 0.11 / root) * distance)


def kolmogorov(x: float) -> float:
    """The probability that Kolmogorov's variable exceeds ``x``: 2 Σ (-1)^(j-1) exp(-2 j² x²)."""
    if x < 0.2:  # noqa: PLR2004 - the series alternates without end; the value is 1 to 12 digits
        return 1.0
    terms = ((-1) ** (j - 1) * math.exp(-2 * (j * x) ** 2) for j in range(1, 101))
    total: float = 2 * sum(terms)
    return min(1.0, max(0.0, total))


def quantiles(values: ArrayLike, shares: Sequence[float]) -> list[float]:
    """The values below which these shares of all lie; NaNs if there are none."""
    given = np.asarray(values, np.float64)
    if not given.size:
        return [math.nan] * len(shares)
    return [float(q) for q in np.quantile(given, shares)]


def digest(rows: Rows) -> str:
    """64 hex digits that are equal exactly if the rows are: SHA-256 of names, types and bytes.

    Columns are taken in the order of their names; numbers as little-endian bytes, so that machines
    agree; text as UTF-8.
    """
    total = hashlib.sha256(f"{rows.count}".encode())
    for name in sorted(rows):
        column = rows[name]
        total.update(f"\n{name}\n{column.dtype.kind}{column.dtype.itemsize}\n".encode())
        total.update(_bytes(column))
    return total.hexdigest()


def _bytes(column: NDArray[Any]) -> bytes:
    if column.dtype.kind in "OU":
        return b"\0".join(str(value).encode() for value in column)
    return column.astype(column.dtype.newbyteorder("<")).tobytes()
