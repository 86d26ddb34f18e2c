"""Many jobs at a time, or one that must be alone: who moves files, and who uses them.

Writing, reading and hashing go on side by side. Moving and selecting change where bytes lie, so
they wait until no thread is at work for their torrent, and hold back what arrives meanwhile.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from outcome import Outcome

    from torrent.io.workers import Done, Workers

T = TypeVar("T")


class Gate:
    """Between one torrent and the threads. To be used on the event loop.

    Attributes:
        closed: Somebody is alone inside, or waits to be.
    """

    def __init__(self, workers: Workers) -> None:
        self.closed = False
        self._workers: Final = workers
        self._turn: Final = trio.Lock()
        self._running = 0
        self._held: list[Callable[[], None]] = []
        self._changed = trio.Event()

    def submit(self, job: Callable[[], T], done: Done[T]) -> None:
        """Have a thread run ``job``, now or when the gate opens; then ``done`` on the loop."""
        start = partial(self._start, job, done)
        if self.closed:
            self._held.append(start)
        else:
            start()

    async def run(self, job: Callable[[], T]) -> T:
        """Have a thread run ``job`` and wait for it. Waiting for the gate can be cancelled."""
        while self.closed:
            await self._changed.wait()
        self._running += 1
        try:
            return await self._workers.run(job)
        finally:
            self._left()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Within this, no job of this torrent is under way."""
        async with self._turn:
            self.closed = True
            try:
                while self._running:
                    await self._changed.wait()
                yield
            finally:
                self.closed = False
                self._wake()
                held, self._held = self._held, []
                for start in held:
                    start()

    def _start(self, job: Callable[[], T], done: Done[T]) -> None:
        def finished(outcome: Outcome[T]) -> None:
            self._left()
            done(outcome)

        self._running += 1
        self._workers.submit(job, finished)

    def _left(self) -> None:
        self._running -= 1
        if self.closed and not self._running:
            self._wake()

    def _wake(self) -> None:
        """Let all who wait look again."""
        self._changed.set()
        self._changed = trio.Event()
