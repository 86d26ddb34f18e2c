"""The contacts a lookup knows, ranked by distance, and which of them it may ask.

**Limits.** Answers come from strangers, and keys cost nothing. What costs an attacker something
is addresses, so of one address (an IP) or one subnet (/24, /64) only the nearest live contacts
are asked: one, respectively the policy's number (libtorrent has the same rule; its search keeps
whoever came first). Here the nearest live one wins, whoever came first:

* the shortlist is then a pure function of what is known, so the result does not depend on the
  order of answers, and no attacker takes a place in it by being early;
* contacts that failed hold no place, or naming a few dead ones near the target would be enough
  to bar the living.

**Cost.** Learning a contact is a bisection and an insertion into a list of at most a few hundred
entries, which is faster than any tree in Python. As long as no address or subnet was seen twice,
the limits cannot bite and cost nothing; else each change of the list re-ranks it once.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from dht.core.keys import Key
    from dht.core.messages import Contact
    from dht.core.policy import Policy

# Plain integers: an enum member costs a lookup in each comparison of the hot loops. The order
# matters: from FAILED on a contact is not live.
UNASKED: Final = 0
WAITING: Final = 1
SLOW: Final = 2
ANSWERED: Final = 3
FAILED: Final = 4
DROPPED: Final = 5

ANSWER_LIMIT: Final = 2
"""Contacts read of one answer, in k: an honest answer holds k, or k of each address family."""


class Candidate:
    """What a lookup knows of one contact.

    Attributes:
        contact: Whom to ask.
        depth: How many hops away it was found.
        state: One of the six above.
        barred: Nearer live contacts hold the places of its address or subnet.
        spare: The same key at another endpoint, to be tried if this one fails.
        address: Its address.
        subnet: Its subnet; ``None`` if it is exempt from the limits.
    """

    __slots__ = ("address", "barred", "contact", "depth", "spare", "state", "subnet")

    def __init__(
        self, contact: Contact, depth: int, address: Hashable, subnet: Hashable | None
    ) -> None:
        self.contact = contact
        self.depth = depth
        self.state = UNASKED
        self.barred = False
        self.spare: Contact | None = None
        self.address = address
        self.subnet = subnet


class Shortlist:
    """Candidates by distance to ``target``.

    Attributes:
        ranked: All of them, nearest first. To be walked over, not changed.
        by_key: All of them by their keys. To be looked up in, not changed.
        seen: The identities (``id``) of their contacts. Most of what answers name is known, and
            where contacts are shared, as in simulations, this is seen without a look at them.
        crowded: An address or subnet was seen twice: the limits may bar somebody.
    """

    __slots__ = (
        "_address_of",
        "_addresses",
        "_distances",
        "_policy",
        "_subnet_of",
        "_subnets",
        "_target",
        "by_key",
        "crowded",
        "ranked",
        "seen",
    )

    def __init__(self, target: Key, policy: Policy) -> None:
        self._target = target
        self._policy = policy
        self._address_of, self._subnet_of = policy.contacts.address, policy.contacts.subnet
        self.by_key: dict[Key, Candidate] = {}
        self.seen: set[int] = set()
        # Two parallel lists: distances to bisect in, candidates to walk over.
        self._distances: list[int] = []
        self.ranked: list[Candidate] = []
        self._addresses: set[Hashable] = set()
        self._subnets: set[Hashable] = set()
        self.crowded = False

    def __len__(self) -> int:
        return len(self.ranked)

    def get(self, key: Key) -> Candidate | None:
        """The candidate of ``key``, if known."""
        return self.by_key.get(key)

    def live(self) -> Iterator[Candidate]:
        """Those that have not failed and are within the limits, nearest first."""
        for candidate in self.ranked:
            if candidate.state < FAILED and not candidate.barred:
                yield candidate

    def worth_reading(self, fresh: list[Contact]) -> Iterable[Contact]:
        """The part of an answer that is read: the nearest, and one of each address.

        An honest table has no two of one address. Without the second rule one answer could make
        us send as many requests to one victim as it names ports of it.
        """
        if len(fresh) < 2:  # noqa: PLR2004 - nothing to choose from
            return fresh
        target, address_of = self._target, self._address_of
        first: dict[Hashable, Contact] = {}
        for contact in sorted(fresh, key=lambda contact: contact.key ^ target):
            first.setdefault(address_of(contact.endpoint), contact)
        return islice(first.values(), ANSWER_LIMIT * self._policy.k)

    def add(self, contact: Contact, depth: int) -> None:
        """Rank a contact whose key is not known yet. Call :meth:`settle` after the last one."""
        key, endpoint = contact.key, contact.endpoint
        address, subnet = self._address_of(endpoint), self._subnet_of(endpoint)
        self.by_key[key] = candidate = Candidate(contact, depth, address, subnet)
        self.seen.add(id(contact))
        away = key ^ self._target
        place = bisect_left(self._distances, away)
        self._distances.insert(place, away)
        self.ranked.insert(place, candidate)
        if not self.crowded:
            self._occupy(address, subnet)

    def move(self, candidate: Candidate, contact: Contact) -> None:
        """Start again with ``candidate`` at the endpoint of ``contact``; then :meth:`settle`."""
        self.seen.discard(id(candidate.contact))  # It may be another's, once it is free.
        self.seen.add(id(contact))
        candidate.contact = contact
        candidate.state = UNASKED
        candidate.spare = None
        candidate.address = self._address_of(contact.endpoint)
        candidate.subnet = self._subnet_of(contact.endpoint)
        self._occupy(candidate.address, candidate.subnet)

    def _occupy(self, address: Hashable, subnet: Hashable | None) -> None:
        """Note the places of a candidate, and whether they are shared."""
        addresses, subnets = self._addresses, self._subnets
        if address in addresses or subnet in subnets:
            self.crowded = True
        addresses.add(address)
        if subnet is not None:
            subnets.add(subnet)

    def settle(self) -> None:
        """Decide afresh who is barred, after contacts were added, moved, failed or revived."""
        if not self.crowded:
            return
        most = self._policy.per_subnet_lookup
        taken: set[Hashable] = set()
        held: dict[Hashable, float] = {None: -inf}  # Who is exempt never reaches the limit.
        for candidate in self.ranked:
            if candidate.state >= FAILED:
                continue
            address, subnet = candidate.address, candidate.subnet
            candidate.barred = address in taken or held.get(subnet, 0) >= most
            if not candidate.barred:
                taken.add(address)
                held[subnet] = held.get(subnet, 0) + 1
