"""From what is wanted (a command, a job of upkeep) to the operation that does it.

This is the one place that knows which operation a command means, and where walks get their
first contacts: from our own routing table.

Users and upkeep wish for the same things in other words: to refresh a bucket is a walk, to renew a
promise is a publication, to replicate is one that spares those who have it. So there is one way
to do each, and whatever makes it quicker or safer serves both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from dht.core import commands as do
from dht.core.disjoint import DisjointLookup
from dht.core.edge import EdgeLookup
from dht.core.lookup import Lookup
from dht.core.messages import Get, Provider, Providers, Sample
from dht.core.operations import Errand, Locating, Operation, Retrieving, Surveying, walking
from dht.core.region import RegionWalk
from dht.core.upkeep import Refresh, Replicate, Republish
from dht.core.writing import Publishing, providing

if TYPE_CHECKING:
    from random import Random
    from typing import TypeAlias

    from dht.core.keys import Key
    from dht.core.messages import Contact
    from dht.core.policy import Policy
    from dht.core.table import RoutingTable
    from dht.core.walker import Walker

    Wish: TypeAlias = do.Walk | do.Retrieve | do.Publish | do.Locate | do.Provide | do.Survey
    Chore: TypeAlias = Refresh | Replicate | Republish

MAX_JOIN_WALKS: Final = 6
"""Far buckets refreshed after joining; nearer ones are filled by the walk to our own key."""


class Planner:
    """Makes operations. ``families`` are asked for in walks (BEP 32), empty for our own alone."""

    def __init__(self, table: RoutingTable, policy: Policy) -> None:
        self.families: frozenset[str] = frozenset()
        self._table = table
        self._policy = policy

    def operation(self, wish: Wish, now: float) -> Operation:
        """Make the operation that ``wish`` commands."""
        match wish:
            case do.Walk(number, target, paths):
                return self.walk(number, target, now, paths)
            case do.Retrieve(number, key, salt, min_seq, paths):
                return Retrieving(self._errand(number, key, now, paths), Get(key, min_seq, salt))
            # Reads and writes are one walk (see dht.core.writing): tickets come with answers.
            case do.Publish(number, record, cas, paths, region):
                errand = self._errand(number, record.key, now, paths, region)
                return Publishing(errand, record, cas=cas, region=region)
            case do.Locate(number, key, scrape, paths):
                return Locating(self._errand(number, key, now, paths), Providers(key, scrape))
            case do.Provide(number, key, provider, paths, region):
                errand = self._errand(number, key, now, paths, region)
                return providing(errand, key, provider, region)
            case do.Survey(number, target):
                return Surveying(self._errand(number, target, now), Sample(target))
            case _:
                assert_never(wish)

    def walk(self, number: int, target: Key, now: float, paths: int = 1) -> Operation:
        """Make a plain walk."""
        return walking(self._errand(number, target, now, paths), target, self.families)

    def chore(self, chore: Chore, number: int, now: float) -> Operation:
        """Make the operation that upkeep asks for."""
        match chore:
            case Refresh(target):
                return self.walk(number, target, now)
            # Holders keep up what they hold. Those who find it everywhere write nothing, so that
            # eight holders do not make 64 writes of one record.
            case Replicate(record):
                return Publishing(self._errand(number, record.key, now), record, missing_only=True)
            case Republish(promise):
                operation = self._renewal(promise, self._errand(number, promise.key, now))
                operation.promise = promise.promise
                return operation
            case _:
                assert_never(chore)

    def far(self, nearest: tuple[Contact, ...], rng: Random) -> list[Refresh]:
        """Refresh the buckets farther than our nearest neighbour (paper, section 2.3).

        "During the refreshes, u both populates its own k-buckets and inserts itself into other
        nodes' k-buckets as necessary." The walk to our own key met only our neighbourhood; without
        these the farther half of the network would not know us.
        """
        table = self._table
        depth = self._policy.space.prefix_length(table.own, nearest[0].key) if nearest else 0
        far = range(min(depth, MAX_JOIN_WALKS))
        return [Refresh(table.refresh_target(index, rng)) for index in far]

    def _renewal(self, promise: do.Promise, errand: Errand) -> Operation:
        if isinstance(promise.what, Provider):
            return providing(errand, promise.key, promise.what)
        return Publishing(errand, promise.what)

    def _errand(
        self, number: int, target: Key, now: float, paths: int = 1, region: int | None = None
    ) -> Errand:
        return Errand(number, self._walker(target, paths, region), self._policy, now)

    def _walker(self, target: Key, paths: int, region: int | None) -> Walker:
        """Make a walk to ``target`` from the closest contacts we know."""
        policy, own = self._policy, self._table.own
        # Twice k, so that a walk does not run dry when some are dead; those beyond the window
        # are not asked. Each of d disjoint paths wants its own.
        seeds = self._table.closest(target, 2 * policy.k * paths)
        if region is not None:
            return RegionWalk(target, policy, seeds, region, own=own)
        if paths > 1:
            return DisjointLookup(target, policy, seeds, paths, own=own)
        lookup = (policy.lookup or Lookup)(target, policy, seeds, own=own)
        # Who stops early takes the k closest on trust; where the edge is would not be known. And
        # a rule of a study's own that is no Lookup ends in its own way.
        if policy.beta >= policy.k and isinstance(lookup, Lookup):
            return EdgeLookup(lookup, policy.k)
        return lookup
