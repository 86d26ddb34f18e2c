"""Nodes behind NATs in everybody's tables: the pollution that a DHT makes by itself."""

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
    from simulations.scenario import Fidelity


def hidden(node: Node | None) -> bool:
    """Whether only those it spoke to can call it."""
    return node is not None and node.nat > 0


def polluted(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    """The share of a node's table that is behind a NAT."""
    return watching.table_share(run, node, hidden)


def behind(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    """Whether who asked is behind a NAT itself."""
    return float(node.nat > 0)


@register("experiment", "nat")
class Nat(watching.Watched):
    """How nodes that cannot be called get into tables, and what they do there.

    Who is behind a NAT hears only those it spoke to, for two minutes. That is long enough to pass
    the test by which a stranger enters a table, a ping, and too short to answer anybody whom the
    table then sends there. Tables of the start hold nobody of the kind: what is seen is pollution
    as it grows.

    Watch: timeouts of a lookup against the polluted share of tables, and both with
    ``network.nat.client = true``: nodes that know they cannot be called and say so (BEP 43; Amino's
    client mode, which kubo chooses by itself) are never taken in. ``symmetric`` ones never reach
    each other. Found are the k closest of those that can be called: the others cannot be held to
    anything.
    """

    Settings = watching.Spans
    fidelities: ClassVar[tuple[Fidelity, ...]] = ("protocol", "message")
    panels = 2
    remarks: ClassVar[tuple[watching.Remark, ...]] = (polluted, behind)

    def summary(self, rows: Rows) -> list[Figure]:
        """Over the lookups that users made; last, of those the ones behind NATs made."""
        users = watching.lookups(rows)
        late = users.where(users["time_s"] >= watching.latest(users))
        inside = users.where(users["behind"] == 1)
        return [
            *watching.cost(users),
            Figure("unreachable in tables, at the end", watching.mean(late, "polluted")),
            Figure("success behind a NAT", watching.mean(inside, "success")),
        ]

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Left: pollution over time. Right: latency."""
        users = watching.lookups(rows)
        spans = self.settings.spans
        watching.draw_over_time(axes[0], users, "polluted", spans, "unreachable share of tables")
        axes[0].set_ylim(0, None)
        watching.draw_latency(axes[1], users)
