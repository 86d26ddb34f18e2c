r"""Whether provider records live through a day: how many holders, how often published again.

Nothing repairs a provider record but its owner, so between two publications its copies only fall:
of k holders none is left after :math:`T` with the chance :math:`P(R < T)^k`, where R is what is
left of a session that is met at a moment (V5 of the theory).

The session law is a Weibull through two points that RFM17 (ProbeLab 2022) reports of IPFS: half of
the peers leave within 2 hours, nine tenths within 12. That was the life of connections, which is
shorter than that of nodes, as RFM17 says itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from simulations import attacks, drawing, watching
from simulations.experiment import Experiment, Figure
from simulations.experiments.replication import ReplicationSettings
from simulations.message import Keeping, simulate
from simulations.registry import register
from simulations.rows import Rows
from simulations.statistics import quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.chance import Chance
    from simulations.engines import Progress
    from simulations.scenario import Fidelity, Scenario

SETTLED: Final = 600.0
"""Seconds after the first publications from which copies are counted: all puts are over."""
HOLDERS: Final = "rules.k"
QUARTERS: Final = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class DurabilitySettings(ReplicationSettings):
    """More records than where engines keep them, over a longer time and so counted less often."""

    records: int = 200
    every: float = 1800.0


@register("experiment", "durability")
class Durability(Experiment):
    """Whether provider records live through a day of churn, by k and republication.

    Records are published at the start and, if ``settings.republish`` is not 0, again and again:
    owners never leave (whoever is there publishes in their place), holders do, and nobody repairs.
    One row is one record at one moment.

    Watch: the share of records that never were without a copy, against ``rules.k`` and
    ``settings.republish``; and ``churn.absence``: nodes that come back still have their records.
    """

    Settings = DurabilitySettings
    fidelities: ClassVar[tuple[Fidelity, ...]] = ("message",)
    panels = 2

    def run(self, scenario: Scenario, chance: Chance, progress: Progress | None = None) -> Rows:
        """One run, in which copies are counted."""
        said = self.settings
        keeping = Keeping(
            count=said.records,
            period=said.republish,
            provided=True,
            anybody=True,
            sample_every=said.every,
        )
        seen = simulate(scenario, chance, keeping, progress)
        times = np.asarray(seen.samples["time_s"], np.float64)
        kept = (times >= SETTLED) & (times <= scenario.duration)
        copies = seen.copies[kept]
        return Rows(
            {
                "time_s": np.repeat(times[kept], said.records),
                "record": np.tile(np.arange(said.records), len(copies)),
                "copies": copies.ravel(),
            }
        )

    def summary(self, rows: Rows) -> list[Figure]:
        """What survived, and how many copies there were at the start and at the end."""
        last = rows.where(rows["time_s"] == rows["time_s"].max()) if rows.count else rows
        first = rows.where(rows["time_s"] == rows["time_s"].min()) if rows.count else rows
        low, middle, high = quantiles(last["copies"], QUARTERS)
        return [
            Figure("records", float(last.count)),
            Figure("never without a copy", whole(rows)),
            Figure("alive at the end", watching.mean_of(last["copies"] > 0)),
            Figure("of the time alive", watching.mean_of(rows["copies"] > 0)),
            Figure("copies at the start", watching.mean(first, "copies")),
            Figure("copies, lower quartile", low),
            Figure("copies, median", middle),
            Figure("copies, upper quartile", high),
        ]

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Left: records that never were without a copy, against k. Right: copies of the largest."""
        attacks.draw_against(
            axes[0], rows, HOLDERS, whole, xlabel="holders, k", ylabel="records never lost"
        )
        axes[0].set_ylim(0, 1.02)
        most = rows.where(rows[HOLDERS] == rows[HOLDERS].max()) if HOLDERS in rows else rows
        for colour, (_, part) in enumerate(drawing.groups(most)):
            times = np.unique(part["time_s"])
            spread = [quantiles(part["copies"][part["time_s"] == t], QUARTERS) for t in times]
            low, middle, high = np.array(spread).reshape(-1, 3).T
            shade = drawing.COLOURS[colour % len(drawing.COLOURS)]
            axes[1].plot(times / 3600, middle, color=shade, linewidth=1.4)
            axes[1].fill_between(times / 3600, low, high, color=shade, alpha=0.2, linewidth=0)
        told = f" at k = {most[HOLDERS][0]}" if HOLDERS in most and most.count else ""
        axes[1].set(xlabel="time (h)", ylabel=f"live copies{told}, quartiles", ylim=(0, None))


def whole(rows: Rows) -> float:
    """The share of records that had a copy whenever it was looked; NaN of none."""
    if not rows.count:
        return float("nan")
    last = rows["time_s"] == rows["time_s"].max()
    return float(_so_far(rows)[last].mean())


def _so_far(rows: Rows) -> Any:
    """Of each row, whether its record had copies at that moment and at all before it."""
    names = [name for name in rows if name not in ("time_s", "copies")]
    order = np.lexsort([rows["time_s"], *(rows[name] for name in names)])
    there = (rows["copies"] > 0)[order]
    begins = np.ones(len(order), bool)
    begins[1:] = (np.diff(rows["time_s"][order]) < 0) | (np.diff(rows["record"][order]) != 0)
    lost = np.cumsum(~there)
    before = np.where(begins, lost - ~there, 0)
    found = np.empty(len(order), bool)
    found[order] = lost == np.maximum.accumulate(before)
    return found
