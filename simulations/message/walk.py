"""One iterative walk: the rules of :mod:`dht.core.lookup` and :mod:`dht.core.edge`.

Both docstrings hold here, state for state: a sliding window of alpha, the economy of hope, the end
at the beta closest live contacts, late answers that bring the dead back, and the question about
the edge where contacts near the target were silent. Not here, because nothing can call for it:
endpoints heard elsewhere, disjoint paths, regions.

A row of ``ops`` is the Lookup and its EdgeLookup, its rows of ``ranked`` are the shortlist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dht.core.lookup import WIDEST
from simulations.compiled import bit_length
from simulations.message.parts import number, part, whole
from simulations.message.shortlist import (
    ANSWERED,
    DROPPED,
    FAILED,
    SLOW,
    UNASKED,
    WAITING,
    find,
    learn,
)

if TYPE_CHECKING:
    from simulations.message.state import Array, Row, World

SETTLED = 0
"""What is owed about the edge: nothing,"""
OWED = 1
"""an answer the end waits for,"""
LATE = 2
"""one that it does not wait for any more."""

ONE = np.uint64(1)
FIRST_HOP = number(1)


@part
def limit(w: World) -> int:
    """How many requests one lookup may make: ``dht.core.lookup.request_limit``."""
    return 16 * w.rules.k + 128


@part
def share_alive(row: Row) -> float:
    """The share of contacts that live, as far as this walk has seen; it begins with trust."""
    lived = 1 + row.answered
    return float(lived / (lived + row.slow + row.failed))


@part
def width(w: World, row: Row) -> int:
    """How many requests may be in flight: for alpha answers that can be hoped for."""
    alpha = w.rules.alpha
    if row.answered and (row.slow or row.failed):
        return min(whole(np.rint(alpha / share_alive(row))), WIDEST * alpha)
    return alpha


@part
def next_to_ask(w: World, op: int) -> int:
    """The nearest unasked candidate within the window of beta that can be hoped for, or -1."""
    row = w.ops[op]
    ranked = w.ranked[op]
    share = share_alive(row)
    hope = 0.0
    for i in range(row.known):
        state = ranked[i].state
        if state >= FAILED:
            continue
        if state == UNASKED:
            return i
        if state != SLOW:
            hope += 1.0 if state == ANSWERED else share
        if hope >= w.rules.beta:
            break
    return -1


@part
def may_ask(w: World, op: int) -> bool:
    """Whether a slot is free, and requests are left."""
    row = w.ops[op]
    return bool(row.waiting < width(w, row) and row.asked < limit(w))


@part
def ask(w: World, op: int, i: int) -> None:
    """Candidate ``i`` is being asked."""
    w.ranked[op][i].state = WAITING
    w.ops[op].waiting += 1
    w.ops[op].asked += 1


@part
def walked(w: World, op: int) -> bool:
    """The beta closest live contacts have answered, or nobody is left to ask or wait for."""
    row = w.ops[op]
    ranked = w.ranked[op]
    exhausted = row.asked >= limit(w)
    answers = 0
    for i in range(row.known):
        state = ranked[i].state
        if state == ANSWERED:
            answers += 1
            if answers == w.rules.beta:
                return True
        elif state < ANSWERED and (state != UNASKED or not exhausted):
            return False
    return True


@part
def complete(w: World, op: int) -> bool:
    """The stop rule was met, with at least one answer and without reaching a bound."""
    row = w.ops[op]
    return bool(row.answered > 0 and row.asked < limit(w) and walked(w, op))


@part
def counts(w: World, state: int) -> bool:
    """Whether a candidate in ``state`` belongs to the result."""
    if w.rules.beta < w.rules.k:
        return state < FAILED
    return state == ANSWERED


# The verbs.


@part
def leave(row: Row, state: int) -> None:
    """Keep the counts when a contact leaves ``state``."""
    if state == WAITING:
        row.waiting -= 1
    elif state == SLOW:
        row.slow -= 1
    elif state == FAILED:
        row.failed -= 1


@part
def owes(row: Row, key: int) -> bool:
    """Whether ``key`` was asked about the edge, and has not settled that."""
    return bool(row.owes != SETTLED and row.owing == key)


@part
def take_answer(w: World, op: int, key: int, names: Array, count: int) -> None:
    """``key`` answered, the walk or the question, and named the first ``count`` of ``names``."""
    row = w.ops[op]
    i = find(w, op, key)
    if i < 0:
        return
    candidate = w.ranked[op][i]
    hops = candidate.hops + 1
    if owes(row, key):
        row.owes = SETTLED
        learn(w, op, names, count, hops)
        return
    if candidate.silent:
        candidate.silent = 0
        row.silent -= 1
    state = candidate.state
    if state in (UNASKED, ANSWERED, DROPPED):
        return
    leave(row, state)
    candidate.state = ANSWERED
    row.answered += 1
    learn(w, op, names, count, hops)


@part
def take_slow(w: World, op: int, key: int) -> None:
    """``key`` let the short timeout pass: its slot is free, we still hope."""
    row = w.ops[op]
    i = find(w, op, key)
    if i < 0:
        return
    if owes(row, key):
        row.owes = LATE
        return
    candidate = w.ranked[op][i]
    if candidate.state == WAITING:
        row.waiting -= 1
        row.slow += 1
        candidate.state = SLOW
        note_silent(row, candidate)


@part
def take_failure(w: World, op: int, key: int) -> bool:
    """``key`` let the long timeout pass: it does not hold up the end any more; if it mattered."""
    row = w.ops[op]
    i = find(w, op, key)
    if i < 0:
        return False
    if owes(row, key):
        row.owes = SETTLED
        return True
    candidate = w.ranked[op][i]
    state = candidate.state
    if state >= ANSWERED:
        return False
    leave(row, state)
    if state == UNASKED:
        candidate.state = DROPPED
    else:
        candidate.state = FAILED
        row.failed += 1
    note_silent(row, candidate)
    return True


@part
def dismiss(w: World, op: int, key: int) -> None:
    """``key`` is no use to the owner: the walk goes on past it."""
    i = find(w, op, key)
    if i >= 0 and w.ranked[op][i].state < FAILED:
        leave(w.ops[op], w.ranked[op][i].state)
        w.ranked[op][i].state = DROPPED


@part
def note_silent(row: Row, candidate: Row) -> None:
    """It was silent: if near enough, there is something to ask about the edge."""
    if not candidate.silent:
        candidate.silent = 1
        row.silent += 1


# The question about the edge.


@part
def edge(w: World, op: int) -> int:
    """The bit that differs first at the edge, counted from 1; 0 if there is nothing to ask."""
    row = w.ops[op]
    if row.silent == 0 or row.questions == 0 or row.owes != SETTLED or w.rules.beta < w.rules.k:
        return 0
    ranked = w.ranked[op]
    hoped, farthest, live = 0, np.uint64(0), False
    for i in range(row.known):
        state = ranked[i].state
        live = live or state == ANSWERED
        if state < FAILED and state != SLOW and hoped < w.rules.k:
            hoped += 1
            farthest = ranked[i].away
    radius = bit_length(farthest)
    if not live or radius == 0 or (row.target ^ (ONE << np.uint64(radius - 1))) == row.point:
        return 0
    for i in range(row.known):
        candidate = ranked[i]
        # Who is dead beyond it can have displaced nobody.
        if candidate.away > farthest and bit_length(candidate.away) > radius:
            break
        if candidate.silent:
            return radius
    return 0


@part
def whom_about_edge(w: World, op: int, radius: int) -> int:
    """The nearest to the point across the edge, of the k closest that answered."""
    row = w.ops[op]
    ranked = w.ranked[op]
    across = ONE << np.uint64(radius - 1)
    best, seen = -1, 0
    for i in range(row.known):
        if ranked[i].state == ANSWERED:
            if best < 0 or (ranked[i].away ^ across) < (ranked[best].away ^ across):
                best = i
            seen += 1
            if seen == w.rules.k:
                break
    return best


@part
def over(w: World, op: int) -> bool:
    """The walk is over, and so are the questions."""
    return walked(w, op) and w.ops[op].owes != OWED and edge(w, op) == 0
