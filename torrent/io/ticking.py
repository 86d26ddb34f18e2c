"""One task that wakes every machine of a session when it wants to be woken.

A session may hold a thousand torrents, most of them idle: a task each would cost memory, a poll
of all would cost time. A heap of deadlines costs neither. Entries are never removed: a machine that
moved its deadline is pushed again, and an entry that is no longer its deadline is passed over.
"""

from __future__ import annotations

import heapq
import math
from itertools import count
from typing import TYPE_CHECKING, Protocol

import trio

if TYPE_CHECKING:
    from typing import NoReturn


class Machine(Protocol):
    """Something with deadlines.

    Attributes:
        due: When it is to be ticked; kept by the ticker.
    """

    due: float

    def tick(self, now: float) -> None:
        """Do what is due."""
        ...

    def next_deadline(self) -> float:
        """When something will be due; infinity if never."""
        ...


class Ticker:
    """Ticks machines when they are due."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Machine]] = []
        self._numbers = count()
        self._scope: trio.CancelScope | None = None

    def arrange(self, machine: Machine) -> None:
        """Note that the deadline of ``machine`` may have come nearer."""
        due = machine.next_deadline()
        if due < machine.due:
            machine.due = due
            heapq.heappush(self._heap, (due, next(self._numbers), machine))
            if self._scope is not None and due < self._scope.deadline:
                self._scope.deadline = due

    async def run(self) -> NoReturn:
        """Tick, for as long as the session lives."""
        while True:
            with trio.CancelScope(deadline=self._next()) as self._scope:
                await trio.sleep_forever()
            self._scope = None
            self._tick(trio.current_time())

    def _next(self) -> float:
        return self._heap[0][0] if self._heap else math.inf

    def _tick(self, now: float) -> None:
        ready = []  # Gathered first: a machine that is due again at once waits for the next turn.
        while self._heap and self._heap[0][0] <= now:
            due, _, machine = heapq.heappop(self._heap)
            if due == machine.due:
                machine.due = math.inf
                ready.append(machine)
        for machine in ready:
            machine.tick(now)
            self.arrange(machine)
