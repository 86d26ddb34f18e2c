"""The provider store: life, four bounds, random answers, stable samples; on both networks."""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.core.effects import Hosted, Unhosted
from dht.core.keys import Key
from dht.core.messages import Endpoint, Provider
from dht.core.providers import PER_ADDRESS, ProviderStatistics, ProviderStore
from tests.strategies import NETWORKS, Network

if TYPE_CHECKING:
    from collections.abc import Iterable

LIFETIME = 2700.0
KEY, OTHER = Key(1), Key(2)
both = pytest.mark.parametrize("network", NETWORKS, ids=repr)


def at(network: Network, number: int, port: int = 1) -> Provider:
    """A provider at an address and in a subnet of its own."""
    return Provider(network.spread(0, number, port).endpoint)


def filled(network: Network, count: int, key: Key = KEY, now: float = 0.0) -> ProviderStore:
    store = ProviderStore(Key(0), network.policy)
    for number in range(count):
        store.add(key, at(network, number), now)
    return store


def endpoints(providers: Iterable[Provider]) -> list[Endpoint]:
    return [provider.endpoint for provider in providers]


@both
class TestLife:
    def test_announcing_again_renews(self, network: Network) -> None:
        store = filled(network, 2)
        store.add(KEY, at(network, 0), 1000.0)
        assert store.next_due() == LIFETIME
        assert store.expire(LIFETIME) == (Unhosted(KEY, at(network, 1)),)
        assert store.next_due() == LIFETIME + 1000.0
        assert store.expire(LIFETIME + 1000.0) == (Unhosted(KEY, at(network, 0)),)
        assert len(store) == 0
        assert store.next_due() == math.inf
        assert store.statistics() == ProviderStatistics(0, 0, 0, 0, expired=2)

    def test_a_leech_becomes_a_seed(self, network: Network) -> None:
        store = filled(network, 1)
        seed = Provider(at(network, 0).endpoint, seed=True)
        assert store.add(KEY, seed, 1.0) == (Hosted(KEY, seed, 1.0),)
        assert store.all(KEY) == (seed,)

    def test_keys_nobody_provides(self, network: Network) -> None:
        store = filled(network, 1)
        assert store.get(OTHER, 50, Random(0)) == ()
        assert store.all(OTHER) == ()
        assert not store.full(OTHER)


@both
class TestRoom:
    def test_several_hosts_behind_one_address_are_welcome(self, network: Network) -> None:
        store = ProviderStore(Key(0), network.policy)
        for port in range(1, PER_ADDRESS + 1):
            store.add(KEY, at(network, 0, port), 0.0)
        assert len(store.all(KEY)) == PER_ADDRESS

    def test_the_ninth_displaces_the_oldest_of_its_own(self, network: Network) -> None:
        store = filled(network, 3)
        for port in range(2, PER_ADDRESS + 1):
            store.add(KEY, at(network, 1, port), 1.0)
        # Renewed, so that the second oldest of its address is the oldest now.
        store.add(KEY, at(network, 1), 2.0)
        changes = store.add(KEY, at(network, 1, 99), 3.0)
        assert changes[1:] == (Unhosted(KEY, at(network, 1, 2)),)
        assert len(store.all(KEY)) == PER_ADDRESS + 2

    def test_one_address_many_ports_gets_eight_places(self, network: Network) -> None:
        store = filled(network, 100)
        for port in range(1, 1000):
            store.add(KEY, at(network, 200, port), 1.0)
        assert len(store.all(KEY)) == 100 + PER_ADDRESS
        assert set(endpoints(at(network, n) for n in range(100))) < set(endpoints(store.all(KEY)))

    def test_a_full_list_refuses_strangers_and_keeps_its_own(self, network: Network) -> None:
        store = filled(network, 500)
        before = store.all(KEY)
        stranger = at(network, 600)
        assert store.full(KEY)
        assert store.full(KEY, stranger.endpoint)
        assert store.add(KEY, stranger, 1.0) == ()
        assert store.all(KEY) is before
        # Who is listed is welcome at any port: it has to renew.
        assert not store.full(KEY, at(network, 3, 4711).endpoint)
        assert store.add(KEY, at(network, 3), 1.0) == (Hosted(KEY, at(network, 3), 1.0),)
        assert store.statistics().refused == 1

    def test_a_newcomer_thins_the_crowd_of_a_full_list(self, network: Network) -> None:
        """63 addresses with eight entries each hold the list, until others come."""
        network = network.adjusted(max_providers_per_key=63 * 8)
        store = ProviderStore(Key(0), network.policy)
        for number in range(63 * 8):
            store.add(KEY, at(network, number % 63, number // 63 + 1), 0.0)
        for number in range(100, 400):
            newcomer = at(network, number)
            assert not store.full(KEY, newcomer.endpoint)
            assert len(store.add(KEY, newcomer, 1.0)) == 2
        crowds = Counter(map(network.policy.contacts.address, endpoints(store.all(KEY))))
        assert sum(crowds.values()) == 63 * 8
        assert max(crowds.values()) <= 4
        assert sum(1 for size in crowds.values() if size == 1) >= 300

    def test_places_do_not_go_back_and_forth_between_equals(self, network: Network) -> None:
        """One more is not a crowd: after the exchange the other one would have one more."""
        store = filled(network.adjusted(max_providers_per_key=3), 2)
        store.add(KEY, at(network, 0, 2), 1.0)
        assert store.add(KEY, at(network, 1, 2), 2.0) == ()
        assert store.add(KEY, at(network, 5), 2.0)[1:] == (Unhosted(KEY, at(network, 0)),)

    def test_expired_entries_of_a_full_list_make_room(self, network: Network) -> None:
        store = filled(network.adjusted(max_providers_per_key=2), 2)
        store.add(KEY, at(network, 1), 1.0)
        changes = store.add(KEY, at(network, 9), LIFETIME)
        assert changes[1:] == (Unhosted(KEY, at(network, 0)),)

    def test_a_list_of_one_place_changes_hands_when_its_holder_is_gone(
        self, network: Network
    ) -> None:
        store = filled(network.adjusted(max_providers_per_key=1), 1)
        changes = store.add(KEY, at(network, 9), LIFETIME)
        assert changes[1:] == (Unhosted(KEY, at(network, 0)),)
        assert store.all(KEY) == (at(network, 9),)

    def test_a_new_list_displaces_a_whole_far_one(self, network: Network) -> None:
        network = network.adjusted(max_provided_keys=2)
        far = Key(1 << (network.policy.space.bits - 1))
        store = filled(network, 3, far)
        store.add(OTHER, at(network, 7), 0.0)
        changes = store.add(KEY, at(network, 8), 0.0)
        assert changes[1:] == tuple(Unhosted(far, at(network, n)) for n in range(3))
        assert store.add(far, at(network, 9), 0.0) == ()
        assert store.statistics() == ProviderStatistics(2, 2, evicted=3, refused=1, expired=0)

    def test_lists_opened_under_our_nose_get_one_share(self, network: Network) -> None:
        """Any key may be announced, so keys next to ours are free: their subnet is not."""
        own = Key(0)
        network = network.adjusted(max_provided_keys=160)
        store, rng, space = ProviderStore(own, network.policy), Random(2), network.policy.space
        honest = [space.draw_sharing(own, 10, rng) for _ in range(160)]
        for number, key in enumerate(honest):
            store.add(key, at(network, number), 0.0)
        for port in range(1, 2000):
            mallory = Provider(network.endpoint(200 << 24, port))
            store.add(space.draw_sharing(own, 100, rng), mallory, 1.0)
        assert sum(bool(store.all(key)) for key in honest) == 150

    def test_under_the_total_bound_the_worst_list_gives_its_oldest(self, network: Network) -> None:
        network = network.adjusted(max_providers_total=4)
        far = Key(1 << (network.policy.space.bits - 1))
        store = filled(network, 2, far)
        for number in (5, 6):
            store.add(KEY, at(network, number), 0.0)
        assert store.add(OTHER, at(network, 7), 1.0)[1:] == (Unhosted(far, at(network, 0)),)
        assert store.add(KEY, at(network, 8), 1.0)[1:] == (Unhosted(far, at(network, 1)),)
        # Now the far list is gone, and a newcomer to the worst list displaces its oldest.
        assert store.add(far, at(network, 9), 1.0) == ()
        assert store.add(OTHER, at(network, 9), 1.0)[1:] == (Unhosted(OTHER, at(network, 7)),)

    def test_under_the_total_bound_the_expired_leave_first(self, network: Network) -> None:
        store = filled(network.adjusted(max_providers_total=2), 2)
        store.add(KEY, at(network, 1), 1.0)
        changes = store.add(OTHER, at(network, 2), LIFETIME)
        assert changes[1:] == (Unhosted(KEY, at(network, 0)),)


@both
class TestAnswers:
    def test_few_are_given_all_and_identically(self, network: Network) -> None:
        store = filled(network, 50)
        everyone = store.get(KEY, 50, Random(0))
        assert endpoints(everyone) == endpoints(at(network, n) for n in range(50))
        store.add(KEY, at(network, 7), 1.0)  # renewed, not changed
        assert store.get(KEY, 50, Random(0)) is everyone is store.all(KEY)
        store.add(KEY, Provider(at(network, 7).endpoint, seed=True), 1.0)
        assert store.get(KEY, 50, Random(0)) is not everyone

    @given(count=st.integers(0, 60), n=st.integers(0, 60), seed=st.integers())
    def test_many_are_given_n_different_ones(
        self, network: Network, count: int, n: int, seed: int
    ) -> None:
        store = filled(network, count)
        answer = store.get(KEY, n, Random(seed))
        assert len(answer) == len(set(endpoints(answer))) == min(n, count)
        assert set(endpoints(answer)) <= set(endpoints(store.all(KEY)))
        assert answer == store.get(KEY, n, Random(seed))

    def test_without_bias(self, network: Network) -> None:
        """Every pair of seven is equally likely in a subset of three: chi squared.

        21 pairs, each in 1 of 7 subsets: 20 degrees of freedom (pairs within one answer depend on
        each other, which makes the sum smaller). 45.3 is the 0.1 % point.
        """
        store, rng, rounds = filled(network, 7), Random(42), 7000
        seen: Counter[frozenset[Endpoint]] = Counter()
        for _ in range(rounds):
            seen.update(map(frozenset, combinations(endpoints(store.get(KEY, 3, rng)), 2)))
        assert len(seen) == 21
        expected = rounds / 7
        assert sum((count - expected) ** 2 / expected for count in seen.values()) < 45.3

    def test_every_place_of_an_answer_is_uniform(self, network: Network) -> None:
        """7 providers over the first place: 6 degrees of freedom, 22.5 is the 0.1 % point."""
        store, rng, rounds = filled(network, 7), Random(43), 7000
        for place in range(3):
            seen = Counter(store.get(KEY, 3, rng)[place].endpoint for _ in range(rounds))
            expected = rounds / 7
            assert sum((count - expected) ** 2 / expected for count in seen.values()) < 22.5


@both
class TestSample:
    """BEP 51."""

    def many(self, network: Network, count: int) -> ProviderStore:
        store = ProviderStore(Key(0), network.policy)
        for number in range(count):
            store.add(Key(number), at(network, number), 0.0)
        return store

    def test_stays_the_same_within_the_interval(self, network: Network) -> None:
        store, rng = self.many(network, 100), Random(1)
        first = store.sample(20, 100.0, rng)
        assert (len(set(first.keys)), first.total, first.interval) == (20, 100, 60.0)
        store.add(Key(1000), at(network, 0), 130.0)
        later = store.sample(20, 130.0, rng)
        assert (later.keys, later.total, later.interval) == (first.keys, 101, 30.0)
        assert store.sample(7, 159.9, rng).keys == first.keys[:7]
        assert store.sample(20, 160.0, rng).keys != first.keys

    def test_gives_no_more_than_the_policy_allows(self, network: Network) -> None:
        store = self.many(network, 100)
        assert len(store.sample(1000, 0.0, Random(1)).keys) == 20

    def test_shows_everything_as_long_as_it_fits(self, network: Network) -> None:
        store, rng = ProviderStore(Key(0), network.policy), Random(1)
        assert store.sample(20, 0.0, rng).keys == ()
        for number in range(20):
            store.add(Key(number), at(network, number), 1.0)
            sample = store.sample(20, 1.0, rng)
            assert set(sample.keys) == set(range(number + 1))
            assert sample.interval == 59.0
        store.add(Key(99), at(network, 0), 1.0)
        assert store.sample(20, 1.0, rng).keys == sample.keys

    def test_every_key_has_its_turn(self, network: Network) -> None:
        store, rng = self.many(network, 40), Random(1)
        seen = Counter(key for i in range(400) for key in store.sample(20, i * 60.0, rng).keys)
        assert len(seen) == 40
        assert 150 < min(seen.values()) <= max(seen.values()) < 250


@both
class TestRestore:
    def test_newer_announcements_stay(self, network: Network) -> None:
        store = filled(network, 2, now=50.0)
        seed = Provider(at(network, 0).endpoint, seed=True)
        store.restore([Hosted(KEY, seed, 10.0), Hosted(KEY, at(network, 5), 60.0)])
        assert store.all(KEY) == tuple(at(network, n) for n in (0, 1, 5))
        store.restore([Hosted(KEY, seed, 70.0)])
        assert store.all(KEY) == (at(network, 1), at(network, 5), seed)
        assert store.next_due() == 50.0 + LIFETIME

    def test_older_ones_come_before_those_already_there(self, network: Network) -> None:
        store = filled(network, 1, now=50.0)
        store.restore([Hosted(KEY, at(network, 9), -100.0)])
        assert store.next_due() == LIFETIME - 100.0
        assert store.expire(LIFETIME - 100.0) == (Unhosted(KEY, at(network, 9)),)

    def test_what_finds_no_room_is_erased_from_disk(self, network: Network) -> None:
        network = network.adjusted(max_provided_keys=1, max_providers_per_key=2)
        store = ProviderStore(Key(0), network.policy)
        far = Hosted(Key(1 << 100), at(network, 1), 0.0)
        third = Hosted(KEY, at(network, 4), 3.0)
        near = [Hosted(KEY, at(network, n), float(n)) for n in (2, 3)]
        store.restore([far, *near, third])
        assert store.next_due() == -math.inf
        assert store.expire(5.0) == (Unhosted(far.key, far.provider), Unhosted(KEY, third.provider))
        assert store.expire(5.0) == ()
        assert store.next_due() == LIFETIME + 2.0

    def test_what_was_owed_to_the_disk_is_not_erased_once_it_is_back(
        self, network: Network
    ) -> None:
        store = ProviderStore(Key(0), network.adjusted(max_provided_keys=1).policy)
        far, near = (Hosted(Key(key), at(network, key), 0.0) for key in (4, 1))
        store.restore([far, near])
        assert store.add(far.key, far.provider, LIFETIME)[1:] == (Unhosted(KEY, near.provider),)
        assert store.expire(LIFETIME) == ()

    def test_nothing(self, network: Network) -> None:
        store = ProviderStore(Key(0), network.policy)
        store.restore([])
        assert store.next_due() == math.inf
