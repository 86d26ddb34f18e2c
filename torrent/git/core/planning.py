"""Which generations stay, and which are made into one (the logarithmic method).

A push adds one pack. If that were all, a clone would soon fetch hundreds; if all were packed anew
each time, every mirror and follower would fetch everything again with each push: the new pack has
not one piece of 64 KiB in common with the old (measured). So, as databases do (Bentley and Saxe,
1980), packs are merged such that each holds at least twice as many objects as all younger ones
together. Then there are never more than log3 of all objects, and each object is packed anew as
often as that at most.

**The newest push is left out of it.** What it brings is a pack by itself, at first, whatever is
merged below it; it takes part in the next push's planning. So whoever was up to date yesterday
fetches what is new today and nothing else, though half of history may have been merged meanwhile.

**Waste.** What a force push leaves behind stays in its generation until that is merged. When it is
more than a tenth of all, everything is packed anew, so that what a clone fetches is never much more
than it needs.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

FACTOR: Final = 2
"""How many times as many objects a generation has as all younger ones together. More would mean
fewer packs and more merging."""
MAX_WASTE: Final = 10
"""Waste is at most one part in so many."""


def staying(counts: Sequence[int], waste: int = 0) -> int:
    """How many of the oldest generations stay; what is younger is merged.

    Args:
        counts: Objects of each, oldest first.
        waste: How many of all these objects nothing leads to any more.

    Returns:
        Their number; if it is one less than there are, or as many, there is nothing to merge.
    """
    if waste * MAX_WASTE > sum(counts):
        return 0
    younger = list(accumulate(reversed(counts), initial=0))[:-1]
    for number, (own, after) in enumerate(zip(counts, reversed(younger), strict=True)):
        if own < FACTOR * after:
            return number
    return len(counts)
