"""Greedy walks: one contact at a time, always the nearest. What closed forms can follow.

:func:`hops` passes a request from node to node, each handing it to the contact of its table that
is nearest to the target, which is a node. It is the walk of V2 in :mod:`simulations.theory.hops`.

:func:`reached` is S/Kademlia's question (Baumgart & Mies 2007): d such walks that share no node, in
a network where whoever is hostile swallows the walk that comes by. Source and target are honest;
the question is whether one walk arrives. A walk whose node knows nobody nearer that is free is lost
too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulations.compiled import compiled, parallel, prange
from simulations.lookup.answers import ANYWHERE, answer, sort
from simulations.lookup.tables import CHUNKS, NOBODY, part

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulations.lookup.tables import Tables

MOST_HOPS = 64
"""Each hop gains a bit at least."""


def hops(
    tables: Tables, sources: NDArray[np.int64], targets: NDArray[np.int64]
) -> NDArray[np.int32]:
    """How many hops each walk from a source to a target (ranks) takes; the last one counts."""
    taken = np.zeros(len(sources), np.int32)
    _hops(tables, sources, targets, taken)
    return taken


@parallel
def _hops(
    tables: Tables,
    sources: NDArray[np.int64],
    targets: NDArray[np.int64],
    taken: NDArray[np.int32],
) -> None:
    for chunk in prange(CHUNKS):
        total, k = len(sources), tables.rows.shape[2]
        who, distances = np.empty(2 * k, np.int32), np.empty(2 * k, np.uint64)
        for index in range(*part(total, chunk)):
            taken[index] = _walk(tables, sources[index], targets[index], who, distances)


@compiled
def _walk(
    tables: Tables, source: int, target: int, who: NDArray[np.int32], distances: NDArray[np.uint64]
) -> int:
    """Count the hops of one walk."""
    node, count = source, 0
    while node != target and count < MOST_HOPS:
        heard = answer(tables, node, tables.ids[target], 1, ANYWHERE, who, distances)
        node = who[0] if heard else target
        count += 1
    return count


def reached(
    tables: Tables,
    hostile: NDArray[np.bool_],
    sources: NDArray[np.int64],
    targets: NDArray[np.int64],
    paths: int,
) -> NDArray[np.bool_]:
    """Whether one of ``paths`` disjoint walks from each source arrived at the target (ranks)."""
    arrived = np.zeros(len(sources), np.bool_)
    _reached(tables, hostile, sources, targets, paths, arrived)
    return arrived


@parallel
def _reached(
    tables: Tables,
    hostile: NDArray[np.bool_],
    sources: NDArray[np.int64],
    targets: NDArray[np.int64],
    paths: int,
    arrived: NDArray[np.bool_],
) -> None:
    for chunk in prange(CHUNKS):
        total, k = len(sources), tables.rows.shape[2]
        room = paths * MOST_HOPS + k
        who, distances = np.empty(room + k, np.int32), np.empty(room + k, np.uint64)
        used = np.empty(room, np.int32)
        for index in range(*part(total, chunk)):
            source, target = sources[index], targets[index]
            arrived[index] = _any(tables, hostile, source, target, paths, who, distances, used)


@compiled
def _any(
    tables: Tables,
    hostile: NDArray[np.bool_],
    source: int,
    target: int,
    paths: int,
    who: NDArray[np.int32],
    distances: NDArray[np.uint64],
    used: NDArray[np.int32],
) -> bool:
    """Let the paths advance in turn until one arrives, or all are lost."""
    here = np.full(paths, source)
    used[0], count, lost = source, 1, 0
    for turn in range(paths * MOST_HOPS):
        path = turn % paths
        if here[path] == NOBODY:
            continue
        node = _next(tables, here[path], target, who, distances, used[:count])
        if node == target:
            return True
        if node == NOBODY or hostile[node]:
            lost += 1
            here[path] = NOBODY
        else:
            here[path] = node
        if node != NOBODY:
            used[count] = node
            count += 1
        if lost == paths:
            break
    return False


@compiled
def _next(
    tables: Tables,
    node: int,
    target: int,
    who: NDArray[np.int32],
    distances: NDArray[np.uint64],
    used: NDArray[np.int32],
) -> int:
    """The nearest contact that is free and nearer than ``node`` itself; ``NOBODY`` if none is."""
    k = tables.rows.shape[2]
    goal = tables.ids[target]
    bound = tables.ids[node] ^ goal
    heard = answer(tables, node, goal, k, bound, who, distances)
    sort(who, distances, 0, heard, heard)
    for index in range(heard):
        contact = who[index]
        taken = False
        for other in used:
            taken |= other == contact
        if not taken:
            return int(contact)
    return NOBODY
