"""The records nodes hold for others: the life of :mod:`dht.core.records`, per record of the run.

Kept: lifetimes from the last put, replication by the holder whose clock runs out first (1.1 to 1.3
periods after the last put, spread by the last 16 bits of ``own XOR key``), one's own replication
does not lengthen one's own copy's life. Provider records (``provided``) live by their own lifetime
and are not replicated, as in :mod:`dht.core.providers`.

Left out: what full stores do (a node holds the studied records alone), versions and signatures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dht.core.records import PATIENCE, SPREAD
from simulations.message.parts import part
from simulations.message.state import CROWDED

if TYPE_CHECKING:
    from simulations.message.state import Row, World

DICE = np.uint64(0xFFFF)


@part
def copy_of(w: World, n: int, record: int) -> int:
    """The row of node ``n``'s copy of ``record``, or -1."""
    for i in range(w.nodes[n].holding):
        if w.held[n, i].record == record:
            return i
    return -1


@part
def holds(w: World, n: int, record: int) -> bool:
    """Whether node ``n`` holds ``record``."""
    return copy_of(w, n, record) >= 0


@part
def wait(w: World, n: int, record: int) -> float:
    """How long nobody may have put ``record`` before node ``n`` replicates it."""
    if w.records[record].provided:
        return np.inf
    part = np.float64((w.records[record].key ^ w.nodes[n].id) & DICE) / 65536.0
    return w.rules.replicate_every * (PATIENCE + SPREAD * part)


@part
def lifetime(w: World, record: int) -> float:
    """How long a copy of ``record`` lives after its last put."""
    return w.rules.provider_lifetime if w.records[record].provided else w.rules.record_lifetime


@part
def hold(w: World, n: int, record: int, now: float) -> bool:
    """``record`` was put to node ``n``: whether there was room."""
    node = w.nodes[n]
    row = copy_of(w, n, record)
    if row < 0:
        if node.holding == w.held.shape[1]:
            w.tally[CROWDED] += 1
            return False
        row = node.holding
        node.holding += 1
        w.records[record].copies += 1
    copy: Row = w.held[n, row]
    copy.record = record
    copy.renewed = now
    copy.replicate = now + wait(w, n, record)
    return True


@part
def drop(w: World, n: int, row: int) -> None:
    """Copy number ``row`` of node ``n`` is gone; the last takes its place."""
    w.records[w.held[n, row].record].copies -= 1
    w.nodes[n].holding -= 1
    w.held[n, row] = w.held[n, w.nodes[n].holding]


@part
def next_due(w: World, n: int) -> float:
    """When a copy of node ``n`` expires or is to be replicated; infinity if it holds none."""
    due = np.inf
    for i in range(w.nodes[n].holding):
        copy = w.held[n, i]
        due = min(due, copy.replicate, copy.renewed + lifetime(w, copy.record))
    return due


@part
def expire(w: World, n: int, now: float) -> None:
    """Drop what nobody put again in time."""
    for i in range(w.nodes[n].holding - 1, -1, -1):
        copy = w.held[n, i]
        if copy.renewed + lifetime(w, copy.record) <= now:
            drop(w, n, i)


@part
def due_copy(w: World, n: int, now: float) -> int:
    """The copy that waits longest for its replication to begin, or -1."""
    best = -1
    for i in range(w.nodes[n].holding):
        copy = w.held[n, i]
        if copy.replicate <= now and (best < 0 or copy.replicate < w.held[n, best].replicate):
            best = i
    return best
