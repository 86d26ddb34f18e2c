"""Tables that nodes are born with, so that they need not join one by one.

As :mod:`simulations.protocol.tables` plants them: k uniform members of each bucket's range, all
where there are fewer; the last bucket is the first range around the own id with at most k others.
All were heard from at the start, and need the same round trip until they answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from simulations.message.buckets import forget_all
from simulations.message.chance import below
from simulations.message.parts import part, whole
from simulations.message.state import UPKEEP
from simulations.message.truth import first_from

if TYPE_CHECKING:
    from simulations.message.state import Array, World

RTT: Final = 0.1
"""Seconds, as there."""


@part
def plant(w: World, n: int, everybody: Array, now: float) -> None:
    """Give node ``n`` a full table of ``everybody``, who are sorted by id."""
    forget_all(w, n)
    node = w.nodes[n]
    k = w.rules.k
    b = low = whole(0)
    high, start = everybody.shape[0], np.uint64(0)
    while high - low - 1 > k and b < w.buckets.shape[1] - 1:
        bit = np.uint64(1) << np.uint64(63 - b)
        middle = first_from(everybody, low, high, start | bit)
        if node.id & bit:
            fill(w, n, b, everybody, low, middle, now)
            low, start = middle, start | bit
        else:
            fill(w, n, b, everybody, middle, high, now)
            high = middle
        b += 1
    fill(w, n, b, everybody, low, high, now)
    node.depth = b + 1
    node.due_buckets = now + w.rules.refresh_every
    node.due_contacts = now + w.rules.questionable_after


@part
def fill(w: World, n: int, b: int, everybody: Array, low: int, high: int, now: float) -> None:
    """Fill bucket ``b`` with up to ``k`` of the rows ``low`` to ``high`` (Floyd's sample)."""
    bucket = w.buckets[n, b]
    bucket.members = bucket.bad = bucket.spares = 0
    bucket.touched = now
    own = w.nodes[n].id
    # Our own id lies in the last range alone, which has at most k others.
    ours = low < high and everybody[low].id <= own <= everybody[high - 1].id
    if ours or high - low <= w.rules.k:
        for i in range(low, high):
            if everybody[i].id != own and bucket.members < w.rules.k:
                seat(w, n, b, everybody, i, now)
        return
    for last in range(high - w.rules.k, high):
        i = low + below(w, UPKEEP, last - low + 1)
        for j in range(bucket.members):
            if w.contacts[n, b, j].id == everybody[i].id:
                i = last
        seat(w, n, b, everybody, i, now)


@part
def seat(w: World, n: int, b: int, everybody: Array, i: int, now: float) -> None:
    """Give row ``i`` of ``everybody`` a place in bucket ``b``."""
    bucket = w.buckets[n, b]
    contact = w.contacts[n, b, bucket.members]
    contact.id = everybody[i].id
    contact.slot = everybody[i].slot
    contact.heard = now
    contact.rtt = RTT
    contact.again = -np.inf
    contact.failures = 0
    bucket.members += 1
    w.nodes[n].known += 1


@part
def plant_all(w: World, everybody: Array, now: float) -> None:
    """Give every node that is up a full table."""
    for n in range(w.nodes.shape[0]):
        if w.nodes[n].alive:
            plant(w, n, everybody, now)
