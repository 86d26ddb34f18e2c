"""One run: a scenario made into a world, watched until its time is over."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any, Final

from simulations import registry
from simulations.errors import ConfigError
from simulations.protocol.events import event
from simulations.protocol.link import Link
from simulations.protocol.networks import Network, network
from simulations.protocol.population import JOIN_EVERY, SETTLE, Population
from simulations.protocol.records import OpenRecords
from simulations.protocol.rules import named_rules, tried
from simulations.protocol.streams import Streams
from simulations.protocol.traffic import Users
from simulations.protocol.truth import Truth
from simulations.protocol.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from dht.core.keys import Key
    from simulations.chance import Chance
    from simulations.protocol.adversary import Adversary
    from simulations.protocol.node import Node
    from simulations.rows import Rows
    from simulations.scenario import Scenario

HOUR: Final = 3600.0
PATIENCE: Final = 60.0
"""Seconds for which operations may go on after the end."""
ROOM: Final = 254
"""Addresses of nodes in one subnet, a /24."""
STEPS: Final = 200
"""How often progress is told."""


class Run:
    """A world with all that is in it. Made, it stands at time 0.

    Attributes:
        world: The nodes and the clock.
        population: Who comes and goes.
        users: What is asked, and what came of it.
        truth: What a perfect observer knows.
        streams: The connections, in a network of streams.
        band: The attacker's nodes.
        target: The key the attacker is after: of a record, that of the users' prey, if it hunts.

    Raises:
        ConfigError: The scenario wants what this fidelity cannot do.
    """

    def __init__(self, scenario: Scenario, chance: Chance) -> None:
        self.scenario = scenario
        self._chance = chance
        self.network = network_of(scenario, chance)
        wanted = scenario.network
        placed = wanted.latency.place(wanted.nodes, chance.stream("places").generator())
        rng = chance.stream("link").random()
        streams = Streams(rng, self._now) if wanted.streams else None
        link = Link(placed, wanted.nodes, wanted.loss, rng, self._now, streams)
        self.streams = streams
        self.world = World(link.delay)
        self.world.now = self._beginning()
        self.truth = Truth(self.network.policy.space)
        self.population = Population(self.world, link, self.network, self.truth, scenario, chance)
        users = chance.stream("traffic").random()
        self.users = Users(
            self.world,
            self.network,
            self.truth,
            scenario.traffic,
            users,
            paths=scenario.rules.paths,
        )
        self.population.users = self.users
        self.band: list[Node] = []
        attacker = chance.stream("adversary").random()
        self.target = self.network.policy.space.draw(attacker)
        self.population.settle()
        self._recruit(attacker)
        self._provide_traffic(users)
        self._expect_events()

    def _now(self) -> float:
        return self.world.now

    def _beginning(self) -> float:
        wanted = self.scenario.network
        return -(SETTLE + JOIN_EVERY * wanted.nodes) if wanted.start == "joined" else 0.0

    def finish(self, progress: Callable[[float], None] | None = None) -> Rows:
        """Let the time of the scenario pass; what was seen."""
        duration = self.scenario.duration
        for step in range(1, STEPS + 1):
            self.world.run(duration * step / STEPS)
            if progress is not None:
                progress(duration * step / STEPS)
        # What began in time is waited for, or the slowest of the last minute would be missing.
        self.world.run(duration + PATIENCE, when=lambda: self.users.idle)
        return self.users.rows()

    # Traffic.

    def _provide_traffic(self, rng: Random) -> None:
        """Spread what users want over the time there is."""
        traffic, duration = self.scenario.traffic, self.scenario.duration
        if traffic.lookups:
            for index in range(traffic.lookups):
                self.world.schedule(duration * index / traffic.lookups, self._operate, rng)
        elif traffic.rate:
            self.world.schedule(rng.expovariate(1.0) * self._gap(), self._operate_again, rng)

    def _gap(self) -> float:
        """Seconds between two operations of all nodes, on average."""
        return HOUR / (self.scenario.traffic.rate * self.scenario.network.nodes)

    def _operate(self, rng: Random) -> None:
        node = self.population.anybody(rng)
        if node is not None and node.adversary is None:
            self.users.operate(node)

    def _operate_again(self, rng: Random) -> None:
        if self.world.now >= self.scenario.duration:
            return
        self._operate(rng)
        next_one = self.world.now + rng.expovariate(1.0) * self._gap()
        self.world.schedule(next_one, self._operate_again, rng)

    # The attacker.

    def _recruit(self, rng: Random) -> None:
        """Turn a share of the nodes, or add some, and let them act."""
        wanted = self.scenario.adversary
        if wanted.behaviour.name == "none":
            return
        kind = registry.find("adversary", wanted.behaviour.name, "adversary.behaviour")
        options: dict[str, Any] = dict(wanted.behaviour.options)
        if options.pop("hunt", False):
            self.users.prey = self.network.record(b"prey %d" % rng.getrandbits(64))
            self.target = self.users.prey.key
        bits = options.pop("bits", 0)
        count = wanted.count or round(wanted.share * self.scenario.network.nodes)
        if wanted.count or wanted.subnets or kind.grinds:
            self._invade(kind, count, rng, {"bits": bits} if bits else {})
        else:
            self.band = rng.sample([node for node in self.world.nodes if node.alive], count)
        for node in self.band:
            self.truth.discard(node.key)
            node.adversary = _made(kind, (node, self.band, rng, self.target), options)
            self.world.schedule(self.world.now, self._act, node.adversary)

    def _invade(self, kind: type[Adversary], count: int, rng: Random, wish: dict[str, Any]) -> None:
        """Add nodes of the attacker's, and let them be known as all others are."""
        start = len(self.world.nodes)
        where = replace(self.network, crowd=self._crowd(count))
        if where.crowd != self.network.crowd:  # Places are counted in subnets: theirs are others.
            start *= where.crowd
        drawn = [where.contact(start + index, rng) for index in range(count)]
        keys: list[Key] = kind.keys(drawn, self.target, self.network, rng, **wish)
        for contact, key in zip(drawn, keys, strict=True):
            self.band.append(self.population.create(type(contact)(key, contact.endpoint)))
        if self.scenario.network.start == "full":
            self.population.plant(() if kind.settled else self.band)
        else:
            for node in self.band:
                self.population.join(node)

    def _act(self, adversary: Adversary) -> None:
        again = adversary.act(self.world)
        if again <= self.scenario.duration:
            self.world.schedule(again, self._act, adversary)

    def _crowd(self, count: int) -> int:
        """How many of ``count`` nodes of the attacker's share a subnet."""
        subnets = self.scenario.adversary.subnets
        if not subnets:
            return self.network.crowd
        crowd = max(1, -(-count // subnets))
        if crowd > ROOM:
            need = -(-count // ROOM)
            raise ConfigError(f"adversary.subnets is {subnets}, but {count} nodes need {need}")
        return crowd

    # Events.

    def _expect_events(self) -> None:
        for number, choice in enumerate(self.scenario.events):
            it = event(choice)
            rng = self._chance.stream("events", number).random()
            self.world.schedule(it.at, it.begin, self.population, rng)
            if it.until <= self.scenario.duration:
                self.world.schedule(it.until, it.end, self.population)


def _made(kind: type[Adversary], arguments: tuple[Any, ...], options: dict[str, Any]) -> Adversary:
    try:
        return kind(*arguments, **options)
    except TypeError as error:
        raise ConfigError(f"adversary.behaviour: {error}") from None


def network_of(scenario: Scenario, chance: Chance) -> Network:
    """The network whose rules a scenario names.

    Raises:
        ConfigError: It cannot be had.
    """
    rules, wanted = scenario.rules, scenario.network
    if scenario.codec and rules.policy != "mainline":
        raise ConfigError("codec is on, but only mainline's messages have one")
    if rules.policy == "amino" and wanted.ids == "bep42":
        raise ConfigError('network.ids is "bep42", which only mainline knows')
    fields: dict[str, Any] = dict(rules.switches)
    records = fields.pop("records", "signed")
    said = {"k": rules.k, "alpha": rules.alpha, "beta": rules.beta, "refresh_every": rules.refresh}
    fields |= {name: value for name, value in said.items() if value is not None}
    fields |= named_rules(scenario)
    if rules.beta is None and rules.k is not None and rules.policy == "mainline":
        fields["beta"] = rules.k  # Mainline's stop rule is all k.
    rng = Random(chance.stream("tickets").word())
    made = network(
        rules.policy, secure=wanted.ids == "bep42", crowd=wanted.crowd, rng=rng, **fields
    )
    tried(made.policy, scenario)
    return made if records == "signed" else made.with_records(OpenRecords(made.policy.space))
