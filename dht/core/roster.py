"""Contacts arranged by distance, and exact answers about them (Kademlia paper, section 2.4).

Bucket ``i`` holds contacts that share exactly ``i`` leading bits with our own key; the last bucket
holds all that share at least its number, and only it is ever split, when it is full. So we know a
few contacts in each half, quarter, eighth ... of the space that we are not in, and all of our
neighbourhood.

**Exact answers.** Let a target share ``c`` leading bits with our key. Contacts of bucket ``c``
share more than ``c`` with the target, those of all deeper buckets exactly ``c`` (they follow our
key where the target turns off), those of bucket ``c - 1`` exactly ``c - 1``, and so on outwards.
These rings do not overlap in distance: the closest contacts are whole rings, nearest ring first,
and at most one ring must be sorted. If bucket ``c`` alone has as many as wanted, it is the answer.

This module has no opinion on who deserves a place; :mod:`dht.core.table` has.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from dht.core.bucket import Bucket, Ledger, Row
from dht.core.effects import Changed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dht.core.keys import Key
    from dht.core.messages import Contact, Endpoint
    from dht.core.policy import Policy


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """A look at the table.

    Attributes:
        contacts: All contacts held.
        bad: Those among them that have stopped answering.
        spares: Contacts waiting in replacement caches.
        buckets: Good contacts of each bucket, the farthest bucket first.
    """

    contacts: int
    bad: int
    spares: int
    buckets: tuple[int, ...]


class Roster:
    """Members and spares in buckets by distance from ``own``.

    A member is *bad* once it has left ``policy.max_failures`` requests in a row unanswered, and
    *good* until then.
    """

    # _bits and _heard stand elsewhere as well: one attribute less on the hot paths.
    __slots__ = (
        "_bits",
        "_buckets",
        "_heard",
        "_ledger",
        "_policy",
        "_waiting",
        "own",
    )

    def __init__(self, own: Key, policy: Policy) -> None:
        self.own = own
        self._policy = policy
        self._bits = policy.space.bits
        self._clear()

    def _clear(self) -> None:
        self._ledger = Ledger(self._policy.max_failures)
        self._heard = self._ledger.heard
        self._waiting = Ledger(self._policy.max_failures)
        self._buckets = [Bucket(-inf)]

    def __len__(self) -> int:
        return len(self._ledger)

    def __contains__(self, key: Key) -> bool:
        return key in self.bucket(key).keys

    def contacts(self) -> Iterator[Contact]:
        """All contacts, bad ones included: what is worth saving.

        Bucket by bucket, the farthest first, and of each the longest known first.
        """
        return (contact for bucket in self._buckets for contact in bucket.members)

    def _slots(self) -> Iterator[int]:
        """The slots of all contacts, in that order."""
        return (slot for bucket in self._buckets for slot in bucket.slots)

    def rtt(self, key: Key) -> float | None:
        """The smoothed round trip to a contact, in seconds."""
        slot = self.bucket(key).slot(key)
        return None if slot is None else self._ledger.rtts[slot]

    def statistics(self) -> TableStatistics:
        """Count everything."""
        buckets = tuple(len(self._good(bucket)) for bucket in self._buckets)
        return TableStatistics(
            contacts=len(self),
            bad=len(self) - sum(buckets),
            spares=len(self._waiting),
            buckets=buckets,
        )

    # Exact answers.

    def closest(self, target: Key, n: int) -> tuple[Contact, ...]:
        """The ``n`` good contacts closest to ``target``, in no particular order.

        When the target's bucket holds exactly ``n``, the same tuple object every time until the
        bucket changes. Bad contacts only if there is no good one in the whole table.
        """
        buckets = self._buckets
        index = min(self._bits - (self.own ^ target).bit_length(), len(buckets) - 1)
        good = buckets[index].good
        if good is not None and len(good) == n:
            return good
        return self._gather(index, target, n)

    def bucket(self, target: Key) -> Bucket:
        """The bucket of ``target``, in whose range it lies."""
        buckets = self._buckets
        index = self._bits - (self.own ^ target).bit_length()
        return buckets[index] if index < len(buckets) else buckets[-1]

    def _gather(self, index: int, target: Key, n: int) -> tuple[Contact, ...]:
        """The general way: whole rings, and the nearest of the ring that is too many."""
        good = self._good(self._buckets[index])
        if len(good) == n:
            return good
        if len(good) > n:
            return tuple(_nearest(good, target, n))
        deeper: list[Contact] = []
        for bucket in self._buckets[index + 1 :]:
            deeper += bucket.good or self._good(bucket)
        found: list[Contact] = list(good)
        ring: Sequence[Contact] = deeper
        while len(found) + len(ring) < n:
            found += ring
            index -= 1
            if index < 0:
                return tuple(found or _nearest(self.contacts(), target, n))
            ring = self._good(self._buckets[index])
        return (*found, *_nearest(ring, target, n - len(found)))

    def _good(self, bucket: Bucket) -> tuple[Contact, ...]:
        good = bucket.good
        if good is None:
            bad, members = self._ledger.bad, bucket.members
            pairs = zip(members, bucket.slots, strict=True)
            good = tuple(contact for contact, slot in pairs if not bad(slot))
            good = bucket.good = members if len(good) == len(members) else good
        return good

    # Coming and going.

    def _prefix(self, key: Key) -> int:
        return self._bits - (self.own ^ key).bit_length()

    def _insert(self, row: Row, now: float) -> Changed:
        """Give ``row`` a place, splitting the last bucket as often as that needs."""
        key = row.contact.key
        while len((bucket := self.bucket(key)).members) >= self._policy.k:
            self._split()
        self._drop_spare(bucket, key)
        bucket.add(row.contact, self._ledger.enter(row))
        bucket.touched = max(bucket.touched, now)
        return Changed(row.contact, added=True)

    def _sow(self, rings: Sequence[Sequence[Row]], now: float) -> None:
        """Fill the empty buckets with rows that are known to fit."""
        self._buckets = [Bucket(now) for _ in rings] or self._buckets
        first = 0
        for bucket, ring in zip(self._buckets, rings, strict=False):
            bucket.fill([row.contact for row in ring], first)
            first += len(ring)
            if not any(row.failures for row in ring):
                bucket.good = bucket.members
        self._ledger.fill([row for ring in rings for row in ring])
        self._heard = self._ledger.heard

    def _remove(self, slot: int) -> Changed:
        contact = self._ledger.contacts[slot]
        self.bucket(contact.key).discard(slot)
        self._ledger.release(slot)
        return Changed(contact, added=False)

    def _split(self) -> None:
        """Give all that is deeper than the last bucket's number to a new last bucket."""
        index, near = len(self._buckets) - 1, self._buckets[-1]
        deep = Bucket(near.touched)
        for contact, slot in zip(near.members, near.slots, strict=True):
            if self._prefix(contact.key) > index:
                near.discard(slot)
                deep.add(contact, slot)
        waiting = self._waiting.contacts
        deep.spares = tuple(s for s in near.spares if self._prefix(waiting[s].key) > index)
        near.spares = tuple(s for s in near.spares if s not in deep.spares)
        self._buckets.append(deep)

    def _wait(self, row: Row, bucket: Bucket) -> None:
        policy, waiting = self._policy, self._waiting
        slot = waiting.enter(row)
        bucket.keep(slot, waiting, per_subnet=policy.per_subnet_bucket, most=policy.k)

    def _drop_spare(self, bucket: Bucket, key: Key, endpoint: Endpoint | None = None) -> None:
        """Forget the spare ``key``, if it waits in ``bucket`` (and at ``endpoint``, if given)."""
        contacts = self._waiting.contacts
        for slot in bucket.spares:
            if contacts[slot].key == key and endpoint in (None, contacts[slot].endpoint):
                bucket.forget(slot, self._waiting)


def _nearest(contacts: Iterable[Contact], target: Key, n: int) -> list[Contact]:
    return sorted(contacts, key=lambda contact: contact.key ^ target)[:n]
