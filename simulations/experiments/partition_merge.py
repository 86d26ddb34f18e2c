r"""Two networks that were meant to be apart run into each other; or one is cut, and healed.

Where every network of a kind speaks the same protocol, one node that knows both is enough: who is
named is asked, who answers is taken in, and is named in turn. It happened to Substrate's chains and
IPFS, which filled each other's tables for years (rust-libp2p #1087, substrate #5993: names of
protocols end it).

Tables that take in whoever answers end as samples of all keys there are. So the share of strangers
in them tends, in every range that both networks fill, to

.. math:: N_{other} / (N_{own} + N_{other})

which a single bridge suffices for, once it holds: a stranger that finds no room where it was heard
of is forgotten, and with few bridges some runs never merge. The bound is slow to reach: a full
bucket of live contacts has no room for anybody (Kademlia keeps the old), so a network *at rest*
takes strangers in only where its buckets have room, and the nearer ranges do first.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

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


def home(node: Node) -> tuple[int, int]:
    """The network a node belongs to, and its side while that is cut."""
    return node.part, node.side


def cross(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    """The share of a node's table that belongs to another network than itself."""
    own = home(node)
    return watching.table_share(run, node, lambda each: each is not None and home(each) != own)


def others(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    """The share of all live nodes that belong to another network: what ``cross`` tends to."""
    live = [each for each in run.world.nodes if each.alive]
    return sum(home(each) != home(node) for each in live) / len(live)


def own_success(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    """Whether the closest of its *own* network was found."""
    kept = (each for each in run.world.nodes if each.alive and home(each) == home(node))
    keys = [each.key for each in kept if each.serves and not each.nat and each is not node]
    found = {contact.key for contact in evidence.closest}
    return float(bool(keys) and min(keys, key=errand.target.__xor__) in found)


def side(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    """The number of its network: 0 for the first."""
    return float(node.part or node.side)


@register("experiment", "partition-merge")
class PartitionMerge(watching.Watched):
    """How two networks grow into one through a bridge, and what each loses by it.

    Two networks know nothing of each other, until some nodes of the first hear of some of the
    second. Shown is the share of strangers in tables, over time, with the share that it tends to;
    and whether a lookup still finds the closest node of its own network, and of both together.

    Watch: how few bridges suffice, and that churn decides. And the dilemma in between: half merged,
    a lookup no longer knows which network it is in, and two readers of one key end in different
    places ("success" is the closest of all, "success among its own" that of its own network: when
    all is merged the first is 1, and the second the chance that a closer stranger did not crowd its
    own out). With the event ``partition`` instead, ``cross`` falls while the cut lasts.
    """

    Settings = watching.Spans
    fidelities: ClassVar[tuple[Fidelity, ...]] = ("protocol",)
    panels = 2
    remarks: ClassVar[tuple[watching.Remark, ...]] = (cross, others, own_success, side)

    def summary(self, rows: Rows) -> list[Figure]:
        """The end, and how fast it came."""
        users = watching.lookups(rows)
        late = users.where(users["time_s"] >= watching.latest(users))
        told = [
            Figure("strangers in tables", watching.mean(late, "cross")),
            Figure("strangers of all nodes", watching.mean(late, "others")),
            Figure("half of it after", half_time(users, self.settings.spans), "s"),
            Figure("success", watching.mean(late, "success")),
        ]
        for number, name in enumerate(("first", "other")):
            part = late.where((late["side"] > 0) == bool(number))
            told.append(
                Figure(f"success among its own, {name}", watching.mean(part, "own_success"))
            )
        return told

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Left: strangers in tables, over time, and their limit. Right: success among one's own."""
        users, spans = watching.lookups(rows), self.settings.spans
        watching.draw_over_time(axes[0], users, "cross", spans, "strangers' share of tables")
        limit = watching.mean(users, "others")
        if not np.isnan(limit):
            axes[0].axhline(limit, color="0.6", linewidth=0.8, linestyle=":")
        axes[0].set_ylim(0, None)
        watching.draw_over_time(axes[1], users, "own_success", spans, "closest of one's own found")


def half_time(rows: Rows, spans: int) -> float:
    """The end of the first span of time in which tables hold half the strangers they tend to."""
    edges, _ = watching.spans(rows, spans)
    for start, end in pairwise(edges):
        part = rows.where((rows["time_s"] >= start) & (rows["time_s"] < end))
        if watching.mean(part, "cross") >= watching.mean(part, "others") / 2 > 0:
            return float(end)
    return float("nan")
