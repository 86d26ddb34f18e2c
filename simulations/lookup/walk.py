"""Whole lookups where everybody answers: the fast kernel.

The rule is that of :mod:`dht.core.lookup`: at most alpha requests in flight, each answer frees a
slot at once, only contacts within the beta closest known are asked, and the walk is over when the
beta closest have all answered. Where nobody fails, much of that rule is idle. The share of hope is
always one, no timeout ever passes, the edge is never asked about; and at a constant round trip
answers come in the order of the requests. So a walk is a loop over its own requests, and what is
left of it is what an exact shortlist costs.

Only the ``max(k, beta)`` nearest are kept: whoever is farther could enter the window if a nearer
one failed, and nobody does. Who is asked, in which order, and how deep each was found are the same
with the longer list; :mod:`simulations.lookup.patient` is that one, and a test compares both.

A request reads one row of the table of whoever was asked, which at a million nodes lies in no
cache; it is fetched when the request is sent, and read one round trip later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulations.compiled import bit_length, inner, prefetch
from simulations.lookup.answers import ANYWHERE, answer
from simulations.lookup.slate import (
    ANSWERED,
    HEARD,
    STATE,
    UNASKED,
    WAITING,
    again,
    card,
    depth,
    find,
    insert,
    rank,
    set_state,
)
from simulations.lookup.tables import BITS, NOBODY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulations.lookup.rule import Rule
    from simulations.lookup.tables import Tables


class Desk(NamedTuple):
    """What a walk works on; made once and used for many walks.

    Attributes:
        away: Distances of the slate.
        cards: Cards of the slate.
        who: Contacts of the answer that is being read.
        distances: Their distances.
        heard: Ranks of those that were heard of lately.
        queue: The requests in flight: card, and the round trip in which the answer comes.
        trace: Takes whom the walk asks, in order, as far as it has place.
    """

    away: NDArray[np.uint64]
    cards: NDArray[np.int64]
    who: NDArray[np.int32]
    distances: NDArray[np.uint64]
    heard: NDArray[np.int32]
    queue: NDArray[np.int64]
    trace: NDArray[np.int32]


@inner
def make_desk(rule: Rule, traced: int) -> Desk:
    """Make a desk for walks by ``rule``, of which ``traced`` requests are kept."""
    room = max(rule.k, rule.beta)
    return Desk(
        np.empty(room, np.uint64),
        np.empty(room, np.int64),
        np.empty(room + rule.k, np.int32),
        np.empty(room + rule.k, np.uint64),
        np.empty(HEARD, np.int32),
        np.empty((rule.alpha, 2), np.int64),
        np.empty(traced, np.int32),
    )


@inner
def walk(
    tables: Tables, rule: Rule, source: int, target: np.uint64, desk: Desk
) -> tuple[int, int, int]:
    """Walk from ``source`` to ``target``; the slate of ``desk`` holds what was found.

    Returns:
        How many places of the slate are taken, how many requests were sent, and how many round
        trips passed.
    """
    desk.heard[:] = NOBODY
    most = min(2 * rule.k, len(desk.away))  # of the 2k that are dealt out, who finds a place
    heard = answer(tables, source, target, most, ANYWHERE, desk.who, desk.distances)
    count, cursor = _learn(desk, heard, source, 1, 0, 0)
    sent = received = wave = 0
    while True:
        # Nobody nearer than the cursor is unasked.
        sent, cursor = _ask(tables, rule, desk, count, cursor, sent, received, wave)
        if sent == received or _finished(desk, min(rule.beta, count)):
            return count, sent, wave
        entry, wave = desk.queue[received % rule.alpha]
        received += 1
        distance = tables.ids[rank(entry)] ^ target
        where = find(desk.away, count, distance)
        if where >= 0:
            set_state(desk.cards, where, ANSWERED)
        bound = desk.away[count - 1] if count == len(desk.away) else ANYWHERE
        heard = answer(tables, rank(entry), target, rule.k, bound, desk.who, desk.distances)
        count, cursor = _learn(desk, heard, source, depth(entry) + 1, count, cursor)


@inner
def _ask(
    tables: Tables,
    rule: Rule,
    desk: Desk,
    count: int,
    cursor: int,
    sent: int,
    received: int,
    wave: int,
) -> tuple[int, int]:
    """Ask the nearest of the window while a slot is free."""
    window = min(rule.beta, count)
    while sent - received < rule.alpha:
        while cursor < window and desk.cards[cursor] & STATE != UNASKED:
            cursor += 1
        if cursor >= window:
            break
        set_state(desk.cards, cursor, WAITING)
        node = rank(desk.cards[cursor])
        if sent < len(desk.trace):
            desk.trace[sent] = node
        level = min(BITS - bit_length(desk.away[cursor]), int(tables.depth[node]))
        prefetch(tables.rows, node, level)
        desk.queue[sent % rule.alpha, 0] = desk.cards[cursor]
        desk.queue[sent % rule.alpha, 1] = wave + 1
        sent += 1
    return sent, cursor


@inner
def _finished(desk: Desk, window: int) -> bool:
    """Whether all of the window have answered."""
    for index in range(window):  # noqa: SIM110 - kernels have no generators
        if desk.cards[index] & STATE != ANSWERED:
            return False
    return True


@inner
def _learn(desk: Desk, heard: int, own: int, hops: int, count: int, cursor: int) -> tuple[int, int]:
    """Rank what was heard; how many are known then, and the first that may be unasked."""
    for index in range(heard):
        node = desk.who[index]
        if (
            again(desk.heard, node)
            or node == own
            or (count == len(desk.away) and desk.distances[index] >= desk.away[count - 1])
        ):
            continue
        where = insert(desk.away, desk.cards, count, desk.distances[index], card(node, hops))
        if where >= 0:
            count = min(count + 1, len(desk.away))
            cursor = min(cursor, where)
    return count, cursor
