"""What one walk knows, nearest first: :mod:`dht.core.shortlist` as two arrays.

A place of the slate is a distance and a *card*. The card holds who that is, how many hops away it
was found, and what has become of it, in one integer, because to insert somebody near the front
moves all who stand behind, and two arrays move faster than five::

    rank << 16 | depth << 8 | barred | state

Most of what answers name is known: near the target all know each other. So whoever is heard of is
noted at a place of a small array that follows from its rank, until another needs the place. Who
still stands there was ranked, or was too far; and what is too far for a full slate always will be.
That halves what a lookup costs.

States and limits are those of ``dht.core``; the numbers here have to be the same. No two nodes have
one distance to a target, so a distance finds its place by bisection.

A slate has a fixed number of places; when it is full the farthest gives way. What that may change
is told where the number is chosen (:data:`simulations.lookup.walk.SPARE` and
:data:`simulations.lookup.patient.ROOM`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulations.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Distances = NDArray[np.uint64]
    Cards = NDArray[np.int64]

UNASKED, WAITING, SLOW, ANSWERED, FAILED, DROPPED = range(6)
"""As in :mod:`dht.core.shortlist`; from FAILED on a contact is not live."""
STATE = 7
"""The bits of a card that hold the state."""
FEW = 32
"""Places that are counted rather than bisected."""
HEARD = 256
"""How many are noted as heard of, a power of two. Ranks around a target follow each other, so that
these do not displace each other."""
BARRED = 8
"""The bit of a card that says that nearer live contacts hold the places of its subnet."""


@compiled
def card(node: int, depth: int) -> int:
    """Make the card of one who was found ``depth`` hops away and has not been asked."""
    return int(np.int64(node) << 16 | np.int64(depth) << 8)


@compiled
def rank(entry: int) -> int:
    """Who that is."""
    return entry >> 16


@compiled
def depth(entry: int) -> int:
    """How many hops away it was found."""
    return entry >> 8 & 255


@compiled
def again(heard: NDArray[np.int32], node: int) -> bool:
    """Note in ``heard`` that ``node`` was heard of; whether that is known to be not new."""
    where = node & (HEARD - 1)
    known = heard[where] == node
    heard[where] = node
    return bool(known)


@compiled
def live(entry: int) -> bool:
    """Whether it may be asked, or has answered: not failed, and within the limits."""
    return entry & STATE < FAILED and not entry & BARRED


@compiled
def place(away: Distances, count: int, distance: np.uint64) -> int:
    """Find where ``distance`` stands among the first ``count``, or would stand.

    Few are counted, a vector of them at a time: a bisection mistakes every other branch, and that
    costs more than all comparisons.
    """
    if count <= FEW:
        nearer = 0
        for index in range(count):
            nearer += away[index] < distance
        return nearer
    low, high = 0, count
    while low < high:
        middle = (low + high) >> 1
        if away[middle] < distance:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def find(away: Distances, count: int, distance: np.uint64) -> int:
    """Find the place of who is ``distance`` away; -1 if nobody is."""
    where = place(away, count, distance)
    return where if where < count and away[where] == distance else -1


@compiled
def insert(away: Distances, cards: Cards, count: int, distance: np.uint64, entry: int) -> int:
    """Put a card in its place; the farthest leaves if there is no other.

    Returns:
        The place; -1 if that distance is known, or farther than a full slate reaches.
    """
    where = place(away, count, distance)
    if where == len(away) or (where < count and away[where] == distance):
        return -1
    for later in range(min(count, len(away) - 1), where, -1):
        away[later] = away[later - 1]
        cards[later] = cards[later - 1]
    away[where] = distance
    cards[where] = entry
    return where


@compiled
def set_state(cards: Cards, where: int, state: int) -> None:
    """Move the contact at ``where`` to ``state``."""
    cards[where] = cards[where] & ~STATE | state


@compiled
def settle(cards: Cards, count: int, subnets: NDArray[np.int32], most: int) -> None:
    """Decide afresh who is barred: of a subnet the ``most`` nearest live ones are not.

    Args:
        cards: The slate.
        count: How many places of it are taken.
        subnets: Everybody's subnet; negative for those that are exempt.
        most: The limit.
    """
    for index in range(count):
        cards[index] &= ~BARRED
        subnet = subnets[rank(cards[index])]
        if subnet < 0 or not live(cards[index]):
            continue
        held = 0
        for nearer in range(index):
            held += live(cards[nearer]) and subnets[rank(cards[nearer])] == subnet
        if held >= most:
            cards[index] |= BARRED
