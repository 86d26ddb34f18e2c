"""What is due and when: the real table and the real stores, on a clock that jumps."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from dht.core.effects import Erased, Unhosted
from dht.core.keys import Key
from dht.core.messages import Provider, Record
from dht.core.upkeep import (
    BREATH,
    CHECKS_PER_BATCH,
    EXPIRIES_PER_BATCH,
    GRAIN,
    JITTER,
    WALKS_PER_BATCH,
    Check,
    Expired,
    Refresh,
    Replicate,
    Republish,
)
from tests.dht.core.upkeep_world import DAY, HOUR, LATE, QUARTER, World, gaps
from tests.strategies import NETWORKS, Network

both = pytest.mark.parametrize("network", NETWORKS, ids=repr)


@both
class TestIdle:
    def test_a_node_that_knows_nobody_sleeps_for_ever(self, network: Network) -> None:
        world = World(network)
        assert world.upkeep.next_deadline() == math.inf
        assert world.tick() == []
        assert world.upkeep.next_deadline() == math.inf

    def test_a_quiet_day_takes_few_wakeups(self, network: Network) -> None:
        """Less than one a minute; in vain about one for each batch of checks, when all answered."""
        world = World(network)
        world.meet(300)
        world.sleep(DAY)
        useful = len({now for now, _ in world.log})
        checks = len(set(world.moments(Check)))
        assert world.wakeups < DAY / 60
        assert world.wakeups - useful < 1.1 * checks
        assert len(world.moments(Refresh)) < 96 * 12


@both
class TestTable:
    def test_no_living_contact_stays_silent_for_long(self, network: Network) -> None:
        world = World(network)
        world.meet(300)
        heard = {contact.key: world.now for contact in world.table.contacts()}
        world.sleep(DAY)
        batches = len(heard) // CHECKS_PER_BATCH + 1
        for now, job in world.log:
            if isinstance(job, Check):
                silence = now - heard[job.contact.key]
                assert QUARTER <= silence <= LATE + batches * BREATH
                heard[job.contact.key] = now
        assert all(world.now - at <= LATE + batches * BREATH for at in heard.values())

    def test_every_bucket_is_walked_into(self, network: Network) -> None:
        world = World(network)
        world.meet(300)
        world.sleep(DAY)
        space, own = network.policy.space, world.table.own
        buckets = len(world.table.statistics().buckets)
        for index in range(buckets - 1):
            walks = world.moments(
                Refresh, lambda job, index=index: space.prefix_length(own, job.target) == index
            )
            assert walks[0] <= LATE + buckets * BREATH
            assert all(QUARTER <= gap <= LATE + buckets * BREATH for gap in gaps(walks))
            assert world.now - walks[-1] <= LATE + buckets * BREATH

    def test_our_neighbourhood_has_a_clock_of_its_own(self, network: Network) -> None:
        """However often the last bucket changes."""
        world = World(network)
        world.meet(100)
        while world.now < DAY:
            world.table.touched(world.table.own, world.now)
            world.sleep(world.now + 60.0)
        walks = world.moments(Refresh, lambda job: job.target == world.table.own)
        assert 96 / (1 + JITTER + GRAIN) - 2 <= len(walks) <= 96 / (1 - JITTER)
        slack = QUARTER * GRAIN + BREATH
        for gap in gaps(walks):
            assert QUARTER * (1 - JITTER) - slack <= gap <= QUARTER * (1 + JITTER) + slack

    def test_a_new_key_has_its_neighbourhood_walked_at_once(self, network: Network) -> None:
        world = World(network)
        world.meet(100)
        world.sleep(2000.0)
        own = network.policy.space.draw(world.rng)
        world.table.rekey(own, world.now)
        assert world.upkeep.next_deadline() <= world.now + QUARTER * GRAIN
        world.sleep(world.now + QUARTER * GRAIN)
        assert Refresh(own) in [job for _, job in world.log]

    def test_a_new_key_among_nobody_is_no_work(self, network: Network) -> None:
        world = World(network)
        world.table.rekey(network.policy.space.draw(world.rng), 0.0)
        assert world.tick() == []

    def test_the_silent_are_asked_again_soon_until_they_are_bad(self, network: Network) -> None:
        world = World(network)
        world.meet(1)
        (contact,) = world.table.contacts()
        world.dead.add(contact.key)
        world.sleep(DAY)
        first, second = world.moments(Check)
        assert QUARTER <= first <= LATE
        assert 0.9 * QUARTER / 10 <= second - first <= 1.1 * QUARTER / 10 + QUARTER * GRAIN

    def test_one_that_never_concludes_is_not_asked_all_the_time(self, network: Network) -> None:
        """An engine that loses track of a ping must not be driven to ping ten times a second."""
        world = World(network)
        world.meet(1)
        world.upkeep.due(0.0)
        checks = 0
        while world.now < HOUR:
            world.now = world.upkeep.next_deadline()
            checks += sum(isinstance(job, Check) for job in world.upkeep.due(world.now))
        assert 20 <= checks <= 33

    def test_when_everybody_is_gone_the_neighbourhood_rests(self, network: Network) -> None:
        world = World(network)
        world.meet(20)
        world.sleep(HOUR)
        for contact in list(world.table.contacts()):
            world.table.contradicted(contact)
        walks = len(world.moments(Refresh))
        world.sleep(DAY)
        assert len(world.moments(Refresh)) == walks
        world.meet(1)
        world.sleep(world.now + LATE)
        assert len(world.moments(Refresh)) > walks

    def test_after_a_long_sleep_all_are_checked_at_a_steady_pace(self, network: Network) -> None:
        world = World(network)
        world.meet(400)
        known = {contact.key for contact in world.table.contacts()}
        world.tick()
        world.now = DAY
        world.sleep(DAY + 20 * BREATH)
        checks = [(now, job) for now, job in world.log if isinstance(job, Check)]
        assert {job.contact.key for _, job in checks} == known
        assert max(Counter(now for now, _ in checks).values()) <= CHECKS_PER_BATCH
        assert min(gap for gap in gaps(world.moments(Check)) if gap) >= BREATH


@both
class TestPromises:
    def test_kept_to_the_moment(self, network: Network) -> None:
        world = World(network)
        promise = world.promise(1, due=123.4)
        world.sleep(DAY)
        times = world.published(promise)
        assert times[0] == 123.4
        assert all(HOUR * (1 - JITTER) <= gap <= HOUR * (1 + JITTER) for gap in gaps(times))
        assert DAY - times[-1] <= HOUR * (1 + JITTER)

    def test_announcements_have_their_own_period(self, network: Network) -> None:
        world = World(network)
        promise = world.provide(1)
        world.sleep(DAY)
        times = world.published(promise)
        assert times[0] == 0.0
        assert all(QUARTER * (1 - JITTER) <= gap <= QUARTER * (1 + JITTER) for gap in gaps(times))

    def test_one_whose_moment_is_past_is_published_now(self, network: Network) -> None:
        world = World(network)
        world.now = 500.0
        promise = world.promise(1, due=-1e6)
        assert world.upkeep.next_deadline() <= 500.0
        assert world.tick() == [Republish(promise)]

    def test_withdrawn(self, network: Network) -> None:
        world = World(network)
        world.promise(1)
        world.upkeep.withdraw(1)
        world.upkeep.withdraw(2)
        assert world.upkeep.next_deadline() == math.inf
        world.sleep(DAY)
        assert world.log == []

    def test_one_of_the_same_number_takes_the_place(self, network: Network) -> None:
        world = World(network)
        old, new = world.promise(1, due=100.0), world.provide(1, due=50.0)
        world.sleep(200.0)
        assert world.published(old) == []
        assert world.published(new) == [50.0]

    def test_missed_ones_are_tried_again_soon(self, network: Network) -> None:
        world = World(network)
        record, provider = world.promise(1), world.provide(2)
        world.tick()
        world.upkeep.missed(1, 4.0)
        world.upkeep.missed(2, 4.0)
        world.upkeep.missed(3, 4.0)  # withdrawn meanwhile: nothing to try
        world.sleep(QUARTER / 2)
        assert 0.9 * HOUR / 10 <= world.published(record)[1] - 4.0 <= 1.1 * HOUR / 10
        assert 0.9 * QUARTER / 10 <= world.published(provider)[1] - 4.0 <= 1.1 * QUARTER / 10

    def test_a_backlog_is_worked_off_at_a_steady_pace(self, network: Network) -> None:
        world = World(network)
        promises = [world.promise(number) for number in range(100)]
        world.sleep(60.0)
        assert all(len(world.published(promise)) == 1 for promise in promises)
        batches = Counter(world.moments(Republish))
        assert max(batches.values()) == WALKS_PER_BATCH
        assert min(gaps(sorted(batches))) >= BREATH

    def test_ten_thousand_announcements_keep_their_period(self, network: Network) -> None:
        """At four a second they would need 42 minutes: the pace follows what was promised."""
        world = World(network)
        for number in range(10_000):
            world.provide(number)
        world.sleep(HOUR / 2)
        last: dict[int, float] = {}
        for now, job in world.log:
            assert isinstance(job, Republish)
            number = job.promise.promise
            assert now - last.get(number, 0.0) <= QUARTER * (1 + JITTER) + 20 * BREATH
            last[number] = now
        assert len(last) == 10_000
        assert max(Counter(world.moments(Republish)).values()) < 30


@both
class TestStores:
    def test_what_expires_is_reported_soon(self, network: Network) -> None:
        world = World(network)
        record, provider = network.records.immutable(b"r"), Provider(network.endpoint(7))
        world.records.put(record, 0.0)
        world.providers.add(Key(1), provider, 0.0)
        world.sleep(DAY)
        gone = [(now, job.changes) for now, job in world.log if isinstance(job, Expired)]
        assert [changes for _, changes in gone] == [
            (Unhosted(Key(1), provider),),
            (Erased(record.key),),
        ]
        assert 2700.0 <= gone[0][0] <= 2700.0 * (1 + GRAIN)
        assert 2 * HOUR <= gone[1][0] <= 2 * HOUR * (1 + GRAIN)
        assert world.upkeep.next_deadline() == math.inf

    def test_entries_that_expire_one_by_one_do_not_wake_us_one_by_one(
        self, network: Network
    ) -> None:
        world = World(network)
        for number in range(1000):
            world.providers.add(Key(1), Provider(network.endpoint(number * 7)), number * 0.5)
        world.sleep(DAY)
        assert len(world.providers) == 0
        assert world.wakeups <= 500.0 / (2700.0 * GRAIN) + 2

    def test_records_nobody_puts_are_handed_on(self, network: Network) -> None:
        world = World(network)
        records = [network.records.immutable(b"%d" % number) for number in range(3)]
        for record in records:
            world.records.put(record, 0.0)
        world.sleep(HOUR)
        assert world.moments(Replicate) == []
        world.records.put(records[0], HOUR)  # somebody republished this one
        world.sleep(HOUR * 1.4)
        handed = {job.record.key for _, job in world.log if isinstance(job, Replicate)}
        assert handed == {records[1].key, records[2].key}

    def test_a_flood_that_expires_together_goes_in_portions(self, network: Network) -> None:
        world = World(network)
        count = 2 * EXPIRIES_PER_BATCH + 5
        for number in range(count):
            record = Record(Key(number), b"")
            world.records.put(record, 0.0)
            world.records.replicated(record.key, 2 * HOUR)  # not what this is about
        world.sleep(2 * HOUR * 1.1)
        portions = [len(job.changes) for _, job in world.log if isinstance(job, Expired)]
        assert portions == [EXPIRIES_PER_BATCH, EXPIRIES_PER_BATCH, 5]
        assert gaps(world.moments(Expired)) == [BREATH, BREATH]

    def test_replication_of_many_is_spread(self, network: Network) -> None:
        world = World(network)
        for number in range(500):
            world.records.put(network.records.immutable(b"%d" % number), 0.0)
        world.sleep(HOUR * 1.4)
        assert len(world.moments(Replicate)) == 500
        assert max(Counter(world.moments(Replicate)).values()) <= WALKS_PER_BATCH
