"""Lookups on tables of which a share is dead: what a failure costs before anybody repairs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from simulations import watching
from simulations.experiment import Figure
from simulations.registry import register

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dht.core.effects import Evidence
    from simulations.protocol import Run
    from simulations.protocol.node import Node
    from simulations.protocol.traffic import Errand
    from simulations.rows import Rows


def stale(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    """The share of a node's table that is dead."""
    return watching.table_share(run, node, watching.gone)


@register("experiment", "dead-nodes")
class DeadNodes(watching.Watched):
    """What lookups cost, and whether they arrive, when a share of all contacts is dead.

    At time 0 a share of the nodes falls silent, and still stands in every table as alive. Nothing
    warns a lookup: it learns of each dead contact by waiting for it. Shown are timeouts and latency
    of lookups, what they find, and how use and upkeep clean the tables.

    Watch: ``network.dead`` against ``rules.k``. A bucket is lost as a whole with the chance
    ``dead**k`` (V11), so k keeps lookups right; but the more a lookup wants, the more of the dead
    it meets: what k buys in success it pays for in timeouts. ``rules.alpha`` hides their time.
    """

    Settings = watching.Spans
    panels = 2
    remarks: ClassVar[tuple[watching.Remark, ...]] = (stale,)

    def summary(self, rows: Rows) -> list[Figure]:
        """Over the lookups that users made."""
        users = watching.lookups(rows)
        return [
            *watching.cost(users),
            Figure("dead contacts in tables", watching.mean(users, "stale")),
        ]

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Left: what waiting in vain a lookup has, over time. Right: latency."""
        users = watching.lookups(rows)
        spans = self.settings.spans
        watching.draw_over_time(axes[0], users, "timeouts", spans, "timeouts of a lookup")
        watching.draw_latency(axes[1], users)
