"""V9: what identities that cost nothing can do to a key. Distances are shares of the id space."""

from __future__ import annotations

import math


def all_closest(sybils: int, nodes: int, k: int) -> float:
    """The chance that all k closest to a key are Sybils, if ``sybils`` of ``nodes`` are, anywhere.

    Hypergeometric; near ``(sybils / nodes)**k`` if k is small beside both.
    """
    chance = 1.0
    for taken in range(k):
        chance *= max(sybils - taken, 0) / (nodes - taken)
    return chance


def nearest_distance_median(nodes: int) -> float:
    """The median distance of the nearest of ``nodes`` to a key: ln 2 / N for many."""
    return -math.expm1(-math.log(2) / nodes)


def tries(nodes: int) -> float:
    """How many keys to make, on average, to be nearer to a key than the median honest node is."""
    return 1 / nearest_distance_median(nodes)


def eclipse_tries(nodes: int, k: int) -> float:
    """How many keys to make for ``k`` of them to be nearer than the median nearest honest node."""
    return k * tries(nodes)


def mean_distance(rank: int, nodes: int) -> float:
    """The mean distance of the ``rank``-th closest (from 1) of ``nodes``: i / (N + 1).

    What a detector of Sybils compares with: more nodes near a key than anywhere else.
    """
    return rank / (nodes + 1)
