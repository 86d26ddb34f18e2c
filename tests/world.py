"""Many engines on one virtual clock, joined by a link that loses, delays, reorders and repeats.

This is the second of the two shells that drive an engine (the first is the trio node), and the
stupid one: a heap of moments (:mod:`tests.timeline`). Tests reach into any node and see both ends
of every link.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from dht.core import commands as do
from dht.core.effects import Call, Cancel, Finished, Found, Kept, Persist, Reply
from dht.core.engine import Engine
from dht.core.messages import Contact, Origin
from tests.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dht.core.commands import Command
    from dht.core.effects import Effect, Evidence
    from dht.core.messages import Endpoint, Request, Response
    from tests.strategies import Network


class Member:
    """One node of the world: an engine, its endpoint, and what came out of it."""

    def __init__(self, world: World, index: int, *, serves: bool) -> None:
        policy = world.network.policy
        self.world = world
        self.contact = world.network.spread(policy.space.draw(world.rng), index)
        self.engine = Engine(self.contact.key, policy, Random(world.rng.random()), serves=serves)
        self.alive = True
        self.found: dict[int, list[Found]] = {}
        self.finished: dict[int, Evidence] = {}
        self.kept: list[Kept] = []
        self.other: list[Effect] = []
        self.wakes_at = math.inf
        # Hears of every request that arrives; what it returns is answered in the engine's place.
        self.liar: Callable[[Request, Origin], Response | None] | None = None

    @property
    def endpoint(self) -> Endpoint:
        return self.contact.endpoint

    def next_deadline(self) -> float:
        return self.engine.next_deadline()

    def tick(self) -> None:
        if self.alive:
            self.perform(self.engine.tick(self.world.now))

    def command(self, command: Command) -> None:
        """Give a command and perform what comes of it."""
        self.perform(self.engine.command(command, self.world.now))

    def perform(self, effects: Iterable[Effect]) -> None:
        """Do what the engine wants, as a shell does."""
        for effect in effects:
            match effect:
                case Call(number, to, request):
                    self.world.note("call", self.contact.key, request)
                    self.world.sent[type(request).__name__] += 1
                    self.world.transmit(self, to, request, number)
                case Reply(handle, response):
                    sender, number = handle
                    self.world.transmit(self, sender.endpoint, response, number)
                case Found(operation):
                    self.found.setdefault(operation, []).append(effect)
                case Finished(operation, evidence):
                    self.finished[operation] = evidence
                case Persist(number):
                    self.other.append(effect)
                    self.perform(self.engine.persisted(number, self.world.now))
                case Kept():
                    self.kept.append(effect)
                case Cancel():
                    pass
                case _:
                    self.other.append(effect)
        self.world.wake(self)


class World(Timeline):
    """N members, a clock, and the link between them.

    Args:
        network: Policy and endpoints.
        count: How many members serve from the start; they are not joined yet.
        seed: The root of all chance.
        latency: Seconds one way: draws one for each datagram.
        loss: Share of datagrams lost.
        repeat: Share of datagrams that arrive twice.
    """

    def __init__(
        self,
        network: Network,
        count: int,
        seed: int = 1,
        *,
        latency: Callable[[Random], float] = lambda rng: rng.uniform(0.01, 0.03),
        loss: float = 0.0,
        repeat: float = 0.0,
    ) -> None:
        super().__init__(seed)
        self.network = network
        self.latency = latency
        self.loss = loss
        self.repeat = repeat
        self.sent: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self.members: list[Member] = []
        self.at: dict[Endpoint, Member] = {}
        for _ in range(count):
            self.add()

    def add(self, *, serves: bool = True) -> Member:
        """Add a member that knows nobody."""
        member = Member(self, len(self.members), serves=serves)
        self.members.append(member)
        self.at[member.endpoint] = member
        return member

    def transmit(
        self, sender: Member, to: Endpoint, message: Request | Response, number: int
    ) -> None:
        """Put a datagram on the link, where it may be lost, delayed, or doubled."""
        copies = 1 + (self.rng.random() < self.repeat)
        for _ in range(copies):
            if self.rng.random() >= self.loss:
                at = self.now + self.latency(self.rng)
                self.schedule(at, lambda: self._arrive(sender, to, message, number))

    def _arrive(
        self, sender: Member, to: Endpoint, message: Request | Response, number: int
    ) -> None:
        member = self.at.get(to)
        if member is None or not member.alive:
            return
        is_response = type(message).__name__ in {"Answer", "Refusal"}
        handle = number if is_response else (sender, number)
        origin = Origin(sender.contact.key, sender.endpoint, handle, serves=sender.engine.serves)
        if not is_response and member.liar is not None:
            lie = member.liar(message, origin)  # type: ignore[arg-type]
            if lie is not None:
                self.transmit(member, sender.endpoint, lie, number)
                return
        member.perform(member.engine.receive(message, origin, self.now))

    def do(
        self, member: Member, make: Callable[[int], Command], patience: float = 60.0
    ) -> Evidence:
        """Run one operation to its end and return its evidence."""
        number = next(self._numbers)
        member.command(make(number))
        self.run(self.now + patience, when=lambda: number in member.finished)
        assert number in member.finished, f"operation {number} did not finish in {patience} s"
        return member.finished[number]

    def found(self, member: Member) -> list[Found]:
        """What the last operation that ran through ``do`` found."""
        return member.found.get(max(member.finished), [])

    def join(self) -> None:
        """Every member joins through one of those before it."""
        for index, member in enumerate(self.members):
            if index:
                gate = self.members[self.rng.randrange(index)].endpoint
                while not self.do(member, partial(do.Bootstrap, endpoints=(gate,))).complete:
                    pass  # The link lost it; a shell tries again, too.
        self.run(self.now + 5.0)

    def live_closest(self, target: int, n: int) -> list[Contact]:
        """The stupid correct answer to a lookup."""
        contacts = [m.contact for m in self.members if m.alive and m.engine.serves]
        return sorted(contacts, key=lambda c: c.key ^ target)[:n]

    def kill(self, members: Iterable[Member]) -> None:
        """Let them fall silent. Nobody's table is told."""
        for member in members:
            member.alive = False
