"""The routing table: whom we know, arranged by distance (Kademlia paper, sections 2.2 and 2.4).

How contacts are arranged, and why the closest ones are found exactly, is told in
:mod:`dht.core.roster`. This module decides who gets a place, who loses one, and what needs care.

**Resistance.** What an attacker may do to the table is what eclipses a node (Pruenster et al.,
"Total Eclipse of the Heart", USENIX Security 2022), hence:

* Only who answered a request of ours gets in: a forged source address cannot.
* An old contact that lives is never put out for a new one. Old contacts are also the likeliest to
  stay (paper, section 2.2: the longer up, the longer it will remain up).
* One contact per address; few per subnet, in a bucket and in the table.
* A known key that answers from elsewhere is believed only when its old endpoint has gone silent;
  until then it may be a hijack.
* Requests show that a contact is up, but do not clear its failures: who asks and never answers
  is of no use, and a request's source may be forged.
* When everybody fails it is we who are offline: bad contacts stay until a live one wants the
  place, and are given out, to our own lookups, when there is nobody else.
"""

from __future__ import annotations

from enum import Enum, auto
from math import inf
from typing import TYPE_CHECKING, Final

from dht.core.bucket import NOWHERE, Bucket, Row, places
from dht.core.effects import Changed
from dht.core.roster import Roster, TableStatistics

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

    from dht.core.keys import Key
    from dht.core.messages import Contact, Endpoint
    from dht.core.policy import Policy

__all__ = ["RoutingTable", "TableStatistics"]

GAIN: Final = 1 / 8
"""Weight of a new round trip in the smoothed one (RFC 6298, section 2)."""


class Verdict(Enum):
    """What becomes of a contact that answers."""

    PLACE = auto()
    WAIT = auto()
    REFUSE = auto()


class RoutingTable(Roster):
    """Contacts that answered us, in buckets of ``policy.k`` by distance from ``own``.

    A contact is *good* until it leaves ``policy.max_failures`` requests in a row unanswered, then
    *bad*; it is *questionable* when good and not heard from for ``policy.questionable_after``.

    What :meth:`answered` does with a contact that answered, first rule that applies:

    1. Held at this endpoint: it is good again, whatever it was.
    2. Our own key, an unacceptable or a foreign contact: refused.
    3. Held at another endpoint: takes the old one's place if that is bad or questionable and the
       limits allow it; else refused.
    4. Its bucket has a free place, or one held by a bad contact: inserted there.
    5. Its bucket is the last and splitting gives it a place: split, inserted.
    6. It is preferred, and its bucket holds a questionable contact that is not: takes its place.
    7. Waits in the bucket's replacement cache, where preferred contacts and late answers go first.

    Nobody is inserted where good contacts alone exhaust a limit (one per address, some per subnet
    in the bucket and in the table): then it is refused. Bad contacts that exhaust it leave.
    """

    __slots__ = ("_due_buckets", "_due_contacts")

    def __init__(self, own: Key, policy: Policy) -> None:
        super().__init__(own, policy)
        self._due_buckets = inf
        self._due_contacts = inf

    # Questions.

    def room(self, contact: Contact, now: float = -inf) -> bool:
        """Whether ``contact`` would be inserted, or revived, if it answered now.

        Decides whether somebody unknown who asks us something is worth a ping. Without ``now``
        nobody counts as questionable.
        """
        bucket = self.bucket(contact.key)
        slot = bucket.slot(contact.key)
        if slot is not None and self._ledger.contacts[slot].endpoint == contact.endpoint:
            return self._ledger.bad(slot)
        return self._plan(contact, now)[0] is Verdict.PLACE

    def closed(self, key: Key) -> bool:
        """Whether the bucket of ``key`` has :meth:`room` for no stranger of that key.

        For only good contacts are in it, as many as it takes, and it will not be split. That is
        what most strangers meet; asked for every request of one.
        """
        bucket = self.bucket(key)
        full = len(bucket.good or self._good(bucket)) == self._policy.k
        return full and bucket is not self._buckets[-1] and key not in bucket.keys

    # What happens to contacts.

    def heard(self, key: Key, endpoint: Endpoint, now: float) -> bool:
        """A request came from ``key`` at ``endpoint``: note that it is up, if we hold it there.

        False if we do not; then it may be worth a ping (:meth:`room`). A bad contact also gives
        False: it must answer before it is believed again. Called for every request received.
        """
        bucket = self.bucket(key)
        if key not in bucket.keys:
            return False
        place = bucket.keys.index(key)
        slot = bucket.slots[place]
        if bucket.members[place].endpoint != endpoint or self._ledger.bad(slot):
            return False
        self._heard[slot] = now
        return True

    def answered(self, contact: Contact, rtt: float, now: float) -> tuple[Changed, ...]:
        """``contact`` answered our request after ``rtt`` seconds: the class says what then."""
        bucket = self.bucket(contact.key)
        slot = bucket.slot(contact.key)
        if slot is not None and self._ledger.contacts[slot].endpoint == contact.endpoint:
            self._refresh(bucket, slot, rtt, now)
            return ()
        verdict, leaving = self._judge(contact, bucket, slot, now)
        if verdict is Verdict.REFUSE:
            return ()
        row = Row(contact, *places(contact.endpoint, self._policy.contacts), now, rtt)
        if verdict is Verdict.PLACE:
            return self._replace(leaving, row, now)
        self._wait(row, bucket)
        return ()

    def _refresh(self, bucket: Bucket, slot: int, rtt: float, now: float) -> None:
        ledger = self._ledger
        ledger.heard[slot] = now
        ledger.rtts[slot] += GAIN * (rtt - ledger.rtts[slot])
        if ledger.bad(slot):
            bucket.good = None
        ledger.revive(slot)

    def failed(self, key: Key, now: float, endpoint: Endpoint | None = None) -> tuple[Changed, ...]:
        """``key`` left a request unanswered, that was sent to ``endpoint``.

        Once bad, it gives its place to a contact from the replacement cache; if there is none, it
        keeps it as a last resort. Nothing happens if we hold the key at another endpoint: else a
        liar could get any contact out of tables by naming a dead endpoint for it.
        """
        bucket = self.bucket(key)
        slot = bucket.slot(key)
        if slot is None:
            self._drop_spare(bucket, key, endpoint)
            return ()
        if endpoint is not None and self._ledger.contacts[slot].endpoint != endpoint:
            return ()
        known = self._ledger.bad(slot)
        self._ledger.strike(slot)
        if not self._ledger.bad(slot):
            return ()
        if not known:
            bucket.good = None
        return self._promote(bucket, slot, now)

    def contradicted(self, contact: Contact, now: float = -inf) -> tuple[Changed, ...]:
        """Its endpoint answered with another key: whoever ``contact`` was, it is not there."""
        bucket = self.bucket(contact.key)
        slot = bucket.slot(contact.key)
        if slot is None:
            self._drop_spare(bucket, contact.key, contact.endpoint)
            return ()
        if self._ledger.contacts[slot].endpoint != contact.endpoint:
            return ()
        return self._promote(bucket, slot, now) or (self._remove(slot),)

    # Who gets a place.

    def _plan(self, contact: Contact, now: float) -> tuple[Verdict, list[int]]:
        bucket = self.bucket(contact.key)
        return self._judge(contact, bucket, bucket.slot(contact.key), now)

    def _judge(
        self, contact: Contact, bucket: Bucket, leaver: int | None, now: float
    ) -> tuple[Verdict, list[int]]:
        """Decide rules 2 to 7 of the class, changing nothing; also which slots must leave.

        ``leaver`` is the slot that ``contact`` has in its ``bucket``, at another endpoint.
        """
        rules, bad = self._policy.contacts, self._ledger.bad
        if contact.key == self.own or not rules.acceptable(contact) or rules.foreign(contact):
            return Verdict.REFUSE, []
        if leaver is not None:
            if not (bad(leaver) or self._silent(leaver, now)):
                return Verdict.REFUSE, []
        elif len(self._good(bucket)) == self._policy.k and not self._splits(bucket, contact.key):
            leaver = self._outranked(bucket, contact, now)
            if leaver is None:
                return Verdict.WAIT, []
        leaving = self._obstacles(contact, bucket, [] if leaver is None else [leaver])
        if leaving is None:
            return Verdict.REFUSE, []
        staying = set(bucket.slots).difference(leaving)
        if len(staying) == self._policy.k:
            leaving += self._oldest(slot for slot in staying if bad(slot))
        return Verdict.PLACE, leaving

    def _obstacles(self, it: Contact, bucket: Bucket, leaving: list[int]) -> list[int] | None:
        """Add to ``leaving`` the bad contacts that stand against the limits; None if good ones do.

        Bad contacts count towards the limits as long as they are held, or they could come back to
        life beyond them.
        """
        ledger, policy = self._ledger, self._policy
        address, subnet = places(it.endpoint, policy.contacts)
        twin = ledger.at(address)
        if twin is not None and twin not in leaving:
            if not ledger.bad(twin):
                return None
            leaving = [*leaving, twin]
        if subnet == NOWHERE:
            return leaving
        crowds: list[tuple[Iterable[int], int]] = [(bucket.slots, policy.per_subnet_bucket)]
        if ledger.subnets.count(subnet) >= policy.per_subnet_table:
            crowds.append((self._slots(), policy.per_subnet_table))
        for crowd, most in crowds:
            alike = [slot for slot in crowd if ledger.subnets[slot] == subnet]
            staying = [slot for slot in alike if slot not in leaving]
            bad = [slot for slot in staying if ledger.bad(slot)]
            surplus = len(staying) + 1 - most
            if surplus > len(bad):
                return None
            leaving = leaving + bad[: max(surplus, 0)]
        return leaving

    def _splits(self, bucket: Bucket, key: Key) -> bool:
        """Whether splitting gives ``key`` a place in ``bucket``, which is full of good contacts.

        It does unless all members share exactly as many bits with our key as ``key`` does: then
        they stay together however often the last bucket is split.
        """
        if bucket is not self._buckets[-1]:
            return False
        prefix = self._prefix(key)
        return any(self._prefix(member.key) != prefix for member in bucket.members)

    def _outranked(self, bucket: Bucket, contact: Contact, now: float) -> int | None:
        """The questionable, not preferred member whose place a preferred ``contact`` may take."""
        preferred = self._policy.contacts.preferred
        if now == -inf or not preferred(contact):
            return None
        silent = [slot for slot in bucket.slots if self._silent(slot, now)]
        weak = [slot for slot in silent if not preferred(self._ledger.contacts[slot])]
        return self._oldest(weak)[0] if weak else None

    def _oldest(self, slots: Iterable[int]) -> list[int]:
        """The slot not heard from for longest, if there is any slot."""
        return sorted(slots, key=self._ledger.heard.__getitem__)[:1]

    def _silent(self, slot: int, now: float) -> bool:
        return self._ledger.heard[slot] + self._policy.questionable_after <= now

    # Carrying it out.

    def _replace(self, leaving: Iterable[int], row: Row, now: float) -> tuple[Changed, ...]:
        lost = [self._remove(slot) for slot in leaving]
        if not self:
            self._due_buckets = now
        self._due_contacts = min(self._due_contacts, row.heard + self._policy.questionable_after)
        return (*lost, self._insert(row, now))

    def _promote(self, bucket: Bucket, slot: int, now: float) -> tuple[Changed, ...]:
        """Let a spare that keeps the limits take the place of ``slot``: preferred ones first.

        A spare keeps the time of its own last answer, so it may well be questionable at once and
        will then be the first to be pinged.
        """
        waiting, preferred = self._waiting, self._policy.contacts.preferred
        for spare in sorted(bucket.spares, key=lambda s: not preferred(waiting.contacts[s])):
            leaving = self._obstacles(waiting.contacts[spare], bucket, [slot])
            if leaving is not None:
                return self._replace(leaving, waiting.row(spare), now)
        return ()

    # Upkeep.

    def questionable(self, now: float) -> list[Contact]:
        """Good contacts not heard from for ``policy.questionable_after``, the longest first."""
        patience, heard = self._policy.questionable_after, self._ledger.heard
        # Whoever is heard from after now turns questionable after now + patience at the earliest,
        # so this bound holds though heard() never looks at it.
        due = now + patience
        silent = []
        for slot in self._slots():
            if self._ledger.bad(slot):
                continue
            if self._silent(slot, now):
                silent.append(slot)
            else:
                due = min(due, heard[slot] + patience)
        self._due_contacts = due
        return [self._ledger.contacts[slot] for slot in sorted(silent, key=heard.__getitem__)]

    def stale(self, now: float) -> list[int]:
        """Buckets that gained nobody and were not walked through for ``policy.refresh_every``.

        Empty buckets as well, but none while there is nobody to ask.
        """
        moments = [bucket.touched + self._policy.refresh_every for bucket in self._buckets]
        self._due_buckets = min(
            [now + self._policy.refresh_every, *(moment for moment in moments if moment > now)]
        )
        return [i for i, moment in enumerate(moments) if moment <= now] if self else []

    def touched(self, target: Key, now: float) -> None:
        """A lookup for ``target`` was made: its bucket counts as refreshed."""
        self.bucket(target).touched = now

    def refresh_target(self, index: int, rng: Random) -> Key:
        """A random key in the range of bucket ``index``: what to look up to refresh it."""
        space = self._policy.space
        last = len(self._buckets) - 1
        if index < last:
            return space.draw_sharing(self.own, index, rng)
        return space.draw_under(self.own, last, rng)

    def next_due(self) -> float:
        """When :meth:`stale` or :meth:`questionable` may next give more than when last called."""
        return min(self._due_buckets, self._due_contacts)

    def rekey(self, own: Key, now: float) -> tuple[Changed, ...]:
        """Our key is ``own`` from now on: rearrange everybody; who does not fit waits or is lost.

        Good contacts choose first, in their order (``contacts``), then spares, then bad ones. A
        subnet limit may hold somebody up in the last bucket until that is split, hence the rounds.
        Of our new neighbourhood we know nothing: its bucket is stale at once.
        """
        before = {contact.key: contact for contact in self.contacts()}
        rows, limit = self._rows(), self._policy.max_failures
        self._clear()
        self.own = own
        count = -1
        while len(rows) != count:
            count = len(rows)
            rows = [row for row in rows if not self._settle(row, now)]
        for row in sorted(rows, key=lambda row: row.heard):
            if row.failures < limit and self._plan(row.contact, -inf)[0] is Verdict.WAIT:
                self._wait(row, self.bucket(row.contact.key))
        self._buckets[-1].touched = -inf
        self._due_buckets = now
        lost = [Changed(it, added=False) for it in before.values() if it.key not in self]
        gained = [Changed(it, added=True) for it in self.contacts() if it.key not in before]
        return (*lost, *gained)

    def plant(self, rings: Sequence[Sequence[Row]], now: float) -> None:
        """Take over a table made elsewhere, in place of this one, as if everybody had answered.

        Nothing is checked: a simulation begins with ten thousand tables, and knows what it put
        into them.

        Args:
            rings: The rows of each bucket, the farthest bucket first; at most k each.
            now: When the buckets were last looked after.
        """
        self._clear()
        self._sow(rings, now)
        self._due_buckets = now + self._policy.refresh_every
        oldest = min((row.heard for ring in rings for row in ring), default=inf)
        self._due_contacts = oldest + self._policy.questionable_after

    def _rows(self) -> list[Row]:
        """Members and spares in the order in which they choose places."""
        members = [self._ledger.row(slot) for slot in self._slots()]
        spares = [self._waiting.row(slot) for bucket in self._buckets for slot in bucket.spares]
        limit = self._policy.max_failures
        good = [row for row in members if row.failures < limit]
        bad = [row for row in members if row.failures >= limit]
        return good + sorted(spares, key=lambda row: -row.heard) + bad

    def _settle(self, row: Row, now: float) -> bool:
        verdict, leaving = self._plan(row.contact, -inf)
        if verdict is Verdict.PLACE:
            self._replace(leaving, row, now)
        return verdict is Verdict.PLACE
