"""Whole engines on the virtual network, driven with both test networks."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import pytest

from dht.core import commands as do
from dht.core.effects import (
    Call,
    Changed,
    Effect,
    Finished,
    Foreign,
    Found,
    Held,
    Hosted,
    Kept,
    Persist,
    Reply,
)
from dht.core.engine import MAX_UNWRITTEN, Engine
from dht.core.keys import Key
from dht.core.messages import (
    Announce,
    Answer,
    Contact,
    FindNode,
    Get,
    Origin,
    Ping,
    Provider,
    Providers,
    Put,
    Record,
    Refusal,
    Samples,
    Scrape,
)
from dht.core.strangers import MAX_PINGS
from tests.strategies import AMINO, MAINLINE, NETWORKS, Network
from tests.world import World

if TYPE_CHECKING:
    from tests.world import Member


@pytest.fixture(params=NETWORKS, ids=str)
def network(request: pytest.FixtureRequest) -> Network:
    assert isinstance(request.param, Network)
    return request.param


def joined(network: Network, count: int = 40, seed: int = 1, **link: float) -> World:
    world = World(network, count, seed, **link)  # type: ignore[arg-type]
    world.join()
    return world


def holders(world: World, record: Record) -> list[Member]:
    return [m for m in world.members if m.engine.records.get(record.key) == record]


def hosts(world: World, key: int) -> list[Member]:
    return [m for m in world.members if m.engine.providers.all(key)]  # type: ignore[arg-type]


# Walks.


def test_after_joining_every_walk_ends_at_the_true_closest(network: Network) -> None:
    world = joined(network, 60)
    beta, k = network.policy.beta, network.policy.k
    for _ in range(30):
        target = network.policy.space.draw(world.rng)
        walker = world.rng.choice(world.members)
        evidence = world.do(walker, partial(do.Walk, target=target))
        others = [c for c in world.live_closest(target, k + 1) if c != walker.contact]
        assert list(evidence.closest[:beta]) == others[:beta]
        assert evidence.complete
        assert evidence.answered <= evidence.asked


def test_a_walk_reports_everyone_who_answers(network: Network) -> None:
    world = joined(network)
    evidence = world.do(
        world.members[3], lambda n: do.Walk(n, network.policy.space.draw(world.rng))
    )
    items = [f.item for f in world.found(world.members[3])]
    assert len(items) == evidence.answered
    assert all(isinstance(item, Contact) for item in items)


def test_walks_end_at_the_closest_live_when_a_fifth_is_dead_and_nobody_was_told(
    network: Network,
) -> None:
    world = joined(network, 60)
    world.kill(world.rng.sample(world.members[1:], 12))
    alive = [m for m in world.members if m.alive]
    nearest = missing = 0
    for _ in range(20):
        target = network.policy.space.draw(world.rng)
        walker = world.rng.choice(alive)
        began = world.now
        evidence = world.do(walker, partial(do.Walk, target=target))
        others = [c for c in world.live_closest(target, 30) if c != walker.contact]
        nearest += evidence.closest[0] == others[0]
        beta = network.policy.beta
        missing += beta - len({*evidence.closest[:beta]} & {*others[:beta]})
        assert world.now - began < 3.0
    # Not all is known to all: the dead still take places in the answers of the living.
    assert nearest == 20
    assert missing <= 0.06 * 20 * beta


def test_disjoint_paths_reach_the_same_end(network: Network) -> None:
    world = joined(network, 60)
    target = network.policy.space.draw(world.rng)
    walker = world.members[5]
    evidence = world.do(walker, lambda n: do.Walk(n, target, paths=3))
    others = [c for c in world.live_closest(target, 30) if c != walker.contact]
    assert list(evidence.closest[: network.policy.beta]) == others[: network.policy.beta]


def test_a_walk_from_an_empty_table_ends_at_once_and_says_so(network: Network) -> None:
    world = World(network, 1)
    evidence = world.do(
        world.members[0], lambda n: do.Walk(n, network.policy.space.draw(world.rng))
    )
    assert (evidence.asked, evidence.complete) == (0, False)


def test_joining_through_the_dead_says_so(network: Network) -> None:
    world = World(network, 2)
    world.kill(world.members[:1])
    gate = world.members[0].endpoint
    evidence = world.do(world.members[1], lambda n: do.Bootstrap(n, (gate,)))
    assert (evidence.asked, evidence.answered, evidence.silent) == (1, 0, 1)
    assert not evidence.complete


def test_joining_does_not_wait_for_dead_endpoints_when_one_lives(network: Network) -> None:
    world = World(network, 8)
    world.join()
    newcomer, gone = world.add(), world.add()
    gone.alive = False
    began = world.now
    gates = (gone.endpoint, world.members[0].endpoint)
    evidence = world.do(newcomer, lambda n: do.Bootstrap(n, gates))
    assert evidence.complete
    assert world.now - began < 1.0
    assert len(newcomer.engine.table) >= 4


def test_those_who_hear_from_a_newcomer_learn_it(network: Network) -> None:
    world = joined(network, 30)
    newcomer = world.add()
    world.do(newcomer, lambda n: do.Bootstrap(n, (world.members[0].endpoint,)))
    world.run(world.now + 3)
    assert sum(newcomer.contact.key in m.engine.table for m in world.members) >= 8


def test_a_read_only_node_reads_but_is_neither_inserted_nor_answers(network: Network) -> None:
    world = joined(network, 30)
    reader = world.add(serves=False)
    gate = world.members[0]
    assert world.do(reader, lambda n: do.Bootstrap(n, (gate.endpoint,))).complete
    world.run(world.now + 3)
    assert not any(reader.contact.key in m.engine.table for m in world.members)
    evidence = world.do(gate, lambda n: do.Ask(n, reader.endpoint, Ping()))
    assert (evidence.answered, evidence.silent) == (0, 1)


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


# The link, and determinism.


def test_a_bad_link_costs_requests_not_results() -> None:
    world = joined(MAINLINE, 40, loss=0.1, repeat=0.1)
    record = MAINLINE.records.immutable(b"through noise")
    evidence = world.do(world.members[1], lambda n: do.Publish(n, record))
    assert len(evidence.holders) >= 6
    reader = world.members[20]
    world.do(reader, lambda n: do.Retrieve(n, record.key))
    assert [f.item for f in world.found(reader)] == [record]


def story(seed: int, network: Network) -> str:
    world = joined(network, 25, seed, loss=0.05, repeat=0.05)
    record = network.records.signed(b"story", 1)
    world.do(world.members[1], lambda n: do.Publish(n, record))
    world.kill(world.members[5:8])
    world.do(world.members[2], lambda n: do.Retrieve(n, record.key))
    world.run(world.now + 2000)
    return world.digest


def test_two_runs_from_one_seed_have_one_digest(network: Network) -> None:
    assert story(11, network) == story(11, network)
    assert story(11, network) != story(12, network)


# One engine by hand.


def lone(network: Network = MAINLINE, **changes: object) -> Engine:
    policy = replace(network.policy, **changes)  # type: ignore[arg-type]
    return Engine(policy.space.draw(Random(5)), policy, Random(6))


def from_contact(contact: Contact, handle: object = "h", *, serves: bool = True) -> Origin:
    return Origin(contact.key, contact.endpoint, handle, serves=serves)


def stranger(network: Network = MAINLINE, index: int = 1) -> Contact:
    return network.spread(network.policy.space.draw(Random(index + 100)), index)


def replies(effects: list[object]) -> list[object]:
    return [e.response for e in effects if isinstance(e, Reply)]


def test_a_stranger_is_pinged_before_it_is_believed() -> None:
    engine, contact = lone(), stranger()
    effects = engine.receive(Ping(), from_contact(contact), 0.0)
    assert replies(list(effects)) == [Answer()]
    (call,) = [e for e in effects if isinstance(e, Call)]
    assert (call.to, call.request) == (contact.endpoint, Ping())
    assert len(engine.table) == 0
    engine.receive(Answer(), from_contact(contact, call.id), 0.1)
    assert contact.key in engine.table
    assert not [
        e for e in engine.receive(Ping(), from_contact(contact), 0.2) if isinstance(e, Call)
    ]


def test_a_contact_that_answers_with_another_key_is_thrown_out() -> None:
    engine, contact = lone(), stranger()
    (_, call) = engine.receive(Ping(), from_contact(contact), 0.0)
    assert isinstance(call, Call)
    engine.receive(Answer(), from_contact(contact, call.id), 0.1)
    liar = Contact(MAINLINE.policy.space.draw(Random(9)), contact.endpoint)
    effects = engine.command(do.Walk(1, contact.key), 1.0)
    (call,) = [e for e in effects if isinstance(e, Call)]
    engine.receive(Answer(), from_contact(liar, call.id), 1.1)
    assert contact.key not in engine.table
    assert liar.key not in engine.table


def test_what_a_liar_names_is_never_inserted_unseen() -> None:
    engine, contact = lone(), stranger()
    engine.command(do.Bootstrap(1, (contact.endpoint,)), 0.0)
    named = tuple(stranger(index=i) for i in range(2, 60))
    engine.receive(Answer(named), from_contact(contact, 1), 0.1)
    engine.tick(30.0)
    assert list(engine.table.contacts()) in ([contact], [])


def test_a_reply_to_a_write_waits_for_the_disk() -> None:
    engine, contact = lone(), stranger()
    record = MAINLINE.records.immutable(b"durable")
    (reply, *_) = engine.receive(Get(record.key), from_contact(contact), 0.0)
    assert isinstance(reply, Reply)
    assert isinstance(reply.response, Answer)
    put = Put(record, reply.response.ticket)
    (persist,) = [
        e for e in engine.receive(put, from_contact(contact, "w"), 0.0) if not isinstance(e, Call)
    ]
    assert isinstance(persist, Persist)
    assert persist.changes == (Held(record, 0.0),)
    assert engine.persisted(persist.id, 0.1) == [Reply("w", Answer())]
    assert engine.persisted(persist.id, 0.2) == []


def test_when_the_disk_is_far_behind_writers_are_told_so() -> None:
    engine, contact = lone(tickets=None), stranger()
    provider = Provider(contact.endpoint)
    for number in range(MAX_UNWRITTEN):
        key = MAINLINE.policy.space.draw(Random(number % 500))
        engine.receive(Announce(key, provider), from_contact(contact), 0.0)
    (reply, *_) = engine.receive(Announce(engine.own, provider), from_contact(contact), 0.0)
    assert isinstance(reply, Reply)
    assert isinstance(reply.response, Refusal)
    assert reply.response.code == 202


def test_a_wrong_ticket_and_a_spent_signature_budget_store_nothing() -> None:
    engine, contact = lone(), stranger()
    record = MAINLINE.records.signed(b"signed", 1)
    (bad,) = replies(list(engine.receive(Put(record, b"forged"), from_contact(contact), 0.0)))
    assert isinstance(bad, Refusal)
    assert bad.code == 203
    (answer,) = replies(list(engine.receive(Get(record.key), from_contact(contact), 0.0)))
    assert isinstance(answer, Answer)
    engine.verifications = 0
    put = Put(record, answer.ticket)
    (busy,) = replies(list(engine.receive(put, from_contact(contact), 0.0)))
    assert isinstance(busy, Refusal)
    assert busy.code == 202
    assert engine.records.get(record.key) is None
    engine.verifications = 1
    assert engine.receive(put, from_contact(contact), 0.0)
    assert engine.records.get(record.key) == record
    assert engine.verifications == 0
    # Republication of what was verified costs no signature check.
    assert not [r for r in replies(list(engine.receive(put, from_contact(contact), 0.0))) if r]


def test_a_restored_store_answers() -> None:
    engine, contact = lone(), stranger()
    record = MAINLINE.records.immutable(b"restored")
    key = MAINLINE.policy.space.draw(Random(3))
    provider = Provider(contact.endpoint)
    engine.command(do.Restore((Held(record, -10.0),), (Hosted(key, provider, -10.0),)), 0.0)
    (answer,) = replies(list(engine.receive(Get(record.key), from_contact(contact), 0.0)))
    assert isinstance(answer, Answer)
    assert answer.record == record
    (answer,) = replies(list(engine.receive(Providers(key), from_contact(contact), 0.0)))
    assert isinstance(answer, Answer)
    assert answer.providers == (provider,)


def test_rekeying_keeps_the_contacts() -> None:
    world = joined(MAINLINE, 20)
    engine = world.members[0].engine
    before = {c.key for c in engine.table.contacts()}
    engine.command(do.Rekey(MAINLINE.policy.space.draw(world.rng)), world.now)
    after = {c.key for c in engine.table.contacts()}
    assert after <= before
    assert len(after) >= min(8, len(before))


def test_related_engines_answer_for_each_other_and_hand_contacts_over() -> None:
    four, six = lone(family="n4"), lone(family="n6")
    four.relate(six)
    contact, asker = stranger(index=3), stranger(index=4)
    six.command(do.Learn((contact,)), 0.0)
    six.receive(Answer(), from_contact(contact, 1), 0.1)
    both = frozenset({"n4", "n6"})
    (answer,) = replies(list(four.receive(FindNode(four.own, both), from_contact(asker), 0.2)))
    assert answer == Answer((contact,))
    (answer,) = replies(list(four.receive(FindNode(four.own), from_contact(asker), 0.2)))
    assert answer == Answer()
    effects = four.command(do.Bootstrap(1, (asker.endpoint,)), 1.0)
    (call,) = [e for e in effects if isinstance(e, Call)]
    assert call.request == FindNode(four.own, both)
    foreign = Contact(contact.key, ("2001:db8::1", 6881))
    effects = four.receive(Answer((foreign,)), from_contact(asker, call.id), 1.1)
    assert Foreign((foreign,)) in effects


def test_stopping_an_operation_finishes_it_with_what_is_known() -> None:
    world = joined(MAINLINE, 20)
    member = world.members[3]
    member.command(do.Walk(999, MAINLINE.policy.space.draw(world.rng)))
    assert 999 not in member.finished
    member.command(do.Stop(999))
    assert not member.finished[999].complete
    member.command(do.Stop(12345))  # unknown: nothing happens


def test_a_call_that_could_not_be_sent_counts_as_silence() -> None:
    engine, contact = lone(), stranger()
    (call,) = engine.command(do.Ask(4, contact.endpoint, Ping()), 0.0)
    assert isinstance(call, Call)
    (finished,) = engine.failed(call.id, "unreachable", 0.0)
    assert finished.evidence.silent == 1  # type: ignore[union-attr]
    assert engine.failed(call.id, "unreachable", 0.0) == []


def test_asking_by_hand_reports_refusals_and_answers() -> None:
    world = joined(MAINLINE, 5)
    one, other = world.members[:2]
    evidence = world.do(one, lambda n: do.Ask(n, other.endpoint, Ping()))
    assert evidence.complete
    assert [f.item for f in world.found(one)] == [other.contact]
    other.liar = lambda request, origin: Refusal(202, "busy")
    evidence = world.do(one, lambda n: do.Ask(n, other.endpoint, Ping()))
    assert evidence.answered == 1


def test_an_idle_engine_never_asks_to_be_woken_in_the_past(network: Network) -> None:
    world = joined(network, 10)
    engine = world.members[0].engine
    world.run(world.now + 20)
    for _ in range(200):
        due = engine.next_deadline()
        assert due > world.now
        world.run(world.now + 60)


# What liars and bad luck do to the bookkeeping.


def calls(effects: list[Effect]) -> list[Call]:
    return [e for e in effects if isinstance(e, Call)]


def test_an_error_without_a_key_proves_nobody() -> None:
    """Mainline's errors name no sender; a name we have on hearsay is not believed for one."""
    engine, named = lone(), stranger()
    (call,) = calls(engine.command(do.Learn((named,)), 0.0))
    error = Origin(None, named.endpoint, call.id)
    assert engine.receive(Refusal(202, "busy"), error, 0.1) == []
    assert len(engine.table) == 0


def test_an_error_of_a_member_is_a_sign_of_life() -> None:
    engine, member = lone(questionable_after=100.0), stranger()
    (call,) = calls(engine.command(do.Learn((member,)), 0.0))
    engine.receive(Answer(), from_contact(member, call.id), 0.1)
    (call,) = calls(engine.command(do.Walk(1, member.key), 90.0))
    engine.receive(Refusal(202, "busy"), Origin(None, member.endpoint, call.id), 90.1)
    assert engine.table.questionable(150.0) == []
    assert engine.table.questionable(190.1) == [member]


def test_who_answers_by_hand_with_an_error_has_answered() -> None:
    engine, contact = lone(), stranger()
    (call,) = calls(engine.command(do.Ask(1, contact.endpoint, Ping()), 0.0))
    error = Origin(None, contact.endpoint, call.id)
    (finished,) = engine.receive(Refusal(202, "busy"), error, 0.1)
    assert isinstance(finished, Finished)
    assert (finished.evidence.answered, finished.evidence.silent) == (1, 0)


def test_an_answer_from_nobody_is_no_answer() -> None:
    engine, contact = lone(), stranger()
    (call,) = calls(engine.command(do.Ask(1, contact.endpoint, Ping()), 0.0))
    (finished,) = engine.receive(Answer(), Origin(None, contact.endpoint, call.id), 0.1)
    assert isinstance(finished, Finished)
    assert finished.evidence.silent == 1


def test_nothing_is_found_for_an_operation_that_is_over() -> None:
    engine, contact = lone(), stranger()
    (call,) = calls(engine.command(do.Ask(1, contact.endpoint, Ping()), 0.0))
    ended = [e for t in (1.0, 3.0) for e in engine.tick(t) if isinstance(e, Finished)]
    assert len(ended) == 1
    late = engine.receive(Answer(), from_contact(contact, call.id), 4.0)
    assert late == [Changed(contact, added=True)]  # measured and believed, but not reported
    assert engine.tick(20.0) == []


def test_an_answer_that_comes_late_does_not_end_the_wait_for_others() -> None:
    """Joining: the answer of the first, given up already, must not be subtracted twice."""
    engine = lone()
    first, second = stranger(index=1), stranger(index=2)
    one, two = calls(engine.command(do.Bootstrap(1, (first.endpoint, second.endpoint)), 0.0))
    engine.failed(one.id, "unreachable", 0.0)
    effects = engine.receive(Answer(), from_contact(second, two.id), 0.1)
    assert [e.item for e in effects if isinstance(e, Found)][:1] == [second]
    assert not [e for e in engine.tick(30.0) if isinstance(e, Found)]


def test_a_key_that_is_not_the_one_asked_for_is_told_once() -> None:
    """An impostor that answers late must not free a ping slot a second time."""
    engine, named = lone(), stranger()
    (call,) = calls(engine.command(do.Learn((named,)), 0.0))
    for moment in (1.0, 3.0):
        engine.tick(moment)  # slow, dead
    pings = engine._strangers._pings
    assert pings == 0
    impostor = Contact(Key(named.key ^ 1), named.endpoint)
    assert engine.receive(Answer(), from_contact(impostor, call.id), 4.0) == []
    assert engine._strangers._pings == 0
    assert len(engine.table) == 0


def test_slow_answers_cannot_raise_the_number_of_pings_in_flight() -> None:
    """A liar that answers every ping after its timeout once made room for two more each time."""
    engine = lone()
    crowd = [stranger(index=n) for n in range(1, 200)]
    flying = calls(engine.command(do.Learn(tuple(crowd)), 0.0))
    at = 0.0
    for _ in range(4):
        assert len(flying) <= MAX_PINGS
        late = {call.id: call for call in flying}
        at += 2.5
        flying = calls(engine.tick(at)) + calls(engine.tick(at + 0.01))
        by_endpoint = {contact.endpoint: contact for contact in crowd}
        for call in late.values():
            who = by_endpoint[call.to]
            flying += calls(engine.receive(Answer(), from_contact(who, call.id), at + 0.02))
    assert engine._strangers._pings >= 0


def test_a_promise_nobody_took_is_tried_again_soon() -> None:
    engine = lone()
    record = MAINLINE.records.immutable(b"kept")
    effects = engine.command(do.Promise(3, record.key, record, 0.0), 0.0)
    (kept,) = [e for e in effects if isinstance(e, Kept)]
    assert kept.evidence.holders == ()
    assert engine.next_deadline() <= engine.policy.republish_every * 0.11
    again = engine.tick(engine.next_deadline())
    assert [e.promise for e in again if isinstance(e, Kept)] == [3]


def test_what_a_restored_store_owes_is_due_at_once_and_once() -> None:
    engine = lone(max_records=1)
    records = [Held(MAINLINE.records.immutable(bytes([n])), -10.0) for n in range(3)]
    engine.command(do.Restore(tuple(records)), 5.0)
    assert engine.next_deadline() == -math.inf
    (persist,) = engine.tick(5.0)
    assert isinstance(persist, Persist)
    assert len(persist.changes) == 2
    assert engine.next_deadline() > 5.0


def test_writes_are_taken_again_when_the_disk_has_caught_up() -> None:
    engine, contact = lone(tickets=None), stranger()
    provider, numbers = Provider(contact.endpoint), []
    for number in range(MAX_UNWRITTEN):
        key = MAINLINE.policy.space.draw(Random(number % 500))
        effects = engine.receive(Announce(key, provider), from_contact(contact), 0.0)
        numbers += [e.id for e in effects if isinstance(e, Persist)]
    held = len(engine.providers)
    announce = Announce(Key(engine.own ^ 1), provider)  # a key that is not there yet
    (busy,) = replies(list(engine.receive(announce, from_contact(contact), 0.0)))
    assert isinstance(busy, Refusal)
    assert len(engine.providers) == held  # nothing changed that the disk will not hear of
    engine.persisted(numbers[0], 0.1)
    effects = engine.receive(announce, from_contact(contact), 0.2)
    assert [e for e in effects if isinstance(e, Persist)]


def test_contacts_of_our_own_family_are_not_handed_over() -> None:
    four, six = lone(family="n4"), lone(family="n6")
    four.relate(six)
    contact = stranger()
    (call,) = calls(four.command(do.Ask(1, contact.endpoint, Ping()), 0.0))
    effects = four.receive(Answer((stranger(index=2),)), from_contact(contact, call.id), 0.1)
    assert not [effect for effect in effects if isinstance(effect, Foreign)]


def test_evidence_of_a_running_operation_is_there_until_its_end() -> None:
    world = joined(MAINLINE, 20)
    member = world.members[3]
    member.command(do.Walk(999, MAINLINE.policy.space.draw(world.rng)))
    evidence = member.engine.evidence(999, world.now)
    assert evidence is not None
    assert evidence.asked == MAINLINE.policy.alpha
    member.command(do.Stop(999))
    assert member.engine.evidence(999, world.now) is None
