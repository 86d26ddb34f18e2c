"""Many lookups at once, over all threads; lookups share nothing, so their order does not matter.

So they are made in the order of their targets. A lookup asks two or three contacts on its way and
then all who live around the target, whose tables at a million nodes lie in no cache; but whoever
looked for the key beside it has just read the same ones. What came of a lookup stands at its own
index, whenever it was made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulations.compiled import WORKERS, inner, parallel, prange, take
from simulations.lookup import patient, walk
from simulations.lookup.desk import CALLS, NODE, NOW, SILENT, World, make_desk
from simulations.lookup.path import result
from simulations.lookup.slate import depth, rank
from simulations.lookup.tables import CHUNKS, NOBODY, part
from simulations.lookup.truth import closest_live, live_before

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulations.lookup.rule import Patience, Rule
    from simulations.lookup.tables import Tables


class Outcomes(NamedTuple):
    """What came of lookups, a row each.

    Attributes:
        found: int32[M, n]: the n closest that answered, nearest first, then ``NOBODY``.
        depths: uint8[M, n]: how many hops away each was found.
        requests: int32[M]: requests sent.
        silent: int32[M]: contacts given up.
        elapsed: float64[M]: seconds from the first request to the end.
        trace: int32[M, t]: whom it asked, in order: the first t, then ``NOBODY``.
    """

    found: NDArray[np.int32]
    depths: NDArray[np.uint8]
    requests: NDArray[np.int32]
    silent: NDArray[np.int32]
    elapsed: NDArray[np.float64]
    trace: NDArray[np.int32]


class Errands(NamedTuple):
    """What lookups are to be made, by whoever has time.

    Attributes:
        turns: Counts the chunks that were taken.
        order: The indices of all, as they are to be made.
        sources: From where ...
        targets: ... to where.
        made: Takes what comes of them.
    """

    turns: NDArray[np.int64]
    order: NDArray[np.int64]
    sources: NDArray[np.int64]
    targets: NDArray[np.uint64]
    made: Outcomes


def room_for(count: int, found: int, traced: int) -> Outcomes:
    """Make room for ``count`` lookups, of which the ``found`` closest and ``traced`` requests."""
    return Outcomes(
        np.full((count, found), NOBODY, np.int32),
        np.zeros((count, found), np.uint8),
        np.zeros(count, np.int32),
        np.zeros(count, np.int32),
        np.zeros(count, np.float64),
        np.full((count, traced), NOBODY, np.int32),
    )


def walks(
    world: World,
    rule: Rule,
    patience: Patience,
    sources: NDArray[np.int64],
    targets: NDArray[np.uint64],
    *,
    keep: int | None = None,
    traced: int = 0,
    faithful: bool | None = None,
) -> Outcomes:
    """Make one lookup from each of ``sources`` to the target of the same index.

    Args:
        world: Where.
        rule: How.
        patience: How long that takes.
        sources: Ranks.
        targets: Ids.
        keep: How many of the found are kept; k if not said.
        traced: How many requests of each are kept.
        faithful: Which kernel; if not said the fast one wherever it gives the same.
    """
    made = room_for(len(sources), rule.k if keep is None else keep, traced)
    turns, order = np.zeros(1, np.int64), np.argsort(targets)
    if faithful is None:
        # No timeout is shorter than the round trip, unless a ceiling makes it.
        in_time = patience.rtt <= min(patience.short_ceiling, patience.long_ceiling)
        plain = in_time and rule.paths == 1 and not rule.per_subnet
        faithful = not (plain and world.alive.all())
    if faithful:
        _faithful(*world, rule, patience, turns, order, sources, targets, made)
    else:
        _fast(world.tables, rule, patience, turns, order, sources, targets, made)
    return made


# The loops below only call: numba loses what is written within a parallel loop to an array that
# came in a tuple, if the write stands in the loop itself; and takes no tuples within tuples.


@parallel
def _fast(
    tables: Tables,
    rule: Rule,
    patience: Patience,
    turns: NDArray[np.int64],
    order: NDArray[np.int64],
    sources: NDArray[np.int64],
    targets: NDArray[np.uint64],
    made: Outcomes,
) -> None:
    for _ in prange(WORKERS):
        _fast_turns(tables, rule, patience, Errands(turns, order, sources, targets, made))


@inner
def _fast_turns(tables: Tables, rule: Rule, patience: Patience, errands: Errands) -> None:
    turns, order, sources, targets, made = errands
    desk = walk.make_desk(rule, made.trace.shape[1])
    chunk = take(turns)
    while chunk < CHUNKS:
        for place in range(*part(len(sources), chunk)):
            index = order[place]
            count, sent, trips = walk.walk(tables, rule, sources[index], targets[index], desk)
            made.requests[index] = sent
            made.elapsed[index] = trips * patience.rtt
            _keep(made.found[index], made.depths[index], desk.cards, count)
            for request in range(min(sent, len(desk.trace))):
                made.trace[index, request] = desk.trace[request]
        chunk = take(turns)


@parallel
def _faithful(
    tables: Tables,
    alive: NDArray[np.bool_],
    subnets: NDArray[np.int32],
    rule: Rule,
    patience: Patience,
    turns: NDArray[np.int64],
    order: NDArray[np.int64],
    sources: NDArray[np.int64],
    targets: NDArray[np.uint64],
    made: Outcomes,
) -> None:
    for _ in prange(WORKERS):
        errands = Errands(turns, order, sources, targets, made)
        _faithful_turns(World(tables, alive, subnets), rule, patience, errands)


@inner
def _faithful_turns(world: World, rule: Rule, patience: Patience, errands: Errands) -> None:
    turns, order, sources, targets, made = errands
    desk = make_desk(rule)
    chunk = take(turns)
    while chunk < CHUNKS:
        for place in range(*part(len(sources), chunk)):
            index = order[place]
            patient.walk(world, rule, patience, sources[index], targets[index], desk)
            made.requests[index] = desk.counts[CALLS]
            made.silent[index] = desk.tally[: rule.paths, SILENT].sum()
            made.elapsed[index] = desk.clock[NOW]
            count = result(desk, world, rule)
            _keep(made.found[index], made.depths[index], desk.cards[rule.paths], count)
            for request in range(min(desk.counts[CALLS], made.trace.shape[1])):
                made.trace[index, request] = desk.calls[request, NODE]
        chunk = take(turns)


@inner
def _keep(
    found: NDArray[np.int32], depths: NDArray[np.uint8], cards: NDArray[np.int64], count: int
) -> None:
    """Write down the first of ``count`` cards."""
    for place in range(min(count, len(found))):
        found[place], depths[place] = rank(cards[place]), depth(cards[place])


def shares_found(
    world: World, k: int, sources: NDArray[np.int64], targets: NDArray[np.uint64], made: Outcomes
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The share of the true k closest live nodes that each found, and whether the nearest."""
    shares = np.zeros(len(sources), np.float32)
    nearest = np.zeros(len(sources), np.bool_)
    before = live_before(world.alive)
    _compare(
        world.tables.ids, world.alive, before, k, sources, targets, made.found, shares, nearest
    )
    return shares, nearest


@parallel
def _compare(
    ids: NDArray[np.uint64],
    alive: NDArray[np.bool_],
    before: NDArray[np.int64],
    k: int,
    sources: NDArray[np.int64],
    targets: NDArray[np.uint64],
    found: NDArray[np.int32],
    shares: NDArray[np.float32],
    nearest: NDArray[np.bool_],
) -> None:
    for index in prange(len(sources)):
        true = closest_live(ids, alive, before, targets[index], sources[index], k)
        hits = 0
        for node in true:
            for each in found[index]:
                hits += node == each
        shares[index] = hits / len(true) if len(true) else 1.0
        nearest[index] = len(true) == 0 or found[index, 0] == true[0]
