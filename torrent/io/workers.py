"""Threads that hash and write while the event loop receives.

Hashing a piece and writing it both let go of the interpreter's lock, so two plain threads use two
cores; they were measured against an await in trio's ``to_thread`` for each piece, against processes
with shared memory (no faster) and against one thread (half as fast). What makes them cheap is how
results come home: a worker puts its result into a queue, and wakes the loop only if nobody has
since the loop last looked. A busy loop is woken once for many pieces. A pool of
``concurrent.futures`` needs a lock and a condition for each job, which is 0.13 ms on a busy loop.

Jobs begin in the order they were submitted, and should be short (:data:`RUN`): whoever has much to
do submits the next part when one is done, so that a piece of a download does not wait for the
re-check of another torrent.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TypeVar

import trio
from outcome import Outcome, capture

from torrent.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

R = TypeVar("R")
T = TypeVar("T")
Done = Callable[[Outcome[T]], None]
"""Told on the event loop what came of a job; ``unwrap()`` gives its result, or raises."""

RUN: Final = 16 * 1024 * 1024
"""Bytes that one job of a long task hashes: from the page cache, 10 to 25 ms of a thread.

Each result that comes home costs a quarter to half a millisecond of processor time, most of it in
threads that were put to sleep because the loop had the interpreter's lock. With runs of 4 MiB,
re-checks took 5 to 6 % more processor time; with 32 MiB they take 1 % less."""


class Workers:
    """A fixed number of threads. Made, fed and ended on the event loop.

    Attributes:
        count: How many threads.
    """

    def __init__(self, count: int) -> None:
        self.count: Final = count
        self._loop = trio.lowlevel.current_trio_token()
        self._jobs: SimpleQueue[tuple[Callable[[], Any], Done[Any]] | None] = SimpleQueue()
        self._finished: deque[tuple[Done[Any], Outcome[Any]]] = deque()
        self._announced = False
        # Daemons: a process that fails before `end` must not hang on threads that wait for work.
        self._threads = [
            threading.Thread(target=self._work, name=f"disk_{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Callable[[], T], done: Done[T]) -> None:
        """Have ``job`` run by a thread, then ``done`` on the event loop, with its outcome.

        ``done`` must not raise, and so must unwrap the outcome of a job only if that cannot.
        """
        self._jobs.put((job, done))

    async def run(self, job: Callable[[], T]) -> T:
        """Have ``job`` run by a thread and wait for its result, or raise what it raised.

        Once the job is under way the wait cannot be cancelled: the job may be writing into memory
        that its caller would reuse.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        ended = trio.Event()
        outcomes: list[Outcome[T]] = []

        def done(outcome: Outcome[T]) -> None:
            outcomes.append(outcome)
            ended.set()

        self.submit(job, done)
        with trio.CancelScope(shield=True):
            await ended.wait()
        return outcomes[0].unwrap()

    async def spread(self, runs: Iterable[R], job: Callable[[R], Awaitable[None]]) -> None:
        """Do something with each of ``runs``, twice as many at a time as there are threads.

        So each thread has a job and the next one waits already: no thread waits for the loop.

        Raises:
            StorageError: One of them did; no further ones are begun.
        """
        rest = iter(runs)
        failed: StorageError | None = None

        async def some() -> None:
            for run in rest:
                await job(run)

        try:
            async with trio.open_nursery() as nursery:
                for _ in range(2 * self.count):
                    nursery.start_soon(some)
        except* StorageError as group:
            failed = next(each for each in group.exceptions if isinstance(each, StorageError))
        if failed:
            raise failed

    async def end(self) -> None:
        """Wait until everything submitted is done and its results have been handed out."""
        for _ in self._threads:
            self._jobs.put(None)
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._join)
        self._drain()

    def _join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        """Be one of the threads."""
        while self._do_next():
            pass

    def _do_next(self) -> bool:
        """In the thread: do a job and queue its outcome; False if there will be no more.

        The loop is woken unless that was done and not yet heard. The order matters, here and below:
        the loop first takes the announcement back, then empties the queue, so whatever is queued
        while the announcement stands will be found.
        """
        work = self._jobs.get()
        if work is None:
            return False
        job, done = work
        self._finished.append((done, capture(job)))
        if not self._announced:
            self._announced = True
            self._loop.run_sync_soon(self._drain)
        return True

    def _drain(self) -> None:
        self._announced = False
        while self._finished:
            done, outcome = self._finished.popleft()
            done(outcome)
