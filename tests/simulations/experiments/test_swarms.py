"""The experiments with swarms, small: their defaults, their figures, their plots."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.figure import Figure

from simulations import config
from simulations.chance import Chance
from simulations.experiments.flash_crowd import FlashCrowd
from simulations.experiments.free_riders import FreeRiders
from simulations.experiments.poisoned_pieces import PoisonedPieces
from simulations.experiments.rarest_first import LIARS, RarestFirst
from simulations.io.studies import defaults
from simulations.rows import Rows
from simulations.scenario import Scenario
from simulations.swarming import SwarmExperiment, SwarmStudy
from tests.sim_studies import NoFiles
from tests.sim_swarms import settings

KINDS = {
    "flash-crowd": (FlashCrowd, {}),
    "free-riders": (FreeRiders, {"misfits__free_riders": 0.25}),
    "poisoned-pieces": (PoisonedPieces, {"misfits__liars": 0.2, "content__sources": 4}),
    "rarest-first": (RarestFirst, {"misfits__liars": 0.2, "content__sources": 4}),
}


def asked(name: str, seed: int = 1, **more: object) -> tuple[SwarmExperiment, Rows]:
    kind, how = KINDS[name]
    experiment = kind(SwarmStudy(settings(**{**how, **more})))  # type: ignore[arg-type]
    told: list[float] = []
    rows = experiment.run(Scenario(), Chance(seed), told.append)
    assert told[-1] == Scenario().duration
    return experiment, rows.having(seed=seed)


@pytest.mark.parametrize("name", KINDS)
def test_defaults_are_what_the_settings_know(name: str) -> None:
    points = config.study(defaults(name)).points(NoFiles())
    assert points
    for point in points:
        assert isinstance(point.experiment, KINDS[name][0])
        assert 10**6 < point.experiment.memory(point.scenario) < 10**9


@pytest.mark.parametrize("name", KINDS)
def test_figures_and_plots(name: str) -> None:
    experiment, rows = asked(name)
    found = {figure.name: figure.value for figure in experiment.summary(rows)}
    assert found["finished"] == 1
    assert 1 <= found["makespan over the limit"] < 3
    assert 0 < found["uplinks used"] <= 1
    assert not any(map(math.isnan, found.values()))
    axes = list(Figure().subplots(1, experiment.panels))
    experiment.plot(axes, Rows.joined([rows, asked(name, 2)[1]]))
    assert all(axis.get_xlabel() and axis.get_ylabel() for axis in axes)


def test_who_never_finishes_has_no_figures_and_no_curve() -> None:
    experiment, rows = asked("flash-crowd", origin__count=1, horizon=1.0)
    found = {figure.name: figure.value for figure in experiment.summary(rows)}
    assert found["finished"] == 0
    assert math.isnan(found["makespan"])
    experiment.plot(list(Figure().subplots(1, 2)), rows)


def test_without_misfits_their_figures_are_none() -> None:
    riders = FreeRiders(SwarmStudy(settings()))
    rows = riders.run(Scenario(), Chance(1))
    found = {figure.name: figure.value for figure in riders.summary(rows)}
    assert math.isnan(found["free riders over honest"])
    liars = PoisonedPieces(SwarmStudy(settings()))
    found = {figure.name: figure.value for figure in liars.summary(rows)}
    assert math.isnan(found["liars banned by, share of peers"])


def test_a_sweep_of_liars_is_lines() -> None:
    parts = []
    for share in (0.0, 0.2):
        for rarest in (True, False):
            rows = asked("rarest-first", misfits__liars=share, rules__rarest=rarest)[1]
            swept = {LIARS: share, "settings.swarm.rules.rarest": rarest}
            parts.append(Rows({**rows, **{k: np.full(rows.count, v) for k, v in swept.items()}}))
    axes = list(Figure().subplots(1, 2))
    RarestFirst().plot(axes, Rows.joined(parts))
    assert axes[0].get_legend_handles_labels()[1] == ["rarest first", "any piece"]


def test_real_swarms_need_more_memory() -> None:
    study = SwarmStudy(settings())
    assert FlashCrowd(study, "protocol").memory(Scenario()) > FlashCrowd(study).memory(Scenario())
