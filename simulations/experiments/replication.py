r"""Records and their copies: who still holds what was published, and whether it can be found.

Three things keep a record alive: how many hold it (``rules.k``), how often its owner publishes it
again (``settings.republish``), and whether holders hand it on
(``rules.switches.replicate_every``). With exponential sessions of mean :math:`\tau` and repair
every :math:`T`, a record of k copies is lost in one interval with the chance
:math:`(1 - e^{-T/\tau})^k`; without repair its last copy is gone after :math:`\tau H_k` on average
(V5 of the theory).

**Beside the real network.** RFM17 (ProbeLab 2022) published 10,000 records once in IPFS (about
15,400 servers, k = 20) and watched for 36 to 40 hours:

====================================  ============================================================
holders reached by a publication      14, 18, 20 (5 %, half, 90 %)
holders alive, over all 40 hours      quartiles 13 to 16
first holders among the 20 closest    median 17, at 10 hours 15, later 14 and more
====================================  ============================================================

They led to 48 hours of life and 22 of republication (kubo 0.18). There, who goes offline comes back
and still has its records; here a node that restarts begins without (``churn.absence``), so copies
fall faster than theirs unless somebody repairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from simulations import drawing, engines
from simulations.errors import ConfigError
from simulations.experiment import Experiment, Figure
from simulations.registry import register
from simulations.rows import Rows
from simulations.statistics import quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from dht.core.messages import Record
    from simulations.chance import Chance
    from simulations.engines import Progress
    from simulations.protocol import Run
    from simulations.protocol.node import Node
    from simulations.rows import Column
    from simulations.scenario import Fidelity, Scenario

COLUMNS = ("time_s", "record", "copies", "closest", "first", "first_closest")


@dataclass(frozen=True)
class ReplicationSettings:
    """What is stored, and how often it is looked at.

    Attributes:
        records: How many, each published by a node of its own.
        republish: Seconds from one publication to the next; 0: each is published once.
        every: Seconds between two counts of all copies.
    """

    records: int = 40
    republish: float = 0.0
    every: float = 600.0

    def __post_init__(self) -> None:
        if self.records < 1:
            raise ConfigError(f"settings.records is {self.records!r}, but must be at least 1")
        if self.republish < 0:
            raise ConfigError(f"settings.republish is {self.republish!r}, but must not be below 0")
        if not self.every > 0:
            raise ConfigError(f"settings.every is {self.every!r}, but must be above 0")


@register("experiment", "replication")
class Replication(Experiment):
    """How long records outlive those who hold them.

    Records are published at the start, and their copies counted from then on: those alive, those
    among the k now closest (which readers find), and what is left of the first holders. One row is
    one record at one moment. A publication is made by whoever is there: owners do not leave.

    Watch: survival with ``rules.switches.replicate_every`` at an hour and at 1e9 (never): the one
    falls to the closed form, the other hardly falls. Then ``rules.k`` and ``settings.republish``.
    A record may be alive and yet not be found, if newcomers are closer than all its holders.
    """

    Settings = ReplicationSettings
    fidelities: ClassVar[tuple[Fidelity, ...]] = ("protocol",)
    panels = 2

    def run(self, scenario: Scenario, chance: Chance, progress: Progress | None = None) -> Rows:
        """One run, in which copies are counted."""
        run: Run = engines.engine("protocol").Run(scenario, chance)
        census = Census(run, self.settings, chance.stream("records").random())
        census.begin(scenario.duration)
        run.finish(progress)
        return census.rows()

    def summary(self, rows: Rows) -> list[Figure]:
        """Survival and copies at the end; RFM17's figures are in the module's docstring."""
        last = rows.where(rows["time_s"] == rows["time_s"].max()) if rows.count else rows
        low, middle, high = quantiles(last["copies"], (0.25, 0.5, 0.75))
        return [
            Figure("records", float(last.count)),
            Figure("survived", _mean(last["copies"] > 0)),
            Figure("to be found", _mean(last["closest"] > 0)),
            Figure("copies at the start", _mean(_first_of(rows)["copies"])),
            Figure("copies, least", float(last["copies"].min()) if last.count else float("nan")),
            Figure("copies, lower quartile", low),
            Figure("copies, median", middle),
            Figure("copies, upper quartile", high),
            Figure("first holders left", _mean(last["first"])),
            Figure("first holders among the k closest", _mean(last["first_closest"])),
        ]

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Left: share of records alive, over time. Right: live copies, median and quartiles."""
        alive = rows.having(alive=rows["copies"] > 0)
        for colour, (label, part) in enumerate(drawing.groups(alive)):
            _draw(axes, part, label, colour)
        axes[0].set(xlabel="time (h)", ylabel="share of records alive", ylim=(0, 1.02))
        axes[1].set(xlabel="time (h)", ylabel="live copies, quartiles", ylim=(0, None))
        if axes[0].get_legend_handles_labels()[0]:
            axes[0].legend()


def _draw(axes: Sequence[Any], rows: Rows, label: str, colour: int) -> None:
    """The curves of one point of a sweep."""
    times = np.unique(rows["time_s"])
    edges = np.append(times, np.inf)
    shares = drawing.per_seed(rows, lambda r: drawing.over_time(r, "alive", edges))
    drawing.band(axes[0], times / 3600, shares, label=label, colour=colour)
    quartiles = [quantiles(rows["copies"][rows["time_s"] == t], (0.25, 0.5, 0.75)) for t in times]
    low, middle, high = np.array(quartiles).reshape(-1, 3).T
    shade = drawing.COLOURS[colour % len(drawing.COLOURS)]
    axes[1].plot(times / 3600, middle, color=shade, label=label or None, linewidth=1.4)
    axes[1].fill_between(times / 3600, low, high, color=shade, alpha=0.25, linewidth=0)


class Census:
    """Publishes records in a run, and counts their copies.

    Args:
        run: Where.
        settings: What, and how often.
        rng: Who publishes.
    """

    def __init__(self, run: Run, settings: ReplicationSettings, rng: Random) -> None:
        self._run = run
        self._settings = settings
        self._rng = rng
        self._records = [run.network.record(b"record %d" % n) for n in range(settings.records)]
        self._first: list[frozenset[int]] = []
        self._columns: dict[str, list[float]] = {name: [] for name in COLUMNS}

    def begin(self, duration: float) -> None:
        """Enter all publications and all counts into the run."""
        world, said = self._run.world, self._settings
        for record in self._records:
            world.schedule(0.0, self._publish, record, duration)
        for count in range(1, int(duration / said.every) + 1):
            world.schedule(count * said.every, self._count)

    def rows(self) -> Rows:
        """What was counted."""
        return Rows(self._columns)

    def _publish(self, record: Record, end: float) -> None:
        run, again = self._run, self._settings.republish
        node = run.population.anybody(self._rng)
        if node is not None:
            run.users.put(node, record)
        if again and run.world.now + again <= end:
            run.world.schedule(run.world.now + again, self._publish, record, end)

    def _count(self) -> None:
        live = [node for node in self._run.world.nodes if node.engine is not None]
        held = [[node for node in live if _holds(node, record)] for record in self._records]
        if not self._first:
            self._first = [frozenset(node.index for node in holders) for holders in held]
        for number, holders in enumerate(held):
            self._note(number, holders)

    def _note(self, number: int, holders: list[Node]) -> None:
        run = self._run
        closest = set(run.truth.closest(self._records[number].key, run.network.policy.k))
        near = [node for node in holders if node.key in closest]
        first = self._first[number]
        left = [node for node in holders if node.index in first]
        values = (
            run.world.now,
            number,
            len(holders),
            len(near),
            len(left),
            sum(node.index in first for node in near),
        )
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)


def _holds(node: Node, record: Record) -> bool:
    return node.engine is not None and record.key in node.engine.records


def _first_of(rows: Rows) -> Rows:
    return rows.where(rows["time_s"] == rows["time_s"].min()) if rows.count else rows


def _mean(values: Column) -> float:
    return float(values.mean()) if values.size else float("nan")
