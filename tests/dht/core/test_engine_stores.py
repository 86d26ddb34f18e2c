"""Engines joined by a lossy link: records, providers, and what keeps them alive."""

from __future__ import annotations

import itertools
from functools import partial

from dht.core import commands as do
from dht.core.messages import (
    Answer,
    Get,
    Origin,
    Provider,
    Put,
    Record,
    Refusal,
    Samples,
    Scrape,
)
from tests.dht.core.engine_world import holders, hosts, joined
from tests.strategies import AMINO, Network

# Records.


def test_an_immutable_record_is_put_on_the_k_closest_and_found(network: Network) -> None:
    world = joined(network, 60)
    record = network.records.immutable(b"hello")
    evidence = world.do(world.members[1], lambda n: do.Publish(n, record))
    assert len(evidence.holders) == network.policy.k
    assert {m.contact for m in holders(world, record)} == set(evidence.holders)
    reader = world.members[40]
    seen = world.do(reader, lambda n: do.Retrieve(n, record.key))
    assert [f.item for f in world.found(reader)] == [record]
    assert seen.requests <= evidence.requests


def test_reading_what_nobody_has_is_complete_evidence_of_absence(network: Network) -> None:
    world = joined(network, 60)
    key = network.records.immutable(b"never put").key
    evidence = world.do(world.members[1], lambda n: do.Retrieve(n, key))
    assert evidence.complete
    assert not world.found(world.members[1])
    assert evidence.holders == ()


def test_the_newest_version_wins_and_older_ones_are_not_reported_after_it(
    network: Network,
) -> None:
    world = joined(network, 60)
    old, new = (network.records.signed(v, seq) for v, seq in ((b"old", 1), (b"new", 2)))
    world.do(world.members[1], lambda n: do.Publish(n, old))
    # Half of the holders miss the update.
    for member in holders(world, old)[::2]:
        member.engine.records.put(new, world.now)
    reader = world.members[50]
    evidence = world.do(reader, lambda n: do.Retrieve(n, new.key))
    found = [f.item for f in world.found(reader)]
    assert found[-1] == new
    assert found in ([new], [old, new])
    assert {h.key for h in evidence.holders} <= {m.contact.key for m in holders(world, new)}


def test_putting_an_older_version_is_refused_with_the_code(network: Network) -> None:
    world = joined(network, 40)
    old, new = (network.records.signed(v, seq) for v, seq in ((b"old", 1), (b"new", 2)))
    world.do(world.members[1], lambda n: do.Publish(n, new))
    evidence = world.do(world.members[2], lambda n: do.Publish(n, old))
    assert {refusal.code for _, refusal in evidence.refusals} == {302}
    assert len(holders(world, new)) == network.policy.k
    assert len(evidence.holders) <= 2  # Only whom the first publication could not reach: itself.


def test_cas_that_does_not_match_is_refused(network: Network) -> None:
    world = joined(network, 40)
    old, new = (network.records.signed(v, seq) for v, seq in ((b"old", 1), (b"new", 2)))
    world.do(world.members[1], lambda n: do.Publish(n, old))
    evidence = world.do(world.members[2], lambda n: do.Publish(n, new, cas=7))
    assert {refusal.code for _, refusal in evidence.refusals} == {301}
    assert world.do(world.members[2], lambda n: do.Publish(n, new, cas=1)).holders


def test_a_reader_sees_what_it_holds_itself(network: Network) -> None:
    world = joined(network, 30)
    record = network.records.immutable(b"mine")
    world.members[4].engine.records.put(record, world.now)
    evidence = world.do(world.members[4], lambda n: do.Retrieve(n, record.key))
    assert evidence.requests == 0
    assert [f.item for f in world.found(world.members[4])] == [record]


def test_false_records_are_not_found_and_their_tellers_are_named(network: Network) -> None:
    world = joined(network, 30)
    key = network.records.key_of(b"", b"signer")
    forged = Record(key, b"evil", 9, b"signer", b"", b"not a signature")
    other = network.records.immutable(b"another key's")
    lies = itertools.cycle([forged, other])

    def tell(request: object, origin: Origin) -> Answer | None:
        return Answer(record=next(lies)) if isinstance(request, Get) else None

    for member in world.members[1:]:
        member.liar = tell
    evidence = world.do(world.members[0], lambda n: do.Retrieve(n, key))
    assert not world.found(world.members[0])
    assert {refusal.code for _, refusal in evidence.refusals} == {203, 206}


def test_a_region_gets_a_copy_on_everyone_in_it(network: Network) -> None:
    world = joined(network, 60)
    record = network.records.immutable(b"everywhere near")
    bits = 1
    space = network.policy.space
    inside = [
        m.contact
        for m in world.members
        if space.prefix_length(m.contact.key, record.key) >= bits and m is not world.members[1]
    ]
    evidence = world.do(world.members[1], lambda n: do.Publish(n, record, region=bits))
    assert set(inside) <= set(evidence.holders)


def test_a_holder_that_dies_between_walk_and_write_is_replaced(network: Network) -> None:
    world = joined(network, 60)
    record = network.records.immutable(b"robust")
    victims = {c.key for c in world.live_closest(record.key, 4)}
    for member in world.members:
        if member.contact.key in victims and member is not world.members[1]:
            # Answers reads, swallows writes.
            member.liar = swallow_writes
    evidence = world.do(world.members[1], lambda n: do.Publish(n, record))
    assert len(evidence.holders) >= network.policy.k
    assert not victims & {h.key for h in evidence.holders}


def swallow_writes(request: object, origin: Origin) -> Answer | Refusal | None:
    return Refusal(202, "no") if isinstance(request, Put) else None


# Providers.


def test_a_provider_is_announced_and_located(network: Network) -> None:
    world = joined(network, 60)
    key = network.policy.space.draw(world.rng)
    provider = Provider(network.endpoint(0x50000001, 7000), seed=True)
    evidence = world.do(world.members[1], lambda n: do.Provide(n, key, provider))
    assert len(evidence.holders) == network.policy.k
    assert {m.contact for m in hosts(world, key)} == set(evidence.holders)
    seeker = world.members[41]
    world.do(seeker, lambda n: do.Locate(n, key, scrape=True))
    found = [f.item for f in world.found(seeker)]
    assert found.count(provider) == 1
    assert (network is AMINO) or any(isinstance(item, Scrape) for item in found)


def test_a_host_that_looks_finds_what_it_hosts_itself(network: Network) -> None:
    world = joined(network, 20)
    key = network.policy.space.draw(world.rng)
    provider = Provider(network.endpoint(0x50000001))
    world.members[2].engine.providers.add(key, provider, world.now)
    world.do(world.members[2], lambda n: do.Locate(n, key))
    assert provider in [f.item for f in world.found(world.members[2])]


def test_a_survey_collects_samples(network: Network) -> None:
    world = joined(network, 30)
    key = network.policy.space.draw(world.rng)
    provider = Provider(network.endpoint(0x50000001))
    world.do(world.members[1], lambda n: do.Provide(n, key, provider))
    world.do(world.members[2], lambda n: do.Survey(n, key))
    samples = [f.item for f in world.found(world.members[2])]
    assert samples
    assert all(isinstance(s, Samples) for s in samples)
    assert any(key in s.keys for s in samples if isinstance(s, Samples))


# Promises, replication, expiry.


def test_a_promise_is_kept_published_until_withdrawn(network: Network) -> None:
    network = network.adjusted(republish_every=600.0)  # An hour takes long, even a virtual one.
    world = joined(network, 30)
    keeper = world.members[3]
    record = network.records.immutable(b"promised")
    keeper.command(do.Promise(7, record.key, record, world.now))
    world.run(world.now + 5)
    assert [kept.promise for kept in keeper.kept] == [7]
    assert len(keeper.kept[0].evidence.holders) == network.policy.k
    world.run(world.now + network.policy.republish_every * 2.5)
    renewals = len(keeper.kept)
    assert renewals in {3, 4}
    keeper.command(do.Withdraw(7))
    world.run(world.now + network.policy.republish_every * 2)
    assert len(keeper.kept) == renewals


def test_a_promised_provider_is_announced_again(network: Network) -> None:
    network = network.adjusted(reprovide_every=300.0, provider_lifetime=900.0)
    world = joined(network, 30)
    key = network.policy.space.draw(world.rng)
    provider = Provider(network.endpoint(0x50000001))
    world.members[3].command(do.Promise(1, key, provider, world.now))
    world.run(world.now + network.policy.provider_lifetime * 2)
    assert len(world.members[3].kept) >= 5
    assert hosts(world, key)


def test_holders_replace_each_other_when_the_publisher_is_gone(network: Network) -> None:
    network = network.adjusted(replicate_every=600.0, record_lifetime=1200.0)
    world = joined(network, 40)
    record = network.records.immutable(b"outlives its publisher")
    world.do(world.members[1], lambda n: do.Publish(n, record))
    first = holders(world, record)
    world.kill([world.members[1], *first[: len(first) // 2]])
    world.run(world.now + network.policy.replicate_every * 1.3)
    live = [m for m in holders(world, record) if m.alive]
    assert len(live) >= network.policy.k - 1
    world.run(world.now + network.policy.record_lifetime * 2)
    assert [m for m in holders(world, record) if m.alive]


def test_replication_is_suppressed_when_the_closest_all_have_it(network: Network) -> None:
    network = network.adjusted(replicate_every=600.0)
    world = joined(network, 40)
    record = network.records.immutable(b"enough copies")
    world.do(world.members[1], lambda n: do.Publish(n, record))
    before = world.sent["Put"]
    world.run(world.now + network.policy.replicate_every * 1.3)
    # Not k holders times k writes: what one writes, the others need not.
    assert world.sent["Put"] - before <= network.policy.k * 4


def test_an_unrenewed_provider_expires(network: Network) -> None:
    world = joined(network, 20)
    key = network.policy.space.draw(world.rng)
    provider = Provider(network.endpoint(0x50000001))
    world.do(world.members[1], lambda n: do.Provide(n, key, provider))
    assert hosts(world, key)
    world.run(world.now + network.policy.provider_lifetime * 1.3)
    assert not hosts(world, key)


def test_upkeep_drops_the_dead_and_keeps_the_live(network: Network) -> None:
    world = joined(network, 40)
    dead = world.rng.sample(world.members[1:], 10)
    world.kill(dead)
    world.run(world.now + network.policy.questionable_after * 4)
    given = {c.key for c in world.members[0].engine.table.closest(world.members[0].contact.key, 20)}
    assert given
    assert not given & {m.contact.key for m in dead}


def test_the_size_estimate_is_of_the_right_order(network: Network) -> None:
    world = joined(network, 120)
    for _ in range(12):
        target = network.policy.space.draw(world.rng)
        world.do(world.members[0], partial(do.Walk, target=target))
    estimate = world.members[0].engine.size.estimate()
    assert estimate is not None
    assert 60 < estimate.size < 240
