"""Many engines on one virtual clock: the very code that ships, driven by a heap.

This is a shell like the trio node (``dht.node``): it performs what engines want done and brings
back what came of it. Only the network is a heap of moments here, so an hour takes as long as what
happens in it.

**Determinism.** Moments are taken in the order of ``(time, serial)``; the serial counts what was
ever scheduled, messages before timers. All chance comes from generators that are handed in. Nothing
here walks a set, or a dictionary in any order but that of insertion, so two runs from one seed are
the same in every process, whatever its hash seed.

**Clocks.** An answer that arrives at the very moment at which patience with it ends has arrived. At
constant latency that is the common case: once all answers took equally long, the short timeout is
exactly that long. So timers ring after all messages of their moment; and moments are whole
nanoseconds, for ``(t + a) + b - t`` is ``a + b`` only among numbers that add up without rounding.

**Cost.** A message is one entry of the heap. A timer is entered only when an engine's deadline
moves forward; one that rings too early is set anew. Answers and contacts are never copied.
"""

from __future__ import annotations

import itertools
import math
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from dht.core.effects import Call, Cancel, Finished, Found, Persist, Reply
from dht.core.messages import Answer, Origin, Refusal
from simulations.protocol.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dht.core.commands import Command
    from dht.core.effects import Effect, Evidence
    from dht.core.engine import Engine
    from dht.core.messages import Contact, Endpoint, Request, Response

GRAIN: Final = 2.0**-30
"""Seconds between two moments: about a nanosecond."""
COARSE: Final = 2.0**22
"""A float of this size has no digits below :data:`GRAIN`: to add it and to take it away rounds to
whole grains. So it does for 48 days; beyond, floats are coarser by themselves."""
TIMERS: Final = 1 << 50
"""Where serials of timers begin, above those of all messages there will be."""

NO_CALL: Final = -1
"""The number of a call that no engine made."""

Delay: TypeAlias = "Callable[[Node, Node], float]"
"""Seconds a message from one node to another travels; infinity if it is lost."""


class World:
    """Nodes, a clock, and the link between them.

    Args:
        delay: How long messages travel, and whether they arrive.

    Attributes:
        now: Virtual seconds since the start.
        nodes: All nodes there ever were, by index.
        at: Who is reached where; the latest, where one came after another.
        requests: How many requests were sent.
        responses: How many responses were.
        on_call: Told of every request before it leaves: the node and the call.
        on_found: Told of everything operations find: the node and the effect.
        on_finished: Told of every operation that ends: the node, its number, the evidence.
        on_effect: Told of whatever else engines want: ``Kept``, ``Changed``, ``Foreign``.
    """

    def __init__(self, delay: Delay) -> None:
        self.now = 0.0
        self.nodes: list[Node] = []
        self.at: dict[Endpoint, Node] = {}
        self.requests = 0
        self.responses = 0
        self.on_call: Callable[[Node, Call], None] | None = None
        self.on_found: Callable[[Node, Found], None] | None = None
        self.on_finished: Callable[[Node, int, Evidence], None] | None = None
        self.on_effect: Callable[[Node, Effect], None] | None = None
        self._delay = delay
        # When, in which order, what, and four things it wants to know: one tuple a message.
        self._heap: list[tuple[float, int, Callable[..., None], Any, Any, Any, Any]] = []
        self._serial = itertools.count().__next__
        self._rank = itertools.count(TIMERS).__next__

    # Who is there.

    def add(self, contact: Contact, engine: Engine | None) -> Node:
        """Add a node, which knows nobody yet; without an engine one that is dead."""
        node = Node(len(self.nodes), contact, engine)
        self.nodes.append(node)
        self.at[contact.endpoint] = node
        return node

    def kill(self, node: Node) -> None:
        """Let it fall silent for good. Nobody is told."""
        node.alive = False
        node.engine = None

    # Time.

    def schedule(self, at: float, action: Callable[..., None], *details: Any) -> None:
        """Have ``action(*details)`` done at ``at``."""
        at = at + COARSE - COARSE
        heappush(self._heap, (at, self._serial(), _act, action, details, None, None))

    def run(self, until: float = math.inf, *, when: Callable[[], bool] | None = None) -> None:
        """Let time pass until ``until``, or until ``when`` holds, or nothing is left to happen."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            if when is not None and when():
                return
            self.now, _, action, a, b, c, d = heappop(heap)
            action(a, b, c, d)
        if until < math.inf and (when is None or not when()):
            self.now = max(self.now, until)

    # Engines.

    def command(self, node: Node, command: Command) -> None:
        """Give ``node`` a command and perform what comes of it."""
        if node.engine is not None:
            self.perform(node, node.engine.command(command, self.now))
            self._wake(node, node.engine.next_deadline())

    def perform(self, node: Node, effects: Iterable[Effect]) -> bool:
        """Do what an engine wants, in order; whether that was calls and findings alone."""
        called = other = False
        for effect in effects:
            kind = type(effect)
            if kind is Call:
                self._call(node, effect)  # type: ignore[arg-type]
                called = True
            elif kind is Found:
                if self.on_found is not None:
                    self.on_found(node, effect)  # type: ignore[arg-type]
            elif kind is Reply:
                self._reply(node, effect)  # type: ignore[arg-type]
            elif kind is Cancel:
                if node.codec is not None:
                    node.codec.forget(effect.id)  # type: ignore[union-attr]
            else:
                self._note(node, effect)
                other = True
        return called and not other

    def _note(self, node: Node, effect: Effect) -> None:
        """Pass on what is no message; a disk writes in no time here."""
        if isinstance(effect, Finished):
            if self.on_finished is not None:
                self.on_finished(node, effect.operation, effect.evidence)
        elif isinstance(effect, Persist):
            if node.engine is not None:
                self.perform(node, node.engine.persisted(effect.id, self.now))
        elif self.on_effect is not None:
            self.on_effect(node, effect)

    def _wake(self, node: Node, at: float) -> None:
        """See to it that ``node`` ticks at ``at``, if not before."""
        if at < node.wakes_at:
            node.wakes_at = at
            moment = max(at, self.now) + COARSE - COARSE
            if moment < at:  # Never too early, or it would be set for the same moment again.
                moment += GRAIN
            heappush(self._heap, (moment, self._rank(), self._ring, node, at, None, None))

    def _ring(self, node: Node, at: float, _c: None, _d: None) -> None:
        engine = node.engine
        if node.wakes_at != at or engine is None:
            return  # An earlier one was set since, or nobody is there any more.
        node.wakes_at = math.inf
        due = engine.next_deadline()
        if due <= self.now:  # What it was set for may have been settled.
            self.perform(node, engine.tick(self.now))
            due = engine.next_deadline()
        self._wake(node, due)

    # Messages.

    def carry(self, source: Node, target: Node, arrive: Callable[..., None], *details: Any) -> None:
        """Put something on the link, as ``arrive(*details)``, where it may be lost."""
        at = self.now + self._delay(source, target)
        if at < math.inf:
            self.schedule(at, arrive, *details)

    def knock(self, node: Node, target: Node, request: Request) -> None:
        """Send a request past the engine of ``node``, which will ignore the answer."""
        self.requests += 1
        self.carry(node, target, self._ask, target, node, request, NO_CALL)

    def deliver(self, node: Node, message: Request | Response, origin: Origin) -> None:
        """Hand over a message that arrived at ``node``."""
        engine = node.engine
        if engine is None:
            return
        if node.adversary is not None and not isinstance(message, Answer | Refusal):
            said = node.adversary.answer(message, origin, self)
            if said is not None:
                self._reply(node, Reply(origin.handle, said))
        else:
            self.perform(node, engine.receive(message, origin, self.now))
        self._wake(node, engine.next_deadline())

    def _call(self, node: Node, call: Call) -> None:
        if self.on_call is not None:
            self.on_call(node, call)
        self.requests += 1
        target = self.at.get(call.to)
        if target is not None:
            if node.codec is not None:
                node.codec.call(call, target)
                return
            at = self.now + self._delay(node, target) + COARSE - COARSE
            if at < math.inf:
                entry = (at, self._serial(), self._ask, target, node, call.request, call.id)
                heappush(self._heap, entry)

    def _ask(self, node: Node, asker: Node, request: Request, number: int) -> None:
        """A request arrives at ``node``."""
        engine = node.engine
        if engine is None:
            return
        contact = asker.contact
        origin = Origin(contact.key, contact.endpoint, (asker, number), asker.serves)
        if node.adversary is not None:
            self.deliver(node, request, origin)
            return
        effects = engine.receive(request, origin, self.now)
        if len(effects) == 1 and type(effects[0]) is Reply:
            self._reply(node, effects[0])  # Which leaves no deadline behind.
            return
        self.perform(node, effects)
        self._wake(node, engine.next_deadline())

    def _reply(self, node: Node, reply: Reply) -> None:
        self.responses += 1
        if node.codec is not None:
            node.codec.reply(reply.handle, reply.response)
            return
        asker, number = cast("tuple[Node, int]", reply.handle)
        at = self.now + self._delay(node, asker) + COARSE - COARSE
        if at < math.inf:
            entry = (at, self._serial(), self._answer, asker, node, reply.response, number)
            heappush(self._heap, entry)

    def _answer(self, node: Node, answerer: Node, response: Response, number: int) -> None:
        """A response arrives at ``node``."""
        engine = node.engine
        if engine is None:
            return
        contact = answerer.contact
        origin = Origin(contact.key, contact.endpoint, number)
        calls = self.perform(node, engine.receive(response, origin, self.now))
        self._wake(node, engine.next_timeout() if calls else engine.next_deadline())


def _act(action: Callable[..., None], details: tuple[Any, ...], _c: None, _d: None) -> None:
    """What somebody else scheduled."""
    action(*details)
