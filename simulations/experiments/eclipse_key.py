"""A key surrounded by Sybils: is what was stored under it still found?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from simulations import attacks, watching
from simulations.errors import ConfigError
from simulations.experiment import Figure
from simulations.protocol.traffic import Errand
from simulations.registry import register
from simulations.rows import Kind
from simulations.theory.sybils import divergence as divergence_of
from simulations.theory.sybils import eclipse_tries, prefix_shares

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

    from dht.core.effects import Evidence
    from dht.core.keys import Key
    from simulations.chance import Chance
    from simulations.protocol import Run
    from simulations.protocol.node import Node
    from simulations.rows import Rows
    from simulations.scenario import Scenario

COUNT: Final = "adversary.count"


SAMPLES: Final = 8
"""Lookups after which a node trusts its estimate of the network's size: to 13 % by then (k = 8)."""
PATIENCE: Final = 5.0
"""Seconds after which the last of these is over."""
GAP: Final = 0.25
"""Seconds between two lookups of a publisher who wants to know how many nodes there are."""


@dataclass(frozen=True)
class KeySettings:
    """The publisher's caution, and the attacker's.

    Attributes:
        detect: The publisher looks first how near the closest are, and stores to the region
            (``traffic.region``) only if that is nearer than the network's size explains.
        threshold: The divergence, in nats, above which it is. 0.94 is published for 20 closest; of
            8, one honest key in a hundred is above 1.5.
        probes: Random keys it looks up before, to know the size; they tell the false alarms.
        bits: How many bits the attacker's keys share with his prey. 40 are nearer than anybody;
            he is noticed less with just enough to be nearer than the honest.
    """

    detect: bool = False
    threshold: float = 1.5
    probes: int = 40
    bits: int = 40

    def __post_init__(self) -> None:
        if self.probes < SAMPLES or not 0 < self.bits <= 64:  # noqa: PLR2004
            raise ConfigError(f"settings: probes must be from {SAMPLES}, bits from 1 to 64")


def divergence(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    """How far the closest found are from what who asked expects; NaN if it expects nothing yet."""
    size = None if node.engine is None else node.engine.size.estimate()
    if errand.kind is not Kind.LOOKUP or size is None or size.samples < SAMPLES:
        return float("nan")
    space, near = run.network.policy.space, evidence.closest
    shared = [space.prefix_length(contact.key, errand.target) for contact in near]
    return divergence_of(shared, prefix_shares(size.size, len(near))) if near else float("nan")


def hunted(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    """Whether it went to the attacked key."""
    return float(errand.target == run.target)


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
    many Sybils there are, and readers meet those on their way. Active ones still hide it from some
    readers of one path: to be read, too, is then a matter of paths (``rules.paths = 4``).

    A region costs ten times as many requests, so ``settings.detect`` spends them only where the
    closest are suspiciously near (Cholez et al. 2010; Sridhar et al. 2024). Watch what the alarm
    misses against ``settings.bits``: an attacker who is just near enough. The keys he must make are
    those of V9, if keys are free.
    """

    Settings: ClassVar[type[Any]] = KeySettings
    panels = 2
    remarks: ClassVar[tuple[watching.Remark, ...]] = (copies, met, divergence, hunted)

    def prepared(self, scenario: Scenario) -> Scenario:
        """The attacker is after the record's key."""
        behaviour = scenario.adversary.behaviour
        options = {**behaviour.options, "hunt": True, "bits": self.settings.bits}
        hunting = replace(behaviour, options=options)
        return replace(scenario, adversary=replace(scenario.adversary, behaviour=hunting))

    def begin(self, run: Run, chance: Chance) -> None:
        """Have somebody honest store what the attacker is after."""
        if run.users.prey is None:
            raise ConfigError('adversary.behaviour is "none", but somebody must be after the key')
        honest = [node for node in run.world.nodes if node.alive and node.adversary is None]
        self._publisher = chance.stream("publisher").random().choice(honest)
        if self.settings.detect:
            self._look_first(run, chance.stream("probes").random())
        else:
            run.users.put(self._publisher)

    def _look_first(self, run: Run, rng: Random) -> None:
        """Have the publisher learn the network's size, then look at the key, then decide."""
        probes, world = self.settings.probes, run.world
        for number in range(probes):
            key = run.network.policy.space.draw(rng)
            world.schedule(GAP * number, _seek, run, self._publisher, key)
        told = world.on_finished

        def heard(node: Node, number: int, evidence: Evidence) -> None:
            if told is not None:
                told(node, number, evidence)
            if number == looked:
                self._decide(run, evidence)

        looked = 0

        def look() -> None:
            nonlocal looked
            looked = run.users.seek(self._publisher, run.target)

        world.on_finished = heard
        world.schedule(GAP * probes + PATIENCE, look)

    def _decide(self, run: Run, evidence: Evidence) -> None:
        errand = Errand(Kind.LOOKUP, run.target, 0.0)
        alarm = divergence(run, self._publisher, errand, evidence) > self.settings.threshold
        run.users.put(self._publisher, None, run.scenario.traffic.region if alarm else 0)

    def expected(self, run: Run, rows: Rows) -> Mapping[str, float]:
        """Whom the put should have reached, and what the attack cost."""
        honest = len(run.world.nodes) - len(run.band)
        cost = eclipse_tries(honest, len(run.band))
        return {
            "neighbours": float(neighbours(run, self._publisher)),
            "tries": cost,
            "publisher": float(self._publisher.index),
        }

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
            Figure("detected", self._alarms(rows, hunted=True)),
            Figure("false alarms", self._alarms(rows, hunted=False)),
            Figure("keys to make (V9)", watching.mean(puts, "tries")),
        ]

    def _alarms(self, rows: Rows, *, hunted: bool) -> float:
        """The share of the publisher's lookups, of the key or of others, that raise the alarm."""
        own = rows.where((rows["source"] == rows["publisher"]) & (rows["hunted"] == hunted))
        known = own["divergence"][~np.isnan(own["divergence"])]
        return float((known > self.settings.threshold).mean()) if known.size else float("nan")

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


def _seek(run: Run, node: Node, key: Key) -> None:
    run.users.seek(node, key)


def _denied(rows: Rows) -> float:
    return 1 - watching.mean(rows, "success")


def _requests(rows: Rows) -> float:
    return watching.mean(rows, "requests")
