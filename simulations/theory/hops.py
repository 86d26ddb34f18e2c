"""How many hops a lookup takes, and what a lookup in rounds costs: V2 and V3."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

NEGLIGIBLE: Final = 1e-15


def bits_per_hop(k: int) -> float:
    """V2: how many bits nearer a greedy hop leads: ``sum over g >= 0 of 1 - (1 - 2**-g)**k``.

    A node at distance of d bits knows k contacts of the subtree of the target, that are d - 1 bits
    away or less; the nearest of them is another g bits nearer with chance 1 - (1 - 2**-g)**k. 2 for
    k = 1, 5.690 for k = 20. Of the family of constants of Cai & Devroye, arXiv:1309.5866.
    """
    total, gained = 0.0, 0
    while (chance := -math.expm1(k * math.log1p(-(2.0**-gained))) if gained else 1.0) > NEGLIGIBLE:
        total += chance
        gained += 1
    return total


def hops_per_doubling(k: int) -> float:
    """V2: by how much the mean number of greedy hops grows when a network doubles."""
    return 1 / bits_per_hop(k)


class RoundsCost(NamedTuple):
    """V3: what a full lookup in strict rounds costs, on average.

    Attributes:
        requests: Messages sent.
        rounds: Rounds to the end.
        known: The round in which the closest node is first named.
    """

    requests: float
    rounds: float
    known: float


ROUNDS: Final = {10_000: RoundsCost(22.88, 7.99, 1.42), 1_000_000: RoundsCost(25.98, 9.03, 2.44)}
"""V3, by the number of nodes: alpha = 3, k = 20, full tables, nobody dead. A reference table:
values of an independent program, good to 1 %; there is no closed form."""
