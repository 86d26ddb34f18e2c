"""Curves and bands, against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.figure import Figure

from simulations import drawing
from simulations.rows import Rows

ROWS = Rows({
    "seed": [1, 1, 1, 2, 2],
    "time_s": [0.0, 5.0, 15.0, 1.0, 25.0],
    "hops": [1, 3, 5, 7, 9],
})  # fmt: skip
EDGES = np.array([0.0, 10.0, 20.0, 30.0])


def test_over_time_is_the_mean_of_each_span() -> None:
    means = drawing.over_time(ROWS, "hops", EDGES)
    assert means.tolist() == [(1 + 3 + 7) / 3, 5.0, 9.0]


def test_where_there_is_nothing_there_is_no_mean() -> None:
    means = drawing.over_time(ROWS.where(ROWS["seed"] == 1), "hops", EDGES)
    assert means[:2].tolist() == [2.0, 5.0]
    assert math.isnan(means[2])


def test_what_lies_outside_does_not_count() -> None:
    means = drawing.over_time(ROWS, "hops", np.array([2.0, 6.0]))
    assert means.tolist() == [3.0]


def test_one_curve_a_seed() -> None:
    curves = drawing.per_seed(ROWS, lambda rows: drawing.over_time(rows, "hops", EDGES))
    assert curves.shape == (2, 3)
    assert curves[1, 0] == 7.0


def test_percentiles_are_a_distribution() -> None:
    curve = drawing.percentiles(Rows({"x": np.arange(101)}), "x")
    assert curve == pytest.approx(np.arange(101))
    assert np.isnan(drawing.percentiles(Rows({"x": []}), "x")).all()


def test_groups_are_the_points_of_a_sweep_in_its_order() -> None:
    rows = Rows({"a.b": [3, 1, 3, 1], "c.d": ["x", "x", "x", "y"], "v": [0, 1, 2, 3]})
    found = [(label, part["v"].tolist()) for label, part in drawing.groups(rows)]
    assert found == [("b = 3, d = x", [0, 2]), ("b = 1, d = x", [1]), ("b = 1, d = y", [3])]


def test_without_a_sweep_there_is_one_group_without_a_label() -> None:
    assert [label for label, _ in drawing.groups(ROWS)] == [""]
    assert [label for label, _ in drawing.groups(Rows({"a.b": []}))] == [""]


def test_a_band_is_drawn_if_there_are_two_seeds() -> None:
    axes = Figure().subplots()
    drawing.band(axes, EDGES, np.array([[1.0, 2, 3, 4]]), label="one")
    assert (len(axes.lines), len(axes.collections)) == (1, 0)
    drawing.band(axes, EDGES, np.array([[1.0, 2, 3, 4], [2.0, 3, 4, 5]]), colour=1)
    assert (len(axes.lines), len(axes.collections)) == (2, 1)
    assert axes.get_legend_handles_labels()[1] == ["one"]


def test_an_upright_band_has_its_values_across() -> None:
    axes = Figure().subplots()
    shares = np.linspace(0, 1, 3)
    drawing.upright(axes, np.array([[1.0, 2, 9]]), shares)
    drawing.upright(axes, np.array([[1.0, 2, 9], [2.0, 3, 7]]), shares, label="two", colour=9)
    assert axes.lines[0].get_xdata().tolist() == [1.0, 2.0, 9.0]
    assert axes.lines[1].get_xdata().tolist() == [1.5, 2.5, 8.0]
    assert len(axes.collections) == 1
