"""The churn experiment: its figures by hand, its plot in full."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.figure import Figure

from simulations import config
from simulations.experiments.churn import Churn, ChurnSettings
from simulations.io.studies import defaults
from simulations.laws import Weibull
from simulations.rows import Kind, Rows
from tests.sim_studies import NoFiles, drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def lookups(**columns: object) -> Rows:
    made: dict[str, object] = {
        "time_s": [0.0, 60.0, 120.0, 180.0],
        "source": [0, 1, 2, 3],
        "kind": [Kind.LOOKUP, Kind.LOOKUP, Kind.LOOKUP, Kind.REFRESH],
        "success": [True, True, False, False],
        "found_closest": [1.0, 1.0, 0.5, 0.0],
        "hops": [1, 2, 3, 100],
        "requests": [10, 20, 30, 100],
        "timeouts": [0, 3, 6, 100],
        "latency_s": [0.1, 0.2, 0.3, 100.0],
    }
    return Rows({**made, **columns})  # type: ignore[arg-type]


def test_figures_are_over_what_users_asked() -> None:
    found = {figure.name: figure.value for figure in Churn().summary(lookups())}
    assert found == pytest.approx({
        "lookups": 3,
        "success": 2 / 3,
        "found of the k closest": 2.5 / 3,
        "hops": 2,
        "requests": 20,
        "timeouts": 3,
        "latency, median": 0.2,
        "latency, 95 %": 0.29,
    })  # fmt: skip


def test_where_nobody_asked_there_are_no_figures() -> None:
    none = lookups(kind=[Kind.JOIN] * 4)
    found = {figure.name: figure.value for figure in Churn().summary(none)}
    assert found.pop("lookups") == 0
    assert all(map(math.isnan, found.values()))


def plotted(rows: Rows, spans: int = 6) -> list[Axes]:
    axes = list(Figure().subplots(1, Churn.panels))
    Churn(ChurnSettings(spans=spans)).plot(axes, rows)
    return axes


def seeds(count: int, **more: object) -> Rows:
    runs = [
        drawn(np.random.default_rng(seed), 200, 600.0, 100).having(seed=seed, **more)  # type: ignore[arg-type]
        for seed in range(count)
    ]
    return Rows.joined(runs)


def test_the_plot_has_labels_units_and_bands() -> None:
    left, right = plotted(seeds(3))
    assert left.get_xlabel() == "time (min)"
    assert left.get_ylabel() == "share of the k closest found"
    assert right.get_xlabel() == "latency (s)"
    assert right.get_xlim()[0] == 0
    assert len(left.collections) == len(right.collections) == 1
    assert len(left.lines[0].get_xdata()) == 6
    assert left.get_legend() is None


def test_a_sweep_is_a_curve_a_point_with_a_legend() -> None:
    both = Rows.joined([seeds(2, **{"rules.alpha": alpha}) for alpha in (1, 3)])
    left, _ = plotted(both)
    assert len(left.lines) == 2
    legend = left.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["alpha = 1", "alpha = 3"]


def test_one_seed_is_a_line_without_a_band() -> None:
    left, right = plotted(seeds(1))
    assert not left.collections
    assert not right.collections


def test_its_file_is_what_it_runs() -> None:
    point = config.point(defaults("churn"), {}, NoFiles())
    assert point.scenario.churn is not None
    assert isinstance(point.scenario.churn.session, Weibull)
    assert isinstance(point.experiment, Churn)


def test_no_rows_are_an_empty_plot() -> None:
    left, right = plotted(seeds(1).where(np.zeros(200, bool)))
    assert right.get_xlim() == (0, 1)
    assert left.get_xlabel()
