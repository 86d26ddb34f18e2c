"""The provider store against lists and loops, under any sequence of calls; and under floods."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dht.core.effects import Change, Hosted, Unhosted
from dht.core.keys import Key
from dht.core.messages import Endpoint, Provider
from dht.core.providers import PER_ADDRESS, ProviderStore
from tests.store_oracles import Entry, NaiveProviders
from tests.strategies import NETWORKS, Network

if TYPE_CHECKING:
    from collections.abc import Iterable
both = pytest.mark.parametrize("network", NETWORKS, ids=repr)


class ProvidersMachine(RuleBasedStateMachine):
    """Against one flat list, and against a disk that is told every change."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.rng = Random(0)

    @initialize(
        network=st.sampled_from(NETWORKS),
        keys=st.sampled_from([0, 1, 3, 20]),
        each=st.sampled_from([1, 3, 11]),
        total=st.sampled_from([0, 1, 6, 30]),
    )
    def build(self, network: Network, keys: int, each: int, total: int) -> None:
        self.network = network.adjusted(
            max_provided_keys=keys,
            max_providers_per_key=each,
            max_providers_total=total,
            provider_lifetime=64.0,
        )
        self.policy = self.network.policy
        self.store = ProviderStore(Key(5), self.policy)
        self.model = NaiveProviders(Key(5), self.policy)
        self.disk: dict[tuple[Key, Endpoint], tuple[Provider, float]] = {}

    def write(self, changes: Iterable[Change]) -> None:
        for change in changes:
            assert isinstance(change, Hosted | Unhosted)
            place = (change.key, change.provider.endpoint)
            if isinstance(change, Hosted):
                self.disk[place] = (change.provider, change.at)
            else:
                provider, _ = self.disk.pop(place)
                assert provider == change.provider

    @rule(seconds=st.sampled_from([0, 1, 8, 16, 40]))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(
        bits=st.integers(0, 5),
        tail=st.integers(0, 1),
        where=st.integers(0, 5),
        ports=st.lists(st.integers(1, 10), min_size=1, max_size=10),
        seed=st.booleans(),
    )
    def announce(self, bits: int, tail: int, where: int, ports: list[int], *, seed: bool) -> None:
        key = Key((5 ^ 1 << (self.policy.space.bits - 1 - bits)) ^ tail)
        subnet, host = divmod(where, 2)
        number = (90 << 24) + (subnet << 16) + host
        for port in ports:
            self.add(key, Provider(self.network.endpoint(number, port), seed))

    def add(self, key: Key, provider: Provider) -> None:
        alternatives = self.model.losers(key, provider, self.now)
        changes = self.store.add(key, provider, self.now)
        if alternatives is None:
            assert changes == ()
            return
        assert changes[0] == Hosted(key, provider, self.now)
        lost = [Entry(c.key, c.provider, 0.0) for c in changes[1:] if isinstance(c, Unhosted)]
        assert len(lost) == len(changes) - 1
        assert identities(lost) in [identities(each) for each in alternatives]
        for entry in lost:
            self.model.remove(entry.key, entry.provider.endpoint)
        self.model.add(key, provider, self.now)
        self.write([*changes[1:], changes[0]])

    @rule(limit=st.none() | st.integers(0, 4))
    def expire(self, limit: int | None) -> None:
        due = [entry.at for entry in self.model.entries if self.model.expired(entry, self.now)]
        changes = self.store.expire(self.now, limit)
        assert [self.age(change) for change in changes] == sorted(due)[:limit]
        self.write(changes)
        for change in changes:
            assert isinstance(change, Unhosted)
            self.model.remove(change.key, change.provider.endpoint)

    def age(self, change: Change) -> float:
        assert isinstance(change, Unhosted)
        entry = self.model.find(change.key, change.provider.endpoint)
        assert entry is not None
        return entry.at

    @rule()
    def restart(self) -> None:
        """Half of it is still there, the other half comes from the disk."""
        hosted = [Hosted(key, provider, age) for (key, _), (provider, age) in self.disk.items()]
        self.store = ProviderStore(Key(5), self.policy)
        self.store.restore(hosted[::2])
        self.store.restore(hosted[1::2])
        self.model = NaiveProviders(Key(5), self.policy)
        for key, swarm in self.store._swarms.items():
            for provider in swarm.providers.values():
                self.model.entries.append(Entry(key, *self.disk[key, provider.endpoint]))
        self.model.entries.sort(key=lambda entry: entry.at)
        self.model.places.rows = []
        for entry in self.model.entries:
            subnet = self.policy.contacts.subnet(entry.provider.endpoint)
            self.model.places.take(entry.key, subnet, entry.at)
        assert len(self.model.entries) == len(hosted)

    @rule(own=st.sampled_from([5, 1 << 155, 1 << 159]))
    def rekey(self, own: int) -> None:
        self.store.rekey(Key(own))
        self.model.places.own = Key(own)

    @invariant()
    def agrees(self) -> None:
        keys = {entry.key for entry in self.model.entries}
        for key in keys:
            entries = self.model.of(key)
            assert identities_of(key, self.store.all(key)) == identities(entries)
            assert list(self.store._swarms[key].ages.values()) == [entry.at for entry in entries]
            assert len(entries) <= self.policy.max_providers_per_key
            assert max(self.model.crowds(key).values()) <= PER_ADDRESS
            assert self.store.full(key) == (len(entries) == self.policy.max_providers_per_key)
        held = len(self.model.entries)
        assert len(self.store) == len(keys) <= self.policy.max_provided_keys
        assert held <= self.policy.max_providers_total
        statistics = self.store.statistics()
        assert (statistics.keys, statistics.providers) == (len(keys), held)
        dues = [entry.at + 64.0 for entry in self.model.entries]
        assert self.store.next_due() == min(dues, default=math.inf)
        assert self.disk == {
            (e.key, e.provider.endpoint): (e.provider, e.at) for e in self.model.entries
        }


def identities(entries: Iterable[Entry]) -> set[tuple[Key, Endpoint, bool]]:
    return {(e.key, e.provider.endpoint, e.provider.seed) for e in entries}


def identities_of(key: Key, providers: Iterable[Provider]) -> set[tuple[Key, Endpoint, bool]]:
    return {(key, provider.endpoint, provider.seed) for provider in providers}


ProvidersMachine.TestCase.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None
)
TestProviders = ProvidersMachine.TestCase


def flood(network: Network, steps: int) -> ProviderStore:
    """Announcements of all kinds under small bounds, each checked at each step."""
    policy = network.adjusted(
        max_provided_keys=100,
        max_providers_per_key=30,
        max_providers_total=1000,
        provider_lifetime=500.0,
    ).policy
    rng = Random(steps)
    own = policy.space.draw(rng)
    store = ProviderStore(own, policy)
    keys = [policy.space.draw_sharing(own, rng.randrange(30), rng) for _ in range(400)]
    for step in range(steps):
        now = step * 0.01
        key = keys[min(int(rng.expovariate(0.02)), 399)]
        endpoint = network.endpoint(rng.getrandbits(14) << 12, rng.randrange(1, 20))
        store.add(key, Provider(endpoint), now)
        assert len(store.all(key)) <= 30
        if step % 1000 == 0:
            store.expire(now)
        assert len(store) <= 100
        assert store._total <= 1000
    return store


def check_no_leaks(store: ProviderStore) -> None:
    swarms = store._swarms.values()
    assert store._total == sum(len(swarm.providers) for swarm in swarms)
    for swarm in swarms:
        assert list(swarm.providers) == list(swarm.ages)
        assert sum(swarm.crowd.values()) == len(swarm.providers)
    assert set(store._places._places) == set(store._swarms) == set(store._oldest._live)
    for agenda in (store._oldest, store._places._expiry, store._places._score):
        assert len(agenda._heap) <= 2 * len(store) + 8


@both
def test_memory_stays_bounded(network: Network) -> None:
    check_no_leaks(flood(network, 10_000))


@pytest.mark.slow
@both
def test_memory_stays_bounded_for_a_million_operations(network: Network) -> None:
    check_no_leaks(flood(network, 500_000))
