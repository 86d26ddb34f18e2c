"""A study, run: every point with every seed, each a shard of its own; what is done is not redone.

``DIR/run.json`` says which shards make up the study. Shards of an earlier one, with other settings,
may lie beside them and are passed over; should the settings come back, so do they.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simulations import config
from simulations.io import files, memory
from simulations.io.jobs import Job
from simulations.io.workers import Crew, crew

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from simulations.config import Point, Study
    from simulations.io.studies import Library

INDEX: Final = "run.json"
_TICK: Final = 0.25
"""Seconds between two looks at how it stands."""


class Stop(BaseException):
    """Raised by who watches, to end the study. As Ctrl-C, it passes through users' code."""


@dataclass
class Standing:
    """How a study stands.

    Attributes:
        jobs: Runs in all.
        kept: Of these, done by an earlier call.
        done: Done by now, with those kept.
        duration: Virtual seconds of all runs.
        simulated: Virtual seconds that are over.
        elapsed: Seconds since this call began.
    """

    jobs: int
    kept: int
    done: int
    duration: float
    simulated: float
    elapsed: float
    resumed: float = 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds until the end, if the rest goes as what this call did; ``None``: too early."""
        ours = self.simulated - self.resumed
        if ours <= 0:
            return None
        return self.elapsed * (self.duration - self.simulated) / ours


@dataclass
class Runner:
    """Runs a study into a directory.

    Attributes:
        study: What to run.
        points: Its points, checked.
        library: What it is read with.
        out: Where shards go.
        suffix: Their format.
        watch: Told how it stands, several times a second.
    """

    study: Study
    points: list[Point]
    library: Library
    out: Path
    suffix: str = ""
    watch: Callable[[Standing], None] = field(default=lambda _: None)

    def __post_init__(self) -> None:
        self.suffix = self.suffix or files.best_suffix()
        self.jobs = [self._job(*each) for each in self._each()]
        self._lasts = {
            job.number: point.scenario.duration
            for job, (_, point, _) in zip(self.jobs, self._each(), strict=True)
        }
        self._at: dict[int, float] = {}
        self._begun = time.monotonic()
        self.standing = Standing(len(self.jobs), 0, 0, sum(self._lasts.values()), 0.0, 0.0)

    def fits(self, workers: int) -> None:
        """Check, before anything begins, that there is memory for it.

        Raises:
            TooBig: There is not.
        """
        needs = [point.experiment.memory(point.scenario) for point in self.points]
        at_once = min(workers, len(self.jobs))
        # With several seeds, the largest point may run several times at once.
        memory.check([max(needs)] * at_once, at_once, memory.available())

    def run(self, workers: int = 1, *, dask: str | None = None) -> list[Path]:
        """Run what is missing; the paths of all shards.

        Raises:
            SimulationError: A run failed; what was done before is kept.
        """
        self._index()
        missing = [job for job in self.jobs if not job.done]
        self._resume(missing)
        if missing:
            with crew(min(workers, len(missing)), self._told, dask=dask) as hands:
                self._drive(hands, missing)
        return [Path(job.path) for job in self.jobs]

    def _drive(self, hands: Crew, missing: list[Job]) -> None:
        pending: dict[Future[str], Job] = {}
        over = False
        try:
            for job in missing:
                future = hands.submit(job)
                pending[future] = job
                if future.done():  # an executor that does it at once: let no error wait for all
                    self._finished(future, pending.pop(future))
            while pending:
                ready, _ = wait(pending, timeout=_TICK, return_when=FIRST_COMPLETED)
                for number, seconds in hands.heard():
                    self._told(number, seconds)
                for future in ready:
                    self._finished(future, pending.pop(future))
                self._watch()
            over = True
        finally:
            if not over:  # an error, or Ctrl-C: nobody may go on for nothing
                hands.abandon()
            self._sweep()

    def _finished(self, future: Future[str], job: Job) -> None:
        future.result()
        self._at[job.number] = self._lasts[job.number]
        self.standing.done += 1
        self._watch()

    def _told(self, number: int, seconds: float) -> None:
        self._at[number] = min(seconds, self._lasts[number])
        self._watch()

    def _watch(self) -> None:
        self.standing.simulated = self.standing.resumed + sum(self._at.values())
        self.standing.elapsed = time.monotonic() - self._begun
        self.watch(self.standing)

    def _resume(self, missing: list[Job]) -> None:
        left = {job.number for job in missing}
        standing = self.standing
        standing.kept = standing.done = len(self.jobs) - len(missing)
        standing.resumed = sum(last for number, last in self._lasts.items() if number not in left)
        self._watch()

    def _sweep(self) -> None:
        """Remove what a process that was ended had begun to write."""
        with suppress(OSError):
            for part in self.out.glob(f"{files.PART}*"):
                part.unlink(missing_ok=True)

    def _index(self) -> None:
        """Write which shards belong to the study."""
        told = {
            "experiment": self.study.name,
            "configuration": self.study.table,
            "home": str(self.library.home),
            "shards": [Path(job.path).name for job in self.jobs],
        }
        files.write(self.out / INDEX, json.dumps(told, indent=1).encode())

    def _each(self) -> list[tuple[int, Point, int]]:
        pairs = [(point, seed) for point in self.points for seed in self.study.seeds]
        return [(number, point, seed) for number, (point, seed) in enumerate(pairs)]

    def _job(self, number: int, point: Point, seed: int) -> Job:
        table = config.overlaid(self.study.table, config.nested(point.values))
        root = self.study.root
        return Job(
            number=number,
            table={key: value for key, value in table.items() if key not in ("sweep", "seeds")},
            values=point.values,
            hash=point.hash,
            seed=seed,
            root=root,
            home=str(self.library.home),
            path=str(self.out.absolute() / f"{point.hash}-{root}-{seed:05d}{self.suffix}"),
        )
