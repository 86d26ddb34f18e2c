"""The shipped engine on the tables of a kernel: what the compiled lookups are compared with.

One real :class:`~dht.core.engine.Engine` walks at a time, in a world of arrays: whoever it asks
answers with the k contacts of its table that a plain sort finds closest. The round trip is
constant, answers come before timeouts of the same moment, and nobody's table changes but the
asker's own.
"""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, cast

from dht.core import commands as do
from dht.core.effects import Call, Finished
from dht.core.engine import Engine
from dht.core.keys import AMINO_SPACE, MAINLINE_SPACE, Key, KeySpace
from dht.core.messages import Answer, Contact, FindNode, Origin
from dht.core.policy import Policy, Timeouts

if TYPE_CHECKING:
    from collections.abc import Hashable

    from dht.core.effects import Effect
    from dht.core.messages import Endpoint
    from simulations.lookup.desk import World
    from simulations.lookup.rule import Rule

NEVER = 1e12


class Places:
    """An endpoint is (rank, subnet): an address of its own; a negative subnet is none."""

    def address(self, endpoint: Endpoint) -> Hashable:
        # The table's fingerprint of 0 would be that of 1.
        return 2 + cast("tuple[int, int]", endpoint)[0]

    def subnet(self, endpoint: Endpoint) -> Hashable | None:
        where = cast("tuple[int, int]", endpoint)[1]
        return 2 + where if where >= 0 else None

    def acceptable(self, contact: Contact) -> bool:
        return True

    def foreign(self, contact: Contact) -> bool:
        return False

    def preferred(self, contact: Contact) -> bool:
        return True


def policy_for(rule: Rule, timeouts: Timeouts) -> Policy:
    """The policy that ``rule`` stands for: 160 bits, or 256 if it stops early, as Amino does."""
    return Policy(
        "test",
        AMINO_SPACE if rule.beta < rule.k else MAINLINE_SPACE,
        Places(),
        cast("Any", None),
        k=rule.k,
        alpha=rule.alpha,
        beta=rule.beta,
        per_subnet_bucket=10**9,
        per_subnet_table=10**9,
        per_subnet_lookup=rule.per_subnet or 10**9,
        timeouts=timeouts,
        refresh_every=NEVER,
        questionable_after=NEVER,
    )


@dataclass
class Seen:
    """What one lookup did."""

    requests: list[int] = field(default_factory=list)
    found: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    silent: int = 0
    elapsed: float = 0.0


class Walker:
    """Drives one engine to the end of one walk."""

    def __init__(self, world: World, rule: Rule, timeouts: Timeouts, rtt: float) -> None:
        self.world, self.rule, self.rtt = world, rule, rtt
        self.policy = policy_for(rule, timeouts)
        self.ids = [int(each) for each in world.tables.ids]
        self.ranks = {self.widened(each): node for node, each in enumerate(self.ids)}
        self._contacts: dict[int, Contact] = {}

    @property
    def space(self) -> KeySpace:
        return self.policy.space

    def widened(self, short: int) -> Key:
        """64 bits and zeros: order by distance stays what it was."""
        return Key(short << (self.space.bits - 64))

    def contact(self, node: int) -> Contact:
        known = self._contacts.get(node)
        if known is None:
            subnets = self.world.subnets
            place = (node, int(subnets[node]) if len(subnets) else -1)
            known = self._contacts[node] = Contact(self.widened(self.ids[node]), place)
        return known

    def known(self, node: int) -> list[int]:
        rows = self.world.tables.rows[node]
        return [int(contact) for contact in rows[rows >= 0]]

    def answer(self, node: int, target: Key) -> Answer:
        """The k closest that ``node`` knows: sort them all."""
        short = target >> (self.space.bits - 64)
        known = sorted(self.known(node), key=lambda other: self.ids[other] ^ short)
        return Answer(tuple(self.contact(other) for other in known[: self.rule.k]))

    def engine(self, source: int) -> Engine:
        contact = self.contact(source)
        engine = Engine(contact.key, self.policy, Random(1), serves=False)
        for node in self.known(source):
            engine.table.answered(self.contact(node), self.rtt, 0.0)
        assert len(engine.table) == len(self.known(source)), "the engine holds the same table"
        return engine

    def walk(self, source: int, target: int) -> Seen:
        """From ``source`` to ``target``, by the engine's own rules."""
        engine = self.engine(source)
        seen, now, serial = Seen(), 0.0, itertools.count()
        arrivals: list[tuple[float, int, int, int, Answer]] = []
        effects = engine.command(do.Walk(1, self.widened(target), self.rule.paths), now)
        walker = cast("Any", engine)._running[1].walker
        while True:
            for effect in effects:
                if isinstance(effect, Finished):
                    return self._ended(effect, walker, seen)
                self._send(effect, now, arrivals, serial, seen)
            deadline = engine.next_deadline()
            if arrivals and arrivals[0][0] <= deadline:
                now, _, call, node, answer = heapq.heappop(arrivals)
                contact = self.contact(node)
                origin = Origin(contact.key, contact.endpoint, call)
                effects = engine.receive(answer, origin, now)
            else:
                assert now <= deadline < math.inf, "something is going to happen"
                now = deadline
                effects = engine.tick(now)

    def _send(
        self,
        effect: Effect,
        now: float,
        arrivals: list[tuple[float, int, int, int, Answer]],
        serial: itertools.count[int],
        seen: Seen,
    ) -> None:
        if not isinstance(effect, Call):
            return
        assert isinstance(effect.request, FindNode)
        node = cast("tuple[int, int]", effect.to)[0]
        seen.requests.append(node)
        if self.world.alive[node]:
            answer = self.answer(node, effect.request.target)
            heapq.heappush(arrivals, (now + self.rtt, next(serial), effect.id, node, answer))

    def _ended(self, effect: Finished, walker: Any, seen: Seen) -> Seen:
        evidence = effect.evidence
        seen.found = [self.ranks[contact.key] for contact in evidence.closest]
        seen.depths = [walker.depth(contact.key) for contact in evidence.closest]
        seen.silent = evidence.silent
        seen.elapsed = evidence.ended - evidence.started
        assert evidence.requests == len(seen.requests)
        return seen
