"""Experiments of ours, run small: their own TOML with some values set, one seed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from simulations import config
from simulations.chance import Chance
from simulations.io.studies import defaults
from tests.sim_studies import NoFiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from simulations.config import Point
    from simulations.rows import Rows


def point(name: str, *sets: str) -> Point:
    """The point of an experiment's own file, with some ``--set``."""
    table = config.overlaid(defaults(name), config.assigned(sets))
    return config.point(table, {}, NoFiles())


def rerun(name: str, *sets: str, seed: int = 1) -> Rows:
    """What one run of it sees."""
    made = point(name, *sets)
    return made.experiment.run(made.scenario, Chance(seed))


@cache
def ran(name: str, *sets: str, seed: int = 1) -> Rows:
    """What one run of it saw: tests share runs, which nobody can change."""
    return rerun(name, *sets, seed=seed)


def figures(name: str, rows: Rows, *sets: str) -> dict[str, float]:
    """Its summary of some rows, by name."""
    return {each.name: each.value for each in point(name, *sets).experiment.summary(rows)}


def found(name: str, *sets: str, seed: int = 1) -> dict[str, float]:
    """The figures of one run of it."""
    return figures(name, ran(name, *sets, seed=seed), *sets)


def plotted(name: str, rows: Rows) -> list[Axes]:
    """Its plot of some rows, which get the column of a seed."""
    experiment = point(name).experiment
    axes = list(Figure().subplots(1, experiment.panels, squeeze=False)[0])
    experiment.plot(axes, rows.having(seed=1))
    return axes
