"""Doors for tests into the parts of the message kernel, which have none for Python, and worlds.

One function with many verbs, rather than many functions: what is compiled per test session is then
one kernel (and kept on disk for the next).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulations.chance import Chance
from simulations.compiled import compiled
from simulations.message import buckets, closest, heap, shortlist, stores, timing, truth, walk
from simulations.message import state as st
from simulations.message.keeping import Keeping
from simulations.message.opened import opened
from simulations.message.setup import make_world
from simulations.scenario import Network, Scenario

if TYPE_CHECKING:
    from simulations.message.state import World

FAR: Final = 10**9


def world(nodes: int = 50, seed: int = 1, keeping: Keeping | None = None, **fields: Any) -> World:
    """A world at time 0."""
    scenario = Scenario(network=Network(nodes=nodes), **fields)
    return make_world(scenario, keeping or Keeping(), Chance(seed))


@compiled
def answered(world: World, n: int, key: int, slot: int, rtt: float, now: float) -> bool:
    return buckets.answered(opened(world), n, key, slot, rtt, now)


@compiled
def failed(world: World, n: int, key: int, now: float) -> bool:
    return buckets.failed(opened(world), n, key, now)


@compiled
def heard(world: World, n: int, key: int, now: float) -> bool:
    return buckets.heard(opened(world), n, key, now)


@compiled
def room(world: World, n: int, key: int) -> bool:
    return buckets.room(opened(world), n, key)


@compiled
def forget_all(world: World, n: int) -> None:
    buckets.forget_all(opened(world), n)


@compiled
def nearest_known(world: World, n: int, target: int, most: int) -> int:
    w = opened(world)
    return closest.closest(w, n, target, most, w.scratch)


@compiled
def true_closest(world: World, target: int, but: int) -> int:
    return truth.true_closest(opened(world), target, but)


@compiled
def observe(world: World, n: int, rtt: float) -> None:
    timing.observe(world.nodes[n], world.rules, rtt)


@compiled
def patience(world: World, n: int, rtt: float) -> tuple[float, float]:
    return timing.patience(world.nodes[n], world.rules, rtt)


@compiled
def push(moments: Any, size: int, time: float, serial: int, kind: int, index: int) -> None:
    heap.push(moments, size, time, serial, kind, index)


@compiled
def drop_first(moments: Any, size: int) -> None:
    heap.drop_first(moments, size)


@compiled
def rank(world: World, op: int, away: int, slot: int, hops: int) -> None:
    shortlist.add(world.ops[op], world.ranked[op], away, slot, hops)


@compiled
def hold(world: World, n: int, record: int, now: float) -> bool:
    return stores.hold(opened(world), n, record, now)


@compiled
def expire(world: World, n: int, now: float) -> None:
    stores.expire(opened(world), n, now)


@compiled
def next_due(world: World, n: int) -> float:
    return stores.next_due(opened(world), n)


@compiled
def set_out(world: World, op: int, target: int, own: int) -> None:
    row = world.ops[op]
    row.target = row.point = target
    row.owner_id = own
    row.known = row.waiting = row.slow = row.asked = row.answered = row.failed = 0
    row.silent = row.owes = 0
    row.questions = 2


@compiled
def learn(world: World, op: int, names: Any, count: int, hops: int) -> None:
    shortlist.learn(opened(world), op, names, count, hops)


@compiled
def next_asked(world: World, op: int, out: Any) -> int:
    """Whom the walk asks now; if nobody, below 0 what bit the edge question is about, if any."""
    w = opened(world)
    count = 0
    while walk.may_ask(w, op):
        i = walk.next_to_ask(w, op)
        if i < 0:
            break
        walk.ask(w, op, i)
        out[count] = w.ranked[op][i].away ^ w.ops[op].target
        count += 1
    row = w.ops[op]
    if count or row.waiting >= walk.width(w, row):
        return count
    radius = walk.edge(w, op)
    if radius > 0:
        row.questions -= 1
        row.point = row.target ^ (walk.ONE << np.uint64(radius - 1))
        row.owing = w.ranked[op][walk.whom_about_edge(w, op, radius)].away ^ row.target
        row.owes = walk.OWED
        out[0] = row.owing
    return -radius


@compiled
def walk_answered(world: World, op: int, key: int, names: Any, count: int) -> None:
    walk.take_answer(opened(world), op, key, names, count)


@compiled
def walk_slow(world: World, op: int, key: int) -> None:
    walk.take_slow(opened(world), op, key)


@compiled
def walk_failed(world: World, op: int, key: int) -> bool:
    return walk.take_failure(opened(world), op, key)


@compiled
def walk_dismiss(world: World, op: int, key: int) -> None:
    walk.dismiss(opened(world), op, key)


@compiled
def walk_over(world: World, op: int) -> bool:
    return walk.over(opened(world), op)


def members(w: World, n: int) -> list[list[int]]:
    """The ids in each bucket of a node's table, sorted."""
    counts = w.buckets[n, : w.nodes[n]["depth"]]["members"]
    return [sorted(map(int, w.contacts[n, b, :count]["id"])) for b, count in enumerate(counts)]


def spares(w: World, n: int) -> list[list[int]]:
    """The spares of each bucket, the newest first."""
    counts = w.buckets[n, : w.nodes[n]["depth"]]["spares"]
    return [list(map(int, w.spares[n, b, :count]["id"])) for b, count in enumerate(counts)]


def bad(w: World, n: int) -> set[int]:
    """The members that have failed too often."""
    found = set()
    for b, count in enumerate(w.buckets[n, : w.nodes[n]["depth"]]["members"]):
        rows = w.contacts[n, b, :count]
        found |= set(map(int, rows["id"][rows["failures"] >= w.rules.max_failures]))
    return found


def word(number: int) -> Any:
    """An id as kernels take it."""
    return np.uint64(number)


__all__ = ["FAR", "st"]
