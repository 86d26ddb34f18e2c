"""How kubo publishes: go-libp2p-kad-dht of 2022, as a client in a world of shipped engines.

Read in v0.16 (``query.go``, ``lookup.go``, ``routing.go``) and go-libp2p v0.20 (``swarm_dial.go``):

1. *The walk.* Of all it has heard of, the nearest are dialled and asked, ``alpha`` = 10 at a time;
   a dial that hangs holds its place. It is over as soon as the ``beta`` = 3 nearest that did not
   fail have answered; what is still under way is called off.
2. *The follow-up.* Of the k = 20 nearest that did not fail, those not asked yet are, all at once,
   and the slowest of them is waited for. What they name, or whether they failed, changes nothing.
3. *The put.* ``ADD_PROVIDER`` is written to each of the 20: at once where there is a connection;
   who has just failed is not dialled again within five seconds (the swarm's backoff), else he is,
   and waited for. Nobody takes the place of one who fails.

So a publication waits for its slowest two or three times. :class:`Publication` is one of them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from dht.core.effects import Reply
from dht.core.messages import Answer, FindNode, Origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from dht.core.keys import Key
    from dht.core.messages import Contact
    from simulations.protocol.node import Node
    from simulations.protocol.streams import Streams
    from simulations.protocol.world import World

BACKOFF: Final = 5.0
"""Seconds for which an address that failed is not dialled again: the swarm's ``BackoffBase``."""

READ: Final = 20.0
"""Seconds after which who is connected and does not answer has failed: ``dhtReadMessageTimeout``,
10 s, and the one time that a request is sent again."""

HEARD, WAITING, QUERIED, UNREACHABLE = range(4)
"""States of a peer in a query, by their names in ``qpeerset``."""


class Publication:
    """One provider record on its way to the k closest.

    Args:
        world: Its clock, and who is reached where.
        streams: The connections.
        node: Who publishes.
        target: What.
        numbers: k, alpha and beta.
        done: Called at the end, with the publication.

    Attributes:
        began: When.
        holders: Who took it.
        requests: ``FIND_NODE`` and ``ADD_PROVIDER`` that were sent, or for which a dial failed.
        failures: How many of them failed.
    """

    def __init__(
        self,
        world: World,
        streams: Streams,
        node: Node,
        target: Key,
        numbers: tuple[int, int, int],
        done: Callable[[Publication], None],
    ) -> None:
        self.node, self.target, self.began = node, target, world.now
        self.holders: list[Node] = []
        self.requests = self.failures = 0
        self._k, self._alpha, self._beta = numbers
        self._world, self._streams, self._done = world, streams, done
        self._state: dict[Key, int] = {}
        self._depth: dict[Key, int] = {}
        self._where: dict[Key, Node] = {}
        self._failed: dict[Key, float] = {}
        self._walking = True
        self._under_way = 0

    def begin(self) -> None:
        """Take the k nearest of the own table, and walk."""
        self._learn(_named(self.node, self.node, self.target, self._world.now), 1)
        self._walk()

    @property
    def hops(self) -> int:
        """How far the nearest one found was."""
        return self._depth[min(self._depth, key=self._away)] if self._depth else 0

    # The walk.

    def _walk(self) -> None:
        nearest = self._nearest(self._beta)
        idle = not any(state in (HEARD, WAITING) for state in self._state.values())
        if idle or all(self._state[key] == QUERIED for key in nearest):
            self._walking = False
            for key, state in self._state.items():
                if state == WAITING:
                    self._streams.hang_up(self.node, self._where[key])
            self._follow_up()
            return
        room = self._alpha - sum(state == WAITING for state in self._state.values())
        heard = [key for key in self._nearest() if self._state[key] == HEARD]
        for key in heard[:room]:
            self._state[key] = WAITING
            self._ask(key, self._walked)

    def _walked(self, key: Key, *, answered: bool) -> None:
        if not self._walking:
            return  # It was called off.
        self._state[key] = QUERIED if answered else UNREACHABLE
        if answered:
            named = _named(self._where[key], self.node, self.target, self._world.now)
            self._learn(named, self._depth[key] + 1)
        else:
            self._failed[key] = self._world.now
        self._walk()

    def _learn(self, contacts: tuple[Contact, ...], depth: int) -> None:
        for contact in contacts:
            there = self._world.at.get(contact.endpoint)
            if there is not None and there is not self.node and contact.key not in self._state:
                self._state[contact.key], self._where[contact.key] = HEARD, there
                self._depth[contact.key] = depth

    def _nearest(self, count: int | None = None) -> list[Key]:
        """Those that did not fail, nearest first."""
        able = [key for key, state in self._state.items() if state != UNREACHABLE]
        return sorted(able, key=self._away)[:count]

    def _away(self, key: Key) -> int:
        return key ^ self.target

    def _ask(self, key: Key, then: Callable[..., None]) -> None:
        """Dial, ask, and go on with whether there was an answer."""
        self.requests += 1
        there = self._where[key]
        takes, connected = self._streams.dial(self.node, there)
        answer = self._streams.answer() if connected else 0.0
        answered = connected and answer <= READ
        self.failures += not answered
        moment = self._world.now + takes + min(answer, READ)
        self._world.schedule(moment, partial(then, key, answered=answered))

    # The follow-up, and the put.

    def _follow_up(self) -> None:
        behind = [key for key in self._nearest(self._k) if self._state[key] != QUERIED]
        self._under_way = len(behind)
        for key in behind:
            self._ask(key, self._followed)
        if not behind:
            self._put()

    def _followed(self, key: Key, *, answered: bool) -> None:
        if not answered:
            self._failed[key] = self._world.now
        self._under_way -= 1
        if not self._under_way:
            self._put()

    def _put(self) -> None:
        peers = self._nearest(self._k)
        self._under_way = len(peers)
        for key in peers:
            self.requests += 1
            there, failed = self._where[key], self._failed.get(key, -BACKOFF)
            takes, connected = 0.0, self._streams.connected(self.node, there)
            if not connected and self._world.now - failed >= BACKOFF:
                takes, connected = self._streams.dial(self.node, there)
            self.failures += not connected
            written = partial(self._written, there, connected=connected)
            self._world.schedule(self._world.now + takes, written)
        if not peers:
            self._done(self)

    def _written(self, there: Node, *, connected: bool) -> None:
        if connected:
            self.holders.append(there)
        self._under_way -= 1
        if not self._under_way:
            self._done(self)


def _named(node: Node, asker: Node, target: Key, now: float) -> tuple[Contact, ...]:
    """Whom ``node`` names as closest to ``target``; nobody if it has gone meanwhile."""
    if node.engine is None:
        return ()
    origin = Origin(asker.key, asker.contact.endpoint, None, serves=False)
    for effect in node.engine.receive(FindNode(target), origin, now):
        if isinstance(effect, Reply) and isinstance(effect.response, Answer):
            return effect.response.closer
    return ()
