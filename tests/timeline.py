"""A virtual clock, one source of chance, and a witness: what every simulated world stands on.

A heap of moments. Everything random comes from one seed, so a run has a digest, and two runs from
one seed have the same. What lives in a world, and how its parts reach each other, is for the
worlds to say: :mod:`tests.world` (engines of the DHT) and :mod:`tests.swarm_world` (swarms).
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import math
from random import Random
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Driven(Protocol):
    """A machine in its shell.

    Attributes:
        wakes_at: When it will be ticked; kept by the timeline.
    """

    wakes_at: float

    def next_deadline(self) -> float: ...

    def tick(self) -> None: ...


class Timeline:
    """The clock of a world.

    Attributes:
        rng: The root of all chance.
        now: Seconds since the world began.
    """

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.now = 0.0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._digest = hashlib.sha256()

    def note(self, *what: object) -> None:
        """Add to the digest of this run."""
        self._digest.update(f"{self.now:.9f} {what!r}\n".encode())

    @property
    def digest(self) -> str:
        """What happened, and the last draw: two runs from one seed agree on it."""
        self.note(self.rng.random())
        return self._digest.hexdigest()

    def schedule(self, at: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (at, next(self._count), action))

    def wake(self, member: Driven) -> None:
        """See to it that ``member`` ticks at its next deadline."""
        at = member.next_deadline()
        if at < member.wakes_at:
            member.wakes_at = at
            self.schedule(max(at, self.now), lambda: self._tick(member, at))

    def _tick(self, member: Driven, at: float) -> None:
        if member.wakes_at == at:
            member.wakes_at = math.inf
            member.tick()

    def run(self, until: float = math.inf, *, when: Callable[[], bool] | None = None) -> None:
        """Let time pass until ``until``, or until ``when`` holds, or nothing is left to happen."""
        while self._heap and self._heap[0][0] <= until:
            if when is not None and when():
                return
            self.now, _, action = heapq.heappop(self._heap)
            action()
        if until < math.inf and (when is None or not when()):
            self.now = max(self.now, until)
