"""What a gateway counts, and how it tells it (Prometheus' text format, version 0.0.4)."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torrent.cdn.gateway.core.asked import Asked

BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds to the first byte: from a file in memory to a swarm that has to be found."""
MEDIA: Final = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX: Final = "dhtctl_gateway_"


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


@dataclass(frozen=True, slots=True)
class State:
    """What a gateway has and has received, at one moment.

    Attributes:
        peer: Bytes that came from peers.
        origin: Bytes that came from origins.
        cache: Bytes on disk.
        limit: How many there may be.
        torrents: How many are at hand.
        peers: Connections to peers, of all of them.
        visitors: Connections of visitors.
    """

    peer: int
    origin: int
    cache: int
    limit: int
    torrents: int
    peers: int
    visitors: int


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

    def exposition(self, tally: Tally, state: State) -> str:
        """All of it, as Prometheus reads it."""
        families = [
            *self._counters(tally, state),
            *_gauges(state),
            _family(
                "first_byte_seconds", "histogram", "From request to first byte.", self._times()
            ),
        ]
        return "".join(families)

    def _counters(self, tally: Tally, state: State) -> Iterator[str]:
        statuses = {f'{{status="{status}"}}': n for status, n in sorted(self.requests.items())}
        yield _family("requests_total", "counter", "Answers.", statuses.items())
        yield _family("sent_bytes_total", "counter", "Sent to visitors.", [("", self.sent)])
        sources = {"peer": state.peer, "origin": state.origin, "cache": tally.cached}
        yield _family(
            "bytes_total",
            "counter",
            "Received from peers and origins; sent from the cache.",
            [(f'{{source="{source}"}}', size) for source, size in sources.items()],
        )
        reads = [('{result="hit"}', tally.hits), ('{result="miss"}', tally.misses)]
        yield _family("reads_total", "counter", "Files that were here, or not yet.", reads)

    def _times(self) -> Iterator[tuple[str, float]]:
        for bound, count in zip((*BUCKETS, "+Inf"), accumulate(self._first), strict=True):
            yield f'_bucket{{le="{bound}"}}', count
        yield "_sum", round(self._seconds, 6)
        yield "_count", sum(self._first)


def _gauges(state: State) -> Iterator[str]:
    for name, what, value in (
        ("cache_bytes", "Fetched and on disk.", state.cache),
        ("cache_limit_bytes", "How much that may be.", state.limit),
        ("torrents", "At hand.", state.torrents),
        ("peers", "Connections to peers.", state.peers),
        ("connections", "Connections of visitors.", state.visitors),
    ):
        yield _family(name, "gauge", what, [("", value)])


def _family(name: str, kind: str, what: str, samples: Iterable[tuple[str, float]]) -> str:
    """One metric: its help, its type, and a line for each of its samples."""
    whole = _PREFIX + name
    lines = [f"# HELP {whole} {what}", f"# TYPE {whole} {kind}"]
    lines += [f"{whole}{label} {value}" for label, value in samples]
    return "\n".join(lines) + "\n"
