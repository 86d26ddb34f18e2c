"""Lookups while nodes come and go: the experiment that every DHT paper begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from simulations import drawing
from simulations.errors import ConfigError
from simulations.experiment import Experiment, Figure
from simulations.registry import register
from simulations.rows import Kind
from simulations.statistics import quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.rows import Rows


@dataclass(frozen=True)
class ChurnSettings:
    """What is shown.

    Attributes:
        spans: Parts into which time is cut for the plot.
    """

    spans: int = 24

    def __post_init__(self) -> None:
        if self.spans < 1:
            raise ConfigError(f"settings.spans is {self.spans!r}, but must be at least 1")


@register("experiment", "churn")
class Churn(Experiment):
    """How well, and how fast, lookups do while nodes come and go.

    Nodes stay for a session, drawn from a law or a trace, and leave without a word; tables fill
    with contacts that are gone. Each node looks up random keys. Shown are the share of the k truly
    closest live nodes that a lookup finds, over time, and how long lookups take.

    Watch: timeouts a lookup makes (what stale contacts cost) against refresh and session length.
    """

    Settings = ChurnSettings
    panels = 2

    def summary(self, rows: Rows) -> list[Figure]:
        """Means over the lookups that users made; joins and refreshes do not count."""
        users = rows.where(rows["kind"] == Kind.LOOKUP)
        median, slow = quantiles(users["latency_s"], (0.5, 0.95))
        return [
            Figure("lookups", float(users.count)),
            Figure("success", _mean(users, "success")),
            Figure("found of the k closest", _mean(users, "found_closest")),
            Figure("hops", _mean(users, "hops")),
            Figure("requests", _mean(users, "requests")),
            Figure("timeouts", _mean(users, "timeouts")),
            Figure("latency, median", median, "s"),
            Figure("latency, 95 %", slow, "s"),
        ]

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Left: what was found, over time. Right: the distribution of latency."""
        rows = rows.where(rows["kind"] == Kind.LOOKUP)
        end = float(rows["time_s"].max()) if rows.count else 1.0
        edges = np.linspace(0.0, np.nextafter(end, np.inf), self.settings.spans + 1)
        middles = (edges[1:] + edges[:-1]) / 2 / 60
        shares = np.linspace(0, 1, drawing.POINTS)
        for colour, (label, part) in enumerate(drawing.groups(rows)):
            found = drawing.per_seed(part, lambda r: drawing.over_time(r, "found_closest", edges))
            drawing.band(axes[0], middles, found, label=label, colour=colour)
            latency = drawing.per_seed(part, lambda r: drawing.percentiles(r, "latency_s"))
            drawing.upright(axes[1], latency, shares, label=label, colour=colour)
        axes[0].set(xlabel="time (min)", ylabel="share of the k closest found", ylim=(None, 1.005))
        # The slowest hundredth may take minutes; what leads there is told by the figures.
        (most,) = quantiles(rows["latency_s"], (0.99,))
        axes[1].set(xlabel="latency (s)", ylabel="share of lookups", ylim=(0, 1))
        axes[1].set_xlim(0, 1.1 * most if rows.count else 1)
        if axes[0].get_legend_handles_labels()[0]:
            axes[0].legend()


def _mean(rows: Rows, column: str) -> float:
    return float(rows[column].mean()) if rows.count else float("nan")
