"""A virtual clock, and streams through links of limited width.

Of a host only its uplink and downlink are narrow, as with people at home: what lies between them
delays, and no more. An uplink sends one block after the other, taking the links that have something
to send in turn, so each gets the same share. A downlink takes blocks in one after the other, too;
as with TCP, senders wait when more than :data:`QUEUE` seconds of them stand before it. Control
messages, two in a thousand of the bytes, cost no time.

Events of one moment happen in the order in which they were scheduled, and all chance is drawn from
the run's own streams: the same seed gives the same run, to the last bit.
"""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulations.swarm.member import Member
    from torrent.core.effects import Endpoint

QUEUE: Final = 0.5
"""Seconds of blocks that may stand before a downlink."""
REFUSED: Final = 1.0
"""Seconds after which a dial that nobody answers is given up."""


class End:
    """One end of a stream. What is written here arrives at the other, in order."""

    __slots__ = ("arrives", "endpoint", "host", "link", "open", "other")

    def __init__(self, host: Member, link: int, endpoint: Endpoint) -> None:
        self.host = host
        self.link = link
        self.endpoint = endpoint  # whom the host sees
        self.open = True
        self.arrives = 0.0
        self.other: End = self

    def write(self, *parts: bytes | memoryview, wide: bool = False) -> None:
        """Send; ``wide`` if the other's downlink takes time for it."""
        world, other = self.host.world, self.other
        at = max(self.arrives, world.now + world.latency)
        if wide:
            at = other.host.taken_in(sum(map(len, parts)), at)
        self.arrives = at
        world.schedule(at, lambda: other.host.received(other, parts) if other.open else None)

    def close(self) -> None:
        """Hang up: the other end hears of it after all that was written."""
        self.open = False
        other, world = self.other, self.host.world
        at = max(self.arrives, world.now + world.latency)
        world.schedule(at, lambda: other.host.ended(other) if other.open else None)


class SwarmWorld:
    """Members, a clock, and what is due.

    Attributes:
        now: Seconds since the beginning.
        latency: Seconds one way.
        at: Who listens where.
    """

    def __init__(self, latency: float) -> None:
        self.now = 0.0
        self.latency = latency
        self.at: dict[Endpoint, Member] = {}
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._links = itertools.count(1)
        self._ports = itertools.count(40_000)

    def schedule(self, at: float, action: Callable[[], None]) -> None:
        """Let ``action`` happen at a time."""
        heapq.heappush(self._heap, (at, next(self._count), action))

    def dial(self, who: Member, endpoint: Endpoint) -> None:
        """Connect ``who`` to whoever listens at ``endpoint``."""
        other = self.at.get(endpoint)
        if other is None:
            self.schedule(self.now + REFUSED, lambda: who.unreachable(endpoint))
            return
        near = End(who, next(self._links), endpoint)
        far = End(other, next(self._links), (who.endpoint[0], next(self._ports)))
        near.other, far.other = far, near

        def stand() -> None:
            other.accepted(far)
            who.dialled(near)

        self.schedule(self.now + self.latency, stand)

    def run(self, until: float, over: Callable[[], bool]) -> None:
        """Let time pass, until ``over`` holds or ``until``."""
        while self._heap and self._heap[0][0] <= until and not over():
            self.now, _, action = heapq.heappop(self._heap)
            action()
