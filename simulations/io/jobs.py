"""One run, as a process that knows nothing else can do it: read, simulate, write a shard.

A job is plain data: the table of its point, a seed, and where the result goes. So it travels to
any executor, and a worker on another machine needs only this package and the same file system.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from simulations import config
from simulations.chance import Chance
from simulations.io import files, versions
from simulations.io.studies import Library
from simulations.io.usercode import blamed
from simulations.statistics import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulations.config import Point
    from simulations.rows import Rows

    Report = Callable[[int, float], None]

OFTEN: Final = 0.2
"""Seconds between two reports of a run: people see five in a second, queues bear more."""


@dataclass(frozen=True)
class Job:
    """One run to be done.

    Attributes:
        number: Which of the jobs of this study it is, for reports.
        table: The configuration, with the sweep's values in it.
        values: What the sweep set.
        hash: The point's.
        seed: The number of the run.
        root: The root of all chance of the study.
        home: Where relative paths of the configuration begin.
        path: Where the shard goes.
    """

    number: int
    table: Mapping[str, Any]
    values: Mapping[str, Any]
    hash: str
    seed: int
    root: int
    home: str
    path: str

    @property
    def done(self) -> bool:
        """Whether its shard is there already, made by this very code."""
        facts = files.read_facts(Path(self.path))
        return facts is not None and (
            (facts.get("hash"), facts.get("seed"), facts.get("seed_root"), facts.get("code"))
            == (self.hash, self.seed, self.root, versions.code())
        )


def perform(job: Job, report: Report | None = None) -> str:
    """Do it; the path of the shard.

    Raises:
        RunFailed: Code of the user's failed.
        SimulationError: What the engine or the disk refuses.
    """
    begun = time.perf_counter()
    point = config.point(job.table, job.values, Library(Path(job.home)))
    rows = _run(job, point, _seldom(job.number, report))
    facts = {
        "experiment": job.table["experiment"],
        "fidelity": point.experiment.fidelity,
        "seed": job.seed,
        "seed_root": job.root,
        "hash": job.hash,
        "values": dict(job.values),
        "configuration": job.table,
        "home": job.home,
        "code": versions.code(),
        "packages": versions.packages(),
        "digest": digest(rows),
        "rows": rows.count,
        "elapsed_s": round(time.perf_counter() - begun, 3),
    }
    files.write_rows(Path(job.path), rows, facts)
    return job.path


def _run(job: Job, point: Point, progress: Callable[[float], None] | None) -> Rows:
    # The seed alone makes the chance, not the point: points of a sweep share all they can.
    chance = Chance(job.root).stream("run", job.seed)
    codes = [Path(job.home) / path for path in config.codes(job.table)]
    with blamed(f"seed {job.seed}", codes):
        return point.experiment.run(point.scenario, chance, progress)


def _seldom(number: int, report: Report | None) -> Callable[[float], None] | None:
    """Pass on what an engine says, a few times a second: engines may say it at every event."""
    if report is None:
        return None
    last = -1.0

    def pass_on(seconds: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= OFTEN:
            last = now
            report(number, seconds)

    return pass_on
