"""Requests under way, and what their silence means: :mod:`dht.core.calls`, and the link.

**The future is known.** A shell sets a timer with every request and takes it back when the answer
comes. A simulator that draws sessions and delays in advance knows at the moment of sending
whether and when there will be an answer; so a timer is entered only if it will ring. What happens
is the same, with a third of the events.

A call has one event in the heap at a time, two while its request is still on the way::

    REQUEST ──► ANSWER            it is answered in time
    SLOW ──► DEAD                 it is not (beside REQUEST, if that arrives)
    SLOW ──► ANSWER and so on     it is late

Who was asked is reached if its place leads the same life and will until the request arrives. A
node that leaves between two of its own messages takes its calls along: they are abandoned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from simulations.latency import latency_delay, reaches
from simulations.message.buckets import bucket_of, find
from simulations.message.chance import unit
from simulations.message.events import REQUEST, SLOW
from simulations.message.heap import soon
from simulations.message.parts import number, part
from simulations.message.state import FREE_CALLS, LINKS, REQUESTS
from simulations.message.timing import patience

if TYPE_CHECKING:
    from simulations.message.state import Row, World

# Requests.
PING: Final = number(0)
FIND: Final = number(1)
GET: Final = number(2)
PUT: Final = number(3)


PATIENT: Final = number(0)
PASSED_SLOW: Final = number(1)
PASSED_DEAD: Final = number(2)

HOLE: Final = 120.0
"""Seconds a NAT remembers whom something was sent to (RFC 4787 asks for two minutes)."""

GRAIN: Final = 2.0**-20
"""Seconds a timer rings late: an answer that arrives at the very moment at which patience ends has
arrived, as in :mod:`simulations.protocol.world`. A microsecond, above what floats round off."""

# Calls without an operation.
PING_OP: Final = number(-1)
ENTER_OP: Final = number(-2)
"""The first request of a node that joins."""


@part
def delay(w: World, a: int, b: int) -> float:
    """Seconds that a message from ``a`` to ``b`` travels; infinity if it is lost."""
    habits = w.habits
    if habits.loss > 0.0 and unit(w, LINKS) < habits.loss:
        return np.inf
    return latency_delay(
        habits.latency, habits.latency_a, habits.latency_b, w.spots, a, b, unit(w, LINKS)
    )


@part
def reached(w: World, n: int, to: int, key: int, last: float, now: float, at: float) -> bool:
    """Whether a request of ``n`` to ``key`` at place ``to``, that arrives ``at``, is answered.

    ``last``: when ``n`` last heard from it. Behind a NAT only those are heard that one has sent
    something to lately.
    """
    node = w.nodes[to]
    if not node.alive or node.id != key or at >= node.ends:
        return False
    return reaches(w.nodes[n].nat, node.nat, now - last < HOLE)


@part
def send(
    w: World,
    n: int,
    to: int,
    key: int,
    request: int,
    target: int,
    op: int,
    now: float,
    last: float,
) -> None:
    """Node ``n`` asks ``key`` at place ``to`` about ``target``, for operation ``op``.

    ``last``: when it was last heard from, if not by the table.
    """
    w.tally[FREE_CALLS] -= 1
    c = w.free_calls[w.tally[FREE_CALLS]]
    call, node = w.calls[c], w.nodes[n]
    b = bucket_of(w, n, key)
    i = find(w, n, b, key)
    rtt = -1.0
    if i >= 0:
        rtt = np.float64(w.contacts[n, b, i].rtt)
        last = max(last, w.contacts[n, b, i].heard)
    short, long = patience(node, w.rules, rtt)
    call.id = key
    call.owner_id = node.id
    call.target = target
    call.sent = now
    call.dead_at = now + long + GRAIN
    call.owner = n
    call.to = to
    call.op = op
    call.serial = w.ops[op].serial if op >= 0 else 0
    call.record = w.ops[op].record if op >= 0 else -1
    call.request = request
    call.passed = PATIENT
    call.events = call.names = call.holds = 0
    w.tally[REQUESTS] += 1
    call.answer_at = np.inf
    arrival = now + delay(w, n, to)
    if reached(w, n, to, key, last, now, arrival):
        answer = arrival + delay(w, to, n)
        if answer - now < w.rules.forget_after:
            call.answer_at = answer
        enter(w, c, arrival, REQUEST)
    patience_ends(w, c, now + short + GRAIN, SLOW)


@part
def enter(w: World, c: int, time: float, event: int) -> None:
    """Enter an event of call ``c``."""
    w.calls[c].events += 1
    soon(w, time, event, c)


@part
def patience_ends(w: World, c: int, time: float, event: int) -> None:
    """Have a timer ring, unless the answer comes before."""
    if w.calls[c].answer_at > time:
        enter(w, c, time, event)


@part
def release(w: World, c: int) -> None:
    """One event of call ``c`` has happened; after the last its row is free."""
    call: Row = w.calls[c]
    call.events -= 1
    if call.events == 0:
        w.free_calls[w.tally[FREE_CALLS]] = c
        w.tally[FREE_CALLS] += 1
