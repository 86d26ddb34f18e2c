"""Everybody's routing table as one array, drawn in one go.

**Ids.** A node is its rank among all ids, sorted, and ids have 64 bits. That is enough: of 4
million drawn at random two are equal once in two million networks, and a longer id would only be
compared in its first bits. Sorted, all ids with one prefix stand side by side, so the nodes that
may stand in a bucket are a *range* of ranks, found by bisection.

**Tables.** Row ``b`` of a node holds up to k contacts that share exactly b leading bits with it, as
bucket b of :mod:`dht.core.table` does; the row at its *depth* is the last and holds all that share
at least as many. It splits when it would overflow, so the depth is the least number of leading bits
that at most k others share. What a network that has long been up converges to is that each bucket
is full if its range allows: then any k of the range are as likely as any other k, which is what
is drawn here (Floyd's algorithm: exactly k throws, whatever the range's size). Who joins and how is
not simulated here; :mod:`simulations.protocol` does that.

A contact is an int32, unused places are -1, and a row of k = 20 takes 80 bytes: 1M nodes take
1.5 GB, 4M nodes 6.8 GB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulations.compiled import WORKERS, bit_length, compiled, parallel, prange, take
from simulations.dice import below, place

if TYPE_CHECKING:
    from numpy.typing import NDArray

BITS = 64
"""How many bits an id has."""
NOBODY = -1
"""An unused place of a row."""
CHUNKS = 256
"""How many parts a parallel loop has: enough for any machine's threads to end together."""


class Tables(NamedTuple):
    """All routing tables of a network.

    Attributes:
        ids: uint64[N], ascending.
        depth: uint8[N]: the number of each node's last row.
        rows: int32[N, D, k]: ranks of contacts, ``NOBODY`` after the last of a row.
    """

    ids: NDArray[np.uint64]
    depth: NDArray[np.uint8]
    rows: NDArray[np.int32]

    @property
    def k(self) -> int:
        """The size of a bucket."""
        return int(self.rows.shape[2])


def draw_ids(count: int, rng: np.random.Generator) -> NDArray[np.uint64]:
    """Draw ``count`` different ids, ascending."""
    ids = np.empty(0, np.uint64)
    while len(ids) < count:
        more = rng.integers(0, 2**64 - 1, count - len(ids), np.uint64, endpoint=True)
        ids = np.unique(np.concatenate((ids, more)))
    return ids


def build(ids: NDArray[np.uint64], k: int, seed: int) -> Tables:
    """Draw full tables of bucket size ``k`` for the nodes ``ids`` (ascending, all different)."""
    depth = depths(ids, k)
    rows = np.empty((len(ids), int(depth.max(initial=0)) + 1, k), np.int32)
    tables = Tables(ids, depth, rows)
    _fill(tables, np.uint64(seed), np.zeros(1, np.int64))
    return tables


def depths(ids: NDArray[np.uint64], k: int) -> NDArray[np.uint8]:
    """Find each node's depth: beside a node stand those that share most with it."""
    depth = np.empty(len(ids), np.uint8)
    _depths(ids, k, depth)
    return depth


@compiled
def part(total: int, chunk: int) -> tuple[int, int]:
    """Where the ``chunk``-th of ``CHUNKS`` parts of ``total`` begins and ends."""
    return total * chunk // CHUNKS, total * (chunk + 1) // CHUNKS


@compiled
def first_at_least(ids: NDArray[np.uint64], low: int, high: int, bound: np.uint64) -> int:
    """Find the first rank of [low, high) whose id is ``bound`` or more; else ``high``."""
    while low < high:
        middle = (low + high) >> 1
        if ids[middle] < bound:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def halve(ids: NDArray[np.uint64], low: int, high: int, level: int, own: np.uint64) -> int:
    """Find where bit ``level`` (0 is the first) turns to 1 in a range that shares those before."""
    bit = np.uint64(1) << np.uint64(BITS - 1 - level)
    return first_at_least(ids, low, high, (own | bit) & ~(bit - np.uint64(1)))


@parallel
def _depths(ids: NDArray[np.uint64], k: int, depth: NDArray[np.uint8]) -> None:
    """At most k others share b bits exactly if no window of k + 2 ranks with the node does."""
    count = len(ids)
    for node in prange(count):
        deepest = 0
        for first in range(max(0, node - k - 1), min(node, count - k - 2) + 1):
            shared = BITS - bit_length(ids[first] ^ ids[first + k + 1])
            deepest = max(deepest, shared + 1)
        depth[node] = deepest


@parallel
def _fill(tables: Tables, seed: np.uint64, turns: NDArray[np.int64]) -> None:
    for _ in prange(WORKERS):
        _fill_turns(tables, seed, turns)


@compiled
def _fill_turns(tables: Tables, seed: np.uint64, turns: NDArray[np.int64]) -> None:
    """Fill rows, a chunk of neighbours at a time."""
    ids, depth, rows = tables
    marks = np.zeros(4, np.uint64)
    ranges = np.zeros((BITS + 1, 2), np.int64)
    chunk = take(turns)
    while chunk < CHUNKS:
        first, last = part(len(ids), chunk)
        # The range that shares ``level`` bits with the node: neighbours have nearly all in common.
        ranges[0, 1] = len(ids)
        shared = 0
        for node in range(first, last):
            _fill_node(ids, node, depth[node], shared, ranges, rows[node], place(seed, node), marks)
            if node + 1 < len(ids):
                shared = min(BITS - bit_length(ids[node] ^ ids[node + 1]), int(depth[node]))
        chunk = take(turns)


@compiled
def _fill_node(
    ids: NDArray[np.uint64],
    node: int,
    depth: int,
    known: int,
    ranges: NDArray[np.int64],
    rows: NDArray[np.int32],
    seed: np.uint64,
    marks: NDArray[np.uint64],
) -> None:
    """Fill one node's rows; ``ranges`` is right up to level ``known``."""
    for level in range(len(rows)):
        if level > depth:
            rows[level, :] = NOBODY
            continue
        low, high = ranges[level]
        if level == depth:
            _copy(rows[level], low, high, node)
            continue
        middle = halve(ids, low, high, level, ids[node])
        ours, theirs = (low, middle), (middle, high)
        if node >= middle:
            ours, theirs = theirs, ours
        if level >= known:
            ranges[level + 1, 0], ranges[level + 1, 1] = ours
        _sample(rows[level], theirs[0], theirs[1], seed, level * len(rows[level]), marks)


@compiled
def _copy(row: NDArray[np.int32], low: int, high: int, own: int) -> None:
    """Fill the last row: everybody of [low, high) but the node itself."""
    count = 0
    for other in range(low, high):
        if other != own:
            row[count] = other
            count += 1
    row[count:] = NOBODY


@compiled
def _sample(
    row: NDArray[np.int32],
    low: int,
    high: int,
    seed: np.uint64,
    counter: int,
    marks: NDArray[np.uint64],
) -> None:
    """Fill ``row`` with different ranks of [low, high), all sets as likely: Floyd's algorithm.

    The j-th throw is one of the first n - k + j + 1; who was drawn before gives way to the last of
    these, who cannot have been (Bentley & Floyd, CACM 30(9), 1987).
    """
    size, k = high - low, len(row)
    if size <= k:
        for index in range(k):
            row[index] = low + index if index < size else NOBODY
        return
    # All throws first, which a processor makes several at a time, for none depends on another.
    for index in range(k):
        row[index] = low + below(size - k + index + 1, seed, counter + index)
    # Rows are short and mostly of wide ranges: whoever hits no mark has not been drawn before.
    marks[:] = np.uint64(0)
    for index in range(k):
        drawn = row[index]
        if _marked(marks, drawn) and _holds(row, index, drawn):
            row[index] = low + size - k + index
            _marked(marks, row[index])


@compiled
def _marked(marks: NDArray[np.uint64], drawn: int) -> bool:
    """Mark ``drawn``; whether it, or another with its mark, has been marked before."""
    mark = np.uint64(1) << np.uint64(drawn & 63)
    where = (drawn >> 6) & (len(marks) - 1)
    known = marks[where] & mark
    marks[where] |= mark
    return bool(known)


@compiled
def _holds(row: NDArray[np.int32], count: int, drawn: int) -> bool:
    """Whether ``drawn`` is among the first ``count`` of ``row``."""
    for index in range(count):  # noqa: SIM110 - kernels have no generators
        if row[index] == drawn:
            return True
    return False
