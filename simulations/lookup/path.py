"""One path of a faithful walk: the verbs of :class:`dht.core.lookup.Lookup`, on arrays.

Why each does what it does is told there. Where several paths walk, a contact belongs to the one
that asks it (:mod:`dht.core.disjoint`): the others strike it off, and learn it no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dht.core.lookup import WIDEST
from simulations.compiled import inner
from simulations.lookup.desk import (
    ALPHA,
    ANSWERS,
    ASKED,
    COUNT,
    HELD,
    NONE,
    SILENT,
    SLOWED,
    Desk,
    World,
    request_limit,
)
from simulations.lookup.slate import (
    ANSWERED,
    DROPPED,
    FAILED,
    SLOW,
    STATE,
    UNASKED,
    WAITING,
    again,
    card,
    depth,
    find,
    insert,
    live,
    rank,
    set_state,
    settle,
)

if TYPE_CHECKING:
    from simulations.lookup.rule import Rule


@inner
def begin(desk: Desk, path: int, rule: Rule) -> None:
    """Clear the slate of ``path``; its share of alpha is what dht.core.disjoint gives it."""
    desk.tally[path, :] = 0
    desk.heard[path, :] = NONE
    desk.tally[path, ALPHA] = max(1, (rule.alpha + path) // rule.paths)


@inner
def state_at(desk: Desk, path: int, where: int) -> int:
    """The state of the contact at a place."""
    return int(desk.cards[path, where] & STATE)


@inner
def share_alive(desk: Desk, path: int) -> float:
    """The share of contacts that live, as far as this path has seen; it begins with trust."""
    tally = desk.tally[path]
    lived = 1 + tally[ANSWERS]
    return float(lived / (lived + tally[SLOWED] + tally[SILENT]))


@inner
def width(desk: Desk, path: int) -> int:
    """How many requests may be in flight: for alpha answers that can be hoped for."""
    tally = desk.tally[path]
    alpha = int(tally[ALPHA])
    if tally[ANSWERS] and (tally[SLOWED] or tally[SILENT]):
        return min(int(np.rint(alpha / share_alive(desk, path))), WIDEST * alpha)
    return alpha


@inner
def wanted(desk: Desk, path: int, rule: Rule) -> int:
    """The place of whom to ask next; -1 if nobody, or nobody now.

    The contact is within the window of beta that can be hoped for, counted in shares of hope.
    """
    tally, cards = desk.tally[path], desk.cards[path]
    if tally[HELD] >= width(desk, path) or tally[ASKED] >= request_limit(rule.k):
        return -1
    share = share_alive(desk, path)
    hope = 0.0
    for where in range(tally[COUNT]):
        if not live(cards[where]):
            continue
        state = cards[where] & STATE
        if state == UNASKED:
            return where
        if state != SLOW:
            hope += 1.0 if state == ANSWERED else share
        if hope >= rule.beta:
            return -1
    return -1


@inner
def finished(desk: Desk, path: int, rule: Rule) -> bool:
    """Whether the beta closest live contacts have answered, or nobody is left."""
    tally, cards = desk.tally[path], desk.cards[path]
    exhausted = tally[ASKED] >= request_limit(rule.k)
    answers = 0
    for where in range(tally[COUNT]):
        if not live(cards[where]):
            continue
        state = cards[where] & STATE
        if state == ANSWERED:
            answers += 1
            if answers == rule.beta:
                return True
        elif state != UNASKED or not exhausted:
            return False
    return True


@inner
def asked(desk: Desk, path: int, where: int, world: World, rule: Rule) -> None:
    """Note that the contact at ``where`` is asked: it belongs to this path now."""
    set_state(desk.cards[path], where, WAITING)
    desk.tally[path, HELD] += 1
    desk.tally[path, ASKED] += 1
    for other in range(rule.paths):
        if other != path:
            there = find(desk.away[other], desk.tally[other, COUNT], desk.away[path, where])
            if there >= 0 and state_at(desk, other, there) == UNASKED:
                set_state(desk.cards[other], there, DROPPED)
                order(desk, other, world, rule)


@inner
def fell_silent(desk: Desk, path: int, where: int, world: World, rule: Rule, state: int) -> None:
    """Its short or its long timeout passed: it is SLOW, or FAILED."""
    before = state_at(desk, path, where)
    if before >= ANSWERED or (state == SLOW and before != WAITING):
        return
    leave(desk, path, before)
    set_state(desk.cards[path], where, state)
    if state == SLOW:
        desk.tally[path, SLOWED] += 1
    else:
        desk.tally[path, SILENT] += 1
        order(desk, path, world, rule)


@inner
def came_back(desk: Desk, path: int, where: int) -> bool:
    """Its answer is here; whether that matters."""
    before = state_at(desk, path, where)
    if before in (UNASKED, ANSWERED, DROPPED):
        return False
    leave(desk, path, before)
    set_state(desk.cards[path], where, ANSWERED)
    desk.tally[path, ANSWERS] += 1
    return True


@inner
def leave(desk: Desk, path: int, state: int) -> None:
    """Keep the counts when a contact leaves ``state``."""
    if state == WAITING:
        desk.tally[path, HELD] -= 1
    elif state == SLOW:
        desk.tally[path, SLOWED] -= 1
    elif state == FAILED:
        desk.tally[path, SILENT] -= 1


@inner
def learn(desk: Desk, path: int, heard: int, hops: int, own: int, world: World, rule: Rule) -> None:
    """Rank those who were heard of and are new."""
    for index in range(heard):
        node, distance = desk.who[index], desk.distances[index]
        if again(desk.heard[path], node):
            continue
        if node != own and not taken(desk, path, distance, rule):
            add(desk, path, distance, card(node, hops))
    order(desk, path, world, rule)


@inner
def add(desk: Desk, path: int, distance: np.uint64, entry: int) -> int:
    """Put a card into the slate of ``path``; its place, -1 if it was known."""
    where = insert(desk.away[path], desk.cards[path], desk.tally[path, COUNT], distance, entry)
    if where >= 0:
        desk.tally[path, COUNT] = min(desk.tally[path, COUNT] + 1, desk.away.shape[1])
    return where


@inner
def taken(desk: Desk, path: int, distance: np.uint64, rule: Rule) -> bool:
    """Whether another path has asked who is ``distance`` away."""
    for other in range(rule.paths):
        if other != path:
            there = find(desk.away[other], desk.tally[other, COUNT], distance)
            if there >= 0 and state_at(desk, other, there) not in (UNASKED, DROPPED):
                return True
    return False


@inner
def order(desk: Desk, path: int, world: World, rule: Rule) -> None:
    """Decide afresh who is barred, where subnets are limited."""
    if rule.per_subnet:
        settle(desk.cards[path], desk.tally[path, COUNT], world.subnets, rule.per_subnet)


@inner
def result(desk: Desk, world: World, rule: Rule) -> int:
    """Write the closest of all paths to the last slate; how many they are, at most k.

    Who stops early (beta below k) takes those that were named on trust, if they did not fail.
    """
    merged = rule.paths
    desk.tally[merged, COUNT] = 0
    for path in range(rule.paths):
        for where in range(desk.tally[path, COUNT]):
            entry = desk.cards[path, where]
            if live(entry) and (rule.beta < rule.k or entry & STATE == ANSWERED):
                hops = _hops(desk, path, where, rule)
                add(desk, merged, desk.away[path, where], card(rank(entry), hops))
    order(desk, merged, world, rule)
    kept = 0
    for where in range(desk.tally[merged, COUNT]):
        if live(desk.cards[merged, where]) and kept < rule.k:
            desk.away[merged, kept] = desk.away[merged, where]
            desk.cards[merged, kept] = desk.cards[merged, where]
            kept += 1
    desk.tally[merged, COUNT] = kept
    return kept


@inner
def _hops(desk: Desk, path: int, where: int, rule: Rule) -> int:
    """How far it was found on the path that asked it; if none did, the farthest of all."""
    hops = depth(desk.cards[path, where])
    if state_at(desk, path, where) == UNASKED:
        for other in range(rule.paths):
            there = find(desk.away[other], desk.tally[other, COUNT], desk.away[path, where])
            if there >= 0:
                hops = max(hops, depth(desk.cards[other, there]))
    return hops
