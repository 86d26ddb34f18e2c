"""How many nodes are there? Estimated from how close the closest ones are.

Keys are uniform, so the distances from a random target to the nodes, sorted, are order statistics
of the uniform distribution: of ``N`` nodes the i-th closest is at ``i * 2^bits / (N + 1)`` on
average. Each lookup measures its k closest distances for free. A line through the origin is
fitted to them by least squares, as the published estimator of the mainline crate does::

    slope = sum(i * d_i) / sum(i^2)        N = 2^bits / slope - 1

The fit is linear in the distances, so the mean of the slopes of many lookups *is* the fit to
their mean distances: one number per lookup is all that has to be kept.

**How good it is.** Gaps between neighbours are (nearly) independent and exponential, and the fit
weighs the j-th gap by ``w_j = sum(i for i >= j) / sum(i^2)``, so one lookup's slope has the
relative variance ``sum(w_j^2)``: a deviation of 24 % for k = 20 and 38 % for k = 8, which ``n``
lookups shrink by ``sqrt(n)``. A network that is not what we assume (Sybils crowd around some
targets) spreads the slopes wider than that, so the error reported is the larger of the two.

**What it is not.** Lookups for one target measure the same distances again and add nothing: of
each target only the latest counts. A lookup for our own key is as good as any other. Lookups for
targets that others chose may lie in a neighbourhood where an attacker put his Sybils.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dht.core.keys import Key, KeySpace
    from dht.core.messages import Contact

HISTORY: Final = 128
"""Lookups remembered: with k = 8 the error is 3 % then, and networks change faster than more
lookups could tell. go-libp2p keeps up to 150 for two hours."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A network size.

    Attributes:
        size: How many nodes, ourselves not counted.
        error: The standard error of ``size``.
        samples: How many lookups it rests on.
    """

    size: float
    error: float
    samples: int


@lru_cache(maxsize=64)
def relative_variance(count: int) -> float:
    """The variance of one slope fitted to ``count`` distances, over its mean squared."""
    squares = count * (count + 1) * (2 * count + 1) // 6
    tail = variance = 0
    for index in range(count, 0, -1):  # tail: the sum of all i >= index
        tail += index
        variance += tail * tail
    return variance / (squares * squares)


class NetworkSize:
    """Estimates the size of a network from the lookups of the last while."""

    __slots__ = ("_history", "_samples", "_span")

    def __init__(self, space: KeySpace, history: int = HISTORY) -> None:
        self._span: Final = float(1 << space.bits)
        self._history = history
        # Per target: the slope as a share of the space, and its theoretical relative variance.
        self._samples: OrderedDict[Key, tuple[float, float]] = OrderedDict()

    def observe(self, target: Key, closest: Iterable[Contact]) -> bool:
        """A complete lookup for ``target`` ended with ``closest``, all of them without a gap.

        Returns:
            Whether it taught anything: False for a lookup that found nobody but the target.
        """
        away = sorted({contact.key ^ target for contact in closest} - {0})
        if not away:
            return False
        products = squares = 0
        for rank, distance in enumerate(away, 1):
            products += rank * distance
            squares += rank * rank
        self._samples.pop(target, None)
        slope = products / squares / self._span
        self._samples[target] = (slope, relative_variance(len(away)))
        if len(self._samples) > self._history:
            self._samples.popitem(last=False)
        return True

    def estimate(self) -> Estimate | None:
        """The size as known now; ``None`` before the first lookup."""
        count = len(self._samples)
        if not count:
            return None
        slopes = [slope for slope, _ in self._samples.values()]
        mean = sum(slopes) / count
        variance = sum(variance for _, variance in self._samples.values()) / count
        if count > 1:
            seen = sum((slope - mean) ** 2 for slope in slopes) / (count - 1) / mean**2
            variance = max(variance, seen)
        # 1 / mean is convex: it overestimates by its own relative variance, to first order.
        size = 1 / mean / (1 + variance / count) - 1
        return Estimate(max(size, 1.0), (size + 1) * sqrt(variance / count), count)
