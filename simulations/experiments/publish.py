"""How long it takes to publish a provider record: kubo's way and ours, in a network of streams.

**Beside the real network.** RFM17 (ProbeLab 2022, K = 20) published 10,000 records from one host
with go-libp2p-kad-dht, when IPFS had about 15,400 servers:

=================  ==========================================================
seconds            2.97, 7.01, 12.64, 23.33, 48.98 (5, 25, 50, 75, 90 %)
holders reached    14, 18, 20 (5, 50, 90 %)
=================  ==========================================================

What goes in was measured by others and elsewhere, none of it is fitted: dials and answers
(:mod:`simulations.protocol.streams`), and the dead among those that tables name (RFM19, April 2022:
15,371 reachable servers, 15 % of the entries of the buckets near a node unreachable).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import numpy as np

from simulations import drawing, engines, watching
from simulations.errors import ConfigError
from simulations.experiment import Experiment, Figure
from simulations.protocol.kubo import Publication
from simulations.registry import register
from simulations.rows import LOOKUPS, Kind, Rows
from simulations.statistics import quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from dht.core.effects import Evidence
    from simulations.chance import Chance
    from simulations.engines import Progress
    from simulations.protocol import Run
    from simulations.protocol.node import Node
    from simulations.protocol.traffic import Errand
    from simulations.scenario import Fidelity, Scenario

SHARES: Final = (0.05, 0.25, 0.5, 0.75, 0.9)
MEASURED: Final = (2.97, 7.01, 12.64, 23.33, 48.98)
"""RFM17, table 1: seconds at :data:`SHARES`."""
REACHED: Final = {0.05: 14, 0.5: 18, 0.9: 20}
"""RFM17, figure 3: holders of a record."""


@dataclass(frozen=True)
class PublishSettings:
    """Who publishes.

    Attributes:
        client: ``kubo``: as go-libp2p-kad-dht of 2022 does (:mod:`simulations.protocol.kubo`);
            ``ours``: the engine that ships, by the same policy's numbers.
    """

    client: Literal["kubo", "ours"] = "kubo"


@register("experiment", "publish")
class Publish(Experiment):
    """How long it takes to publish, where the dead cost a dial: kubo's way and ours.

    Nodes stand still; some of those in tables are dead. Many publish, each a record of its own, and
    each publication is timed until the publisher is told that it is done: kubo's when all of the k
    closest have been tried, ours when k nodes have it.

    Watch: kubo's seconds beside those of RFM17. What ours does differently is not to wait: who is
    slow frees its slot at once, who is dead gives way to the next closest. ``rules.beta`` = k asks
    all k before anything is written. ``network.dead`` decides what that is worth.
    """

    Settings = PublishSettings
    fidelities: ClassVar[tuple[Fidelity, ...]] = ("protocol",)
    panels = 2

    def run(self, scenario: Scenario, chance: Chance, progress: Progress | None = None) -> Rows:
        """One run: a row a publication, with the column ``holders``.

        Raises:
            ConfigError: It is no network of streams, or nothing is to be published.
        """
        if not scenario.network.streams:
            raise ConfigError("network.streams is off, but publications here dial")
        if not scenario.traffic.lookups or scenario.traffic.puts < 1:
            raise ConfigError("traffic: say lookups = 300, puts = 1.0: each is a publication")
        kubo = self.settings.client == "kubo"
        nobody = replace(scenario, traffic=replace(scenario.traffic, lookups=0, rate=0.0))
        run: Run = engines.engine("protocol").Run(nobody if kubo else scenario, chance)
        if not kubo:
            run.users.remark("holders", _holders)
            return run.finish(progress)
        mine = Kubo(run, chance.stream("publishers").random())
        for index in range(scenario.traffic.lookups):
            moment = scenario.duration * index / scenario.traffic.lookups
            run.world.schedule(moment, mine.publish, index)
        run.finish(progress)
        run.world.run(when=lambda: mine.idle)
        return mine.rows()

    def summary(self, rows: Rows) -> list[Figure]:
        """Seconds and holders at RFM17's shares, and what a publication costs."""
        times, holders = quantiles(rows["latency_s"], SHARES), rows["holders"]
        reached = quantiles(holders, list(REACHED))
        return [
            Figure("publications", float(rows.count)),
            *(Figure(f"seconds, {s:.0%}", t, "s") for s, t in zip(SHARES, times, strict=True)),
            *(Figure(f"holders, {s:.0%}", h) for s, h in zip(REACHED, reached, strict=True)),
            Figure("of the k closest that live, hold it", watching.mean(rows, "found_closest")),
            Figure("requests", watching.mean(rows, "requests")),
            Figure("of them failed", watching.mean(rows, "timeouts")),
            Figure("median over RFM17's", times[2] / MEASURED[2]),
        ]

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Left: the distribution of seconds. Right: that of holders. Dots: RFM17."""
        shares = np.linspace(0, 1, drawing.POINTS)
        for colour, (label, part) in enumerate(drawing.groups(rows)):
            for panel, column in zip(axes, ("latency_s", "holders"), strict=True):
                curves = drawing.per_seed(part, lambda r, c=column: drawing.percentiles(r, c))  # type: ignore[misc]
                drawing.upright(panel, curves, shares, label=label, colour=colour)
        style = {"color": "0.2", "marker": "o", "linestyle": "", "markersize": 4}
        axes[0].plot(MEASURED, SHARES, label="measured (RFM17)", **style)
        axes[1].plot(list(REACHED.values()), list(REACHED), **style)
        axes[0].set(xlabel="time of a publication (s)", xscale="log", xlim=(0.3, 200))
        axes[1].set(xlabel="nodes that took the record", xlim=(10, 32))
        for panel in axes:
            panel.set(ylabel="share of publications", ylim=(0, 1))
        axes[0].legend(loc="lower right", fontsize="x-small")


def _holders(node: Node, errand: Errand, evidence: Evidence) -> float:
    return float(len(evidence.holders))


class Kubo:
    """Publishes in a run as kubo does, and keeps what came of it.

    Args:
        run: Where; a network of streams.
        rng: Who publishes.
    """

    def __init__(self, run: Run, rng: Random) -> None:
        self._run = run
        self._rng = rng
        self._open = 0
        self._columns: dict[str, list[float]] = {name: [] for name in (*LOOKUPS, "holders")}

    @property
    def idle(self) -> bool:
        """Nothing is under way."""
        return not self._open

    def rows(self) -> Rows:
        """What was seen, in the order in which publications ended."""
        return Rows(self._columns)

    def publish(self, index: int) -> None:
        """Have somebody publish the ``index``-th record."""
        run, policy = self._run, self._run.network.policy
        node = run.population.anybody(self._rng)
        if node is None or run.streams is None:
            return
        target = run.network.record(b"%d" % index).key
        numbers = (policy.k, policy.alpha, policy.beta)
        self._open += 1
        Publication(run.world, run.streams, node, target, numbers, self._done).begin()

    def _done(self, it: Publication) -> None:
        self._open -= 1
        run = self._run
        true = run.truth.closest(it.target, run.network.policy.k, it.node.key)
        took = {holder.key for holder in it.holders}
        values = (
            it.began,
            it.node.index,
            Kind.PUT,
            bool(took),
            len(took.intersection(true)) / len(true),
            it.hops,
            it.requests,
            it.failures,
            run.world.now - it.began,
            len(took),
        )
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)
