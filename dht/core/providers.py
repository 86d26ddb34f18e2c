"""Who provides what: the provider lists a node keeps for others (BEP 5's peers, Amino's providers).

**Life.** An announcement lives for ``policy.provider_lifetime``; announcing again from the same
endpoint renews it. In each list the entries stand in the order of their last announcement, so the
oldest is always the first, and one moment per list is enough to find what expires next.

**Room.** Four bounds, each against another flood:

- 8 entries of one address under one key. Several are honest (a NAT maps many hosts to one address,
  and a client that restarts has another port), dozens are a flood. The ninth displaces the oldest
  of its own address, so nobody else pays for it.
- ``policy.max_providers_per_key``. Once a list is full, a newcomer may only thin a crowd: it takes
  the oldest place of the address with most entries, provided that has at least two more than the
  newcomer's own. Otherwise it is refused, so those who came first stay as long as they renew, and
  an attacker with 63 addresses cannot wash 500 providers out. ``full`` says this beforehand, and
  then no ticket is given (as BEP 5's implementations do).
- ``policy.max_provided_keys``. Which list makes room for a new one is decided as for records, by
  :mod:`dht.core.places`; a list's age is that of its last announcement and its payer the subnet
  that opened it.
- ``policy.max_providers_total``. The list that would have to make room for a new one gives up its
  oldest entry instead.

**Answers** are uniform random subsets: with a fixed order the first 50 of a list would get all the
load, and the last would never be found.

**Samples** (BEP 51) stay the same for ``policy.sample_interval``: who asks again and again learns
no more than who asks once, so indexing is a matter of visiting many nodes, not of hammering one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from dht.core.agenda import Agenda
from dht.core.effects import Change, Hosted, Unhosted
from dht.core.messages import Provider, Samples, message
from dht.core.places import Places

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from random import Random

    from dht.core.keys import Key
    from dht.core.messages import Endpoint
    from dht.core.policy import Policy

PER_ADDRESS: Final = 8
"""Entries of one address under one key. More hosts than that behind one NAT, all with the same
content, are rare, and they find each other in their own network."""


@message
class ProviderStatistics:
    """What a provider store holds and what it had to refuse since its start.

    Attributes:
        keys: Lists now.
        providers: Entries in them together.
        evicted: Entries that left for others.
        refused: Announcements that found no room.
        expired: Entries that were not announced again in time.
    """

    keys: int
    providers: int
    evicted: int
    refused: int
    expired: int


class _Swarm:
    """The providers of one key, the longest unrenewed first.

    Two dictionaries in step instead of one of pairs: answers need the providers alone, and 100,000
    small objects would cost more than the second table.
    """

    __slots__ = ("_view", "ages", "crowd", "providers")

    def __init__(self) -> None:
        self.providers: dict[Endpoint, Provider] = {}
        self.ages: dict[Endpoint, float] = {}
        self.crowd: dict[Hashable, int] = {}
        self._view: tuple[Provider, ...] | None = ()

    def __len__(self) -> int:
        return len(self.providers)

    def view(self) -> tuple[Provider, ...]:
        """All providers: the identical tuple until one comes, goes or changes."""
        if self._view is None:
            self._view = tuple(self.providers.values())
        return self._view

    def oldest(self) -> Endpoint:
        return next(iter(self.ages))

    def renewed(self) -> float:
        """When the oldest was announced."""
        return next(iter(self.ages.values()))

    def put(self, provider: Provider, address: Hashable, now: float) -> bool:
        """Add or renew; whether it is new here."""
        endpoint = provider.endpoint
        # Taken out first, so that it goes to the end of the order.
        known = self.providers.pop(endpoint, None)
        self.ages.pop(endpoint, None)
        if known is None:
            self.crowd[address] = self.crowd.get(address, 0) + 1
        if known != provider:
            self._view = None
        self.providers[endpoint] = provider
        self.ages[endpoint] = now
        return known is None

    def remove(self, endpoint: Endpoint, address: Hashable) -> Provider:
        provider = self.providers.pop(endpoint)
        del self.ages[endpoint]
        self._view = None
        self.crowd[address] -= 1
        if not self.crowd[address]:
            del self.crowd[address]
        return provider

    def thinned(self, address: Hashable) -> Hashable | None:
        """The address that would have to give a place to ``address``, if one is crowded enough."""
        if len(self.crowd) == len(self.providers):
            return None  # everybody holds just one place: the common case of an honest full list
        crowded = max(self.crowd, key=self.crowd.__getitem__)
        return crowded if self.crowd[crowded] >= self.crowd.get(address, 0) + 2 else None

    def oldest_of(self, address: Hashable, address_of: Callable[[Endpoint], Hashable]) -> Endpoint:
        return next(each for each in self.ages if address_of(each) == address)


class ProviderStore:
    """Provider lists under their keys, bounded in every direction (see the module)."""

    __slots__ = (
        "_evicted",
        "_expired",
        "_oldest",
        "_owed",
        "_places",
        "_policy",
        "_refused",
        "_sample",
        "_sample_until",
        "_swarms",
        "_total",
    )

    def __init__(self, own: Key, policy: Policy) -> None:
        self._policy = policy
        self._swarms: dict[Key, _Swarm] = {}
        self._places = Places(own, policy.space, policy.max_provided_keys, policy.provider_lifetime)
        # When the oldest entry of each list expires.
        self._oldest: Agenda[Key] = Agenda()
        self._owed: list[Unhosted] = []
        self._total = self._evicted = self._refused = self._expired = 0
        self._sample: tuple[Key, ...] = ()
        self._sample_until = -math.inf

    def __len__(self) -> int:
        """How many keys have providers."""
        return len(self._swarms)

    def __contains__(self, key: Key) -> bool:
        return key in self._swarms

    def get(self, key: Key, n: int, rng: Random) -> tuple[Provider, ...]:
        """Up to ``n`` providers of ``key``, a uniform random subset if there are more.

        If there are not, the tuple is the identical one until the list changes.
        """
        swarm = self._swarms.get(key)
        if swarm is None:
            return ()
        everyone = swarm.view()
        return everyone if len(everyone) <= n else _draw(everyone, n, rng)

    def all(self, key: Key) -> tuple[Provider, ...]:
        """Every provider of ``key``: for scrapes."""
        swarm = self._swarms.get(key)
        return () if swarm is None else swarm.view()

    def full(self, key: Key, endpoint: Endpoint | None = None) -> bool:
        """Whether a newcomer (at ``endpoint``, if known) would be refused: then no ticket is given.

        An address that is listed is always welcome: it has to renew. Ports do not matter here,
        since a requester's port is not the one it will announce.
        """
        swarm = self._swarms.get(key)
        if swarm is None or len(swarm) < self._policy.max_providers_per_key:
            return False
        if endpoint is None:
            return True
        address = self._policy.contacts.address(endpoint)
        return address not in swarm.crowd and swarm.thinned(address) is None

    def add(self, key: Key, provider: Provider, now: float) -> tuple[Change, ...]:
        """Remember that ``provider`` has the content of ``key``, or that it still has.

        Returns:
            ``Hosted`` first, then ``Unhosted`` for each entry that had to leave. Empty if there is
            no room for it: the announcement is to be refused.
        """
        swarm = self._swarms.get(key)
        losers: Iterable[tuple[Key, Endpoint]] | None = ()
        if swarm is None:
            losers = self._losers_for_list(key, provider, now)
        elif provider.endpoint not in swarm.providers:
            losers = self._losers_for_entry(key, swarm, provider, now)
        if losers is None:
            self._refused += 1
            return ()
        lost = [self._remove(*loser) for loser in losers]
        self._evicted += len(lost)
        self._put(key, provider, now)
        return (Hosted(key, provider, now), *lost)

    def sample(self, n: int, now: float, rng: Random) -> Samples:
        """Up to ``n`` random keys (at most ``policy.sample_size``), the same within an interval.

        A key may be gone before its sample is. ``interval`` is what remains of it.
        """
        keys, size = self._swarms, self._policy.sample_size
        # While all keys fit there is nothing to choose, and nothing to hide by choosing once.
        everything = len(self._sample) < size and len(self._sample) != len(keys)
        if everything or now >= self._sample_until:
            self._sample = tuple(rng.sample(list(keys), min(size, len(keys))))
        if now >= self._sample_until:
            self._sample_until = now + self._policy.sample_interval
        return Samples(self._sample[:n], len(keys), self._sample_until - now)

    def expire(self, now: float, limit: int | None = None) -> tuple[Change, ...]:
        """Drop what was not announced again in time, oldest first, at most ``limit`` entries."""
        # What was owed may have been announced anew meanwhile: it must stay on disk.
        lost = [each for each in self._owed if not self._holds(each.key, each.provider.endpoint)]
        self._owed = []
        budget = math.inf if limit is None else limit
        while budget > 0 and self._oldest.next() <= now:
            (key,) = self._oldest.ready(now, 1)
            lost.append(self._remove(key, self._swarms[key].oldest()))
            self._expired += 1
            budget -= 1
        return tuple(lost)

    def next_due(self) -> float:
        """When ``expire`` will next have something."""
        return -math.inf if self._owed else self._oldest.next()

    def restore(self, hosted: Iterable[Hosted]) -> None:
        """Take back what an earlier life persisted; what is listed already and newer stays.

        Entries that find no room are reported as gone by the next ``expire``, and so are those
        past their time. The lists live by their order, so everything is put in again by age.
        """
        entries = [*hosted, *self._drained()]
        for old in sorted(entries, key=lambda each: each.at):
            changes = self.add(old.key, old.provider, old.at)
            self._owed += [each for each in changes if isinstance(each, Unhosted)]
            if not changes:
                self._owed.append(Unhosted(old.key, old.provider))

    def rekey(self, own: Key) -> None:
        """Our own key is another now. Nothing is dropped; what is far now goes first when full."""
        self._places.rekey(own)

    def statistics(self) -> ProviderStatistics:
        """What is held, and what was lost so far."""
        counts = (self._evicted, self._refused, self._expired)
        return ProviderStatistics(len(self._swarms), self._total, *counts)

    def _losers_for_list(
        self, key: Key, provider: Provider, now: float
    ) -> Iterable[tuple[Key, Endpoint]] | None:
        """Which entries make room for a new list; ``None`` if it is the worst of all."""
        payer = self._policy.contacts.subnet(provider.endpoint)
        loser = self._places.loser(key, payer, now)
        if loser is None:
            return self._losers_for_total(key, payer, now)
        if loser == key:
            return None
        return [(loser, endpoint) for endpoint in self._swarms[loser].providers]

    def _losers_for_entry(
        self, key: Key, swarm: _Swarm, provider: Provider, now: float
    ) -> Iterable[tuple[Key, Endpoint]] | None:
        """Which entry makes room for a new one in a list; ``None`` if it is to be refused."""
        address_of = self._policy.contacts.address
        address = address_of(provider.endpoint)
        if swarm.crowd.get(address, 0) >= PER_ADDRESS:
            return ((key, swarm.oldest_of(address, address_of)),)
        if len(swarm) < self._policy.max_providers_per_key:
            return self._losers_for_total(key, None, now)
        if swarm.renewed() + self._policy.provider_lifetime <= now:
            return ((key, swarm.oldest()),)
        crowded = swarm.thinned(address)
        return None if crowded is None else ((key, swarm.oldest_of(crowded, address_of)),)

    def _losers_for_total(
        self, key: Key, payer: Hashable | None, now: float
    ) -> Iterable[tuple[Key, Endpoint]] | None:
        """Which entry makes room under the bound of the whole store.

        For an entry of a list that exists ``payer`` is ``None``: it asks for no further place.
        """
        if self._total < self._policy.max_providers_total:
            return ()
        loser: Key | None = self._oldest.first()
        if self._oldest.next() > now:
            loser = self._places.worst(key, payer, now)
        swarm = None if loser is None else self._swarms.get(loser)
        return None if loser is None or swarm is None else ((loser, swarm.oldest()),)

    def _put(self, key: Key, provider: Provider, now: float) -> None:
        contacts = self._policy.contacts
        swarm = self._swarms.get(key)
        if swarm is None:
            swarm = self._swarms[key] = _Swarm()
        self._total += swarm.put(provider, contacts.address(provider.endpoint), now)
        self._places.take(key, contacts.subnet(provider.endpoint), now)
        self._schedule(key, swarm)

    def _remove(self, key: Key, endpoint: Endpoint) -> Unhosted:
        swarm = self._swarms[key]
        provider = swarm.remove(endpoint, self._policy.contacts.address(endpoint))
        self._total -= 1
        if swarm:
            self._schedule(key, swarm)
        else:
            del self._swarms[key]
            self._places.leave(key)
            self._oldest.drop(key)
        return Unhosted(key, provider)

    def _schedule(self, key: Key, swarm: _Swarm) -> None:
        """Note when the oldest entry of a list expires, if that changed."""
        due = swarm.renewed() + self._policy.provider_lifetime
        if self._oldest.moment(key) != due:
            self._oldest.set(key, due)

    def _holds(self, key: Key, endpoint: Endpoint) -> bool:
        swarm = self._swarms.get(key)
        return swarm is not None and endpoint in swarm.providers

    def _drained(self) -> list[Hosted]:
        """Take everything out."""
        entries = [
            Hosted(key, provider, at)
            for key, swarm in self._swarms.items()
            for provider, at in zip(swarm.view(), swarm.ages.values(), strict=True)
        ]
        for entry in entries:
            self._remove(entry.key, entry.provider.endpoint)
        return entries


def _draw(everyone: tuple[Provider, ...], n: int, rng: Random) -> tuple[Provider, ...]:
    """Draw a uniform subset: the first ``n`` steps of a Fisher-Yates shuffle.

    ``Random.sample`` does the same with one call per element, which is a system call each when
    ``rng`` is a ``SystemRandom``. Here one call brings 32 bits for each step. Mapping them to fewer
    than 2**9 places by multiplication prefers some by less than one in 2**23.
    """
    pool = list(everyone)
    bits = rng.getrandbits(32 * n)
    for index in range(n):
        other = index + ((bits & 0xFFFFFFFF) * (len(pool) - index) >> 32)
        pool[index], pool[other] = pool[other], pool[index]
        bits >>= 32
    return tuple(pool[:n])
