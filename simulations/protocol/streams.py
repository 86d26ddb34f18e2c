"""Networks of connections: who is asked has to be dialled first, and a dial can fail, slowly.

Mainline's datagrams cost a round trip. libp2p's requests need a connection, which takes several,
and an address behind which nobody answers costs its transport's timeout. What that comes to in the
network of IPFS was measured: D. Trautwein published 1,277 records in November 2021 and noted every
dial and every request (github.com/dennis-tra/optimistic-provide, commit 6e4a91d, ``data/``). The
quantiles below are those of the 1,141 publications in which his machine did not run out of open
files: 51,449 dials that led to a connection, 9,789 that failed (85 % after the five seconds of a
TCP dial, 3 % after 45 s and more, which only websockets and stuck handshakes take), 55,964 requests
that were answered. No dial takes longer than :data:`LONGEST`.

Every dial and every answer is drawn afresh, but the time in which the dead fail is their own.
"""

from __future__ import annotations

from bisect import bisect_right
from math import inf
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from simulations.protocol.node import Node

SHARES: Final = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 1.0)
"""Shares of all, whose quantiles follow."""
DIALS: Final = (0.0, 0.01, 0.02, 0.06, 0.21, 0.65, 0.99, 1.3, 2.38, 8.46, 16.45, 147.4)
"""Seconds until there was a connection."""
FAILURES: Final = (0.0, 0.0, 0.16, 0.53, 5.0, 5.0, 5.0, 5.0, 5.01, 45.0, 60.0, 140.02)
"""Seconds until it was clear that there would be none."""
ANSWERS: Final = (0.0, 0.0, 0.01, 0.01, 0.04, 0.16, 0.25, 0.38, 1.12, 3.57, 13.78, 363.45)
"""Seconds from a FIND_NODE to its answer, on a connection."""
LONGEST: Final = 60.0
"""go-libp2p's ``DialPeerTimeout`` (core/network, v0.20)."""
IDLE: Final = 60.0
"""Seconds after which a connection may be forgotten: a stream's life in go-libp2p-kad-dht."""
MOST_OPEN: Final = 1 << 16
"""Connections of all nodes, before the old ones are swept out."""


def quantile(values: tuple[float, ...], share: float) -> float:
    """The value below which ``share`` of all lie: linear between those of :data:`SHARES`."""
    place = min(bisect_right(SHARES, share), len(SHARES) - 1)
    low, high = SHARES[place - 1], SHARES[place]
    part = (share - low) / (high - low)
    return values[place - 1] + (values[place] - values[place - 1]) * part


class Streams:
    """The connections of all nodes.

    Args:
        rng: What dials and answers take.
        clock: Tells the time of the world.
    """

    def __init__(self, rng: Random, clock: Callable[[], float]) -> None:
        self._rng = rng
        self._clock = clock
        self._open: dict[tuple[int, int], float] = {}  # since when; before that it is dialled
        self._failing: dict[int, float] = {}

    def connected(self, source: Node, target: Node) -> bool:
        """Whether ``source`` dialled ``target``, and the connection is there."""
        return target.alive and self._open.get((source.index, target.index), inf) <= self._clock()

    def dial(self, source: Node, target: Node) -> tuple[float, bool]:
        """How many seconds it takes to be connected, or to know that it cannot be; which of both.

        Who is connected takes none; whose dial is under way, what is left of it.
        """
        now, pair = self._clock(), (source.index, target.index)
        if not target.alive:
            if target.index not in self._failing:
                self._failing[target.index] = min(quantile(FAILURES, self._rng.random()), LONGEST)
            return self._failing[target.index], False
        if pair not in self._open:
            takes = quantile(DIALS, self._rng.random())
            if takes >= LONGEST:
                return LONGEST, False
            self._keep(pair, now + takes)
        return max(0.0, self._open[pair] - now), True

    def hang_up(self, source: Node, target: Node) -> None:
        """Call off what ``source`` dials, or has dialled."""
        self._open.pop((source.index, target.index), None)

    def answer(self) -> float:
        """How many seconds a node that is connected takes to answer."""
        return quantile(ANSWERS, self._rng.random())

    def delay(self, source: Node, target: Node) -> float:
        """Seconds that a message from ``source`` to ``target`` travels; infinity if it never does.

        What was measured is the time from a request to its answer. All of it is put on the way
        there; what comes back on a connection that the other end dialled takes none.
        """
        if not self.connected(source, target) and self.connected(target, source):
            return 0.0
        takes, arrives = self.dial(source, target)
        return takes + self.answer() if arrives else inf

    def _keep(self, pair: tuple[int, int], opens: float) -> None:
        if len(self._open) >= MOST_OPEN:
            idle = self._clock() - IDLE
            self._open = {each: since for each, since in self._open.items() if since > idle}
        self._open[pair] = opens
