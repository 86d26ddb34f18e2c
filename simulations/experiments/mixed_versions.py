"""Two versions in one network: does the new one keep its promise while the old is still there?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from simulations import watching
from simulations.experiment import Figure
from simulations.registry import register
from simulations.statistics import quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dht.core.effects import Evidence
    from simulations.protocol import Run
    from simulations.protocol.node import Node
    from simulations.protocol.traffic import Errand
    from simulations.rows import Rows
    from simulations.scenario import Fidelity

VERSIONS = ("old", "new")


def new(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    """Whether who asked runs the other version."""
    return float(node.engine is not None and node.engine.policy is not run.network.policy)


def found_own(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    """The share found of as many closest as *its* version seeks; NaN if it is gone meanwhile."""
    if node.engine is None:
        return float("nan")
    keys = [contact.key for contact in evidence.closest]
    return run.truth.share(keys, errand.target, node.engine.policy.k, node.key)


@register("experiment", "mixed-versions")
class MixedVersions(watching.Watched):
    """How old and new nodes do side by side, while a network is being upgraded.

    A share of the nodes (``rules.others``) has another policy: other k, alpha, timeouts, whatever a
    policy says. Who asks with the one is answered by tables kept by the other. Everything is told
    twice, for lookups of the old and of the new.

    Watch: whether the new version is worth having before everybody has it. A lookup's width
    (alpha) and stop rule (beta) help whoever has them at once, and need nobody else. A larger k
    does not: who still keeps 8 names 8, and a lookup that stops at beta takes on trust what it was
    named. So it seeks 20 and finds fewer, the fewer the more of the old are still there.
    """

    Settings = watching.Spans
    fidelities: ClassVar[tuple[Fidelity, ...]] = ("protocol",)
    panels = 2
    remarks: ClassVar[tuple[watching.Remark, ...]] = (new, found_own)

    def summary(self, rows: Rows) -> list[Figure]:
        """The same figures for each version."""
        users = watching.lookups(rows)
        told: list[Figure] = []
        for number, name in enumerate(VERSIONS):
            told += _told(name, users.where(users["new"] == number))
        return told

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Latency: of the old on the left, of the new on the right, on one scale."""
        users = watching.lookups(rows)
        for number, name in enumerate(VERSIONS):
            watching.draw_latency(axes[number], users.where(users["new"] == number))
            axes[number].set_title(name)
        most = max(each.get_xlim()[1] for each in axes)
        for each in axes:
            each.set_xlim(0, most)


def _told(version: str, rows: Rows) -> list[Figure]:
    median, slow = quantiles(rows["latency_s"], (0.5, 0.95))
    return [
        Figure(f"{version}: lookups", float(rows.count)),
        Figure(f"{version}: success", watching.mean(rows, "success")),
        Figure(f"{version}: found of its k closest", watching.mean(rows, "found_own")),
        Figure(f"{version}: requests", watching.mean(rows, "requests")),
        Figure(f"{version}: timeouts", watching.mean(rows, "timeouts")),
        Figure(f"{version}: latency, median", median, "s"),
        Figure(f"{version}: latency, 95 %", slow, "s"),
    ]
