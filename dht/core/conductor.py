"""Running operations: their calls go out, what comes of them is told, and they end.

This is the engine's inside. It knows calls, the operations that own them, and the table that
learns from every answer; it does not know who wants an operation, nor what we serve to others.

Two rules live here. *Insert only who answered us*: a contact heard of in an answer, or heard from
in a request, is asked first; only its answer puts it into the table. A liar can waste a ping, not
a place. And *late answers count*: a call outlives the operation that made it, so a contact that
was given up on still gets its round trip measured and its place in the table back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from dht.core.calls import Calls
from dht.core.direct import Asking
from dht.core.effects import Call, Finished, Foreign, Kept
from dht.core.messages import Answer
from dht.core.operations import Operation
from dht.core.planning import Planner
from dht.core.providers import ProviderStore
from dht.core.records import RecordStore
from dht.core.size import NetworkSize
from dht.core.strangers import Strangers
from dht.core.table import RoutingTable
from dht.core.timing import Timing
from dht.core.upkeep import Upkeep

if TYPE_CHECKING:
    from random import Random

    from dht.core.calls import Owner, Pending
    from dht.core.effects import Effect
    from dht.core.keys import Key
    from dht.core.messages import Contact, Endpoint, Origin, Request, Response
    from dht.core.planning import Chore
    from dht.core.policy import Policy

Running: TypeAlias = Operation | Asking


class Conductor:
    """Conducts the operations of one engine; :class:`~dht.core.engine.Engine` is its face."""

    # Here and in the engine's other parts: simulations have ten thousand, and each indirection
    # less is a miss of the cache less.
    __slots__ = (
        "_background",
        "_calls",
        "_homecoming",
        "_last_background",
        "_planner",
        "_rng",
        "_running",
        "_strangers",
        "policy",
        "providers",
        "records",
        "serves",
        "size",
        "table",
        "timing",
        "upkeep",
    )

    def __init__(self, own: Key, policy: Policy, rng: Random, *, serves: bool) -> None:
        self.policy = policy
        self.serves = serves
        self.table = RoutingTable(own, policy)
        self.records = RecordStore(own, policy)
        self.providers = ProviderStore(own, policy)
        self.timing = Timing(policy.timeouts)
        self.size = NetworkSize(policy.space)
        self.upkeep = Upkeep(self.table, self.records, self.providers, policy, rng)
        self._rng = rng
        self._planner = Planner(self.table, policy)
        self._strangers = Strangers(self.table, policy)
        self._calls = Calls(self.timing, policy.timeouts)
        self._running: dict[int, Running] = {}
        self._background: list[int] = []  # four at most
        self._last_background = 0
        self._homecoming: list[int] = []  # one for each join under way

    @property
    def own(self) -> Key:
        """Our key."""
        return self.table.own

    # What comes of calls.

    def _take_response(self, response: Response, origin: Origin, now: float) -> list[Effect]:
        handle = origin.handle
        call = self._calls.close(handle) if isinstance(handle, int) else None
        if call is None:
            return []  # Nobody asked, or it was answered before: an answer counts once.
        # Whatever it says, and also if it is late: how long the way took is true all the same.
        self.timing.observe(now - call.sent)
        contact = call.answerer(origin)
        if contact is None and call.contact is not None:
            # Somebody lives at that endpoint, but not who we were told does: a restart under a
            # new key, or a liar who names keys near a target at endpoints of victims.
            effects: list[Effect] = list(self.table.contradicted(call.contact))
        else:
            effects = self._welcome(call, contact, origin, now)
            if self._planner.families and isinstance(response, Answer):
                self._cross(response, effects)
        if not self._over(call.owner):
            effects += call.settle(contact, response, now)
            self._drive(call.owner, now, effects)
        return effects

    def _welcome(
        self, call: Pending, contact: Contact | None, origin: Origin, now: float
    ) -> list[Effect]:
        """Let the table know who answered.

        An answer without a key (Mainline's errors have none) shows that somebody is there. That
        does for a contact of the table; it proves no key that we only have on hearsay.
        """
        if contact is None:
            return []
        if origin.key is None and not self.table.heard(contact.key, call.to, now):
            return []
        return list(self.table.answered(contact, now - call.sent, now))

    def _over(self, owner: Owner) -> bool:
        """Whether ``owner`` has ended: what is late for it must not be reported any more."""
        return owner is not self._strangers and self._running.get(owner.id) is not owner

    def _cross(self, answer: Answer, effects: list[Effect]) -> None:
        """Hand contacts of another family over.

        BEP 32's networks share no contacts, so a walk of ours can do nothing with these; the
        engine of that family can, and each costs it a ping before it is believed.
        """
        foreign = tuple(c for c in answer.closer if self.policy.contacts.foreign(c))
        if foreign:
            effects.append(Foreign(foreign))

    def _give_up(self, call: Pending, now: float, effects: list[Effect]) -> None:
        # The table hears of it in any case: that a contact is dead is worth knowing also when the
        # operation that asked is over.
        if call.contact is not None:
            effects += self.table.failed(call.contact.key, now, call.to)
        if not self._over(call.owner):
            call.owner.failed(call)
            self._drive(call.owner, now, effects)

    # Running operations.

    def _send(
        self,
        to: Endpoint,
        contact: Contact | None,
        request: Request,
        owner: Owner,
        now: float,
    ) -> Call:
        rtt = None if contact is None else self.table.rtt(contact.key)
        return Call(self._calls.open(to, contact, request, owner, now, rtt).id, to, request)

    def _drive(self, owner: Owner, now: float, effects: list[Effect]) -> None:
        """Let the owner of calls go on: send what it wants to ask, end it when it is over.

        Called after whatever its owner was told, and never from within an owner: so no operation
        meets its own end halfway through taking an answer.
        """
        for contact, request in owner.next():
            effects.append(self._send(contact.endpoint, contact, request, owner, now))
            owner.requests += 1
        if isinstance(owner, Asking) and owner.joining and owner.live:
            # Joining (paper, section 2.3): "u then performs a node lookup for its own node ID".
            # One answer is enough to begin with; whoever is slower is still welcome to the table.
            self._homecoming.append(owner.id)
            effects += self._start(self._planner.walk(owner.id, self.own, now), now)
        elif owner.finished:
            self._end(self._running.pop(owner.id), now, effects)

    def _start(self, operation: Operation, now: float) -> list[Effect]:
        effects: list[Effect] = []
        self._running[operation.id] = operation
        # Any walk refreshes the bucket it begins in (paper, section 2.3: "each node refreshes any
        # bucket to which it has not performed a node lookup in the past hour").
        self.table.touched(operation.target, now)
        self._drive(operation, now, effects)
        return effects

    def _end(self, running: Running, now: float, effects: list[Effect]) -> None:
        evidence = running.evidence(now)
        if isinstance(running, Operation):
            # A walk that broke off knows a part of the closest: the network would seem smaller.
            if evidence.complete:
                self.size.observe(running.target, evidence.closest)
            if running.promise is not None:
                effects.append(Kept(running.promise, evidence))
                if not evidence.holders:
                    self.upkeep.missed(running.promise, now)
        if running.id in self._background:
            self._background.remove(running.id)
        else:
            effects.append(Finished(running.id, evidence))
        if running.id in self._homecoming:
            self._homecoming.remove(running.id)
            # "Finally, u refreshes all k-buckets further away than its closest neighbor."
            # A node that only reads does without: it will not be asked what it knows.
            for chore in self._planner.far(evidence.closest, self._rng) if self.serves else ():
                effects += self._start_chore(chore, now)

    def _start_chore(self, chore: Chore, now: float) -> list[Effect]:
        """Start an operation of upkeep."""
        self._last_background -= 1  # Users count upwards from 1.
        self._background.append(self._last_background)
        return self._start(self._planner.chore(chore, self._last_background, now), now)
