"""A key surrounded by Sybils, and what each defence does about it, and costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from simulations import attacks, watching
from simulations.experiment import Figure
from simulations.experiments.eclipse_key import COUNT, EclipseKey, KeySettings
from simulations.registry import register
from simulations.rows import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulations.rows import Rows
    from simulations.scenario import Scenario

BEHAVIOUR: Final = "adversary.behaviour"

Defence = Literal["early stop", "none", "paths", "limits", "bep42", "region", "all"]

PATHS: Final = 4
"""Disjoint paths: half of S/Kademlia's eight, on networks a hundredth of its size."""
REGION: Final = 3
"""Leading bits that a region's nodes share with the key: of 320 nodes 40, as 8 bits of 10,000."""
EARLY: Final = 3
"""Amino's beta."""

MEASURES: Final[Mapping[Defence, Mapping[str, Mapping[str, Any]]]] = {
    "early stop": {"rules": {"beta": EARLY}},
    "none": {},
    "paths": {"rules": {"paths": PATHS}},
    "limits": {"rules": {"switches": {}}},
    "bep42": {"network": {"ids": "bep42"}},
    "region": {"traffic": {"region": REGION}},
    "all": {
        "rules": {"switches": {}, "paths": PATHS},
        "network": {"ids": "bep42"},
        "traffic": {"region": REGION},
    },
}
"""What each changes in a scenario that counts no subnets, by the part it is in."""


@dataclass(frozen=True)
class DefenceSettings(KeySettings):
    """How the key is defended; the publisher of ``eclipse-key`` has its caution beside it.

    Attributes:
        defence: ``early stop``: not at all, and lookups end when the three nearest have answered
            (Amino's beta); ``none``: when all k have; ``paths``: they take four disjoint paths;
            ``limits``: of a subnet only a few nodes are taken into a table or asked, as the node
            ships; ``bep42``: keys follow from addresses; ``region``: the record is stored to all
            nodes that share three bits with the key; ``all``: the last four together.
    """

    defence: Defence = "none"


@register("experiment", "eclipse-defences")
class EclipseDefences(EclipseKey):
    """How many Sybils eclipse a key under each defence, and what the defence costs.

    The attack is that of ``eclipse-key``, from ``adversary.subnets`` subnets: keys cost nothing,
    addresses do. ``settings.defence`` says what stands against it.

    Watch: what denies all reads, and the requests and seconds of a put and of a get, also without
    an attacker (``adversary.count`` = 0): that is the price everybody pays every day.
    """

    Settings = DefenceSettings
    panels = 2

    def prepared(self, scenario: Scenario) -> Scenario:
        """The attacker's scenario with the defence, and nothing else that would be one."""
        rules = replace(scenario.rules, switches={**attacks.UNLIMITED, **scenario.rules.switches})
        bare = super().prepared(replace(scenario, rules=rules))
        changes = MEASURES[self.settings.defence]
        told = {part: replace(getattr(bare, part), **more) for part, more in changes.items()}
        return replace(bare, **told)

    def summary(self, rows: Rows) -> list[Figure]:
        """As of ``eclipse-key``, with the seconds that it takes."""
        puts, gets = rows.where(rows["kind"] == Kind.PUT), rows.where(rows["kind"] == Kind.GET)
        return [
            *super().summary(rows),
            Figure("time of a put", watching.mean(puts, "latency_s"), "s"),
            Figure("time of a get", watching.mean(gets, "latency_s"), "s"),
        ]

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Reads denied, against the number of Sybils. Left: passive ones. Right: active."""
        gets = rows.where(rows["kind"] == Kind.GET)
        for panel, kind in zip(axes, ("sybil", "eclipse"), strict=True):
            part = gets.where(gets[BEHAVIOUR] == kind) if BEHAVIOUR in gets else gets
            attacks.draw_against(
                panel,
                part,
                COUNT,
                lambda r: 1 - watching.mean(r, "success"),
                xlabel="Sybils around the key",
                ylabel="share of reads denied",
            )
            panel.set(ylim=(-0.02, 1.02), title={"sybil": "passive", "eclipse": "active"}[kind])
