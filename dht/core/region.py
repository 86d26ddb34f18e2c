"""Every live contact of a region: those that share a number of leading bits with a target.

An attacker who wants to censor a key mints Sybils closer to it than all honest contacts, and
becomes the whole of its k closest. Storing to the entire region instead (SR-DHT-Store: de Moura
Netto, Cholez & Ignat 2025) reaches the honest ones however many Sybils there are. But a lookup
only ever finds k contacts. So the region is walked by prefixes:

* a lookup for a point ends with the k closest to it. If the farthest of them lies outside a
  prefix around that point, then all live contacts under the prefix are among the k;
* if all k lie inside there may be more, so the prefix is split in halves. The half with the point
  in it is judged by the same k contacts; the other half gets a lookup of its own.

A region of M contacts needs about 2 M / k lookups, most of which start from neighbours found
before and ask few strangers. The shortest prefixes, which hold most contacts, come first. Sybils
crowded at the target would have them split down to the last bit, each half empty but for them;
so prefixes too deep for any honest contact to be expected there are left out. Their number is
bounded besides: who invents contacts by the thousand gets that many lookups, and the walk ends
incomplete.

**What was named is kept.** A lookup for one point hears of contacts too far from it to be asked.
They are seeds of the lookups to come: Sybils may be all that answers near some point, and name none
but themselves; whoever was asked before, elsewhere, did name the honest one there.

**What is asked.** A lookup for a point must be asked about that point, so :attr:`target` changes
during the walk: whoever sends the requests reads it after each :meth:`next`. One who needs a
ticket for the first target must ask for it those contacts that only answered for other points.

One contact is asked for several points, but only once at a time: answers are told apart by key.
So a lookup starts when all requests of the one before are answered or slow, which also keeps
alpha; and if it wants a contact that still owes an old answer, it waits for that before it asks.
"""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from dht.core.keys import Key
from dht.core.lookup import Lookup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dht.core.messages import Contact
    from dht.core.policy import Policy

LOOKUP_LIMIT: Final = 64
"""Lookups of one walk: regions of up to about 250 contacts with k = 8, 600 with k = 20."""

DEEPER: Final = 10
"""Prefixes are left out that are this many bits longer than those which hold one contact of the
region on average: the chance of an honest contact there is one in a thousand."""


class RegionWalk:
    """Finds all live contacts that share ``bits`` leading bits with ``target``.

    Args:
        target: The centre of the region.
        policy: As for a lookup; its beta is taken to be k, or the k closest would be guesses.
        seeds: Where to start.
        bits: How many leading bits make the region.
        own: Our own key, never asked.
        exclude: Contacts that must not be learnt.
        limit: How many lookups may be made.
    """

    __slots__ = (
        "_asker",
        "_bits",
        "_centre",
        "_depths",
        "_exclude",
        "_found",
        "_left",
        "_length",
        "_lookup",
        "_named",
        "_overdue",
        "_owing",
        "_own",
        "_policy",
        "_prefixes",
        "_ready",
        "_seeds",
        "_shunned",
        "_wanted",
        "asked",
        "complete",
        "finished",
    )

    def __init__(
        self,
        target: Key,
        policy: Policy,
        seeds: Iterable[Contact],
        bits: int,
        *,
        own: Key | None = None,
        exclude: Callable[[Key], bool] | None = None,
        limit: int = LOOKUP_LIMIT,
    ) -> None:
        self._centre: Final = target
        self._bits: Final = max(0, min(bits, policy.space.bits))
        self._policy = replace(policy, beta=policy.k)
        self._seeds = tuple(seeds)
        self._own = own
        self._exclude = exclude
        self._left = limit
        self.asked = 0
        self.complete = False
        self.finished = False
        # What is known of contacts, over all lookups.
        self._found: dict[Key, Contact] = {}
        self._named: dict[Key, Contact] = {}  # of the region, and perhaps never asked
        self._depths: dict[Key, int] = {}
        self._shunned: set[Key] = set()  # failed and never answered, or struck off
        # What is in flight.
        self._asker: dict[Key, Lookup] = {}  # who asked it last: answers go there
        self._owing: set[Key] = set()  # asked and not settled
        self._overdue: set[Key] = set()  # not slow yet, and asked by a lookup that has ended
        self._wanted: dict[Key, Contact] = {}  # owing an old answer, and wanted by the new lookup
        self._ready: list[Contact] = []  # wanted, and not owing any more
        # Where we are: prefixes to be looked at, as a heap of (length, a key under it).
        self._prefixes: list[tuple[int, Key]] = []
        self._lookup, self._length = self._start(target, self._bits)
        self._advance()

    def _start(self, point: Key, length: int) -> tuple[Lookup, int]:
        """Begin to look at the prefix of ``length`` bits around ``point``."""
        self._left -= 1
        self._wanted.clear()
        self._ready.clear()
        known = {contact.key: contact for contact in self._seeds} | self._named | self._found
        nearest = sorted(known.values(), key=lambda contact: contact.key ^ point)
        seeds = nearest[: max(2 * self._policy.k, len(self._seeds))]
        return Lookup(point, self._policy, seeds, own=self._own, exclude=self._shuns), length

    def _shuns(self, key: Key) -> bool:
        return key in self._shunned or (self._exclude is not None and self._exclude(key))

    # From prefix to prefix.

    def _advance(self) -> None:
        """Go on to the next prefix when a lookup has ended, or to the end."""
        while self._lookup.finished and not self.finished:
            settled = self._lookup.complete
            hopeful = self._lookup.hopeful()
            self._named |= {c.key: c for c in hopeful if self._within(c.key)}
            if settled:
                self._split()
                self._leave_out_the_deep()
            if not settled or not self._prefixes or not self._left:
                self.finished = True
                self.complete = settled and not self._prefixes
                return
            self._overdue = {key for key in self._owing if self._asker[key].awaits(key)}
            length, point = heappop(self._prefixes)
            self._lookup, self._length = self._start(point, length)

    def _split(self) -> None:
        """Note what the k closest of the lookup that ended leave open.

        Halves around its point get ever smaller, until one does not hold all k any more: that
        one is settled. The other halves are all still to be looked at.
        """
        point = self._lookup.target
        found = self._lookup.closest(self._policy.k)
        if len(found) < self._policy.k:
            return  # nobody else lives
        farthest = (found[-1].key ^ point).bit_length()
        # A prefix as long as a key has no halves: max() leaves at least one bit free.
        for free in range(self._policy.space.bits - self._length, max(farthest, 1) - 1, -1):
            sibling = Key(point ^ (1 << (free - 1)))
            heappush(self._prefixes, (self._policy.space.bits - free + 1, sibling))

    def _leave_out_the_deep(self) -> None:
        """Forget the prefixes that are left if even the shortest is too deep to hold anybody."""
        inside = sum(map(self._within, self._found))
        deepest = self._bits + inside.bit_length() + DEEPER
        if self._prefixes and self._prefixes[0][0] > deepest:
            self._prefixes.clear()

    def _within(self, key: Key) -> bool:
        """Whether ``key`` lies in the region."""
        return (key ^ self._centre).bit_length() <= self._policy.space.bits - self._bits

    # What the owner asks.

    @property
    def target(self) -> Key:
        """The point that the contacts of the latest :meth:`next` are to be asked about."""
        return self._lookup.target

    @property
    def answered_count(self) -> int:
        """Contacts that answered."""
        return len(self._found)

    @property
    def silent_count(self) -> int:
        """Contacts that were asked and given up."""
        return sum(key in self._asker for key in self._shunned)

    def next(self) -> list[Contact]:
        """Contacts to ask now about :attr:`target`."""
        if self.finished or self._overdue:
            return []
        chosen, self._ready = self._ready, []
        for contact in self._lookup.next():
            if contact.key in self._owing:
                self._wanted[contact.key] = contact
            else:
                chosen.append(contact)
        for contact in chosen:
            self._asker[contact.key] = self._lookup
            self._owing.add(contact.key)
        self.asked += len(chosen)
        return chosen

    def closest(self, n: int) -> tuple[Contact, ...]:
        """All contacts of the region that answered, nearest first, and at least the n closest."""
        found = sorted(self._found.values(), key=lambda contact: contact.key ^ self._centre)
        inside = sum(self._within(contact.key) for contact in found)
        return tuple(found[: max(inside, n)])

    def depth(self, key: Key) -> int:
        """How many hops away ``key`` was found, in the lookup that first met it."""
        return self._depths.get(key, 0)

    # What the owner tells.

    def answered(self, key: Key, closer: Iterable[Contact]) -> bool:
        """``key`` answered what it was last asked, however late."""
        asker = self._asker.get(key)
        contact = asker.contact(key) if asker else None
        if asker is None or contact is None or not asker.answered(key, closer):
            return False
        self._found[key] = contact
        self._depths.setdefault(key, asker.depth(key))
        self._shunned.discard(key)
        self._settle(key)
        if key in self._wanted:
            self._ready.append(self._wanted.pop(key))
        self._advance()
        return True

    def slow(self, key: Key) -> bool:
        """``key`` let the short timeout pass."""
        self._overdue.discard(key)
        asker = self._asker.get(key)
        return asker is not None and asker.slow(key)

    def dismiss(self, key: Key) -> bool:
        """``key`` lives, but is no use: it is left out of the result."""
        if self._found.pop(key, None) is None:
            return self.failed(key)
        self._shunned.add(key)
        return True

    def failed(self, key: Key) -> bool:
        """``key`` let the long timeout pass, or refused; never asked, it is struck off."""
        asker = self._asker.get(key, self._lookup)
        if not asker.failed(key):
            return False
        self._settle(key)
        if key not in self._found:
            self._shunned.add(key)
        if self._wanted.pop(key, None):
            self._lookup.failed(key)
        self._advance()
        return True

    def _settle(self, key: Key) -> None:
        """``key`` owes no answer any more."""
        self._owing.discard(key)
        self._overdue.discard(key)
