"""A key surrounded by Sybils: is what was stored under it still found?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from simulations import attacks, watching
from simulations.errors import ConfigError
from simulations.experiment import Figure
from simulations.registry import register
from simulations.rows import Kind
from simulations.theory.sybils import eclipse_tries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dht.core.effects import Evidence
    from simulations.chance import Chance
    from simulations.protocol import Run
    from simulations.protocol.node import Node
    from simulations.protocol.traffic import Errand
    from simulations.rows import Rows
    from simulations.scenario import Scenario

COUNT: Final = "adversary.count"


def copies(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    """Honest nodes that took a put, or said in a get that they have it."""
    return float(sum(not attacks.hostile(run, contact) for contact in evidence.holders))


def met(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    """The attacker's share of the closest found."""
    return attacks.hostile_share(run, evidence.closest)


def neighbours(run: Run, publisher: Node) -> int:
    """Honest nodes but the publisher in the region that its put goes to; 0 if it goes to none."""
    bits, region = run.network.policy.space.bits, run.scenario.traffic.region
    honest = [n for n in run.world.nodes if n.adversary is None and n is not publisher]
    inside = [n for n in honest if (n.key ^ run.target).bit_length() <= bits - region]
    return len(inside) if region else 0


@register("experiment", "eclipse-key")
class EclipseKey(attacks.Attacked):
    """How many reads of one key an attacker denies who stands around it.

    Somebody stores a record under the key while ``adversary.count`` Sybils stand around it: as near
    as the network lets them choose keys (``network.ids``). They take the record and deny it.
    Passive ones (``sybil``; Sridhar et al. 2024) name others truthfully, active ones (``eclipse``;
    de Moura Netto, Cholez & Ignat 2025) name none but their own. Others read it for a while.

    Watch: with k Sybils no honest node among the k closest gets a copy, so nothing is found. Below
    k, active ones win only where a lookup stops early (``rules.beta`` below k). Stored to the whole
    region (``traffic.region``: that many leading bits) it reaches the honest nodes there, however
    many Sybils there are (active ones hide one now and then), and readers meet those on their way.
    The keys an attacker must make are
    those of V9, if keys are free.
    """

    panels = 2
    remarks: ClassVar[tuple[watching.Remark, ...]] = (copies, met)

    def prepared(self, scenario: Scenario) -> Scenario:
        """The attacker is after the record's key."""
        behaviour = scenario.adversary.behaviour
        hunting = replace(behaviour, options={**behaviour.options, "hunt": True})
        return replace(scenario, adversary=replace(scenario.adversary, behaviour=hunting))

    def begin(self, run: Run, chance: Chance) -> None:
        """Have somebody honest store what the attacker is after."""
        if run.users.prey is None:
            raise ConfigError('adversary.behaviour is "none", but somebody must be after the key')
        honest = [node for node in run.world.nodes if node.alive and node.adversary is None]
        self._publisher = chance.stream("publisher").random().choice(honest)
        run.users.put(self._publisher)

    def expected(self, run: Run, rows: Rows) -> Mapping[str, float]:
        """Whom the put should have reached, and what the attack cost."""
        honest = len(run.world.nodes) - len(run.band)
        cost = eclipse_tries(honest, len(run.band))
        return {"neighbours": float(neighbours(run, self._publisher)), "tries": cost}

    def summary(self, rows: Rows) -> list[Figure]:
        """Means over the reads; of the put, whom it reached and what it took."""
        puts, gets = attacks.of_kind(rows, Kind.PUT), attacks.of_kind(rows, Kind.GET)
        return [
            Figure("gets", float(gets.count)),
            Figure("denied", 1 - watching.mean(gets, "success")),
            Figure("honest copies", watching.mean(puts, "copies")),
            Figure("honest nodes in the region", watching.mean(puts, "neighbours")),
            Figure("Sybils among the closest", watching.mean(gets, "met")),
            Figure("requests of a put", watching.mean(puts, "requests")),
            Figure("requests of a get", watching.mean(gets, "requests")),
            Figure("keys to make (V9)", watching.mean(puts, "tries")),
        ]

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Reads denied, and requests of the put, against the number of Sybils."""
        puts, gets = attacks.of_kind(rows, Kind.PUT), attacks.of_kind(rows, Kind.GET)
        where = "Sybils around the key"
        attacks.draw_against(
            axes[0], gets, COUNT, _denied, xlabel=where, ylabel="share of reads denied"
        )
        axes[0].set_ylim(-0.02, 1.02)
        attacks.draw_against(
            axes[1], puts, COUNT, _requests, xlabel=where, ylabel="requests of the put"
        )
        axes[1].set_ylim(0, None)


def _denied(rows: Rows) -> float:
    return 1 - watching.mean(rows, "success")


def _requests(rows: Rows) -> float:
    return watching.mean(rows, "requests")
