"""What plots have in common: curves with bands, and how numbers are named.

Axes come from outside, so nothing here imports matplotlib. A band is the interval of the mean over
seeds (:func:`~simulations.statistics.t_bands`); with one seed there is only the line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from simulations.statistics import t_bands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from simulations.rows import Rows

    Floats: TypeAlias = NDArray[np.float64]

POINTS: Final = 101
"""Points of a distribution's curve: its percentiles."""
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe & Ito's: told apart by the colour-blind, and in grey."""


def band(axes: Any, x: Floats, curves: Floats, *, label: str = "", colour: int = 0) -> None:
    """Draw the mean of ``curves`` (one a seed) over ``x``, and its interval as a band."""
    middle, low, high = t_bands(curves)
    shade = COLOURS[colour % len(COLOURS)]
    axes.plot(x, middle, color=shade, label=label or None, linewidth=1.4)
    if not np.isnan(low).all():
        axes.fill_between(x, low, high, color=shade, alpha=0.25, linewidth=0)


def upright(axes: Any, curves: Floats, y: Floats, *, label: str = "", colour: int = 0) -> None:
    """As :func:`band` with the band lying: quantiles (one curve a seed) against their shares."""
    middle, low, high = t_bands(curves)
    shade = COLOURS[colour % len(COLOURS)]
    axes.plot(middle, y, color=shade, label=label or None, linewidth=1.4)
    if not np.isnan(low).all():
        axes.fill_betweenx(y, low, high, color=shade, alpha=0.25, linewidth=0)


def groups(rows: Rows) -> Iterator[tuple[str, Rows]]:
    """The rows of each point of a sweep with its label; all of them, unlabelled, if there is none.

    Columns of a sweep are known by their dots, which no other has, or as ``fidelity``. One that has
    a single value here tells nothing apart, and is left out of the labels.
    """
    swept = [name for name in rows if "." in name or name == "fidelity"]
    swept = [name for name in swept if len(np.unique(rows[name])) > 1]
    if not swept or not rows.count:
        yield "", rows
        return
    codes = np.stack([np.unique(rows[name], return_inverse=True)[1] for name in swept])
    _, first, point = np.unique(codes, axis=1, return_index=True, return_inverse=True)
    for number in np.argsort(first):  # in the order of the sweep
        told = [f"{name.rpartition('.')[2]} = {rows[name][first[number]]}" for name in swept]
        yield ", ".join(told), rows.where(point.ravel() == number)


def per_seed(rows: Rows, curve: Callable[[Rows], Floats]) -> Floats:
    """A curve of each seed's rows, one below the other."""
    seeds = np.unique(rows["seed"]) if rows.count else [0]  # of no rows, one empty curve
    return np.array([curve(rows.where(rows["seed"] == seed)) for seed in seeds])


def over_time(rows: Rows, column: str, edges: Floats) -> Floats:
    """The mean of a column in each span of time between ``edges``; NaN where there is no row."""
    at = np.digitize(rows["time_s"], edges) - 1
    inside = (at >= 0) & (at < len(edges) - 1)
    counts = np.bincount(at[inside], minlength=len(edges) - 1)
    sums = np.bincount(at[inside], rows[column][inside], minlength=len(edges) - 1)
    with np.errstate(invalid="ignore"):
        means: Floats = sums / counts
    return means


def percentiles(rows: Rows, column: str) -> Floats:
    """The values at each percent of a column: its distribution as a curve."""
    if not rows.count:
        return np.full(POINTS, np.nan)
    found: Floats = np.percentile(rows[column], np.linspace(0, 100, POINTS))
    return found
