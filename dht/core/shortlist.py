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
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

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


class Candidate:
    """What a lookup knows of one contact.

    Attributes:
        contact: Whom to ask.
        depth: How many hops away it was found.
        state: One of the six above.
        barred: Nearer live contacts hold the places of its address or subnet.
        spare: The same key at another endpoint, to be tried if this one fails.
        places: Its address, and its subnet unless that is exempt; each with its limit.
    """

    __slots__ = ("barred", "contact", "depth", "places", "spare", "state")

    def __init__(self, contact: Contact, depth: int) -> None:
        self.contact = contact
        self.depth = depth
        self.state = UNASKED
        self.barred = False
        self.spare: Contact | None = None
        self.places: tuple[tuple[int, Hashable], ...] = ()


class Shortlist:
    """Candidates by distance to ``target``."""

    __slots__ = ("_by_key", "_crowded", "_distances", "_policy", "_ranked", "_seen", "_target")

    def __init__(self, target: Key, policy: Policy) -> None:
        self._target = target
        self._policy = policy
        self._by_key: dict[Key, Candidate] = {}
        # Two parallel lists: distances to bisect in, candidates to walk over.
        self._distances: list[int] = []
        self._ranked: list[Candidate] = []
        self._seen: set[tuple[int, Hashable]] = set()
        self._crowded = False

    def __len__(self) -> int:
        return len(self._ranked)

    def get(self, key: Key) -> Candidate | None:
        """The candidate of ``key``, if known."""
        return self._by_key.get(key)

    def live(self) -> Iterator[Candidate]:
        """Those that have not failed and are within the limits, nearest first."""
        for candidate in self._ranked:
            if candidate.state < FAILED and not candidate.barred:
                yield candidate

    def add(self, contact: Contact, depth: int) -> None:
        """Rank a contact whose key is not known yet. Call :meth:`settle` after the last one."""
        candidate = Candidate(contact, depth)
        away = contact.key ^ self._target
        place = bisect_left(self._distances, away)
        self._distances.insert(place, away)
        self._ranked.insert(place, candidate)
        self._by_key[contact.key] = candidate
        self._occupy(candidate)

    def move(self, candidate: Candidate, contact: Contact) -> None:
        """Start again with ``candidate`` at the endpoint of ``contact``; then :meth:`settle`."""
        candidate.contact = contact
        candidate.state = UNASKED
        candidate.spare = None
        self._occupy(candidate)

    def _occupy(self, candidate: Candidate) -> None:
        """Note the address and subnet of ``candidate``, and whether they are shared."""
        rules, endpoint = self._policy.contacts, candidate.contact.endpoint
        subnet = rules.subnet(endpoint)
        # The first of each pair tells addresses from subnets; both may be equal strings.
        candidate.places = ((0, rules.address(endpoint)),)
        if subnet is not None:
            candidate.places += ((1, subnet),)
        for place in candidate.places:
            if place in self._seen:
                self._crowded = True
            self._seen.add(place)

    def settle(self) -> None:
        """Decide afresh who is barred, after contacts were added, moved, failed or revived."""
        if not self._crowded:
            return
        limits = (1, self._policy.per_subnet_lookup)
        held: dict[tuple[int, Hashable], int] = {}
        for candidate in self._ranked:
            if candidate.state >= FAILED:
                continue
            candidate.barred = any(held.get(p, 0) >= limits[p[0]] for p in candidate.places)
            if not candidate.barred:
                for place in candidate.places:
                    held[place] = held.get(place, 0) + 1
