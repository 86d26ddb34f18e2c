"""What only the simulator knows: who is up, and who is closest.

The ids of the living that everybody reaches stand in one sorted array. A session that begins or
ends moves half of it, which sounds dear and is not: 10,000 ids are 160 kB, moved in microseconds,
and for every session there are thousands of messages.

The closest to a target by XOR share its longest prefix. Ids with one prefix are neighbours in
order, so halving the array bit by bit, as long as ``k`` remain, leaves a range that holds the
``k`` closest and few others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simulations.message.parts import part
from simulations.message.state import STANDING
from simulations.message.walk import counts

if TYPE_CHECKING:
    from simulations.message.state import Array, World


@part
def first_from(standing: Array, low: int, high: int, key: Any) -> int:
    """The first row of ``low`` to ``high`` whose id is not below ``key``."""
    while low < high:
        middle = (low + high) >> 1
        if standing[middle].id < key:
            low = middle + 1
        else:
            high = middle
    return low


@part
def stand(w: World, n: int) -> None:
    """Node ``n`` is up from now on."""
    key = w.nodes[n].id
    high = w.tally[STANDING]
    place = first_from(w.standing, 0, high, key)
    for i in range(high, place, -1):
        w.standing[i] = w.standing[i - 1]
    w.standing[place].id = key
    w.standing[place].slot = n
    w.tally[STANDING] += 1


@part
def fall(w: World, n: int) -> None:
    """Node ``n`` is not up any more."""
    high = w.tally[STANDING]
    place = first_from(w.standing, 0, high, w.nodes[n].id)
    for i in range(place, high - 1):
        w.standing[i] = w.standing[i + 1]
    w.tally[STANDING] -= 1


@part
def true_closest(w: World, target: int, but: int) -> int:
    """Write the distances of the ``k`` closest, ``but`` excepted, to ``nearest``; how many."""
    k = w.rules.k
    low, high = 0, w.tally[STANDING]
    start = np.uint64(0)  # of the range of ids that share the bits looked at
    for shift in range(63, -1, -1):
        bit = np.uint64(1) << np.uint64(shift)
        middle = first_from(w.standing, low, high, start | bit)
        if target & bit:
            if high - middle <= k:
                break
            low, start = middle, start | bit
        else:
            if middle - low <= k:
                break
            high = middle
    found = 0
    for i in range(low, high):
        away = w.standing[i].id ^ target
        if w.standing[i].id == but or (found == k and away >= w.nearest[k - 1]):
            continue
        found = min(found + 1, k)
        hole = found - 1
        while hole > 0 and w.nearest[hole - 1] > away:
            w.nearest[hole] = w.nearest[hole - 1]
            hole -= 1
        w.nearest[hole] = away
    return found


@part
def judge(w: World, op: int) -> tuple[bool, float]:
    """Whether an operation found the closest node there is; which share of the ``k`` closest."""
    row = w.ops[op]
    ranked = w.ranked[op]
    count = true_closest(w, row.target, row.owner_id)
    first, hits, taken, i = False, 0, 0, 0
    for j in range(row.known):
        if not counts(w, ranked[j].state):
            continue
        while i < count and w.nearest[i] < ranked[j].away:
            i += 1
        if i < count and w.nearest[i] == ranked[j].away:
            hits += 1
            first = first or i == 0
        taken += 1
        if taken == w.rules.k:
            break
    return first, hits / count if count else 0.0
