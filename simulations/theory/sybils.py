"""V9: what identities that cost nothing can do to a key. Distances are shares of the id space.

And how it is seen: Sybils around a key stand closer to it than as many honest nodes would. A
detector (Cholez et al. 2010; Sridhar et al., NDSS 2024) compares how many bits the k closest share
with the key to what the size of the network lets expect.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

THRESHOLD: Final = 0.94
"""The divergence above which Sridhar et al. take a key for attacked, of the 20 closest, in nats."""
PREFIXES: Final = 64
"""Shared bits that are told apart: nobody honest shares more."""
LEAST: Final = 1e-12
"""What is expected less often is taken to be expected so often: its logarithm stays finite."""


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


def prefix_shares(nodes: float, k: int) -> list[float]:
    """How many bits the ``k`` closest of ``nodes`` share with a key: the share of each number.

    Within a prefix of l bits there are Poisson(N / 2^l) nodes, and of those at most k count.
    """
    inside = [_at_most(nodes / 2**bits, k) for bits in range(PREFIXES + 1)]
    return [max(0.0, inside[i] - inside[i + 1]) / k for i in range(PREFIXES)]


def divergence(shared: Sequence[int], shares: Sequence[float]) -> float:
    """Kullback and Leibler's: how far what was found is from what is expected, in nats.

    Args:
        shared: Bits that each of the closest shares with the key.
        shares: What :func:`prefix_shares` expects.
    """
    found = Counter(min(bits, len(shares) - 1) for bits in shared)
    parts = ((count / len(shared), shares[bits]) for bits, count in found.items())
    return math.fsum(p * math.log(p / max(q, LEAST)) for p, q in parts)


def _at_most(mean: float, k: int) -> float:
    """The mean of min(X, k), where X is a Poisson variable of this mean."""
    chance = math.exp(-mean)
    missing = 0.0
    for count in range(k):
        missing += chance * (k - count)
        chance *= mean / (count + 1)
    return k - missing
