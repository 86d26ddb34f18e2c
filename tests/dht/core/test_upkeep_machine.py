"""Upkeep under any sequence of events: nothing is missed, nothing bunches, one seed one day."""

from __future__ import annotations

import math
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from dht.core.keys import Key
from dht.core.messages import Provider
from dht.core.upkeep import (
    BREATH,
    CHECKS_PER_BATCH,
    GRAIN,
    JITTER,
    WALKS_PER_BATCH,
    Check,
    Refresh,
    Republish,
)
from tests.dht.core.upkeep_world import DAY, HOUR, LATE, QUARTER, World, gaps
from tests.strategies import MAINLINE, NETWORKS, Network

MOST_JOBS = 1 + CHECKS_PER_BATCH + 3 * WALKS_PER_BATCH + 1

both = pytest.mark.parametrize("network", NETWORKS, ids=repr)


class UpkeepMachine(RuleBasedStateMachine):
    """Anything may happen between two looks; ``World.tick`` holds each to its word."""

    @initialize(network=st.sampled_from(NETWORKS), seed=st.integers(0, 1000))
    def build(self, network: Network, seed: int) -> None:
        self.world = World(network, seed)

    @rule(seconds=st.floats(0, 20) | st.sampled_from([0.0, BREATH, 60.0, QUARTER, HOUR, DAY]))
    def wait(self, seconds: float) -> None:
        self.world.now += seconds
        self.world.tick()

    @rule()
    def sleep_to_the_deadline(self) -> None:
        deadline = self.world.upkeep.next_deadline()
        if deadline < math.inf:
            self.world.now = max(self.world.now, deadline)
            self.world.tick()

    @rule(count=st.integers(1, 40))
    def meet(self, count: int) -> None:
        self.world.meet(count)

    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        living = [
            each.key for each in self.world.table.contacts() if each.key not in self.world.dead
        ]
        if living:
            self.world.dead.add(data.draw(st.sampled_from(living)))

    @rule()
    def forget_everybody(self) -> None:
        for contact in list(self.world.table.contacts()):
            self.world.table.contradicted(contact)

    @rule(number=st.integers(0, 3), due=st.floats(-HOUR, HOUR), kept=st.booleans())
    def promise(self, number: int, due: float, *, kept: bool) -> None:
        make = self.world.promise if kept else self.world.provide
        make(number, self.world.now + due)

    @rule(number=st.integers(0, 3))
    def withdraw(self, number: int) -> None:
        self.world.upkeep.withdraw(number)

    @rule(number=st.integers(0, 3))
    def miss(self, number: int) -> None:
        self.world.upkeep.missed(number, self.world.now)

    @rule(count=st.integers(1, 30))
    def hold(self, count: int) -> None:
        world = self.world
        for number in range(count):
            world.records.put(world.network.records.immutable(b"%d" % number), world.now)
            world.providers.add(Key(number), Provider(world.network.endpoint(number)), world.now)

    @rule(seed=st.integers(0, 1000))
    def rekey(self, seed: int) -> None:
        world = self.world
        own = world.network.policy.space.draw(Random(seed))
        world.table.rekey(own, world.now)
        world.records.rekey(own)
        world.providers.rekey(own)


UpkeepMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestUpkeepMachine = UpkeepMachine.TestCase


@both
class TestBounds:
    def test_no_call_returns_many_jobs(self, network: Network) -> None:
        world = World(network)
        world.meet(300)
        for number in range(200):
            world.promise(number)
            world.provide(1000 + number)
            world.records.put(network.records.immutable(b"%d" % number), 0.0)
        world.now = 1.5 * HOUR
        extra = 2 * BREATH * 400 / QUARTER
        while world.now < 2 * HOUR:
            assert len(world.tick()) <= MOST_JOBS + extra
            world.now = world.upkeep.next_deadline()

    def test_periods_without_end(self, network: Network) -> None:
        """A policy may switch anything off."""
        off = network.adjusted(
            refresh_every=math.inf,
            questionable_after=math.inf,
            replicate_every=math.inf,
            record_lifetime=math.inf,
            provider_lifetime=math.inf,
            republish_every=math.inf,
            reprovide_every=math.inf,
        )
        world = World(off)
        world.meet(100)
        for _ in range(3):
            world.tick()
            world.now += 10 * DAY
        world.log.clear()
        world.records.put(off.records.immutable(b"r"), world.now)
        world.providers.add(Key(1), Provider(off.endpoint(7)), world.now)
        promise = world.promise(1)
        world.sleep(world.now + 100 * DAY)
        assert [job for _, job in world.log] == [Republish(promise)]
        assert world.upkeep.next_deadline() == math.inf

    def test_only_pings_switched_off(self, network: Network) -> None:
        world = World(network.adjusted(questionable_after=math.inf))
        world.meet(100)
        world.sleep(DAY)
        assert world.moments(Check) == []
        assert len(world.moments(Refresh)) > 96


def busy_day(network: Network, seed: int) -> World:
    world = World(network, seed)
    world.meet(200)
    living = list(world.table.contacts())
    world.dead = {contact.key for contact in living[::3]}
    for number in range(20):
        world.promise(number, due=number * 10.0)
        world.provide(100 + number)
        world.records.put(network.records.immutable(b"%d" % number), 0.0)
        world.providers.add(Key(number), Provider(network.endpoint(number)), 0.0)
    world.sleep(DAY / 2)
    return world


@both
class TestChance:
    def test_two_runs_from_one_seed_are_one(self, network: Network) -> None:
        assert busy_day(network, 3).digest() == busy_day(network, 3).digest()
        assert busy_day(network, 3).digest() != busy_day(network, 4).digest()

    def test_nodes_started_together_do_not_march_in_step(self, network: Network) -> None:
        """A hundred nodes, one start: after some periods they spread over the whole of it."""
        minutes: Counter[int] = Counter()
        for seed in range(100):
            world = World(network, seed)
            promise = world.provide(1)
            world.sleep(DAY / 2)
            minutes[int(world.published(promise)[-1] // 60)] += 1
        assert max(minutes.values()) <= 25

    def test_nor_do_their_tables(self, network: Network) -> None:
        first = set()
        for seed in range(30):
            world = World(network, seed)
            world.meet(5)
            world.sleep(HOUR)
            first.add(world.moments(Check)[0])
        assert len(first) > 25


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    events=st.lists(st.tuples(st.floats(0, HOUR), st.integers(0, 4)), max_size=40),
)
def test_never_misses(seed: int, events: list[tuple[float, int]]) -> None:
    """Whatever else goes on, each duty is begun within its period, jitter and grain."""
    world = World(MAINLINE, seed)
    world.meet(60)
    promise = world.promise(0)
    record = MAINLINE.records.immutable(b"held")
    last_put = -math.inf
    for gap, event in events:
        world.sleep(world.now + gap)
        if event == 0:
            world.records.put(record, world.now)
            last_put = world.now
        elif event == 1:
            world.meet(3)
        elif event == 2:
            world.provide(1, due=world.now)
        elif event == 3:
            world.tick()
        if world.now - last_put > 2 * HOUR * (1 + GRAIN):
            assert world.records.get(record.key) is None
        published = world.published(promise)
        assert world.now - (published[-1] if published else 0.0) <= HOUR * (1 + JITTER)
    walks = world.moments(Refresh, lambda job: job.target == world.table.own)
    assert all(gap <= LATE + 10 * BREATH for gap in gaps([0.0, *walks, world.now]))
