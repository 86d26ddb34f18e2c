"""Requests under way, their timeouts, and what happens next.

This is :mod:`dht.core.calls` and :mod:`dht.core.timing` at a constant round trip. Then the smoothed
round trip *is* the round trip, of everybody, and so is the slowest answer of late; only the
deviation changes, which begins at half of it and loses a quarter with each answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulations.compiled import inner
from simulations.lookup.desk import (
    ANSWER,
    CALLS,
    DEAD,
    DUE,
    GONE_DEAD,
    GONE_SLOW,
    NODE,
    NONE,
    NOW,
    OPEN,
    PASSED,
    PATH,
    PATIENT,
    QUESTION,
    SEEN,
    SENT,
    SPREAD,
    Desk,
    World,
)

if TYPE_CHECKING:
    from simulations.lookup.rule import Patience

DEVIATION_GAIN = 0.25
DEVIATIONS = 2
LONG_OVER_SHORT = 2
RECENT = 16
"""All four as in :mod:`dht.core.timing`; a test compares them."""


@inner
def start_clock(desk: Desk, patience: Patience) -> None:
    """Begin at moment 0 with the experience of ``patience``."""
    desk.counts[:] = 0
    desk.clock[:] = 0.0
    for _ in range(min(patience.experience, 1000)):  # the spread is 0 long before
        observe(desk, patience)


@inner
def observe(desk: Desk, patience: Patience) -> None:
    """Learn from an answer how much answers differ."""
    if desk.clock[SEEN] == 0.0:
        desk.clock[SPREAD] = min(patience.rtt, patience.long_ceiling) / 2
    else:
        desk.clock[SPREAD] += DEVIATION_GAIN * (0.0 - desk.clock[SPREAD])
    desk.clock[SEEN] += 1.0


@inner
def timeouts(desk: Desk, patience: Patience) -> tuple[float, float]:
    """The short and the long timeout of a request sent now, in seconds."""
    if desk.clock[SEEN] == 0.0:
        short = max(patience.short_initial, patience.rtt)
        long = max(patience.long_initial, LONG_OVER_SHORT * short)
    else:
        usual = min(patience.rtt, patience.long_ceiling)
        slowest = usual if desk.clock[SEEN] >= RECENT else np.inf
        short = min(usual + DEVIATIONS * desk.clock[SPREAD], slowest)
        long = LONG_OVER_SHORT * short
    short = min(max(short, patience.short_floor), patience.short_ceiling)
    long = min(max(long, patience.long_floor), patience.long_ceiling)
    return short, max(short, long)


@inner
def send(desk: Desk, patience: Patience, node: int, path: int, question: int) -> int:
    """Note a request to ``node``; its number."""
    call = int(desk.counts[CALLS])
    short, long = timeouts(desk, patience)
    desk.calls[call, NODE], desk.calls[call, PATH] = node, path
    desk.calls[call, QUESTION], desk.calls[call, PASSED] = question, PATIENT
    now = desk.clock[NOW]
    desk.moments[call, SENT] = now
    desk.moments[call, DUE] = now + short
    desk.moments[call, DEAD] = now + long
    desk.open[desk.counts[OPEN]] = call
    desk.counts[OPEN] += 1
    desk.counts[CALLS] += 1
    return call


@inner
def next_event(desk: Desk, world: World, patience: Patience) -> tuple[int, bool]:
    """Go to the next moment at which something happens.

    Returns:
        The call it happens to (``NONE`` if nothing will), and whether that is an answer; if not,
        its next timeout passes.
    """
    answering = _answering(desk, world, patience)
    late = NONE
    for index in range(desk.counts[OPEN]):
        call = desk.open[index]
        if late == NONE or desk.moments[call, DUE] < desk.moments[late, DUE]:
            late = call
    if answering == NONE and late == NONE:
        return NONE, False
    if answering != NONE:
        arrival = desk.moments[answering, SENT] + patience.rtt
        if late == NONE or arrival <= desk.moments[late, DUE]:
            desk.clock[NOW] = arrival
            desk.counts[ANSWER] = answering + 1
            close(desk, answering)
            return answering, True
    desk.clock[NOW] = desk.moments[late, DUE]
    return late, False


@inner
def _answering(desk: Desk, world: World, patience: Patience) -> int:
    """The next call that will be answered: of somebody alive, before it is forgotten."""
    if patience.rtt > patience.forget_after:
        return NONE
    for call in range(desk.counts[ANSWER], desk.counts[CALLS]):
        if world.alive[desk.calls[call, NODE]]:
            return call
        desk.counts[ANSWER] = call + 1
    return NONE


@inner
def pass_timeout(desk: Desk, call: int) -> bool:
    """Let the next timeout of ``call`` pass; whether that was the long one."""
    if desk.calls[call, PASSED] == PATIENT:
        desk.calls[call, PASSED] = GONE_SLOW
        desk.moments[call, DUE] = desk.moments[call, DEAD]
        return False
    desk.calls[call, PASSED] = GONE_DEAD
    close(desk, call)
    return True


@inner
def close(desk: Desk, call: int) -> None:
    """No timeout of ``call`` will pass any more."""
    kept = 0
    for index in range(desk.counts[OPEN]):
        if desk.open[index] != call:
            desk.open[kept] = desk.open[index]
            kept += 1
    desk.counts[OPEN] = kept
