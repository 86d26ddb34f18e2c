"""The question about the edge: :class:`dht.core.edge.EdgeLookup`, on arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulations.compiled import bit_length, inner
from simulations.lookup.desk import (
    COUNT,
    LAST_POINT,
    LEFT,
    NONE,
    OWING,
    POINT,
    POSED,
    PRESSING,
    SILENT,
    SLOWED,
    TARGET,
    Desk,
)
from simulations.lookup.path import finished
from simulations.lookup.slate import ANSWERED, FAILED, SLOW, STATE, live

if TYPE_CHECKING:
    from simulations.lookup.rule import Rule


@inner
def question(desk: Desk, rule: Rule) -> int:
    """The place of whom to ask about the edge, which is then ``POINT``; -1 if there is no question.

    There is one if somebody is silent who may have displaced one of the k.
    """
    if not desk.edge[LEFT] or desk.edge[OWING] != NONE:
        return -1
    silent, farthest = _silent(desk), _horizon(desk, rule.k)
    if silent < 0 or farthest < 0:
        return -1
    radius = bit_length(desk.away[0, farthest])
    if bit_length(desk.away[0, silent]) > radius:
        return -1
    bit = np.uint64(1) << np.uint64(radius - 1) if radius else np.uint64(0)
    desk.points[POINT] = desk.points[TARGET] ^ bit
    if desk.edge[POSED] and desk.points[POINT] == desk.points[LAST_POINT]:
        return -1
    return _nearest(desk, rule.k, bit)


@inner
def pose(desk: Desk, call: int) -> None:
    """Note that ``call`` asks about ``POINT``."""
    desk.edge[LEFT] -= 1
    desk.edge[OWING], desk.edge[PRESSING], desk.edge[POSED] = call, 1, 1
    desk.points[LAST_POINT] = desk.points[POINT]


@inner
def over(desk: Desk, rule: Rule) -> bool:
    """Whether the walk is over, and so are the questions."""
    if not finished(desk, 0, rule) or (desk.edge[OWING] != NONE and desk.edge[PRESSING]):
        return False
    return question(desk, rule) < 0


@inner
def _silent(desk: Desk) -> int:
    """The place of the nearest contact that is silent; -1 if nobody is."""
    if desk.tally[0, SLOWED] + desk.tally[0, SILENT] == 0:
        return -1
    for where in range(desk.tally[0, COUNT]):
        state = desk.cards[0, where] & STATE
        if state in (SLOW, FAILED):
            return where
    return -1


@inner
def _horizon(desk: Desk, width: int) -> int:
    """The place of the ``width``-th nearest that may come to answer (no slow one), or the last."""
    farthest, hoped = -1, 0
    for where in range(desk.tally[0, COUNT]):
        if live(desk.cards[0, where]) and desk.cards[0, where] & STATE != SLOW:
            farthest = where
            hoped += 1
            if hoped == width:
                break
    return farthest


@inner
def _nearest(desk: Desk, width: int, bit: np.uint64) -> int:
    """The place of who lives nearest to the edge among the ``width`` closest that answered."""
    best, seen = -1, 0
    for where in range(desk.tally[0, COUNT]):
        if seen == width:
            break
        if live(desk.cards[0, where]) and desk.cards[0, where] & STATE == ANSWERED:
            seen += 1
            if best < 0 or desk.away[0, where] ^ bit < desk.away[0, best] ^ bit:
                best = where
    return best
