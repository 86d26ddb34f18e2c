"""Who is there, and what they want: sessions, joining, traffic, promises, samples.

**Sessions.** By a law, whoever leaves is replaced at once by a node with a fresh id, so that the
number of nodes is constant; or, with a law of absences, it comes back with its id and its table,
and walks to its own id, as a node does that starts with a saved table. By a trace, a place is a
node of the trace: it keeps its id, and what it knew between two sessions.

**Joining** (paper, section 2.3): ask one random live node about our own id; when it answers, walk
to our own id; then refresh the buckets farther than our nearest neighbour. If the gate does not
answer, try another. This is ``Bootstrap`` of :mod:`dht.core.commands`.

**Promises.** Who publishes a record does so again every period, jittered as all periods are, as
long as it is there. In dht.core this is a duty of upkeep; here it is a moment of its own, since few
nodes have promises, and a node with one has no others to put off for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulations.laws import law_quantile
from simulations.message import events
from simulations.message.buckets import forget_all, is_bad
from simulations.message.calls import ENTER_OP, FIND, send
from simulations.message.chance import below, exponential, of_life, word
from simulations.message.heap import later, soon
from simulations.message.operations import GET, JOIN, LOOKUP, PUT, begin
from simulations.message.parts import number, part
from simulations.message.state import (
    ALL,
    ANSWERS,
    EVENTS,
    GATES,
    JOINS,
    LEAVES,
    LIVE,
    LOOKUPS,
    NAMES,
    NO_RECORD,
    REPLACED,
    REQUESTS,
    RETURNING,
    SAMPLES,
    STANDING,
    TRAFFIC,
    VISITORS,
)
from simulations.message.truth import fall, stand
from simulations.message.upkeep import draw_delay, jittered, wake

if TYPE_CHECKING:
    from simulations.message.state import World

# What the dice of a life are thrown for.
ID = number(0)
LINK = number(1)
SESSION = number(2)
ABSENCE = number(3)

TRIES = 1000
"""Draws until a live place is given up on: of one in a hundred, all fail once in 20,000 times."""
RETRY = 10.0
"""Seconds until a node that found nobody to join through tries again."""
LOOKED_AT = 2000
"""Tables that a sample looks at, evenly spread over all places."""


@part
def as_unit(drawn: int) -> float:
    """A number of [0, 1) from 64 bits."""
    return np.float64(drawn >> np.uint64(11)) / 9007199254740992.0


@part
def born(w: World, n: int) -> None:
    """A new life at place ``n``: nobody is known, nothing is held, nothing learnt."""
    node = w.nodes[n]
    node.mean, node.spread, node.slowest, node.peak, node.count = -1.0, 0.0, np.inf, 0.0, 0
    node.delay = draw_delay(w)
    node.holding = 0
    node.wakes_at = np.inf
    forget_all(w, n)


@part
def arise(w: World, n: int, now: float, ends: float) -> None:
    """A session begins at place ``n`` and lasts until ``ends``."""
    node = w.nodes[n]
    node.begun, node.ends, node.alive = now, ends, 1
    node.pings = node.background = node.far = 0
    node.neighbourhood = node.table_again = node.checked = np.inf
    node.table_rest = node.stores_rest = -np.inf
    w.tally[LIVE] += 1
    w.tally[JOINS] += 1
    for i in range(node.holding):
        w.records[w.held[n, i].record].copies += 1
    if node.nat == 0:
        stand(w, n)
    if ends < np.inf:
        later(w, ends, events.LEAVE, n)


@part
def baptise(w: World, n: int) -> None:
    """Give place ``n`` a fresh id and kind of connection."""
    node = w.nodes[n]
    habits = w.habits
    node.lives += 1
    node.id = of_life(w, n, ID)
    fate = as_unit(of_life(w, n, LINK))
    node.nat = 0
    if fate < habits.restricted:
        node.nat = 1
    elif fate < habits.restricted + habits.symmetric:
        node.nat = 2
    born(w, n)


@part
def session(w: World, n: int) -> float:
    """How long the session that begins at place ``n`` lasts."""
    habits = w.habits
    u = as_unit(of_life(w, n, SESSION))
    return law_quantile(habits.law, habits.law_a, habits.law_b, u)


@part
def leave(w: World, n: int, now: float) -> None:
    """The session at place ``n`` ends. Nobody is told."""
    node = w.nodes[n]
    habits = w.habits
    node.alive = 0
    node.wakes_at = np.inf
    w.tally[LIVE] -= 1
    w.tally[LEAVES] += 1
    if node.nat == 0:
        fall(w, n)
    for i in range(node.holding):
        w.records[w.held[n, i].record].copies -= 1
    if habits.churn == REPLACED:
        baptise(w, n)
        arise(w, n, now, now + session(w, n))
        enter(w, n, now)
    elif habits.churn == RETURNING:
        node.lives += 1
        u = as_unit(of_life(w, n, ABSENCE))
        away = law_quantile(habits.absence, habits.absence_a, habits.absence_b, u)
        later(w, now + away, events.RETURN, n)


@part
def come_back(w: World, n: int, now: float, ends: float) -> None:
    """Node ``n`` is there again, with its id and what it knew."""
    arise(w, n, now, ends)
    if w.nodes[n].known == 0:
        enter(w, n, now)
    else:
        begin(w, n, JOIN, w.nodes[n].id, NO_RECORD, now)
        wake(w, n, now)


@part
def visit(w: World, now: float) -> None:
    """The next session of the trace begins; the one after it is entered."""
    i = w.tally[VISITORS]
    w.tally[VISITORS] += 1
    come_back(w, w.visitors[i], now, w.sessions[i, 1])
    if i + 1 < w.sessions.shape[0]:
        later(w, w.sessions[i + 1, 0], events.BEGIN, ALL)


@part
def enter(w: World, n: int, now: float) -> None:
    """Node ``n`` joins through a random live node."""
    node = w.nodes[n]
    others = w.tally[STANDING] - (1 if node.nat == 0 else 0)
    if not node.alive:
        return
    if others == 0:
        later(w, now + RETRY, events.GATE, n)
        return
    gate = w.standing[below(w, GATES, w.tally[STANDING])]
    while gate.slot == n:
        gate = w.standing[below(w, GATES, w.tally[STANDING])]
    send(w, n, gate.slot, gate.id, FIND, node.id, ENTER_OP, now, -np.inf)


@part
def somebody(w: World) -> int:
    """A random live place, or -1."""
    for _ in range(TRIES):
        n = below(w, TRAFFIC, w.nodes.shape[0])
        if w.nodes[n].alive:
            return n
    return -1


@part
def traffic(w: World, now: float) -> None:
    """Some node looks for a random id."""
    if w.habits.span > 0.0:
        w.tally[LOOKUPS] += 1
        at = w.habits.span * w.tally[LOOKUPS] / w.habits.lookups
        later(w, at, events.TRAFFIC, ALL)
    else:
        wait = exponential(w, TRAFFIC, w.habits.lookups * max(w.tally[LIVE], 1))
        soon_or_later(w, wait, events.TRAFFIC, now)
    n = somebody(w)
    if n >= 0:
        begin(w, n, LOOKUP, word(w, TRAFFIC), NO_RECORD, now)


@part
def read(w: World, now: float) -> None:
    """Some node reads one of the records."""
    wait = exponential(w, TRAFFIC, w.habits.gets * max(w.tally[LIVE], 1))
    soon_or_later(w, wait, events.READ, now)
    n = somebody(w)
    if n >= 0 and w.records.shape[0] > 0:
        record = below(w, TRAFFIC, w.records.shape[0])
        begin(w, n, GET, w.records[record].key, record, now)


@part
def soon_or_later(w: World, wait: float, kind: int, now: float) -> None:
    """Enter a moment that is ``wait`` seconds ahead; none if it never comes."""
    if wait < 1.0:
        soon(w, now + wait, kind, ALL)
    elif wait < np.inf:
        later(w, now + wait, kind, ALL)


@part
def publish(w: World, r: int, now: float) -> None:
    """Record ``r`` is published, or again, if its publisher, or anybody who may, is still there."""
    record = w.records[r]
    n = somebody(w) if record.anybody else record.publisher
    if n < 0 or not w.nodes[n].alive:
        return
    if w.nodes[n].id != record.publisher_id and not record.anybody:
        return
    if record.period > 0.0:
        later(w, now + jittered(w, record.period), events.PUBLISH, r)
    begin(w, n, PUT, record.key, r, now)


@part
def sample(w: World, now: float) -> None:
    """Look at the network: who is up, what tables hold, what was sent so far."""
    later(w, now + w.habits.sample_every, events.SAMPLE, ALL)
    at = w.tally[SAMPLES]
    w.tally[SAMPLES] += 1
    out = w.samples[at]
    out.time = now
    out.live = w.tally[LIVE]
    out.requests = w.tally[REQUESTS]
    out.answers = w.tally[ANSWERS]
    out.names = w.tally[NAMES]
    out.events = w.tally[EVENTS]
    out.contacts = out.stale = out.bad = 0
    step = max(1, w.nodes.shape[0] // LOOKED_AT)
    for n in range(0, w.nodes.shape[0], step):
        if w.nodes[n].alive:
            look(w, n, at)
    for r in range(w.records.shape[0]):
        w.copies[at, r] = w.records[r].copies


@part
def look(w: World, n: int, at: int) -> None:
    """Count the contacts of node ``n``: all, those that are gone, those held to be bad."""
    out = w.samples[at]
    for b in range(w.nodes[n].depth):
        for i in range(w.buckets[n, b].members):
            contact = w.contacts[n, b, i]
            there = w.nodes[contact.slot]
            out.contacts += 1
            if not there.alive or there.id != contact.id:
                out.stale += 1
            if is_bad(w, contact):
                out.bad += 1
