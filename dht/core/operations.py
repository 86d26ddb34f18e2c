"""Operations: a walk towards a key, what it asks on the way, and what it makes of the answers.

Every operation of a DHT is the same iterative walk (paper, section 2.3). They differ in the
request that is sent to each contact, in what an answer is worth, and in whether the walk is
followed by writes to the closest contacts it found. So there is one :class:`Operation`, and a
subclass for each meaning:

============  ==================  ===============================  =================
operation     asks                makes of the answers             then writes
============  ==================  ===============================  =================
walking       FindNode            contacts                         nothing
Retrieving    Get                 the best valid record            nothing
Locating      Providers           each provider once               nothing
Surveying     Sample              each sample                      nothing
Publishing    Get (for tickets)   tickets, who holds it already    Put
providing     Providers           tickets                          Announce
============  ==================  ===============================  =================

Operations know neither table nor clock nor wire. The engine feeds them; they say whom to ask.
The two that write are in :mod:`dht.core.writing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dht.core.effects import Evidence, Found
from dht.core.messages import (
    Answer,
    Contact,
    FindNode,
    Get,
    Provider,
    Providers,
    Record,
    Refusal,
    Sample,
    Samples,
    Scrape,
    message,
)

if TYPE_CHECKING:
    from dht.core.calls import Pending
    from dht.core.effects import Effect
    from dht.core.keys import Key
    from dht.core.messages import Endpoint, Request
    from dht.core.policy import Policy
    from dht.core.providers import ProviderStore
    from dht.core.records import RecordStore
    from dht.core.walker import Walker

MAX_REFUSALS = 64
"""Refusals kept as evidence: as many as a walk could meet without hostility."""


@message
class Errand:
    """What every operation needs: its number, the way, the rules, and when it began."""

    number: int
    walker: Walker
    policy: Policy
    started: float


class Operation:
    """A walk that asks every contact the same request.

    Attributes:
        id: The number its effects carry.
        promise: The promise it renews, if any.
        requests: How many requests were sent for it.
        forged: How many records came that prove to be somebody's lie.
    """

    def __init__(self, errand: Errand, target: Key, request: Request) -> None:
        self.id = errand.number
        self.target = target
        self.request = request
        self.policy = errand.policy
        self.walker = errand.walker
        self.started = errand.started
        self.requests = 0
        self.forged = 0
        self.promise: int | None = None
        self._stopped = False
        self._holders: dict[Key, Contact] = {}
        self._refusals: list[tuple[Contact, Refusal]] = []

    @property
    def finished(self) -> bool:
        """Nothing more will be asked or waited for."""
        return self._stopped or self.walker.finished

    def stop(self) -> None:
        """End it now."""
        self._stopped = True

    def recall(
        self, ourselves: Contact, records: RecordStore, providers: ProviderStore
    ) -> list[Effect]:
        """Report what we hold ourselves of what is sought; most operations seek nothing held."""
        return []

    def next(self) -> list[tuple[Contact, Request]]:
        """Whom to ask what, now."""
        if self._stopped:
            return []
        asks = self.walker.next()
        # A walk through a region goes from target to target; only our own has what we came for.
        target = self.walker.target
        request = self.request if target == self.target else FindNode(target)
        return [(contact, request) for contact in asks]

    def answered(self, call: Pending, contact: Contact, answer: Answer, now: float) -> list[Effect]:
        """Take an answer; returns what was found in it."""
        # Who conducts us ends us as soon as we have finished: of that we need not ask, only of a
        # stop.
        if self._stopped:
            return []
        self.walker.answered(contact.key, answer.closer)
        # Whoever was asked about another point has been heard, or will be, about ours.
        return self._use(contact, answer) if call.request is self.request else []

    def refused(self, call: Pending, refusal: Refusal) -> None:
        """Take an error: the contact lives, but is no use here."""
        self._note_refusal(call.addressee, refusal)
        self.walker.failed(call.addressee.key)

    def slow(self, call: Pending) -> None:
        """Give its slot to another contact."""
        self.walker.slow(call.addressee.key)

    def failed(self, call: Pending) -> None:
        """Stop waiting for it."""
        self.walker.failed(call.addressee.key)

    def evidence(self, now: float) -> Evidence:
        """What was done and what came of it."""
        walker = self.walker
        closest = walker.closest(self.policy.k)
        return Evidence(
            asked=walker.asked,
            answered=walker.answered_count,
            silent=walker.silent_count,
            requests=self.requests,
            closest=closest,
            holders=tuple(sorted(self._holders.values(), key=self._distance)),
            refusals=tuple(self._refusals),
            complete=walker.complete,
            started=self.started,
            ended=now,
            forged=self.forged,
            hops=walker.depth(closest[0].key) if closest else 0,
        )

    def _use(self, contact: Contact, answer: Answer) -> list[Effect]:
        """Make something of an answer; the plain walk reports who answered."""
        return [Found(self.id, contact, contact)]

    def _distance(self, contact: Contact) -> int:
        return contact.key ^ self.target

    def _note_refusal(self, contact: Contact, refusal: Refusal) -> None:
        if len(self._refusals) < MAX_REFUSALS:
            self._refusals.append((contact, refusal))


def walking(errand: Errand, target: Key, families: frozenset[str] = frozenset()) -> Operation:
    """Make a walk that only wants to know who is there."""
    return Operation(errand, target, FindNode(target, families))


class Retrieving(Operation):
    """Read a record: every valid one that beats those before is found."""

    def __init__(self, errand: Errand, request: Get) -> None:
        super().__init__(errand, request.key, request)
        self._best: Record | None = None

    def recall(
        self, ourselves: Contact, records: RecordStore, providers: ProviderStore
    ) -> list[Effect]:
        """Report the record we hold."""
        held = records.get(self.target)
        return self.offer(ourselves, held) if held else []

    def offer(self, contact: Contact, record: Record) -> list[Effect]:
        """Consider ``record`` from ``contact`` (or from our own store)."""
        rules = self.policy.records
        refusal = Refusal(203, "record of another key") if record.key != self.target else None
        refusal = refusal or rules.admit(record) or rules.verify(record)
        if refusal is not None:
            self.forged += 1
            self._note_refusal(contact, refusal)
            return []
        if self._best is not None and rules.better(self._best, record):
            return []  # An older version: its holder missed an update.
        if self._best is not None and rules.better(record, self._best):
            self._holders.clear()
        self._holders[contact.key] = contact
        known, self._best = self._best, record
        if record.seq is None:
            self.stop()  # Immutable: the hash proves that no answer can be better.
        return [] if known == record else [Found(self.id, record, contact)]

    def _use(self, contact: Contact, answer: Answer) -> list[Effect]:
        return [] if answer.record is None else self.offer(contact, answer.record)


class Locating(Operation):
    """Find providers, each once; and scrapes, one from each contact that has one."""

    def __init__(self, errand: Errand, request: Providers) -> None:
        super().__init__(errand, request.key, request)
        # Bounded: a walk asks a few hundred contacts, each names at most a datagram's worth.
        self._seen: set[Endpoint] = set()

    def recall(
        self, ourselves: Contact, records: RecordStore, providers: ProviderStore
    ) -> list[Effect]:
        """Report the providers we host."""
        return self.offer(ourselves, providers.all(self.target))

    def _use(self, contact: Contact, answer: Answer) -> list[Effect]:
        if answer.providers or answer.extra is not None:
            self._holders[contact.key] = contact
        return self.offer(contact, answer.providers, answer.extra)

    def offer(
        self,
        contact: Contact,
        providers: tuple[Provider, ...],
        extra: Scrape | Samples | None = None,
    ) -> list[Effect]:
        """Report what is new among ``providers``, and a scrape."""
        found: list[Effect] = []
        for provider in providers:
            if provider.endpoint not in self._seen:
                self._seen.add(provider.endpoint)
                found.append(Found(self.id, provider, contact))
        if isinstance(extra, Scrape):
            found.append(Found(self.id, extra, contact))
        return found


class Surveying(Operation):
    """Ask for samples of what contacts hold (BEP 51)."""

    def __init__(self, errand: Errand, request: Sample) -> None:
        super().__init__(errand, request.target, request)

    def _use(self, contact: Contact, answer: Answer) -> list[Effect]:
        if not isinstance(answer.extra, Samples):
            return []
        self._holders[contact.key] = contact
        return [Found(self.id, answer.extra, contact)]
