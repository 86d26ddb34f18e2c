"""Operations that write: a walk that collects tickets, then Put or Announce to the closest.

Reading and writing in one walk is what BEP 5 and BEP 44 ask for: the ticket that permits a write
comes with the answer to the read. Networks without tickets walk the same way.

"To store a (key,value) pair, a participant locates the k closest nodes to the key and sends them
STORE RPCs" (paper, section 2.3). What lies elsewhere is not found, since readers look only there.
That decides what to do about a contact that does not take it:

* it lets the write time out, or says that it is full or busy: it is no holder, and the next closest
  takes its place among the k;
* it says that the record itself is wrong, or older than what it holds: so would every other
  contact that is up to date. Nobody takes its place.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from dht.core.lookup import request_limit
from dht.core.messages import (
    Announce,
    Answer,
    Contact,
    Get,
    Provider,
    Providers,
    Put,
    Record,
    Refusal,
)
from dht.core.operations import Errand, Operation

if TYPE_CHECKING:
    from collections.abc import Callable

    from dht.core.calls import Pending
    from dht.core.effects import Effect
    from dht.core.keys import Key
    from dht.core.messages import Request
    from dht.core.policy import StoringRule

FINAL: Final = frozenset({205, 206, 207, 301, 302})
"""BEP 44's refusals that lie in the record, not in the contact. Turning to others would only put
an outdated version where the current one has not arrived yet."""


class Writing(Operation):
    """A walk that collects tickets, and writes to the closest contacts that gave one.

    Writes begin when the walk is over, all at once: there are k of them, to contacts that
    answered a moment ago. A contact that gives no ticket (it is full), or lets a write fail, is
    dismissed from the walk. The walk then goes on to the next closest live one, so that a
    publication reaches k holders as long as the network has that many.
    """

    def __init__(
        self,
        errand: Errand,
        target: Key,
        request: Request,
        write: Callable[[bytes | None], Request],
        *,
        region: int | None = None,
    ) -> None:
        super().__init__(errand, target, request)
        self._write = write
        self._region = region
        self._tickets: dict[Key, bytes | None] = {}
        self._reading: set[Key] = set()  # who owes a ticket
        self._writing: set[Key] = set()  # who owes the answer to a write
        self._settled: set[Key] = set()  # who has it, or refused for good
        self._called_off = False

    def spare(self, contact: Contact) -> bool:
        """Whether ``contact`` needs no write."""
        return False

    @property
    def finished(self) -> bool:
        """The walk is over, and every write is settled."""
        if self._stopped:
            return True
        if self._reading or self._writing or not self.walker.finished:
            return False
        return self._called_off or not self._unwritten()

    def next(self) -> list[tuple[Contact, Request]]:
        """Walk on; when the walk is over, write."""
        asks = super().next()
        self._reading.update(c.key for c, request in asks if request is self.request)
        if asks or self._stopped or self._called_off or not self.walker.finished:
            return asks
        return [self._approach(contact) for contact in self._unwritten()]

    def _targets(self) -> tuple[Contact, ...]:
        """Where the writes belong: the k closest, or all of the region."""
        k = self.policy.k
        if self.policy.storing is not None:
            return self._chosen(self.policy.storing)
        closest = self.walker.closest(k)
        if self._region is None or len(closest) <= k:
            return closest
        # Sorted by distance, so whoever is inside the region stands before whoever is not.
        radius = 1 << (self.policy.space.bits - self._region)
        inside = sum(self._distance(contact) < radius for contact in closest)
        return closest[: max(k, inside)]

    def _chosen(self, rule: StoringRule) -> tuple[Contact, ...]:
        """Whom a rule of a study's own wants, each once, and nobody who was not found."""
        found = self.walker.closest(request_limit(self.policy.k))
        chosen = {contact.key for contact in rule.holders(self.target, found, self.policy)}
        return tuple(contact for contact in found if contact.key in chosen)

    def _unwritten(self) -> list[Contact]:
        """Targets that were neither written to nor asked for their ticket."""
        # Computed anew each time: the k closest change when one of them is dismissed.
        busy = self._settled | self._writing | self._reading
        return [c for c in self._targets() if c.key not in busy and not self.spare(c)]

    def _approach(self, contact: Contact) -> tuple[Contact, Request]:
        """Write to ``contact``; if it was met on the way to another target, read first."""
        if self.policy.tickets is not None and contact.key not in self._tickets:
            self._reading.add(contact.key)
            return contact, self.request
        self._writing.add(contact.key)
        return contact, self._write(self._tickets.get(contact.key))

    def answered(self, call: Pending, contact: Contact, answer: Answer, now: float) -> list[Effect]:
        """Take the answer to a write, or to the walk."""
        if isinstance(call.request, Put | Announce):
            # Also a late one, after we turned to another: one copy more, which nobody regrets.
            self._writing.discard(contact.key)
            self._settled.add(contact.key)
            self._holders[contact.key] = contact
            return []
        if call.request is self.request:
            self._reading.discard(contact.key)
            self._tickets[contact.key] = answer.ticket
        found = super().answered(call, contact, answer, now)
        # How a node says that it is full: an answer like any other, but without a token.
        if answer.ticket is None and call.request is self.request and self.policy.tickets:
            self.walker.dismiss(contact.key)
        return found

    def refused(self, call: Pending, refusal: Refusal) -> None:
        """Note why. What lies in the record is settled; else turn to another contact."""
        contact = call.addressee
        if refusal.code in FINAL and isinstance(call.request, Put):
            self._writing.discard(contact.key)
            self._settled.add(contact.key)
        else:
            self.failed(call)
        self._note_refusal(contact, refusal)

    def failed(self, call: Pending) -> None:
        """Turn to another contact."""
        key = call.addressee.key
        if isinstance(call.request, Put | Announce):
            self._writing.discard(key)
            self.walker.dismiss(key)
        else:
            if call.request is self.request:
                self._reading.discard(key)
            if not self.walker.failed(key):
                self.walker.dismiss(key)  # It answered the walk, but not the read after it.

    def _use(self, contact: Contact, answer: Answer) -> list[Effect]:
        return []


class Publishing(Writing):
    """Store a record on the closest contacts.

    ``missing_only`` is how holders replicate (BEP 44's suppression): contacts that already have
    this version, or a newer one, are spared.
    """

    def __init__(
        self,
        errand: Errand,
        record: Record,
        *,
        cas: int | None = None,
        missing_only: bool = False,
        region: int | None = None,
    ) -> None:
        # Asking for versions after ours keeps the value itself out of the answers.
        request = Get(record.key, record.seq, record.salt)
        write = partial(_put, record, cas)
        super().__init__(errand, record.key, request, write, region=region)
        self.record = record
        self._missing_only = missing_only
        self._have: set[Key] = set()

    def spare(self, contact: Contact) -> bool:
        """Whether it has the record already."""
        return self._missing_only and contact.key in self._have

    def _use(self, contact: Contact, answer: Answer) -> list[Effect]:
        mine, theirs = self.record.seq, answer.record
        if mine is None:
            held = theirs is not None and theirs.value == self.record.value
        else:
            held = answer.seq is not None and answer.seq >= mine
            if theirs is not None and self._newer(theirs):
                # Writing on would only put the old version where the new one is missing.
                self._called_off = True
                self._note_refusal(contact, Refusal(302, f"version {theirs.seq} is newer"))
        if held:
            self._have.add(contact.key)
        return []

    def _newer(self, theirs: Record) -> bool:
        """Whether a holder proved a newer version; a mere claim would let one liar stop us."""
        rules = self.policy.records
        if theirs.key != self.target or rules.admit(theirs) or rules.verify(theirs):
            return False
        return rules.better(theirs, self.record)


def providing(errand: Errand, key: Key, provider: Provider, region: int | None = None) -> Writing:
    """Make the operation that announces ``provider`` to the closest contacts."""
    write = partial(Announce, key, provider)
    return Writing(errand, key, Providers(key), write, region=region)


def _put(record: Record, cas: int | None, ticket: bytes | None) -> Put:
    return Put(record, ticket, cas)
