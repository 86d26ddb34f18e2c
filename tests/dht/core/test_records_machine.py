"""The record store against lists and loops, under any sequence of calls; and under floods."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dht.core.effects import Change, Erased, Held
from dht.core.keys import Key
from dht.core.messages import Record
from dht.core.records import PATIENCE, SPREAD, RecordStore
from tests.store_oracles import NaivePlaces, near, small
from tests.strategies import NETWORKS, Network, keys

if TYPE_CHECKING:
    from collections.abc import Iterable

both = pytest.mark.parametrize("network", NETWORKS, ids=repr)


class RecordsMachine(RuleBasedStateMachine):
    """Against a dictionary, a naive rule for losers, and a list of clocks."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    @initialize(network=st.sampled_from(NETWORKS), limit=st.sampled_from([0, 1, 3, 20]))
    def build(self, network: Network, limit: int) -> None:
        self.network = small(network, limit)
        self.policy = self.network.policy
        self.own = Key(5)
        self.build_store()
        # What a disk would hold if it were told every change.
        self.disk: dict[Key, float] = {}

    def build_store(self) -> None:
        self.store = RecordStore(self.own, self.policy)
        limit, lifetime = self.policy.max_records, self.policy.record_lifetime
        self.places = NaivePlaces(self.own, self.policy.space, limit, lifetime)
        self.model: dict[Key, Record] = {}
        self.clocks: dict[Key, float] = {}

    def wait_for(self, key: Key) -> float:
        dice = ((key ^ self.own) % 65536) / 65536
        return self.policy.replicate_every * (PATIENCE + SPREAD * dice)

    def write(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if isinstance(change, Held):
                self.disk[change.record.key] = change.at
            else:
                assert isinstance(change, Erased)
                self.disk.pop(change.key, None)

    @rule(seconds=st.sampled_from([0, 1, 8, 16, 40]))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(
        bits=st.integers(0, 6), tail=st.integers(0, 3), value=st.binary(max_size=3), data=st.data()
    )
    def put(self, bits: int, tail: int, value: bytes, data: st.DataObject) -> None:
        record = Record(near(self.network, self.own, bits, tail).key, value)
        number = data.draw(st.none() | st.integers(0, 2))
        source = None if number is None else self.network.endpoint((90 << 24) + (number << 16))
        changes = self.store.put(record, self.now, source)
        payer = None if source is None else self.policy.contacts.subnet(source)
        if record.key not in self.model:
            losers = self.places.loser(record.key, payer, self.now)
            if losers == {record.key}:
                assert changes == ()
                return
            erased = [change.key for change in changes[1:] if isinstance(change, Erased)]
            assert len(erased) == len(changes) - 1 == (0 if losers is None else 1)
            for key in erased:
                assert losers is not None
                assert key in losers
                self.forget(key)
        assert changes[0] == Held(record, self.now)
        self.write(changes)
        self.model[record.key] = record
        self.clocks[record.key] = self.now + self.wait_for(record.key)
        self.places.take(record.key, payer, self.now)

    def forget(self, key: Key) -> None:
        self.places.leave(key)
        del self.model[key], self.clocks[key]

    @rule(limit=st.none() | st.integers(0, 3))
    def expire(self, limit: int | None) -> None:
        expected = self.places.expired(self.now)[:limit]
        changes = self.store.expire(self.now, limit)
        assert changes == tuple(map(Erased, expected))
        self.write(changes)
        for key in expected:
            self.forget(key)

    @rule(limit=st.none() | st.integers(0, 3))
    def replicate(self, limit: int | None) -> None:
        due = self.store.due_for_replication(self.now, limit)
        moments = sorted(moment for moment in self.clocks.values() if moment <= self.now)
        assert [self.clocks[record.key] for record in due] == moments[:limit]
        for record in due:
            assert record == self.model[record.key]
            self.store.replicated(record.key, self.now)
            self.clocks[record.key] = self.now + self.wait_for(record.key)

    @rule(data=st.data())
    def rekey(self, data: st.DataObject) -> None:
        self.own = data.draw(keys(self.policy.space) | st.just(Key(5)))
        self.store.rekey(self.own)
        self.places.own = self.own

    @rule()
    def restart(self) -> None:
        """What the disk holds is what a new store takes back: nothing else, nothing less."""
        held = [Held(record, self.disk[key]) for key, record in self.model.items()]
        before = {row.key: row.at for row in self.places.rows}
        self.build_store()
        self.store.restore(held)
        for old in sorted(held, key=lambda each: each.at):
            key = old.record.key
            self.model[key] = old.record
            self.clocks[key] = old.at + self.wait_for(key)
            self.places.take(key, None, old.at)
        assert before == {row.key: row.at for row in self.places.rows}

    @invariant()
    def agrees(self) -> None:
        for key, record in self.model.items():
            assert self.store.get(key) is record
        assert len(self.store) == len(self.model) <= self.policy.max_records
        assert self.disk == {row.key: row.at for row in self.places.rows}
        clocks = min(self.clocks.values(), default=math.inf)
        assert self.store.next_due() == min(clocks, self.places.next_expiry())
        octets = sum(len(record.value) for record in self.model.values())
        assert self.store.statistics().octets == octets


RecordsMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestRecords = RecordsMachine.TestCase


def flood(network: Network, steps: int, limit: int = 1000) -> RecordStore:
    """Puts of all kinds; every bound is checked at each step."""
    policy = network.adjusted(max_records=limit, record_lifetime=500.0).policy
    rng = Random(steps)
    own = policy.space.draw(rng)
    store = RecordStore(own, policy)
    for step in range(steps):
        now = step * 0.01
        bits = rng.randrange(40)
        key = policy.space.draw_sharing(own, bits, rng)
        key = Key(key >> 100 << 100) if step % 3 else key  # some come again
        store.put(Record(key, b"v"), now, network.endpoint(rng.getrandbits(20) << 10))
        if step % 1000 == 0:
            store.expire(now)
        assert len(store) <= limit
    return store


def garbage(store: RecordStore) -> int:
    agendas = (store._replication, store._places._expiry, store._places._score)
    return max(len(agenda._heap) for agenda in agendas)


@both
def test_memory_stays_bounded(network: Network) -> None:
    store = flood(network, 10_000, limit=300)
    assert garbage(store) <= 2 * 300 + 8


@pytest.mark.slow
@both
def test_memory_stays_bounded_for_a_million_operations(network: Network) -> None:
    store = flood(network, 500_000)
    assert garbage(store) <= 2 * 1000 + 8
    assert sum(map(len, store._places._tenants.values())) <= 1000
