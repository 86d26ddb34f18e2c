"""Whole lookups among the dead: the faithful kernel.

Here is all of the shipped rule: :mod:`dht.core.lookup` with its share of hope,
:mod:`dht.core.edge`, :mod:`dht.core.disjoint`, the limits per subnet of :mod:`dht.core.shortlist`,
and the timeouts of :mod:`dht.core.timing`. A function here does what the method of the same name
does there; why, is told there. What is left out is what cannot happen in a world without liars: a
key named at two endpoints, two keys at one address, an answer longer than an honest table has it.

**Order.** Events come in the order of their moments. At one moment answers come before timeouts
(who answers in the very moment in which patience ends has answered), and each of the two in the
order of the requests. That is a choice; a real clock has no ties. A test drives real engines by
the same choice and finds every request, contact and depth the same.

**Cost.** Answers come in the order of the requests, so one pointer finds the next. Of timeouts
there are never more than requests under way, a handful; the next one is sought among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulations.compiled import inner
from simulations.lookup.answers import ANYWHERE, answer, sort
from simulations.lookup.calls import next_event, observe, pass_timeout, send, start_clock
from simulations.lookup.desk import (
    COUNT,
    HELD,
    LAST_POINT,
    LEFT,
    NODE,
    NONE,
    OWING,
    PATH,
    POSED,
    PRESSING,
    QUESTION,
    TARGET,
    Desk,
    World,
)
from simulations.lookup.edge import over, pose, question
from simulations.lookup.path import (
    add,
    asked,
    begin,
    came_back,
    fell_silent,
    finished,
    learn,
    order,
    wanted,
    width,
)
from simulations.lookup.slate import FAILED, SLOW, card, depth, find, rank

if TYPE_CHECKING:
    import numpy as np

    from simulations.lookup.rule import Patience, Rule

QUESTIONS = 2
"""As in :mod:`dht.core.edge`; a test compares them."""


@inner
def walk(
    world: World, rule: Rule, patience: Patience, source: int, target: np.uint64, desk: Desk
) -> None:
    """Walk from ``source`` to ``target``; all that came of it stands on ``desk``."""
    start_clock(desk, patience)
    _start(world, rule, source, target, desk)
    while True:
        _ask(world, rule, patience, desk)
        if _finished(rule, desk):
            return
        call, answered = next_event(desk, world, patience)
        if call == NONE:
            return
        if answered:
            observe(desk, patience)
            _take_answer(world, rule, source, call, desk)
        elif desk.calls[call, QUESTION]:
            _miss_question(call, desk)
        else:
            state = FAILED if pass_timeout(desk, call) else SLOW
            where = _place(world, call, desk)
            if where >= 0:
                fell_silent(desk, desk.calls[call, PATH], where, world, rule, state)


@inner
def _start(world: World, rule: Rule, source: int, target: np.uint64, desk: Desk) -> None:
    """Deal the 2k closest contacts of the own table, for each path, out to the paths."""
    desk.points[TARGET] = target
    asks_edge = rule.edge and rule.paths == 1 and rule.beta >= rule.k
    desk.edge[LEFT], desk.edge[OWING] = QUESTIONS if asks_edge else 0, NONE
    desk.edge[PRESSING], desk.edge[POSED] = 0, 0
    most = 2 * rule.k * rule.paths
    heard = answer(world.tables, source, target, most, ANYWHERE, desk.who, desk.distances)
    sort(desk.who, desk.distances, 0, heard, heard)
    for path in range(rule.paths):
        begin(desk, path, rule)
        for index in range(path, heard, rule.paths):
            add(desk, path, desk.distances[index], card(desk.who[index], 1))
        order(desk, path, world, rule)


@inner
def _ask(world: World, rule: Rule, patience: Patience, desk: Desk) -> None:
    """Ask on all paths, and, where nobody is left to ask, about the edge."""
    sent = 0
    for path in range(rule.paths):
        where = wanted(desk, path, rule)
        while where >= 0:
            asked(desk, path, where, world, rule)
            send(desk, patience, rank(desk.cards[path, where]), path, 0)
            sent += 1
            where = wanted(desk, path, rule)
    if sent == 0 and desk.tally[0, HELD] < width(desk, 0):
        where = question(desk, rule)
        if where >= 0:
            pose(desk, send(desk, patience, rank(desk.cards[0, where]), 0, 1))


@inner
def _finished(rule: Rule, desk: Desk) -> bool:
    """Every path is, and so are the questions."""
    if rule.paths == 1:
        return over(desk, rule)
    for path in range(rule.paths):  # noqa: SIM110 - kernels have no generators
        if not finished(desk, path, rule):
            return False
    return True


@inner
def _place(world: World, call: int, desk: Desk) -> int:
    """Where the contact stands that ``call`` asked; -1 if it had to give way."""
    path, node = desk.calls[call, PATH], desk.calls[call, NODE]
    distance = world.tables.ids[node] ^ desk.points[TARGET]
    return find(desk.away[path], desk.tally[path, COUNT], distance)


@inner
def _take_answer(world: World, rule: Rule, source: int, call: int, desk: Desk) -> None:
    """Learn what the answer names; of a question only if we still wait for it."""
    path, where = desk.calls[call, PATH], _place(world, call, desk)
    if where < 0:
        return
    about = desk.points[TARGET]
    if desk.calls[call, QUESTION]:
        if desk.edge[OWING] != call:
            return
        desk.edge[OWING] = NONE
        about = desk.points[LAST_POINT]
    elif not came_back(desk, path, where):
        return
    node, hops = desk.calls[call, NODE], depth(desk.cards[path, where]) + 1
    heard = answer(world.tables, node, about, rule.k, ANYWHERE, desk.who, desk.distances)
    for index in range(heard):  # ranked by the distance to where we go, whatever was asked
        desk.distances[index] = world.tables.ids[desk.who[index]] ^ desk.points[TARGET]
    learn(desk, path, heard, hops, source, world, rule)


@inner
def _miss_question(call: int, desk: Desk) -> None:
    """A question is not worth a long timeout: after the short one nobody waits for it."""
    dead = pass_timeout(desk, call)
    if desk.edge[OWING] == call:
        desk.edge[PRESSING] = 0
        if dead:
            desk.edge[OWING] = NONE
