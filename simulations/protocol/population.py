"""Who is there: nodes are born, join, fall silent, and come back.

**The start.** With *full* tables everybody knows, at time 0, k of each range of the key space and
all of its neighbourhood, the dead included, if the scenario wants some; with *joined* ones all have
joined one after the other before time 0.

**Churn.** Each node stays for a session. Who has left for good is replaced, at that moment, by a
new node, so that the size stays; who is only away comes back with its key and address, and with
the contacts it knew, as a node that was restarted. Nobody says good-bye. The sessions of the start
are drawn from the stationary law: how long is left of a session that is met at a moment.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dht.core.commands import Learn
from dht.core.engine import Engine
from simulations.errors import ConfigError
from simulations.protocol.codec import Codec
from simulations.protocol.tables import Planter

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

    from dht.core.messages import Contact
    from dht.core.policy import Policy
    from simulations.chance import Chance
    from simulations.protocol.link import Link
    from simulations.protocol.networks import Network
    from simulations.protocol.node import Node
    from simulations.protocol.traffic import Users
    from simulations.protocol.truth import Truth
    from simulations.protocol.world import World
    from simulations.scenario import Churn, Scenario, Trace

JOIN_EVERY: Final = 0.1
"""Seconds between two joins before the start."""
TRY_AGAIN: Final = 15.0
"""Seconds after which one who still knows nobody tries to join through another."""
FEW: Final = 8
"""With fewer nodes than that, who knows nobody yet may be the only gate there is."""
SETTLE: Final = 60.0
"""Seconds from the last of them to the start: its walks are over then."""


class Population:
    """The nodes of a run, as they come and go.

    Args:
        world: Where they live.
        link: What lies between them.
        network: What rules they keep.
        truth: Told who lives, serves and can be reached.
        scenario: What is wanted.
        chance: All chance of those who come and go.
    """

    def __init__(
        self,
        world: World,
        link: Link,
        network: Network,
        truth: Truth,
        scenario: Scenario,
        chance: Chance,
    ) -> None:
        self.world = world
        self.link = link
        self.network = network
        self.truth = truth
        self.users: Users | None = None
        self._scenario = scenario
        self._rng = chance.stream("nodes").random()
        self._engines = chance.stream("engines").random()
        self._sessions = chance.stream("churn").generator()
        self._tables = chance.stream("tables").random()
        self._live: list[Node] = []
        self._places: dict[int, int] = {}
        self._others = others_policy(network, scenario)

    # Being born.

    def create(self, contact: Contact | None = None, *, alive: bool = True) -> Node:
        """A node that knows nobody yet: reachable or not, of this region or that, by chance."""
        scenario, rng, index = self._scenario, self._rng, len(self.world.nodes)
        contact = contact or self.network.contact(index, rng)
        node = self.world.add(contact, None)
        node.region = rng.randrange(scenario.network.regions)
        node.part = index % scenario.network.parts
        nat, dice = scenario.network.nat, rng.random()
        if dice < nat.restricted + nat.symmetric:
            node.nat = 1 if dice < nat.restricted else 2
            node.holes = {}
            node.serves = not nat.client
        if alive:
            self._start(node)
        return node

    def _start(self, node: Node) -> None:
        """Give ``node`` an engine and let it be seen."""
        scenario, policy = self._scenario, self.network.policy
        if self._others is not None and self._rng.random() < scenario.rules.others["share"]:
            policy = self._others
        node.engine = Engine(node.key, policy, self._engines, serves=node.serves)
        node.alive = True
        if scenario.codec:
            node.codec = Codec(self.world, node, policy, self._engines)
        self._places[node.index] = len(self._live)
        self._live.append(node)
        if node.serves and not node.nat and node.adversary is None:
            self.truth.add(node.key)

    def leave(self, node: Node) -> None:
        """Let ``node`` fall silent."""
        if not node.alive:
            return
        self.world.kill(node)
        self.truth.discard(node.key)
        place, last = self._places.pop(node.index), self._live.pop()
        if last is not node:  # The last one takes its place.
            self._live[place] = last
            self._places[last.index] = place

    def gate(self, node: Node) -> Node | None:
        """Through whom ``node`` may join: a live one of its network, who serves and is reachable.

        ``None`` if a few dozen tries find none. One who knows nobody yet is a gate for the few
        first only.
        """
        live, rng = self._live, self._rng
        for _ in range(64):
            other = live[rng.randrange(len(live))]
            known = other.engine is not None and (len(other.engine.table) or len(live) < FEW)
            public = other.part == node.part and other.serves and not other.nat
            if known and public and other is not node:
                return other
        return None

    def anybody(self, rng: Random) -> Node | None:
        """A live node, reachable or not: somebody who uses the network."""
        return self._live[rng.randrange(len(self._live))] if self._live else None

    # The start.

    def settle(self) -> None:
        """Make the nodes of the start and let them know each other."""
        wanted = self._scenario.network
        trace = None if self._scenario.churn is None else self._scenario.churn.trace
        if trace is not None:
            self._follow(trace)
            return
        dead = round(wanted.nodes * wanted.dead)
        if wanted.start == "joined":
            for index in range(wanted.nodes):
                moment = -SETTLE - JOIN_EVERY * (wanted.nodes - index)
                self.world.schedule(moment, self._newcomer)
            self.world.run(0.0)
            for node in self._rng.sample(self.world.nodes, dead):
                self.leave(node)
        else:
            gone = set(self._rng.sample(range(wanted.nodes), dead))
            for index in range(wanted.nodes):
                self.create(alive=index not in gone)
            self.plant()
        if self._scenario.churn is not None:
            self._churn(self._scenario.churn)

    def plant(self, strangers: Iterable[Node] = ()) -> None:
        """Give everybody a full table of its own network, the dead included, not ``strangers``."""
        strangers = frozenset(strangers)
        for part in range(self._scenario.network.parts):
            nodes = [node for node in self.world.nodes if node.part == part]
            # Who is behind a NAT answers nobody it has not asked: it stands in no table.
            known = [n for n in nodes if not n.nat and n.serves and n not in strangers]
            planter = Planter(known, self.network.policy)
            # Where nobody shares a subnet the rules have no say.
            crowded = self.network.crowd > 1 or self._scenario.adversary.subnets
            plant = planter.plant_by_rules if crowded else planter.plant_full
            for node in nodes:
                plant(node, 0.0, self._tables)

    def _newcomer(self) -> None:
        self.join(self.create())

    def join(self, node: Node) -> None:
        """Let ``node`` join through somebody who is there, until it succeeds."""
        if node.engine is None or len(node.engine.table):
            return
        gate = self.gate(node)
        if gate is not None and self.users is not None:
            self.users.join(node, gate)
        self.world.schedule(self.world.now + TRY_AGAIN, self.join, node)

    # Coming and going.

    def _churn(self, churn: Churn) -> None:
        live = list(self._live)
        for node, rest in zip(live, churn.session.residual(self._sessions, len(live)), strict=True):
            if node.adversary is None:
                self.world.schedule(float(rest), self._end, node, churn)

    def _end(self, node: Node, churn: Churn) -> None:
        """A session is over."""
        if not node.alive:
            return
        known = () if node.engine is None else tuple(node.engine.table.contacts())
        self.leave(node)
        if churn.absence is None:
            self._arrive(self.create(), churn, ())
        else:
            away = float(churn.absence.draw(self._sessions, 1)[0])
            self.world.schedule(self.world.now + away, self._return, node, churn, known)

    def _return(self, node: Node, churn: Churn, known: tuple[Contact, ...]) -> None:
        self._start(node)
        self._arrive(node, churn, known)

    def _arrive(self, node: Node, churn: Churn, known: Iterable[Contact]) -> None:
        session = float(churn.session.draw(self._sessions, 1)[0])
        self.world.schedule(self.world.now + session, self._end, node, churn)
        if known:
            self.world.command(node, Learn(tuple(known)))
        self.join(node)

    def _follow(self, trace: Trace) -> None:
        """Let nodes come and go as they were seen to."""
        if not trace.nodes:
            raise ConfigError("churn.trace holds no session")
        for _ in range(trace.nodes):
            self.create(alive=False)
        sessions = zip(trace.node, trace.start, trace.end, strict=True)
        seen = [(self.world.nodes[int(index)], start, end) for index, start, end in sessions]
        for node, start, _ in seen:
            if start <= 0:
                self._start(node)
        # Who has not come yet is known to nobody.
        self.plant(node for node in self.world.nodes if not node.alive)
        for node, start, end in seen:
            if start > 0:
                self.world.schedule(float(start), self._appear, node)
            self.world.schedule(float(end), self.leave, node)

    def restart(
        self, node: Node, known: Iterable[Contact] = (), policy: Policy | None = None
    ) -> None:
        """Let ``node`` begin anew, with its key, what it saved of its contacts, and its policy."""
        self.leave(node)
        self._start(node)
        if policy is not None:
            node.engine = Engine(node.key, policy, self._engines, serves=node.serves)
        if known:
            self.world.command(node, Learn(tuple(known)))

    def _appear(self, node: Node) -> None:
        self._start(node)
        self.join(node)


def others_policy(network: Network, scenario: Scenario) -> Policy | None:
    """The policy of those nodes that run another version; ``None`` if there are none."""
    fields = {name: value for name, value in scenario.rules.others.items() if name != "share"}
    if not scenario.rules.others:
        return None
    if "share" not in scenario.rules.others:
        raise ConfigError("rules.others.share is missing")
    try:
        return replace(network.policy, **fields)
    except TypeError as error:
        raise ConfigError(f"rules.others: {error}") from None
