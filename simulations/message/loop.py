"""What happens, moment after moment.

:func:`advance` is the whole simulation: it takes the first moment, lets happen what belongs to it,
and goes on until time is up or a pool runs low. Everything else in this package is a rule it calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from simulations.compiled import compiled
from simulations.message import calls, events, operations, walk
from simulations.message.buckets import answered, failed, heard
from simulations.message.closest import closest
from simulations.message.heap import drop_first, near_first
from simulations.message.opened import opened
from simulations.message.operations import JOIN, REFRESH, begin
from simulations.message.parts import part, whole
from simulations.message.sessions import (
    come_back,
    enter,
    leave,
    publish,
    read,
    sample,
    session,
    traffic,
    visit,
)
from simulations.message.state import (
    ABANDONED,
    ANSWERS,
    EVENTS,
    FAILURES,
    FAR,
    FREE_CALLS,
    FREE_OPS,
    NAMES,
    NEAR,
    NO_RECORD,
    ROWS,
    SAMPLES,
    TODO,
)
from simulations.message.stores import hold, holds
from simulations.message.strangers import meet
from simulations.message.timing import observe
from simulations.message.upkeep import begin_background, do_due, refresh_target, wake

if TYPE_CHECKING:
    from simulations.message.state import World

DONE: Final = 0
"""Time is up, or nothing is left to happen."""
LOW: Final = 1
"""A pool runs low: make them larger and go on."""

SPARE_OPS: Final = 16
"""Operations that one moment begins at most: 5 by a look at a table and 4 by one at records, or 6
after joining."""
SPARE_CALLS: Final = 512
"""Calls that one moment makes at most: those operations ask alpha contacts each, 16 checks, and a
publication writes to k at once. Heaps get two moments of each call."""


@part
def low(w: World) -> bool:
    """Whether a pool or a list may overflow within the next moment."""
    count = w.tally
    return bool(
        count[FREE_CALLS] < SPARE_CALLS
        or count[FREE_OPS] < SPARE_OPS
        or count[NEAR] + 3 * SPARE_CALLS > w.near.shape[0]
        or count[FAR] + SPARE_CALLS > w.far.shape[0]
        or count[ROWS] + SPARE_OPS > w.rows.shape[0]
        or count[SAMPLES] + 1 > w.samples.shape[0]
    )


@compiled
def advance(world: World, until: float, most: int) -> int:
    """Let happen what happens until ``until``, at most ``most`` moments; DONE or LOW."""
    w = opened(world)
    for _ in range(most):
        if w.tally[NEAR] + w.tally[FAR] == 0:
            return DONE
        if low(w):
            return LOW
        if near_first(w):
            heap, which = w.near, NEAR
        else:
            heap, which = w.far, FAR
        first = heap[0]
        now, kind, index = first.time, whole(first.kind), whole(first.index)
        if now > until:
            return DONE
        drop_first(heap, w.tally[which])
        w.tally[which] -= 1
        w.tally[EVENTS] += 1
        w.clock[0] = now
        if kind <= events.DEAD:
            of_call(w, kind, index, now)
        else:
            of_node(w, kind, index, now)
        for i in range(w.tally[TODO]):
            operations.drive(w, w.todo[i], now)
        w.tally[TODO] = 0
    return LOW


@part
def of_call(w: World, kind: int, c: int, now: float) -> None:
    """Something happens to a call."""
    if kind == events.REQUEST:
        arrive(w, c, now)
    else:
        call = w.calls[c]
        owner = w.nodes[call.owner]
        if not owner.alive or owner.id != call.owner_id:
            abandon(w, c)
        elif kind == events.ANSWER:
            take_answer(w, c, now)
        elif kind == events.SLOW:
            ring_short(w, c, now)
        else:
            ring_long(w, c, now)
    calls.release(w, c)


@part
def abandon(w: World, c: int) -> None:
    """Who made the call has left; its operations went with it."""
    call = w.calls[c]
    w.tally[ABANDONED] += call.passed != calls.PASSED_DEAD
    call.passed = calls.PASSED_DEAD
    call.answer_at = np.inf
    if runs(w, c):
        operations.discard(w, call.op)


@part
def runs(w: World, c: int) -> bool:
    """Whether the operation that made the call still runs."""
    call = w.calls[c]
    return bool(call.op >= 0 and w.ops[call.op].serial == call.serial)


@part
def arrive(w: World, c: int, now: float) -> None:
    """A request arrives: it is answered, and whoever sent it may be worth a place."""
    call = w.calls[c]
    n = call.to
    call.names = closest(w, n, call.target, w.rules.k, w.closer[c])
    if call.request == calls.GET:
        call.holds = holds(w, n, call.record)
    elif call.request == calls.PUT:
        call.holds = hold(w, n, call.record, now)
        wake(w, n, now)
    if call.request in (calls.PING, calls.PUT):
        call.names = 0
    if call.answer_at < np.inf:
        calls.enter(w, c, call.answer_at, events.ANSWER)
    if not heard(w, n, call.owner_id, now):
        meet(w, n, call.owner_id, call.owner, now)


@part
def take_answer(w: World, c: int, now: float) -> None:
    """An answer arrives, in time or late."""
    call = w.calls[c]
    n = call.owner
    node = w.nodes[n]
    w.tally[ANSWERS] += 1
    w.tally[NAMES] += call.names
    observe(node, w.rules, now - call.sent)
    if answered(w, n, call.id, call.to, now - call.sent, now):
        wake(w, n, now)
    if call.op == calls.PING_OP:
        node.pings -= call.passed != calls.PASSED_DEAD
    elif call.op == calls.ENTER_OP:
        if call.passed != calls.PASSED_DEAD:
            begin(w, n, JOIN, node.id, NO_RECORD, now)
            w.ops[w.todo[w.tally[TODO] - 1]].started = call.sent  # when it knocked
    elif runs(w, c):
        operations.take_answer(w, call.op, c)
        operations.go_on(w, call.op)


@part
def ring_short(w: World, c: int, now: float) -> None:
    """No answer yet: its slot is free."""
    call = w.calls[c]
    call.passed = calls.PASSED_SLOW
    calls.patience_ends(w, c, call.dead_at, events.DEAD)
    if runs(w, c):
        walk.take_slow(w, call.op, call.id)
        operations.go_on(w, call.op)


@part
def ring_long(w: World, c: int, now: float) -> None:
    """No answer, and nobody waits for one."""
    call = w.calls[c]
    n = call.owner
    call.passed = calls.PASSED_DEAD
    w.tally[FAILURES] += 1
    if failed(w, n, call.id, now):
        wake(w, n, now)
    if call.op == calls.PING_OP:
        w.nodes[n].pings -= 1
    elif call.op == calls.ENTER_OP:
        enter(w, n, now)
    elif runs(w, c):
        operations.take_failure(w, call.op, c)
        operations.go_on(w, call.op)


@part
def of_node(w: World, kind: int, n: int, now: float) -> None:
    """Something happens to a node."""
    if kind == events.WAKE:
        if w.nodes[n].wakes_at == now:
            w.nodes[n].wakes_at = np.inf
            do_due(w, n, now)
    elif kind == events.DUTY:
        if w.nodes[n].alive:
            wake(w, n, now)
    elif kind == events.FAR_WALKS:
        far_walks(w, n, now)
    elif kind == events.LEAVE:
        leave(w, n, now)
    elif kind == events.RETURN:
        come_back(w, n, now, now + session(w, n))
    elif kind == events.GATE:
        enter(w, n, now)
    else:
        of_network(w, kind, n, now)


@part
def of_network(w: World, kind: int, index: int, now: float) -> None:
    """Something happens that is no single node's."""
    if kind == events.TRAFFIC:
        traffic(w, now)
    elif kind == events.READ:
        read(w, now)
    elif kind == events.BEGIN:
        visit(w, now)
    elif kind == events.PUBLISH:
        publish(w, index, now)
    else:
        sample(w, now)


@part
def far_walks(w: World, n: int, now: float) -> None:
    """A node has joined: it refreshes the buckets farther than its nearest neighbour."""
    node = w.nodes[n]
    for b in range(node.far):
        target = refresh_target(w, n, min(b, node.depth - 1))
        begin_background(w, n, REFRESH, target, NO_RECORD, now)
    node.far = 0
