"""The record store: life, room, replication; on a 160-bit and a 256-bit network."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING

import pytest

from dht.core.effects import Erased, Held
from dht.core.keys import Key
from dht.core.messages import Record, Refusal
from dht.core.records import PATIENCE, SPREAD, RecordStatistics, RecordStore
from tests.store_oracles import near, small
from tests.strategies import NETWORKS, Network

if TYPE_CHECKING:
    from dht.core.messages import Endpoint

HOUR = 3600.0
LIFETIME = 2 * HOUR
both = pytest.mark.parametrize("network", NETWORKS, ids=repr)


@both
class TestCheck:
    """The rules themselves are the dialect's; here it matters which are asked, and when."""

    def test_what_does_not_belong_under_its_key_is_refused(self, network: Network) -> None:
        store = RecordStore(Key(0), network.policy)
        assert store.check(Record(Key(1), b"value"), None) == Refusal(
            203, "the key is not this record's"
        )

    def test_rules_of_admission_come_before_those_of_succession(self, network: Network) -> None:
        store = RecordStore(Key(0), network.policy)
        store.put(network.records.signed(b"new", 2), 0.0)
        refusal = store.check(network.records.signed(b"v" * 1001, 1), None)
        assert refusal is not None
        assert refusal.code == 205

    def test_an_older_version_is_refused(self, network: Network) -> None:
        store = RecordStore(Key(0), network.policy)
        store.put(network.records.signed(b"new", 2), 0.0)
        refusal = store.check(network.records.signed(b"old", 1), None)
        assert refusal is not None
        assert refusal.code == 302

    def test_cas_compares_with_what_is_held(self, network: Network) -> None:
        store = RecordStore(Key(0), network.policy)
        first, second = (network.records.signed(b"v", seq) for seq in (1, 2))
        assert store.check(first, 17) is None  # nothing is held: nothing to compare
        store.put(first, 0.0)
        assert store.check(second, 1) is None
        refusal = store.check(second, 0)
        assert refusal is not None
        assert refusal.code == 301

    def test_the_same_again_is_a_republication(self, network: Network) -> None:
        store = RecordStore(Key(0), network.policy)
        for record in (network.records.signed(b"v", 1), network.records.immutable(b"v")):
            store.put(record, 0.0)
            assert store.check(record, None) is None


@both
class TestLife:
    def test_a_put_begins_it_anew(self, network: Network) -> None:
        store = RecordStore(Key(0), network.policy)
        record = network.records.immutable(b"kept")
        store.put(record, 0.0)
        store.put(record, HOUR)
        assert store.expire(LIFETIME) == ()
        assert store.expire(LIFETIME + HOUR - 0.001) == ()
        assert store.expire(LIFETIME + HOUR) == (Erased(record.key),)
        assert store.get(record.key) is None
        assert len(store) == 0

    def test_replicating_does_not_lengthen_it(self, network: Network) -> None:
        store = RecordStore(Key(0), network.policy)
        record = network.records.immutable(b"ours alone")
        store.put(record, 0.0)
        store.replicated(record.key, LIFETIME - 1)
        assert store.expire(LIFETIME) == (Erased(record.key),)

    def test_a_newer_version_takes_the_place(self, network: Network) -> None:
        store = RecordStore(Key(0), network.policy)
        old, new = network.records.signed(b"first", 1), network.records.signed(b"second!", 2)
        store.put(old, 0.0)
        assert store.put(new, 1.0) == (Held(new, 1.0),)
        assert store.get(new.key) is new
        assert store.statistics() == RecordStatistics(1, len(b"second!"), 0, 0, 0)


@both
class TestRoom:
    def test_counts_what_it_lost(self, network: Network) -> None:
        store = RecordStore(Key(0), small(network, 2).policy)
        for bits in (3, 4):
            store.put(near(network, 0, bits), 0.0)
        assert store.put(near(network, 0, 2), 0.0) == ()
        changes = store.put(near(network, 0, 5), 0.0)
        assert changes[1:] == (Erased(near(network, 0, 3).key),)
        store.expire(64.0)
        assert store.statistics() == RecordStatistics(0, 0, evicted=1, refused=1, expired=2)

    def test_one_subnet_cannot_wash_the_others_out(self, network: Network) -> None:
        """Near keys, fresh values, one /24 (or /16): a sixteenth and no more."""
        policy = network.adjusted(max_records=160).policy
        own = Key(0)
        store, rng = RecordStore(own, policy), Random(1)
        honest = [Record(policy.space.draw_sharing(own, 12, rng), b"h") for _ in range(160)]
        for index, record in enumerate(honest):
            store.put(record, 0.0, network.spread(0, index).endpoint)
        crowd: list[Endpoint] = [network.endpoint((77 << 24) + low) for low in range(250)]
        for index in range(4000):
            record = Record(policy.space.draw_sharing(own, 50, rng), b"m")
            store.put(record, 1.0, crowd[index % 250])
        assert sum(store.get(record.key) is not None for record in honest) == 150


@both
class TestRestore:
    def test_what_was_put_meanwhile_and_is_newer_stays(self, network: Network) -> None:
        store = RecordStore(Key(0), network.policy)
        old, new = network.records.signed(b"old", 1), network.records.signed(b"new", 2)
        store.put(new, 100.0)
        store.restore([Held(old, 50.0)])
        assert store.get(new.key) is new
        store.restore([Held(old, 150.0)])
        assert store.get(new.key) is old

    def test_ages_survive(self, network: Network) -> None:
        store = RecordStore(Key(0), network.policy)
        record = network.records.immutable(b"from another life")
        store.restore([Held(record, -HOUR)])
        assert PATIENCE * HOUR <= store.next_due() + HOUR < (PATIENCE + SPREAD) * HOUR
        assert store.due_for_replication(HOUR) == [record]
        assert store.expire(HOUR) == (Erased(record.key),)

    def test_what_finds_no_room_is_erased_from_disk(self, network: Network) -> None:
        store = RecordStore(Key(0), small(network, 2).policy)
        held = [Held(near(network, 0, bits), 0.0) for bits in (4, 2, 3, 5)]
        store.restore(held)
        assert store.next_due() == -math.inf
        lost = {change.key for change in store.expire(1.0) if isinstance(change, Erased)}
        assert lost == {held[1].record.key, held[2].record.key}
        assert store.next_due() > 1.0
        assert store.expire(1.0) == ()

    def test_what_was_owed_to_the_disk_is_not_erased_once_it_is_back(
        self, network: Network
    ) -> None:
        store = RecordStore(Key(0), small(network, 1).policy)
        low, high = near(network, 0, 4), near(network, 0, 5)
        store.restore([Held(low, 0.0), Held(high, 0.0)])
        # Its time over, the near one yields to the far one, which was owed as erased.
        assert store.put(low, 64.0) == (Held(low, 64.0), Erased(high.key))
        assert store.expire(64.0) == ()

    def test_nothing(self, network: Network) -> None:
        store = RecordStore(Key(0), network.policy)
        store.restore([])
        assert store.next_due() == math.inf


class Holders:
    """The k closest nodes to one record: what one hands on reaches all others."""

    def __init__(self, network: Network, seed: int) -> None:
        rng = Random(seed)
        self.record = network.records.immutable(b"shared by its holders")
        space, k = network.policy.space, network.policy.k
        owns = [space.draw_sharing(self.record.key, 14, rng) for _ in range(k)]
        self.stores = [RecordStore(own, network.policy) for own in owns]
        self.replications: list[float] = []

    def publish(self, now: float) -> None:
        for store in self.stores:
            store.put(self.record, now)

    def step(self) -> float:
        """Let the next thing happen; when."""
        now = min(store.next_due() for store in self.stores)
        for store in self.stores:
            store.expire(now)
        for store in self.stores:
            if store.due_for_replication(now):
                store.replicated(self.record.key, now)
                self.replications.append(now)
                for other in self.stores:
                    if other is not store:
                        other.put(self.record, now)
        return now

    def copies(self) -> int:
        return sum(len(store) for store in self.stores)


@both
class TestReplication:
    def test_one_holder_does_the_work_of_all(self, network: Network) -> None:
        """Kademlia paper, section 2.5: every other holder is silenced by the first one's put."""
        holders = Holders(network, 1)
        holders.publish(0.0)
        now = 0.0
        while now < 24 * HOUR:
            now = holders.step()
            # One at most has let its own copy expire while the others kept theirs.
            assert holders.copies() >= network.policy.k - 1
        assert 24 / (PATIENCE + SPREAD) - 1 <= len(holders.replications) <= 24 / PATIENCE

    def test_a_living_publisher_leaves_nothing_to_do(self, network: Network) -> None:
        holders, rng = Holders(network, 2), Random(2)
        now = 0.0
        while now < 24 * HOUR:
            holders.publish(now)
            now += HOUR * rng.uniform(0.9, 1.1)
            assert all(not store.due_for_replication(now) for store in holders.stores)

    def test_the_dead_are_replaced_by_the_next(self, network: Network) -> None:
        holders = Holders(network, 3)
        holders.publish(0.0)
        while len(holders.stores) > 2:
            # Whoever would come to our help next dies just before.
            holders.stores.remove(min(holders.stores, key=RecordStore.next_due))
            before = len(holders.replications)
            while len(holders.replications) == before:
                holders.step()
            assert holders.copies() == len(holders.stores)

    def test_what_only_we_hold_ends(self, network: Network) -> None:
        holders = Holders(network, 4)
        holders.publish(0.0)
        del holders.stores[1:]
        while holders.copies():
            assert holders.step() <= LIFETIME
        assert len(holders.replications) == 1

    def test_waits_differ_and_keep_their_bounds(self, network: Network) -> None:
        rng = Random(5)
        record = network.records.immutable(b"x")
        waits = set()
        for _ in range(200):
            store = RecordStore(
                network.policy.space.draw_sharing(record.key, 20, rng), network.policy
            )
            store.put(record, 0.0)
            waits.add(store.next_due())
        assert len(waits) > 195
        assert PATIENCE * HOUR <= min(waits) < max(waits) < (PATIENCE + SPREAD) * HOUR

    def test_of_a_record_not_held_nothing_is_noted(self, network: Network) -> None:
        store = RecordStore(Key(0), network.policy)
        store.replicated(Key(1), 0.0)
        assert store.next_due() == math.inf
