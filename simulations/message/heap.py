"""What comes next: heaps of moments.

A heap with four children a node is half as deep as a binary one, and the four lie in two lines of
cache. There are two heaps: messages under way come back within a second, while ends of sessions
and duties of upkeep lie minutes ahead and are a hundred times as many. Apart from them, messages
move through a heap of a few thousand entries, which stays in the nearest cache.

Moments are in the order of ``(time, serial)``: of two at the same time, the one that was entered
first comes first, whatever the heap did with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulations.compiled import compiled
from simulations.message.opened import opened
from simulations.message.parts import part
from simulations.message.state import FAR, NEAR, SERIAL

if TYPE_CHECKING:
    from simulations.message.state import Array, World

ARITY = 4


@part
def before(heap: Array, one: int, other: int) -> bool:
    """Whether the moment in row ``one`` comes before that in row ``other``."""
    a, b = heap[one], heap[other]
    return bool(a.time < b.time or (a.time == b.time and a.serial < b.serial))


@part
def push(heap: Array, size: int, time: float, serial: int, kind: int, index: int) -> None:
    """Enter a moment into a heap of ``size`` moments."""
    hole = size
    while hole > 0:
        parent = (hole - 1) // ARITY
        above = heap[parent]
        # The newcomer's serial is the highest there is: of equal times it is the later one.
        if above.time <= time:
            break
        heap[hole] = above
        hole = parent
    row = heap[hole]
    row.time = time
    row.serial = serial
    row.kind = kind
    row.index = index


@part
def drop_first(heap: Array, size: int) -> None:
    """Take the first moment out of a heap of ``size`` moments."""
    last = size - 1
    hole = 0
    while True:
        child = ARITY * hole + 1
        if child >= last:
            break
        best = child
        for other in range(child + 1, min(child + ARITY, last)):
            if before(heap, other, best):
                best = other
        if not before(heap, best, last):
            break
        heap[hole] = heap[best]
        hole = best
    heap[hole] = heap[last]


@part
def soon(w: World, time: float, kind: int, index: int) -> None:
    """Enter a moment that lies seconds ahead at most."""
    push(w.near, w.tally[NEAR], time, w.tally[SERIAL], kind, index)
    w.tally[NEAR] += 1
    w.tally[SERIAL] += 1


@part
def later(w: World, time: float, kind: int, index: int) -> None:
    """Enter a moment that may lie hours ahead."""
    push(w.far, w.tally[FAR], time, w.tally[SERIAL], kind, index)
    w.tally[FAR] += 1
    w.tally[SERIAL] += 1


@compiled
def expect(world: World, time: float, kind: int, index: int) -> None:
    """As :func:`later`, for Python."""
    later(opened(world), time, kind, index)


@part
def near_first(w: World) -> bool:
    """Whether the next moment is in the near heap; one of the heaps is not empty."""
    if w.tally[NEAR] == 0:
        return False
    if w.tally[FAR] == 0:
        return True
    a, b = w.near[0], w.far[0]
    return bool(a.time < b.time or (a.time == b.time and a.serial < b.serial))
