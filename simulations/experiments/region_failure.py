"""A region is lost at one stroke: what still works, and how long until all is as before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from simulations import watching
from simulations.errors import ConfigError
from simulations.experiment import Figure
from simulations.experiments.dead_nodes import stale
from simulations.registry import register
from simulations.rows import Kind
from simulations.statistics import quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.chance import Chance
    from simulations.engines import Progress
    from simulations.rows import Column, Rows
    from simulations.scenario import Fidelity, Scenario

NEAR = 0.25
"""Recovered is what has come back from its worst to within this part of the way to what it was."""


@register("experiment", "region-failure")
class RegionFailure(watching.Watched):
    """What the loss of a whole region does to those who are left, and when it is over.

    At a moment all nodes of one region fall silent: a country cut off, a cloud's outage. Keys are
    random and regions are not, so every table loses the same share, and so does every record's set
    of holders. Told are lookups before, in the first minutes after, and at the end, and the reads
    of records that were stored before.

    Watch: success hardly falls (k contacts a range, k holders a record: ``share**k`` of either are
    lost), time does: each lookup waits for the dead until tables are swept. The time to recovery is
    that of upkeep and traffic, not of the failure's size: try ``network.regions``,
    ``traffic.rate``, ``rules.refresh``, ``rules.switches.questionable_after``.
    """

    Settings = watching.Spans
    fidelities: ClassVar[tuple[Fidelity, ...]] = ("protocol",)
    panels = 2
    remarks: ClassVar[tuple[watching.Remark, ...]] = (stale,)

    def run(self, scenario: Scenario, chance: Chance, progress: Progress | None = None) -> Rows:
        """One run, with the column ``since_s``: seconds from the failure; before it they are < 0.

        Raises:
            ConfigError: No failure is planned.
        """
        moments = [each.options.get("at") for each in scenario.events if each.name == "failure"]
        if not moments:
            raise ConfigError("events: there is no failure", hint='name = "failure", at = 300')
        rows = super().run(scenario, chance, progress)
        return rows.having(since_s=rows["time_s"] - float(moments[0] or 0.0))

    def summary(self, rows: Rows) -> list[Figure]:
        """Before, after, and the time between."""
        users = watching.lookups(rows)
        since = users["since_s"]
        reads = rows.where((rows["kind"] == Kind.GET) & (rows["since_s"] >= 0))
        told = [Figure("reads that succeed after it", watching.mean(reads, "success"))]
        late = users["time_s"] >= watching.latest(users)
        minute = (since >= 0) & (since < 60)  # noqa: PLR2004 - the first minute after
        for when, mask in (("before", since < 0), ("first minute", minute), ("end", late)):
            told += _told(when, users.where(mask))
        spans = self.settings.spans
        return [
            *told,
            Figure("recovery of timeouts", recovery(users, "timeouts", spans), "s"),
            Figure("recovery of latency", recovery(users, "latency_s", spans), "s"),
        ]

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Left: success over time. Right: timeouts of a lookup."""
        users, spans = watching.lookups(rows), self.settings.spans
        watching.draw_over_time(
            axes[0], users, "found_closest", spans, "share of the k closest found"
        )
        watching.draw_over_time(axes[1], users, "timeouts", spans, "timeouts of a lookup")
        if users.count:
            moment = float((users["time_s"] - users["since_s"])[0]) / 60
            for each in axes:
                each.axvline(moment, color="0.6", linewidth=0.8, linestyle=":")


def _told(when: str, rows: Rows) -> list[Figure]:
    (median,) = quantiles(rows["latency_s"], (0.5,))
    return [
        Figure(f"{when}: success", watching.mean(rows, "success")),
        Figure(f"{when}: timeouts", watching.mean(rows, "timeouts")),
        Figure(f"{when}: latency, median", median, "s"),
        Figure(f"{when}: dead contacts in tables", watching.mean(rows, "stale")),
    ]


def recovery(rows: Rows, column: str, spans: int) -> float:
    """Seconds from the failure until a column is, for good, nearly what it was before.

    Time after the failure is cut into ``spans``; recovered is the end of the last span whose mean
    is still farther from the mean before than :data:`NEAR` of the worst span's. NaN if the last
    span is, or if there is nothing to compare.
    """
    since = rows["since_s"]
    before = watching.mean_of(rows[column][since < 0])
    if not (since >= 0).any() or np.isnan(before):
        return float("nan")
    edges = np.linspace(0.0, float(since.max()), spans + 1)
    means = _means(rows[column].astype(float), since, edges)
    excess = np.nan_to_num(means - before)
    far = np.flatnonzero(excess > NEAR * max(0.0, float(excess.max())))
    if not far.size:
        return 0.0
    return float(edges[far[-1] + 1]) if far[-1] + 1 < spans else float("nan")


def _means(values: Column, at: Column, edges: Column) -> Column:
    place = np.digitize(at, edges) - 1
    place = np.where(at == edges[-1], len(edges) - 2, place)
    inside = place >= 0
    counts = np.bincount(place[inside], minlength=len(edges) - 1)
    sums = np.bincount(place[inside], values[inside], minlength=len(edges) - 1)
    with np.errstate(invalid="ignore"):
        means: Column = sums / counts
    return means
