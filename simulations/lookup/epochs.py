"""Tables under churn, an epoch at a time; between two epochs lookups are made as if at one moment.

Every message of 100,000 nodes for a day would be 10^10 events. Most of them keep tables as they
are, so here the tables are kept by rule, and only the lookups are walked.

**The model.** Time goes in epochs (a minute, if nothing is said). In each, in this order:

1. *Leaving.* Who has come to the end of its session is gone. Nobody's table is told.
2. *Coming.* As many come (or, with a law of absence, those whose time away is over). The table
   of who comes is filled with live contacts, as its joining walks would; and the k live nodes
   nearest to it, whom it asked for its own key, take it in where they have a free place or one of a
   dead.
3. *Refreshing.* Every row is refreshed once in each refresh interval, each at its own phase: its
   dead leave, and live ones of its range, drawn at random, take their places. Contacts that live
   are never put out (paper, section 2.2). Nothing else is repaired; so the share of dead entries is
   that of :func:`stale_share`, with the interval as the one knob.

Before the first epoch one refresh interval passes unseen, so that tables are as stale as they will
be; sessions begin as :meth:`~simulations.laws.Law.stationary` says.

**Who comes** takes one of the ids that have been out of use the longest; there are as many of
these as nodes. It is another node by law and table, but an entry of one that left a mean session
ago, and that nobody refreshed since, is right again. With rows refreshed more often than that it is
rare, and to draw new ids would mean to sort a gigabyte anew in each epoch.

**Left out**: requests tell no table that a contact is dead or alive, and lookups refresh no bucket
(both would make tables better than these); joining and refreshing are always successful and send no
messages that are counted (in the real network they make up most of the traffic); who leaves, leaves
between lookups. For these there is :mod:`simulations.message`, to which this is compared.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from simulations.compiled import bit_length, compiled, parallel, prange
from simulations.dice import below, place, word
from simulations.lookup.tables import BITS, CHUNKS, NOBODY, Tables, depths, draw_ids, halve, part
from simulations.lookup.truth import closest_live, live_before

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulations.chance import Chance
    from simulations.laws import Law
    from simulations.scenario import Churn

TRIES = 8
"""Draws for each place of a row before it stays free: at worst half of the range is alive."""


def stale_share(session: float, refresh: float) -> float:
    """The share of dead entries, with sessions exponential of mean s and rows refreshed r apart.

    A row was filled u ago, u even up to r, or at its owner's birth if that was later; and an entry
    of age a is dead with chance ``1 - exp(-a/s)``. The mean of ``exp(-min(u, A)/s)`` over owners of
    exponential age A is ``(1 + exp(-2u/s)) / 2``. Those who come and are taken in where a dead one
    stood make it a little less.
    """
    ratio = 2 * refresh / session
    return (1 + math.expm1(-ratio) / ratio) / 2


class Epochs:
    """A network under churn.

    Args:
        nodes: How many are up, on average.
        k: Bucket size.
        churn: Laws of coming and going.
        refresh: Seconds between two refreshes of a row.
        epoch: Seconds of an epoch.
        chance: All the chance there is.

    Attributes:
        tables: Everybody's, those away included.
        alive: Who is up.
    """

    def __init__(
        self, nodes: int, k: int, churn: Churn, refresh: float, epoch: float, chance: Chance
    ) -> None:
        self._churn = churn
        self._length = epoch
        self._period = max(1, round(refresh / epoch))
        self._chance = chance
        self._k = k
        self._count = 0
        self._now = -self._period * epoch
        rng = chance.stream("start").generator()
        total = 2 * nodes if churn.absence is None else round(nodes / churn.availability)
        ids = draw_ids(total, rng)
        depth = depths(ids, k)
        rows = np.full((total, int(depth.max()) + 1, k), NOBODY, np.int32)
        self.tables = Tables(ids, depth, rows)
        up = rng.permutation(total)
        self.alive = np.zeros(total, np.bool_)
        self.alive[up[:nodes]] = True
        self._waiting = up[nodes:]  # who comes next, first
        self._until = self._first_moments(rng)
        self._refill(np.flatnonzero(self.alive), 0)
        for _ in range(self._period):
            self.advance()

    def _first_moments(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """When each node next comes or goes, met at one moment."""
        until = np.full(len(self.alive), np.inf)
        until[self.alive] = self._churn.session.residual(rng, int(self.alive.sum()))
        if self._churn.absence is not None:
            until[~self.alive] = self._churn.absence.residual(rng, int((~self.alive).sum()))
        return until + self._now

    def advance(self) -> None:
        """Let an epoch pass."""
        rng = self._chance.stream("epoch", self._count).generator()
        self._count += 1
        self._now += self._length
        due = np.flatnonzero(self._until <= self._now)
        leaving, coming = due[self.alive[due]], due[~self.alive[due]]
        self.alive[leaving] = False
        if self._churn.absence is None:
            coming, self._waiting = np.split(self._waiting, [len(leaving)])
            self._waiting = np.concatenate((self._waiting, leaving))
            self._until[leaving] = np.inf
        else:
            self._draw(leaving, self._churn.absence, rng)
        self._draw(coming, self._churn.session, rng)
        self.alive[coming] = True
        self._refill(coming, 0)
        _introduce(self.tables, self.alive, live_before(self.alive), coming, self._k)
        self._refill(np.flatnonzero(self.alive), self._period)

    def _draw(self, nodes: NDArray[np.int64], law: Law, rng: np.random.Generator) -> None:
        """Draw how long each of ``nodes`` stays, or stays away, from the moment that was due."""
        begun = np.where(np.isfinite(self._until[nodes]), self._until[nodes], self._now)
        self._until[nodes] = begun + law.draw(rng, len(nodes))

    def _refill(self, nodes: NDArray[np.int64], period: int) -> None:
        """Refresh rows of ``nodes``: those whose turn it is, or all if ``period`` is 0."""
        seed = np.uint64(self._chance.stream("rows").word())
        _refresh(self.tables, self.alive, nodes, seed, self._count, period)

    def stale(self) -> float:
        """The share of dead contacts in the tables of who is up."""
        rows = self.tables.rows[self.alive]
        held = rows[rows != NOBODY]
        return 1 - float(self.alive[held].mean())


@parallel
def _refresh(
    tables: Tables,
    alive: NDArray[np.bool_],
    nodes: NDArray[np.int64],
    seed: np.uint64,
    epoch: int,
    period: int,
) -> None:
    """Refresh each row of ``nodes`` whose phase this epoch is."""
    for chunk in prange(CHUNKS):
        for index in range(*part(len(nodes), chunk)):
            _refresh_node(tables, alive, nodes[index], seed, epoch, period)


@compiled
def _refresh_node(
    tables: Tables,
    alive: NDArray[np.bool_],
    node: int,
    seed: np.uint64,
    epoch: int,
    period: int,
) -> None:
    ids, depth = tables.ids, int(tables.depth[node])
    own = place(seed, node)
    low, high = 0, len(ids)
    for level in range(depth + 1):
        first, last = low, high
        if level < depth:
            middle = halve(ids, low, high, level, ids[node])
            if node >= middle:
                first, last, low = low, middle, middle
            else:
                first, last, high = middle, high, middle
        if period == 0 or (word(own, level) + np.uint64(epoch)) % np.uint64(period) == 0:
            dice = place(own, epoch * BITS + level)
            _refresh_row(tables.rows[node, level], alive, node, first, last, dice)


@compiled
def _refresh_row(
    row: NDArray[np.int32],
    alive: NDArray[np.bool_],
    own: int,
    low: int,
    high: int,
    dice: np.uint64,
) -> None:
    """Drop the dead of ``row`` and draw live ones of [low, high) in their places."""
    kept = 0
    for slot in range(len(row)):
        if row[slot] != NOBODY and alive[row[slot]]:
            row[kept] = row[slot]
            kept += 1
    size, k = high - low, len(row)
    if size <= 2 * k:  # few: go round once, from a random one on
        start = below(size, dice, 0) if size else 0
        for step in range(size):
            kept = _offer(row, kept, low + (start + step) % size, alive, own)
    else:
        for throw in range(TRIES * (k - kept)):
            kept = _offer(row, kept, low + below(size, dice, throw), alive, own)
    row[kept:] = NOBODY


@compiled
def _offer(row: NDArray[np.int32], kept: int, node: int, alive: NDArray[np.bool_], own: int) -> int:
    """Add ``node`` if it lives, is new, and there is a place; how many are held then."""
    if kept == len(row) or node == own or not alive[node]:
        return kept
    for slot in range(kept):
        if row[slot] == node:
            return kept
    row[kept] = node
    return kept + 1


@compiled
def _introduce(
    tables: Tables,
    alive: NDArray[np.bool_],
    before: NDArray[np.int64],
    nodes: NDArray[np.int64],
    k: int,
) -> None:
    """Let the k live nodes nearest to each of ``nodes`` take it in where they have a place."""
    for node in nodes:
        own = tables.ids[node]
        for other in closest_live(tables.ids, alive, before, own, node, k):
            shared = BITS - bit_length(own ^ tables.ids[other])
            row = tables.rows[other, min(shared, int(tables.depth[other]))]
            _take_in(row, node, alive)


@compiled
def _take_in(row: NDArray[np.int32], node: int, alive: NDArray[np.bool_]) -> None:
    """Put ``node`` in a free place of ``row``, or else in that of a dead one."""
    free = -1
    for slot in range(len(row)):
        if row[slot] == node:
            return
        if row[slot] == NOBODY:
            free = slot
            break
        if free < 0 and not alive[row[slot]]:
            free = slot
    if free >= 0:
        row[free] = node
