"""Lookups while nodes come and go: the experiment that every DHT paper begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulations import watching
from simulations.experiment import Experiment
from simulations.registry import register

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.experiment import Figure
    from simulations.rows import Rows


@dataclass(frozen=True)
class ChurnSettings(watching.Spans):
    """What is shown over time.

    Attributes:
        spans: Parts into which time is cut for the plot: of half an hour, one for every 75 s.
    """

    spans: int = 24


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
        return watching.cost(watching.lookups(rows))

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Left: what was found, over time. Right: the distribution of latency."""
        users, spans = watching.lookups(rows), self.settings.spans
        watching.draw_over_time(
            axes[0], users, "found_closest", spans, "share of the k closest found"
        )
        axes[0].set_ylim(None, 1.005)
        watching.draw_latency(axes[1], users)
