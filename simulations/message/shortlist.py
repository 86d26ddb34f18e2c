"""What a lookup knows, ranked by distance: the rule of :mod:`dht.core.shortlist`.

Without limits per address nothing is ever barred, so the list is a sorted array. It has room for
``8 k`` candidates; beyond that the farthest that was not asked goes. dht.core keeps all: a walk of
k = 8 hears of 60 to 100, and those it could ever ask are the nearest ``k`` and the substitutes of
the dead among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dht.core.shortlist import ANSWERED, DROPPED, FAILED, SLOW, UNASKED, WAITING
from simulations.message.parts import part

if TYPE_CHECKING:
    from simulations.message.state import Array, Row, World

__all__ = ["ANSWERED", "DROPPED", "FAILED", "SLOW", "UNASKED", "WAITING", "add", "learn", "place"]

ROOM = 8
"""Candidates of a lookup, in k."""


@part
def place(ranked: Array, known: int, away: int) -> int:
    """How many candidates are nearer than ``away``."""
    low, high = 0, known
    while low < high:
        middle = (low + high) >> 1
        if ranked[middle].away < away:
            low = middle + 1
        else:
            high = middle
    return low


@part
def find(w: World, op: int, key: int) -> int:
    """The candidate of ``key``, or -1."""
    known = w.ops[op].known
    ranked = w.ranked[op]
    away = key ^ w.ops[op].target
    i = place(ranked, known, away)
    return i if i < known and ranked[i].away == away else -1


@part
def learn(w: World, op: int, names: Array, count: int, hops: int) -> None:
    """Rank those of the first ``count`` of ``names`` that are new."""
    row = w.ops[op]
    ranked = w.ranked[op]
    for j in range(count):
        name = names[j]
        if name.id != row.owner_id:
            add(row, ranked, name.id ^ row.target, name.slot, hops)


@part
def add(row: Row, ranked: Array, away: int, slot: int, hops: int) -> None:
    """Rank a contact, unless it is known, or the list is full of nearer ones."""
    known = row.known
    i = place(ranked, known, away)
    if i < known and ranked[i].away == away:
        return
    hole = known
    if known == ranked.shape[0]:
        hole = known - 1
        while hole > i and ranked[hole].state != UNASKED:
            hole -= 1
        if hole <= i and (i >= known or ranked[i].state != UNASKED):
            return
    else:
        row.known += 1
    while hole > i:
        ranked[hole] = ranked[hole - 1]
        hole -= 1
    candidate = ranked[i]
    candidate.away = away
    candidate.slot = slot
    candidate.state = UNASKED
    candidate.hops = hops
    candidate.silent = 0
    candidate.write = 0
