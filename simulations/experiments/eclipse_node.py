"""A node surrounded: does an attacker become all that it knows, and what holds him back?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import numpy as np

from simulations import attacks, watching
from simulations.errors import ConfigError
from simulations.experiment import Figure
from simulations.registry import nearest, register
from simulations.watching import Spans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dht.core.effects import Evidence
    from dht.core.keys import Key
    from dht.core.policy import Policy
    from simulations.chance import Chance
    from simulations.protocol import Run
    from simulations.protocol.node import Node
    from simulations.protocol.traffic import Errand
    from simulations.rows import Rows
    from simulations.scenario import Scenario


DEFENCES: Final = ("limits", "seniority", "ids", "saved")


@dataclass(frozen=True)
class EclipseSettings(Spans):
    """What the node is defended by, and what befalls it. Times are in seconds.

    Attributes:
        spans: Parts into which time is cut for the plot.
        defence: ``none``, ``all`` (as the node ships), or some, joined by ``+``. ``limits``: few
            contacts of a subnet; ``seniority``: no live old contact is put out for a new one;
            ``ids``: keys follow from addresses (BEP 42); ``saved``: a restart begins with the
            contacts of before.
        restart: When the node is restarted; it joins through an honest one.
        stop: When the attacker goes away.
        every: Time between two lookups of the node.
    """

    defence: str = "all"
    restart: float = 300.0
    stop: float = 600.0
    every: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.restart < self.stop or not self.every > 0:
            raise ConfigError("settings: restart must be above 0, stop after it, every above 0")
        for name in self._named:
            if name not in DEFENCES:
                raise ConfigError(
                    f"settings.defence is {self.defence!r}, but there is no {name!r}",
                    hint=nearest(name, DEFENCES),
                )

    @property
    def _named(self) -> tuple[str, ...]:
        whole: dict[str, tuple[str, ...]] = {"none": (), "all": DEFENCES}
        return whole.get(self.defence, tuple(self.defence.split("+")))

    def has(self, defence: str) -> bool:
        """Whether the node has it."""
        return defence in self._named


def captured(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    """The attacker's share of the table of who asked."""
    return attacks.hostile_share(run, () if node.engine is None else node.engine.table.contacts())


@register("experiment", "eclipse-node")
class EclipseNode(attacks.Attacked):
    """How much of one node's table an attacker captures, under each defence.

    ``adversary.count`` nodes in ``adversary.subnets`` subnets knock at one node without pause, with
    keys for each bucket of its table, and name none but each other (Prünster et al., "Total
    Eclipse", USENIX Security 2022). The node looks up random keys. Then it is restarted, which is
    when it knows nobody; at last the attacker goes away.

    Watch: *seniority* guards what a node has, so its lookups go on until the restart; but one that
    begins with nothing has lost it, unless its contacts were *saved*. To save what an attacker has
    got hold of before is worth little. *Limits* hold in both, since subnets cost money and keys do
    not. *Ids* (BEP 42) alone do not: where a table is captured from its far buckets on, a key need
    not be made to measure. Without any of them his nodes are all there is to see, long after he has
    gone.
    """

    Settings = EclipseSettings
    panels = 2
    remarks: ClassVar[tuple[watching.Remark, ...]] = (captured,)

    def prepared(self, scenario: Scenario) -> Scenario:
        """The rules that all nodes keep; seniority is the victim's alone."""
        ids: Literal["bep42", "free"] = "bep42" if self.settings.has("ids") else "free"
        switches = {} if self.settings.has("limits") else attacks.UNLIMITED
        return replace(
            scenario,
            network=replace(scenario.network, ids=ids),
            rules=replace(scenario.rules, switches={**switches, **scenario.rules.switches}),
        )

    def begin(self, run: Run, chance: Chance) -> None:
        """Make the victim what it is to be, and plan what befalls it."""
        said, world, rng = self.settings, run.world, chance.stream("victim").random()
        honest = [node for node in world.nodes if node.alive and node.adversary is None]
        if not run.band:
            raise ConfigError('adversary.behaviour is "none", but somebody must attack')
        self._victim = victim = min(honest, key=lambda node: node.contact.key ^ run.target)
        policy = run.network.policy
        if not said.has("seniority"):
            # No failure is forgiven, so nobody ever counts as good: the newest takes the place.
            policy = replace(policy, max_failures=0)
            run.population.restart(victim, self._known(), policy)
        for moment in np.arange(said.every, run.scenario.duration, said.every):
            world.schedule(float(moment), _seek, run, victim, run.network.policy.space.draw(rng))
        gate = rng.choice([node for node in honest if node is not victim])
        world.schedule(said.restart, self._restart, run, policy, gate)
        for node in run.band:
            world.schedule(said.stop, run.population.leave, node)

    def _known(self) -> tuple[Any, ...]:
        engine = self._victim.engine
        return () if engine is None else tuple(engine.table.contacts())

    def _restart(self, run: Run, policy: Policy, gate: Node) -> None:
        known = self._known() if self.settings.has("saved") else ()
        run.population.restart(self._victim, known, policy)
        run.users.join(self._victim, gate)

    def expected(self, run: Run, rows: Rows) -> Mapping[str, float]:
        """Nothing is expected; whose lookups count is said."""
        return {"victim": float(self._victim.index)}

    def summary(self, rows: Rows) -> list[Figure]:
        """Of the victim, before its restart, between that and the attacker's end, and after."""
        said, own = self.settings, _own(rows)
        before = own.where(own["time_s"] < said.restart)
        under = own.where((own["time_s"] >= said.restart) & (own["time_s"] < said.stop))
        half = under["time_s"][under["captured"] >= 0.5]  # noqa: PLR2004 - half
        return [
            Figure("hostile in its table, before the restart", watching.mean(before, "captured")),
            Figure("hostile in its table, after it", watching.mean(under, "captured")),
            Figure(
                "half captured after", float(half[0] - said.restart) if half.size else np.nan, "s"
            ),
            Figure("lookups that fail, before the restart", 1 - watching.mean(before, "success")),
            Figure("lookups that fail, after it", 1 - watching.mean(under, "success")),
            Figure("recovery", recovery(own, said.stop), "s"),
        ]

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Left: the attacker's part of the table, over time. Right: lookups that succeed."""
        own, spans = _own(rows), self.settings.spans
        shown = (("captured", "attacker's share of its table"), ("success", "lookups that succeed"))
        for panel, (column, label) in zip(axes, shown, strict=True):
            watching.draw_over_time(panel, own, column, spans, label)
            panel.set_ylim(-0.02, 1.02)
            for moment in (self.settings.restart, self.settings.stop):
                panel.axvline(moment / 60, color="0.6", linewidth=0.8, linestyle=":")


def recovery(rows: Rows, stop: float) -> float:
    """Seconds from ``stop`` to the last lookup that fails; 0 if none does, NaN if the last does."""
    after = rows.where(rows["time_s"] >= stop)
    failed = after["time_s"][~after["success"]]
    if not failed.size:
        return 0.0
    return float(failed.max() - stop) if failed.max() < after["time_s"].max() else float("nan")


def _seek(run: Run, victim: Node, key: Key) -> None:
    run.users.seek(victim, key)


def _own(rows: Rows) -> Rows:
    users = watching.lookups(rows)
    return users.where(users["source"] == users["victim"])
