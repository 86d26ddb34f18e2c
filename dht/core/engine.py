"""The one door of a Kademlia node: messages and commands in, effects out.

The engine owns the machines (routing table, stores, upkeep, timing, pending calls, running
operations) and connects them; it decides nothing that one of them could. It never reads a clock,
draws no chance of its own and performs nothing: see :mod:`dht.core.effects`. How operations run
is told in :mod:`dht.core.conductor`, what others are answered in :mod:`dht.core.service`.

*Acknowledged means durable*: the reply to a write waits for ``persisted``. Memory is changed first
and the disk after, so that a reader sees what was written as soon as it came; what is promised to
the writer comes last. If the disk falls behind, writers are turned away before anything changes.

*Effects are in order.* What a call returns is to be performed from first to last, and nothing in it
presupposes that anything later was done. An effect may make the shell call the engine again; that
is fine between two effects, as the engine is never in the middle of anything when it returns.

One engine serves one address family of one network; ``relate`` joins two that answer for each
other (BEP 32).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from dht.core import commands as do
from dht.core.calls import Silence
from dht.core.conductor import Conductor
from dht.core.direct import Asking
from dht.core.effects import Cancel, Persist, Reply
from dht.core.messages import Answer, Contact, FindNode, Refusal
from dht.core.service import Service
from dht.core.upkeep import Check, Expired

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from dht.core.commands import Command
    from dht.core.effects import Change, Effect, Evidence
    from dht.core.keys import Key
    from dht.core.messages import Endpoint, Origin, Request, Response
    from dht.core.planning import Wish
    from dht.core.policy import Policy
    from dht.core.upkeep import Job

MAX_BACKGROUND: Final = 4
"""Operations of upkeep under way at once: upkeep yields to users."""
MAX_UNWRITTEN: Final = 4096
"""Replies that wait for the disk; beyond that writers are told BUSY."""

_RESPONSES: Final = (Answer, Refusal)  # A tuple; a union would be made anew on each call.


class Engine(Conductor):
    """A Kademlia node without a network. See the module for the rules it keeps.

    Args:
        own: Our key.
        policy: The network's numbers and rules.
        rng: Where all chance comes from.
        serves: Whether requests are answered; a read-only node (BEP 43) answers none.
    """

    __slots__ = ("_last_write", "_unwritten", "service")

    def __init__(self, own: Key, policy: Policy, rng: Random, *, serves: bool = True) -> None:
        super().__init__(own, policy, rng, serves=serves)
        self.service = Service(self.table, self.records, self.providers, policy, rng)
        self._unwritten: dict[int, Reply | None] = {}
        self._last_write = 0

    # The five doors.

    def receive(self, message: Request | Response, origin: Origin, now: float) -> list[Effect]:
        """Take a message from the network."""
        if isinstance(message, _RESPONSES):
            return self._take_response(message, origin, now)
        if not self.serves:
            return []  # BEP 43: it asks, and answers nobody.
        service = self.service  # Its door, without the two calls that lie before it.
        response, changes = service.doors[type(message)](service, message, origin, now)
        reply = Reply(origin.handle, response)
        effects: list[Effect] = self._persist(changes, reply) if changes else [reply]
        # Who asks may be worth a place in the table. Its key is hearsay until it has answered: a
        # forged source would otherwise put its victim into tables everywhere. Contacts whose
        # requests say that they answer nobody (BEP 43) belong in none.
        key = origin.key
        if key is None or not origin.serves or self.table.heard(key, origin.endpoint, now):
            return effects
        if self._strangers.meet(key, origin.endpoint, now):
            self._drive(self._strangers, now, effects)
        return effects

    def failed(self, call: int, reason: str, now: float) -> list[Effect]:
        """Take the news that ``call`` could not be sent, or was cut off (``reason``)."""
        pending = self._calls.close(call)
        effects: list[Effect] = []
        if pending is not None and pending.passed is not Silence.DEAD:
            self._give_up(pending, now, effects)
        return effects

    def persisted(self, operation: int, now: float) -> list[Effect]:
        """Take the news that a Persist is durable; its reply may go out."""
        reply = self._unwritten.pop(operation, None)
        self.service.behind = len(self._unwritten) >= MAX_UNWRITTEN
        return [] if reply is None else [reply]

    def command(self, command: Command, now: float) -> list[Effect]:
        """Do what our owner asks."""
        return self._commands[type(command)](self, command, now)

    def tick(self, now: float) -> list[Effect]:
        """Do what is due at ``now``."""
        effects: list[Effect] = []
        for call, silence in self._calls.due(now):
            if silence is Silence.SLOW:  # Its slot may go to another; the table hears nothing yet.
                if not self._over(call.owner):
                    call.owner.slow(call)
                    self._drive(call.owner, now, effects)
            elif silence is Silence.DEAD:
                self._give_up(call, now, effects)
            else:
                effects.append(Cancel(call.id))
        if len(self._background) < MAX_BACKGROUND and self.upkeep.next_deadline() <= now:
            for job in self.upkeep.due(now):
                self._begin(job, now, effects)
        return effects

    def next_deadline(self) -> float:
        """When ``tick`` has something to do; infinity if never."""
        waiting = self._calls.next_deadline()
        # With all places taken upkeep has to wait for one to end, and that is an answer or a
        # timeout: its own deadline, already past, would only have us woken without end.
        if len(self._background) >= MAX_BACKGROUND:
            return waiting
        return min(waiting, self.upkeep.next_deadline())

    def next_timeout(self) -> float:
        """The part of ``next_deadline`` that making calls can move forward; it costs less."""
        return self._calls.next_deadline()

    # What the owner may look at or set.

    @property
    def verifications(self) -> int | None:
        """Signature checks that requests may still cost; the shell refills it."""
        return self.service.verifications

    @verifications.setter
    def verifications(self, allowed: int | None) -> None:
        self.service.verifications = allowed

    def knows(self, key: Key, endpoint: Endpoint, now: float) -> bool:
        """Whether a request from ``key`` teaches nothing new; if it is in the table, it is noted.

        False for strangers that were not tried lately.
        """
        return self.table.heard(key, endpoint, now) or self._strangers.tried(endpoint, now)

    def evidence(self, operation: int, now: float) -> Evidence | None:
        """What ``operation`` has done so far; ``None`` if it is over."""
        running = self._running.get(operation)
        return None if running is None else running.evidence(now)

    def relate(self, other: Engine) -> None:
        """Answer for ``other``'s address family too, and ask for both in walks (BEP 32)."""
        self.service.relatives[other.policy.family] = other.table
        self._planner.families = frozenset({self.policy.family, *self.service.relatives})

    def _persist(self, changes: tuple[Change, ...], reply: Reply | None) -> list[Effect]:
        self._last_write += 1
        self._unwritten[self._last_write] = reply
        # Said before the next write is made, not after: memory must not run ahead of the disk.
        self.service.behind = len(self._unwritten) >= MAX_UNWRITTEN
        return [Persist(self._last_write, changes)]

    # Commands.

    def _wish(self, wish: Wish, now: float) -> list[Effect]:
        """Start an operation, with what we hold ourselves of what it seeks."""
        operation = self._planner.operation(wish, now)
        ourselves = Contact(self.own, None)
        found = operation.recall(ourselves, self.records, self.providers)
        return found + self._start(operation, now)

    def _ask(self, ask: do.Ask, now: float) -> list[Effect]:
        asking = Asking(ask.operation, self.policy.records, now)
        return self._ask_all(asking, (ask.endpoint,), ask.request, now)

    def _bootstrap(self, join: do.Bootstrap, now: float) -> list[Effect]:
        asking = Asking(join.operation, self.policy.records, now, joining=True)
        return self._ask_all(
            asking, join.endpoints, FindNode(self.own, self._planner.families), now
        )

    def _ask_all(
        self, asking: Asking, endpoints: tuple[Endpoint, ...], request: Request, now: float
    ) -> list[Effect]:
        effects: list[Effect] = []
        self._running[asking.id] = asking
        for endpoint in endpoints:
            asking.sent()
            effects.append(self._send(endpoint, None, request, asking, now))
        self._drive(asking, now, effects)
        return effects

    def _stop(self, stop: do.Stop, now: float) -> list[Effect]:
        effects: list[Effect] = []
        running = self._running.get(stop.operation)
        if running is not None:
            running.stop()
            self._drive(running, now, effects)
        return effects

    def _learn(self, learn: do.Learn, now: float) -> list[Effect]:
        effects: list[Effect] = []
        self._strangers.learn(learn.contacts, now)
        self._drive(self._strangers, now, effects)
        return effects

    def _promise(self, promise: do.Promise, now: float) -> list[Effect]:
        self.upkeep.promise(promise)
        return self.tick(now)

    def _withdraw(self, withdraw: do.Withdraw, now: float) -> list[Effect]:
        self.upkeep.withdraw(withdraw.promise)
        return []

    def _restore(self, restore: do.Restore, now: float) -> list[Effect]:
        self.records.restore(restore.held)
        self.providers.restore(restore.hosted)
        return []

    def _rekey(self, rekey: do.Rekey, now: float) -> list[Effect]:
        self.records.rekey(rekey.key)
        self.providers.rekey(rekey.key)
        return list(self.table.rekey(rekey.key, now))

    # Upkeep.

    def _begin(self, job: Job, now: float, effects: list[Effect]) -> None:
        match job:
            case Check(contact):
                self._strangers.check(contact)
                self._drive(self._strangers, now, effects)
            case Expired(changes):
                effects += self._persist(changes, None)
            case _:
                effects += self._start_chore(job, now)

    _commands: ClassVar[dict[type, Callable[..., list[Effect]]]] = {
        do.Walk: _wish,
        do.Retrieve: _wish,
        do.Publish: _wish,
        do.Locate: _wish,
        do.Provide: _wish,
        do.Survey: _wish,
        do.Ask: _ask,
        do.Bootstrap: _bootstrap,
        do.Stop: _stop,
        do.Learn: _learn,
        do.Promise: _promise,
        do.Withdraw: _withdraw,
        do.Restore: _restore,
        do.Rekey: _rekey,
    }
