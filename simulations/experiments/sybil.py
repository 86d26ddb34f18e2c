"""Sybils: what a share of all identities does to lookups, and what holds it back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from simulations import attacks, watching
from simulations.experiment import Figure
from simulations.registry import register
from simulations.rows import Kind
from simulations.theory.paths import clean_path
from simulations.theory.sybils import all_closest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dht.core.effects import Evidence
    from simulations.protocol import Run
    from simulations.protocol.node import Node
    from simulations.protocol.traffic import Errand
    from simulations.rows import Rows
    from simulations.scenario import Scenario

SHARE: Final = "adversary.share"


@dataclass(frozen=True)
class SybilSettings:
    """What an identity costs.

    Attributes:
        policy: ``free``: nothing, keys are drawn at will and subnets not counted; ``bep42``: keys
            follow from addresses; ``limits``: keys are free, but of a subnet only a few nodes are
            taken into a table or asked by a lookup, as the node ships.
    """

    policy: Literal["free", "bep42", "limits"] = "free"


def captured(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    """The attacker's share of the closest found."""
    return attacks.hostile_share(run, evidence.closest)


def tabled(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    """The attacker's share of the table of who asked."""
    contacts = () if node.engine is None else node.engine.table.contacts()
    return attacks.hostile_share(run, contacts)


@register("experiment", "sybil")
class Sybil(attacks.Attacked):
    """What a share of Sybils does to lookups, against disjoint paths and the price of identities.

    ``adversary.share`` of all nodes are one attacker's, with keys anywhere, in a few subnets
    (``adversary.subnets``): they name none but their own as closer. A lookup succeeds if the
    honest node closest to the key is among the k it finds. Beside it stand two closed forms. V4
    (Baumgart & Mies 2007) takes a lookup for d single chains, each lost at the first Sybil; ours
    asks several at a time and keeps honest contacts of which it heard, so V4 is what it must beat.
    V9 is the chance that all k closest to a key are Sybils, if they are f of all: no lookup can
    then name an honest one, so without limits per subnet success stays below 1 - V9.

    Watch: limits per subnet take the attacker out of tables, since keys cost nothing and subnets
    do. BEP 42 does not: who aims at nobody takes whatever keys his addresses give (against aimed
    keys see ``eclipse-key``). Paths cost requests in proportion.
    """

    Settings = SybilSettings
    panels = 2
    remarks: ClassVar[tuple[watching.Remark, ...]] = (captured, tabled)

    def prepared(self, scenario: Scenario) -> Scenario:
        """Honest nodes and Sybils, as many together as the network has nodes, and the policy."""
        nodes = scenario.network.nodes
        count = round(scenario.adversary.share * nodes)
        policy = self.settings.policy
        ids: Literal["free", "bep42"] = "bep42" if policy == "bep42" else "free"
        switches = {} if policy == "limits" else attacks.UNLIMITED
        return replace(
            scenario,
            network=replace(scenario.network, nodes=nodes - count, ids=ids),
            rules=replace(scenario.rules, switches={**switches, **scenario.rules.switches}),
            adversary=replace(scenario.adversary, share=0.0, count=count),
        )

    def expected(self, run: Run, rows: Rows) -> Mapping[str, float]:
        """V4 with the hops that were seen, and V9."""
        count, everybody = len(run.band), len(run.world.nodes)
        hops = Counter(attacks.of_kind(rows, Kind.LOOKUP)["hops"].tolist())
        between = [hops[steps + 1] / max(1, hops.total()) for steps in range(max(hops, default=1))]
        arrives = clean_path(count / everybody, run.scenario.rules.paths, between)
        return {"v4": arrives, "v9": all_closest(count, everybody, run.network.policy.k)}

    def summary(self, rows: Rows) -> list[Figure]:
        """Means over the lookups of honest users."""
        users = attacks.of_kind(rows, Kind.LOOKUP)
        whole = users.where(users["captured"] == 1)
        return [
            Figure("lookups", float(users.count)),
            Figure("success", watching.mean(users, "success")),
            Figure("success of single chains (V4)", watching.mean(users, "v4")),
            Figure("Sybils in tables", watching.mean(users, "tabled")),
            Figure("Sybils among the closest found", watching.mean(users, "captured")),
            Figure("only Sybils found", whole.count / users.count if users.count else float("nan")),
            Figure("only Sybils closest (V9)", watching.mean(users, "v9")),
            Figure("requests", watching.mean(users, "requests")),
            Figure("timeouts", watching.mean(users, "timeouts")),
        ]

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Success, and the attacker's part of tables, against the attacker's part of all nodes."""
        users = attacks.of_kind(rows, Kind.LOOKUP)
        shown = (("success", "lookups that succeed"), ("tabled", "share of Sybils in tables"))
        for panel, (column, label) in zip(axes, shown, strict=True):
            attacks.draw_against(
                panel,
                users,
                SHARE,
                lambda r, column=column: watching.mean(r, column),  # type: ignore[misc]
                xlabel="share of Sybils",
                ylabel=label,
            )
            panel.set_ylim(0, 1.02)
