"""The true closest live nodes to a target, of the whole network.

Ids are sorted, so all that share a prefix with the target are a range of ranks. The smallest such
range that holds at least k live nodes holds the k closest: whoever is outside differs from the
target in an earlier bit than all inside. The running count of live ranks says how many a range
holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulations.compiled import compiled
from simulations.lookup.answers import sort
from simulations.lookup.tables import BITS, halve

if TYPE_CHECKING:
    from numpy.typing import NDArray


def live_before(alive: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many live nodes have a smaller rank, for each rank and one more."""
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(alive, dtype=np.int64)))


@compiled
def closest_live(
    ids: NDArray[np.uint64],
    alive: NDArray[np.bool_],
    before: NDArray[np.int64],
    target: np.uint64,
    own: int,
    k: int,
) -> NDArray[np.int32]:
    """The ranks of the ``k`` closest live nodes, nearest first; ``own`` does not count.

    Args:
        ids: Everybody's, ascending.
        alive: Who lives.
        before: What :func:`live_before` makes of that.
        target: Closest to what.
        own: Whoever asks.
        k: How many; fewer come if fewer live.
    """
    low, high = _smallest(ids, alive, before, target, own, k)
    who = np.empty(before[high] - before[low], np.int32)
    away = np.empty(len(who), np.uint64)
    count = 0
    for node in range(low, high):
        if alive[node] and node != own:
            who[count], away[count] = node, ids[node] ^ target
            count += 1
    limit = min(k, count)
    sort(who, away, 0, count, limit)
    return who[:limit]


@compiled
def _smallest(
    ids: NDArray[np.uint64],
    alive: NDArray[np.bool_],
    before: NDArray[np.int64],
    target: np.uint64,
    own: int,
    k: int,
) -> tuple[int, int]:
    """The smallest range around ``target`` in which at least k live nodes stand beside ``own``."""
    low, high = 0, len(ids)
    for level in range(BITS):
        middle = halve(ids, low, high, level, target)
        ours = target >> np.uint64(BITS - 1 - level) & np.uint64(1)
        first, last = (middle, high) if ours else (low, middle)
        counted = before[last] - before[first]
        if first <= own < last and alive[own]:
            counted -= 1
        if counted < k:
            break
        low, high = first, last
    return low, high
