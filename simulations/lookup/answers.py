"""What a node answers: the k contacts of its table that are closest to a target.

A table's rows lie in rings around any target, one ring wholly nearer than the next. Let ``d`` be
the distance of the node itself. A contact of row b differs from the node in bit b first, so where
bit b of d is 1 it is nearer to the target than the node, the more so the earlier the bit; where it
is 0 it is farther, the more so the earlier the bit. Hence the order: rows of 1-bits from the first
on, the last row (whose contacts share more with the node than the depth), rows of 0-bits from the
last back. All rings that fit are taken whole, and of the one that is too many the nearest.

Whoever asks holds a list of its own and has no use for what is farther than the last of it: with
that as ``bound`` a ring that reaches beyond it ends the answer, and most answers are one row read.
The result is the same as that of reading all and forgetting what is too far.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulations.compiled import bit_length, compiled
from simulations.lookup.tables import BITS, NOBODY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulations.lookup.tables import Tables

ANYWHERE = np.uint64(2**64 - 1)
"""The bound of one who wants to hear of everybody."""


@compiled
def answer(
    tables: Tables,
    node: int,
    target: np.uint64,
    limit: int,
    bound: np.uint64,
    who: NDArray[np.int32],
    away: NDArray[np.uint64],
) -> int:
    """Write the ``limit`` contacts closest to ``target`` that ``node`` knows, in no order.

    Args:
        tables: Everybody's.
        node: Who is asked ...
        target: ... about what.
        limit: k.
        bound: Whoever is farther away than this may be left out.
        who: Takes the ranks; has place for ``limit`` and a row.
        away: Takes their distances.

    Returns:
        How many were written.
    """
    depth = int(tables.depth[node])
    above = ~(ANYWHERE >> np.uint64(depth))  # the bits of rows before the last
    apart = tables.ids[node] ^ target
    nearer, farther = apart & above, ~apart & above
    count, more, last = 0, True, True
    while more:
        if nearer:
            bits = bit_length(nearer)
            nearer ^= np.uint64(1) << np.uint64(bits - 1)
            level = BITS - bits
        elif last:
            last = False
            level = depth
        elif farther:
            lowest = farther & (~farther + np.uint64(1))
            farther ^= lowest
            level = BITS - bit_length(lowest)
        else:
            break
        count, more = _ring(tables, node, level, target, limit, bound, who, away, count)
    return count


@compiled
def _ring(
    tables: Tables,
    node: int,
    level: int,
    target: np.uint64,
    limit: int,
    bound: np.uint64,
    who: NDArray[np.int32],
    away: NDArray[np.uint64],
    count: int,
) -> tuple[int, bool]:
    """Add a row to the answer; how long it is then, and whether the next row may add to it."""
    end = count
    within = True
    for slot in range(tables.rows.shape[2]):
        contact = tables.rows[node, level, slot]
        if contact == NOBODY:
            break
        distance = tables.ids[contact] ^ target
        if distance <= bound:
            who[end], away[end] = contact, distance
            end += 1
        else:
            within = False
    if end > limit:
        sort(who, away, count, end, limit)
        end = limit
    return end, within and end < limit


@compiled
def sort(
    who: NDArray[np.int32], away: NDArray[np.uint64], first: int, end: int, limit: int
) -> None:
    """Bring the nearest of [first, end) to the places below ``limit``, in order: by insertion.

    What stands at ``limit`` and beyond afterwards is nothing.
    """
    for index in range(first + 1, end):
        distance, contact = away[index], who[index]
        place = min(index, limit)
        while place > first and away[place - 1] > distance:
            if place < limit:
                away[place], who[place] = away[place - 1], who[place - 1]
            place -= 1
        if place < limit:
            away[place], who[place] = distance, contact
