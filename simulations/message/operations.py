"""Operations: a walk, what it asks on the way, and the writes that may follow.

:mod:`dht.core.operations`, :mod:`dht.core.writing` and the driving of :mod:`dht.core.conductor`.

=========  ==========  ===========================  ==================  =========================
kind       asks        makes of answers             then writes         begun by
=========  ==========  ===========================  ==================  =========================
LOOKUP     FindNode    contacts                     nothing             traffic
GET        Get         ends at the first copy       nothing             traffic
PUT        Get         contacts                     to the k closest    publishers
REFRESH    FindNode    contacts                     nothing             upkeep
JOIN       FindNode    contacts, then far buckets   nothing             a session's begin
REPLICATE  Get         contacts, who has it         to those who lack   upkeep of a holder
=========  ==========  ===========================  ==================  =========================

Left out: tickets (every contact gives one, and none runs out within a walk), records that are
refused or superseded. A GET of provider records goes on to the end of its walk, as Locating does.

An operation that begins, or hears something, is not driven there and then but put on a list, which
the loop goes through before the next moment (:mod:`simulations.message.parts` says why). One that
ends begins nothing: what follows from it is entered as a moment of now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from simulations.message import calls, events, shortlist, walk
from simulations.message.buckets import bucket_of, prefix
from simulations.message.closest import closest
from simulations.message.heap import soon
from simulations.message.parts import number, part, whole
from simulations.message.shortlist import learn
from simulations.message.state import FREE_OPS, OPS, ROWS, TODO
from simulations.message.stores import holds
from simulations.message.truth import judge

if TYPE_CHECKING:
    from simulations.message.state import Row, World

# The first five are the numbers of simulations.rows.Kind.
LOOKUP: Final = number(0)
GET: Final = number(1)
PUT: Final = number(2)
REFRESH: Final = number(3)
JOIN: Final = number(4)
REPLICATE: Final = number(5)

# What a candidate is to a write.
UNWRITTEN: Final = number(0)
WRITING: Final = number(1)
WRITTEN: Final = number(2)
SPARED: Final = number(3)

FIRST: Final = number(0)
LONG_AGO: Final = -1e18
MAX_JOIN_WALKS: Final = number(6)
"""dht.core.planning's, which cannot be imported by a kernel's module for its weight."""


@part
def begin(w: World, n: int, kind: int, target: int, record: int, now: float) -> None:
    """Node ``n`` begins an operation about ``target``."""
    w.tally[FREE_OPS] -= 1
    w.tally[OPS] += 1
    op = w.free_ops[w.tally[FREE_OPS]]
    row = w.ops[op]
    row.target = row.point = target
    row.owner_id = w.nodes[n].id
    row.started = now
    row.serial = w.tally[OPS]
    row.owner = n
    row.kind = kind
    row.record = record
    row.known = row.waiting = row.slow = row.asked = row.answered = row.failed = 0
    row.requests = row.silent = row.writing = row.holders = row.stopped = 0
    row.questions = 2
    row.owes = walk.SETTLED
    # Any walk refreshes the bucket it begins in.
    w.buckets[n, bucket_of(w, n, target)].touched = now
    count = closest(w, n, target, 2 * w.rules.k, w.scratch)
    learn(w, op, w.scratch, count, walk.FIRST_HOP)
    if kind == GET and holds(w, n, record):
        row.holders = 1
        row.stopped = w.records[record].provided == 0
    go_on(w, op)


@part
def go_on(w: World, op: int) -> None:
    """Have an operation driven once this moment is over."""
    w.todo[w.tally[TODO]] = op
    w.tally[TODO] += 1


@part
def drive(w: World, op: int, now: float) -> None:
    """Let an operation go on: ask whom it wants to ask, end it when it is over."""
    row = w.ops[op]
    if not row.stopped:
        asked = ask_on(w, op, now)
        if not asked and writes(row.kind) and walk.over(w, op):
            write_on(w, op, now)
    if finished(w, op):
        end(w, op, now)


@part
def writes(kind: int) -> bool:
    """Whether writes follow the walk."""
    return kind in (PUT, REPLICATE)


@part
def ask_on(w: World, op: int, now: float) -> bool:
    """Ask whom the walk wants to ask, or about the edge; whether there was anybody."""
    row = w.ops[op]
    n = row.owner
    request = calls.GET if row.record >= 0 else calls.FIND
    before = row.requests
    while walk.may_ask(w, op):
        i = walk.next_to_ask(w, op)
        if i < 0:
            break
        walk.ask(w, op, i)
        candidate = w.ranked[op][i]
        key = candidate.away ^ row.target
        row.requests += 1
        slot = whole(candidate.slot)
        calls.send(w, n, slot, key, request, row.target, op, now, LONG_AGO)
    # As dht.core.edge has it: the question waits for a free place in the window.
    if row.requests > before or row.waiting >= walk.width(w, row):
        return bool(row.requests > before)
    radius = walk.edge(w, op)
    if radius == 0:
        return False
    candidate = w.ranked[op][walk.whom_about_edge(w, op, radius)]
    row.questions -= 1
    row.point = row.target ^ (walk.ONE << np.uint64(radius - 1))
    row.owing = candidate.away ^ row.target
    row.owes = walk.OWED
    row.requests += 1
    slot = whole(candidate.slot)
    calls.send(w, n, slot, row.owing, calls.FIND, row.point, op, now, LONG_AGO)
    return True


@part
def next_unwritten(w: World, op: int, start: int) -> int:
    """The first of the k closest, from row ``start`` on, that needs a write; or -1."""
    ranked = w.ranked[op]
    seen = 0
    for i in range(w.ops[op].known):
        if not walk.counts(w, ranked[i].state):
            continue
        if i >= start and ranked[i].write == UNWRITTEN:
            return i
        seen += 1
        if seen == w.rules.k:
            break
    return -1


@part
def write_on(w: World, op: int, now: float) -> None:
    """Write to all that need it, at once."""
    row = w.ops[op]
    i = next_unwritten(w, op, FIRST)
    while i >= 0:
        candidate = w.ranked[op][i]
        candidate.write = WRITING
        row.writing += 1
        row.requests += 1
        key = candidate.away ^ row.target
        slot = whole(candidate.slot)
        calls.send(w, row.owner, slot, key, calls.PUT, row.target, op, now, LONG_AGO)
        i = next_unwritten(w, op, i + 1)


@part
def finished(w: World, op: int) -> bool:
    """Nothing more will be asked, written or waited for."""
    row = w.ops[op]
    if row.stopped:
        return True
    if row.writing > 0 or not walk.over(w, op):
        return False
    return not writes(row.kind) or next_unwritten(w, op, FIRST) < 0


@part
def take_answer(w: World, op: int, c: int) -> None:
    """The answer of call ``c`` came, in time or late."""
    call, row = w.calls[c], w.ops[op]
    if call.request == calls.PUT:
        take_written(w, op, c)
        return
    walk.take_answer(w, op, call.id, w.closer[c], call.names)
    if not call.holds:
        return
    if row.kind == GET:
        row.holders += 1
        row.stopped = w.records[row.record].provided == 0
    elif row.kind == REPLICATE:
        i = shortlist.find(w, op, call.id)
        if i >= 0 and w.ranked[op][i].write == UNWRITTEN:
            w.ranked[op][i].write = SPARED


@part
def take_written(w: World, op: int, c: int) -> None:
    """A write was answered: it is held, or there was no room."""
    call, row = w.calls[c], w.ops[op]
    i = shortlist.find(w, op, call.id)
    if not call.holds:
        take_failure(w, op, c)
    elif i >= 0:
        if w.ranked[op][i].write == WRITING:
            row.writing -= 1
        w.ranked[op][i].write = WRITTEN
        row.holders += 1


@part
def take_failure(w: World, op: int, c: int) -> None:
    """Nobody waits for the answer to call ``c`` any more: turn to another contact."""
    call, row = w.calls[c], w.ops[op]
    if call.request != calls.PUT:
        walk.take_failure(w, op, call.id)
        return
    i = shortlist.find(w, op, call.id)
    if i >= 0 and w.ranked[op][i].write == WRITING:
        row.writing -= 1
        w.ranked[op][i].write = UNWRITTEN
        walk.dismiss(w, op, call.id)


@part
def end(w: World, op: int, now: float) -> None:
    """An operation is over: it is reported, and what follows from it is entered."""
    row = w.ops[op]
    n = row.owner
    node = w.nodes[n]
    if row.kind in (REFRESH, REPLICATE):
        node.background -= 1
        soon(w, now, events.DUTY, n)
    else:
        report(w, op, now)
    if row.kind == JOIN:
        # "Finally, u refreshes all k-buckets further away than its closest neighbor."
        node.far = 0
        i = nearest(w, op)
        if i >= 0:
            shared = prefix(node.id, w.ranked[op][i].away ^ row.target)
            node.far = min(shared, MAX_JOIN_WALKS)
        soon(w, now, events.FAR_WALKS, n)
    discard(w, op)


@part
def discard(w: World, op: int) -> None:
    """Its row is free."""
    w.ops[op].serial = 0
    w.free_ops[w.tally[FREE_OPS]] = op
    w.tally[FREE_OPS] += 1


@part
def nearest(w: World, op: int) -> int:
    """The nearest candidate of the result, or -1."""
    for i in range(w.ops[op].known):
        if walk.counts(w, w.ranked[op][i].state):
            return i
    return -1


@part
def report(w: World, op: int, now: float) -> None:
    """Write the row of an operation that is over."""
    row: Row = w.ops[op]
    out = w.rows[w.tally[ROWS]]
    w.tally[ROWS] += 1
    first, share = judge(w, op)
    out.time = row.started
    out.latency = now - row.started
    out.source = row.owner
    out.kind = row.kind
    out.found_closest = share
    i = nearest(w, op)
    out.hops = w.ranked[op][i].hops if i >= 0 else 0
    out.requests = row.requests
    out.timeouts = row.failed
    out.success = row.holders > 0 if row.record >= 0 else first
