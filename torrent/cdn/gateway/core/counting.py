"""What a gateway counts, and how it tells it (Prometheus' text format 0.0.4)."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from torrent.cdn.gateway.core.asked import Asked

BUCKETS: Final = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
)
"""Seconds to the first byte: from a file in memory to a swarm that has to be found."""


@dataclass(slots=True)
class Tally:
    """Where what visitors got came from.

    Attributes:
        hits: Reads of files of which all that was asked for was here.
        misses: Reads that had to wait for the swarm.
        cached: Bytes that were here when they were asked for.
        fetched: Bytes that were not.
    """

    hits: int = 0
    misses: int = 0
    cached: int = 0
    fetched: int = 0


class Counts:
    """Counters since the start.

    Attributes:
        requests: By status.
        sent: Bytes that went to visitors, heads included.
    """

    def __init__(self) -> None:
        self.requests: Counter[int] = Counter()
        self.sent = 0
        self._first = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0

    def told(self, asked: Asked, status: int, sent: int, first: float) -> None:
        """An answer went out; ``first``: seconds from its request to its first byte."""
        self.requests[status] += 1
        self.sent += sent
        self._first[bisect_left(BUCKETS, first)] += 1
        self._seconds += first
