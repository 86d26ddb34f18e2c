from __future__ import annotations

import math
import os
import subprocess
import sys
from random import Random
from typing import TYPE_CHECKING

import pytest

from dht.core import commands as do
from dht.core.effects import Changed
from dht.core.engine import Engine
from dht.core.keys import Key
from dht.core.lookup import Lookup
from dht.core.messages import Contact, FindNode, Ping
from simulations.protocol.networks import network
from simulations.protocol.world import GRAIN, World
from tests.sim_worlds import DELAY, planted

if TYPE_CHECKING:
    from dht.core.effects import Call, Evidence
    from simulations.protocol.node import Node

TARGETS = [(7919 * n % 104729) << 140 for n in range(1, 21)]


def walk(world: World, targets: list[int], *, gap: float = 1.0) -> list[tuple[float, Evidence]]:
    """Look for the targets, from another node each, ``gap`` apart: when each ended, and how."""
    ended: list[tuple[float, Evidence]] = []
    world.on_finished = lambda node, number, evidence: ended.append((world.now, evidence))
    live = [node for node in world.nodes if node.alive]
    for number, target in enumerate(targets, 1):
        node = live[number % len(live)]
        walk = do.Walk(number, target)  # type: ignore[arg-type]
        world.schedule(number * gap, world.command, node, walk)
    world.run(len(targets) * gap + 30)
    assert len(ended) == len(targets)
    return ended


def test_moments_come_in_the_order_of_time_and_then_of_being_scheduled() -> None:
    world, seen = World(lambda a, b: 0.0), []
    for at, name in ((2.0, "c"), (1.0, "a"), (1.0, "b")):
        world.schedule(at, seen.append, name)
    world.run(1.5)
    assert (seen, world.now) == (["a", "b"], 1.5)
    world.run()
    assert (seen, world.now) == (["a", "b", "c"], 2.0)


def test_it_runs_until_something_holds() -> None:
    world, seen = World(lambda a, b: 0.0), []
    for at in (1.0, 2.0, 3.0):
        world.schedule(at, seen.append, at)
    world.run(9.0, when=lambda: len(seen) == 2)
    assert (seen, world.now) == ([1.0, 2.0], 2.0)
    world.run(9.0, when=lambda: False)
    assert world.now == 9.0


def test_a_request_and_its_answer_take_two_ways() -> None:
    world = planted(2)
    ended = walk(world, [TARGETS[0]])
    assert ended[0][0] == pytest.approx(1.0 + 2 * DELAY)
    assert (world.requests, world.responses) == (1, 1)


def test_at_constant_latency_nobody_alive_is_ever_slow() -> None:
    """The short timeout is just the round trip then; timers that rang first would free slots."""
    world = planted(100)
    calls: list[Call] = []
    world.on_call = lambda node, call: calls.append(call)
    ended = walk(world, TARGETS)
    assert all(evidence.silent == 0 for _, evidence in ended)
    assert sum(evidence.requests for _, evidence in ended) == len(calls) == world.requests


def test_the_dead_cost_timeouts_and_nothing_else() -> None:
    world = planted(100, dead=30)
    ended = walk(world, TARGETS)
    assert all(evidence.complete for _, evidence in ended)
    assert sum(evidence.silent for _, evidence in ended) > 0


@pytest.mark.parametrize("delay", [1 / 32, 0.05, 1 / 30])
def test_at_constant_latency_only_the_dead_are_slow(
    delay: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where one timer rings for many calls: answers of that very moment come before it."""
    slow: list[Key] = []

    def note(lookup: Lookup, key: Key) -> bool:
        slow.append(key)
        return plain(lookup, key)

    plain = Lookup.slow
    monkeypatch.setattr(Lookup, "slow", note)
    world = planted(100, dead=30, delay=lambda a, b: delay)
    asker = next(node for node in world.nodes if node.alive)
    for number, target in enumerate(3 * TARGETS, 1):  # one node, which learns to be impatient
        world.schedule(20.0 * number + number / 7, world.command, asker, do.Walk(number, target))  # type: ignore[arg-type]
    world.run(2000.0)
    dead = {node.key for node in world.nodes if not node.alive}
    assert len(slow) > 20
    assert dead.issuperset(slow)


def test_moments_are_whole_nanoseconds_and_no_timer_rings_early() -> None:
    world = planted(2)
    world.schedule(1 / 3, lambda: None)
    world.run(1.0)
    moments: list[float] = []
    for number in range(1, 20):
        world.schedule(number / 7, lambda: moments.append(world.now))
    world.run()
    assert all(moment / GRAIN == int(moment / GRAIN) for moment in moments)
    assert [round(moment * 7) for moment in moments] == list(range(1, 20))


class Wakeful(World):
    """Asks engines for their whole deadline after everything: the stupid way to wake them."""

    def perform(self, node: Node, effects: object) -> bool:
        super().perform(node, effects)  # type: ignore[arg-type]
        return False


@pytest.mark.parametrize("dead", [0, 30])
def test_asking_for_fewer_deadlines_changes_nothing(dead: int) -> None:
    net = network("mainline", refresh_every=40.0, questionable_after=20.0)
    clever, stupid = planted(60, net=net, dead=dead), planted(60, net=net, dead=dead, kind=Wakeful)
    assert walk(clever, TARGETS, gap=10.0) == walk(stupid, TARGETS, gap=10.0)
    assert (clever.requests, clever.responses) == (stupid.requests, stupid.responses)
    assert clever.requests > 20 * 20, "upkeep has been at work"


def test_lost_messages_do_not_arrive() -> None:
    world = planted(20, delay=lambda a, b: math.inf)
    ended = walk(world, TARGETS[:1])
    assert ended[0][1].answered == 0
    assert world.responses == 0


def test_who_was_killed_hears_nothing() -> None:
    world = planted(3)
    for node in world.nodes[1:]:
        world.kill(node)
    assert walk(world, [TARGETS[0]])[0][1].answered == 0
    assert (world.requests, world.responses) == (2, 0)
    world.command(world.nodes[1], do.Walk(9, TARGETS[0]))  # type: ignore[arg-type]


def test_a_knock_passes_the_engine_by_and_its_answer_is_ignored() -> None:
    world = planted(2)
    one, other = world.nodes
    world.knock(one, other, FindNode(one.key))
    world.run(1.0)
    assert (world.requests, world.responses) == (1, 1)


def test_strangers_who_ask_are_pinged_and_enter_tables() -> None:
    net = network("mainline")
    world = planted(1, net=net)
    (known,) = world.nodes
    contact = Contact(Key(known.key ^ 1), ("200.1.1.1", 1))
    node = world.add(contact, Engine(contact.key, net.policy, Random(1)))
    changes: list[object] = []
    world.on_effect = lambda who, effect: changes.append(effect)
    world.knock(node, known, Ping())
    world.run(2.0)
    assert known.engine is not None
    assert contact.key in known.engine.table
    assert Changed(contact, added=True) in changes


def test_timers_ring_when_they_are_due() -> None:
    world = planted(2, dead=1)
    ended = walk(world, [TARGETS[0]])
    timeouts = network("mainline").policy.timeouts
    assert ended[0][0] == 1.0 + timeouts.long_initial


def test_a_timer_due_between_two_nanoseconds_rings_at_the_later_one() -> None:
    world = planted(2, dead=1)
    world._wake(world.nodes[0], 1.0 + GRAIN / 4)
    assert world._heap[0][0] == 1.0 + GRAIN


PROGRAM = """
import hashlib
from tests.sim_worlds import ran
from simulations.laws import Weibull
from simulations.latency import LogNormal
from simulations.scenario import Churn, Network, Traffic
rows = ran(
    duration=300.0,
    network=Network(nodes=60, latency=LogNormal(), loss=0.02, dead=0.1, crowd=2),
    churn=Churn(session=Weibull(600.0, 0.6)),
    traffic=Traffic(lookups=60, puts=0.3, gets=0.3),
)
digest = hashlib.sha256(b"".join(rows[name].tobytes() for name in rows))
print(rows.count, digest.hexdigest())
"""


def test_two_processes_with_different_hash_seeds_see_the_same() -> None:
    seen = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        seen.add(done.stdout)
    assert len(seen) == 1
    assert int(seen.pop().split()[0]) > 60
