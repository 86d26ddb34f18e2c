"""Engines joined by a lossy link: walks, whatever joins and dies, and determinism."""

from __future__ import annotations

import math
from functools import partial

from dht.core import commands as do
from dht.core.messages import (
    Contact,
    Ping,
)
from tests.dht.core.engine_world import joined
from tests.strategies import MAINLINE, Network
from tests.world import World

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


def test_who_joined_while_all_was_slow_is_soon_quick_among_the_dead() -> None:
    """What single contacts needed then stands in the table; the dead will never correct it."""
    spent: list[float] = []
    for seed in range(4):
        world = World(MAINLINE, 80, seed, latency=lambda rng: rng.uniform(0.15, 0.5))
        world.join()
        world.latency = lambda rng: rng.uniform(0.0005, 0.0015)
        reader = world.members[7]
        world.kill(world.rng.sample([m for m in world.members if m is not reader], 16))
        for turn in range(20):
            target = MAINLINE.policy.space.draw(world.rng)
            evidence = world.do(reader, partial(do.Retrieve, key=target))
            if turn >= 5:
                spent.append(evidence.ended - evidence.started)
    # A mean that forgets slowly, and remembered round trips, made it 1.6 s.
    assert sorted(spent)[int(0.95 * len(spent))] <= 0.3


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


def test_the_deadline_of_calls_is_part_of_the_whole(network: Network) -> None:
    world = joined(network, 20)
    member = world.members[3]
    assert member.engine.next_deadline() < member.engine.next_timeout() == math.inf
    member.command(do.Walk(999, network.policy.space.draw(world.rng)))
    assert world.now < member.engine.next_timeout() < math.inf
    assert member.engine.next_deadline() <= member.engine.next_timeout()


def test_evidence_says_how_far_away_the_closest_was(network: Network) -> None:
    world = joined(network, 150)
    member, seen = world.members[3], set()
    for _ in range(20):
        target = network.policy.space.draw(world.rng)
        held = {contact.key for contact in member.engine.table.contacts()}
        evidence = world.do(member, partial(do.Walk, target=target))
        assert (evidence.hops == 1) == (evidence.closest[0].key in held)
        seen.add(evidence.hops)
    assert seen <= {1, 2, 3, 4}
    assert len(seen) > 1
