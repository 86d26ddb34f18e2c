"""The contacts closest to a target: the rule of :mod:`dht.core.roster`, whose docstring proves it.

Rings of distance around a target are: its own bucket, all deeper buckets together, then one bucket
after another outwards. Whole rings are copied; of the ring that is too many, the nearest.

This runs for every request that is answered. Mostly it copies one or two buckets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dht.core.bucket import MOST_FAILURES
from simulations.message.buckets import bucket_of, is_bad
from simulations.message.parts import number, part

if TYPE_CHECKING:
    from simulations.message.state import Array, World


NONE = number(0)
ANY = number(MOST_FAILURES + 1)


@part
def closest(w: World, n: int, target: int, most: int, out: Array) -> int:
    """Write the ``most`` good contacts of node ``n`` closest to ``target`` to ``out``; how many.

    In no particular order. Bad contacts only if there is no good one in the whole table.
    """
    depth = w.nodes[n].depth
    b = bucket_of(w, n, target)
    found = add_ring(w, n, b, b + 1, target, most, out, NONE)
    if found < most:
        found = add_ring(w, n, b + 1, depth, target, most, out, found)
    while found < most and b > 0:
        b -= 1
        found = add_ring(w, n, b, b + 1, target, most, out, found)
    if found == 0:
        for each in range(depth):
            found = add_nearest(w, n, each, target, most, out, NONE, found, ANY)
    return found


@part
def add_ring(
    w: World, n: int, low: int, high: int, target: int, most: int, out: Array, found: int
) -> int:
    """Add the good contacts of buckets ``low`` to ``high``, the nearest if not all fit."""
    good = 0
    for b in range(low, high):
        bucket = w.buckets[n, b]
        good += bucket.members - bucket.bad
    start = found
    for b in range(low, high):
        if good <= most - start:
            found = add_all(w, n, b, out, found)
        else:
            found = add_nearest(w, n, b, target, most, out, start, found, w.rules.max_failures)
    return found


@part
def add_all(w: World, n: int, b: int, out: Array, found: int) -> int:
    """Add the good contacts of bucket ``b``."""
    bucket = w.buckets[n, b]
    for i in range(bucket.members):
        contact = w.contacts[n, b, i]
        if bucket.bad == 0 or not is_bad(w, contact):
            name = out[found]
            name.id = contact.id
            name.slot = contact.slot
            found += 1
    return found


@part
def add_nearest(
    w: World,
    n: int,
    b: int,
    target: int,
    most: int,
    out: Array,
    start: int,
    found: int,
    failures: int,
) -> int:
    """Let bucket ``b`` compete for rows ``start`` to ``most`` of ``out``, sorted by distance.

    Those take part that have less than ``failures``.
    """
    for i in range(w.buckets[n, b].members):
        contact = w.contacts[n, b, i]
        if contact.failures >= failures:
            continue
        away = contact.id ^ target
        if found == most:
            if away >= (out[most - 1].id ^ target):
                continue
        else:
            found += 1
        hole = found - 1
        while hole > start and (out[hole - 1].id ^ target) > away:
            out[hole] = out[hole - 1]
            hole -= 1
        out[hole].id = contact.id
        out[hole].slot = contact.slot
    return found
