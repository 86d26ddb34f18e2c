"""Small studies that need no engine: an experiment in a user's own file, and its TOML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simulations import config
from simulations.io import studies
from simulations.io.runs import Runner
from simulations.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.random import Generator

    from simulations.config import Study
    from simulations.io.studies import Library
    from simulations.latency import Matrix
    from simulations.scenario import Trace

CODE = '''
"""An experiment that draws its lookups from a hat."""

from dataclasses import dataclass

from simulations.experiment import Experiment, Figure
from simulations.experiments.churn import Churn, ChurnSettings
from simulations.registry import register
from tests.sim_studies import drawn


@dataclass(frozen=True)
class Settings(ChurnSettings):
    count: int = 40
    fault: str = ""
    stay: str = ""


@register("experiment", "hat")
class Hat(Churn):
    """Lookups from a hat.

    Nothing is simulated.
    """

    Settings = Settings

    def run(self, scenario, chance, progress=None):
        said = self.settings
        if said.fault == "run":
            raise ZeroDivisionError("no hat")
        if said.stay:
            waits(said.stay, progress)
        if progress is not None:
            progress(scenario.duration / 2)
            progress(scenario.duration)
        generator = chance.stream("hat").generator()
        return drawn(generator, said.count, scenario.duration, scenario.network.nodes)

    def summary(self, rows):
        if self.settings.fault == "summary":
            raise KeyError("no figure")
        return super().summary(rows)

    def plot(self, axes, rows):
        if self.settings.fault == "plot":
            raise TypeError("no pencil")
        super().plot(axes, rows)

    def memory(self, scenario):
        return scenario.network.nodes * 1_000


def waits(path, progress):
    """Stay until a file is there: a run that is still going on when the test looks."""
    import pathlib
    import time

    pathlib.Path(path + ".begun").touch()
    while not pathlib.Path(path).exists():
        progress(1.0)
        time.sleep(0.01)
'''

TOML = """
experiment = "hat"
code = "hat.py"
seeds = 3
duration = "10 min"

[network]
nodes = 100
"""


def drawn(rng: Generator, count: int, duration: float, nodes: int) -> Rows:
    """Lookups as an engine would report them; larger networks need more requests."""
    return Rows({
        "time_s": np.sort(rng.random(count)) * duration,
        "source": rng.integers(0, nodes, count),
        "kind": np.zeros(count),
        "success": rng.random(count) < 0.9,
        "found_closest": 1 - rng.random(count) / 10,
        "hops": rng.integers(1, 4, count),
        "requests": rng.poisson(10 + nodes / 100, count),
        "timeouts": rng.poisson(1, count),
        "latency_s": rng.lognormal(0, 1, count),
    })  # fmt: skip


def written(home: Path, text: str = TOML) -> Path:
    """A study and its code in ``home``; the path of the TOML file."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "hat.py").write_text(CODE, encoding="utf-8")
    path = home / "hat.toml"
    path.write_text(text, encoding="utf-8")
    return path


def opened(home: Path, *sets: str, text: str = TOML) -> tuple[Study, Library]:
    """The study of :func:`written`, with some ``--set``."""
    return studies.opened(str(written(home, text)), config.assigned(sets))


def runner(home: Path, *sets: str, out: str = "out", suffix: str = "", text: str = TOML) -> Runner:
    """What runs it into ``home / out``."""
    study, library = opened(home, *sets, text=text)
    return Runner(study, study.points(library), library, home / out, suffix)


class NoFiles:
    """What reads the files of a configuration, for those that name none."""

    def trace(self, path: str) -> Trace:
        raise AssertionError(path)

    def matrix(self, path: str) -> Matrix:
        raise AssertionError(path)

    def code(self, path: str) -> str:
        raise AssertionError(path)


def table(**values: Any) -> Mapping[str, Any]:
    """A configuration of the churn experiment."""
    return {"experiment": "churn", **values}
