"""Threads that hash and write while the event loop receives.

Hashing a piece and writing it both let go of the interpreter's lock, so two plain threads use two
cores; they were measured against an await in trio's ``to_thread`` for each piece, against processes
with shared memory (no faster) and against one thread (half as fast). What makes them cheap is how
results come home: a worker puts its result into a queue, and wakes the loop only if nobody has
since the loop last looked. A busy loop is woken once for many pieces.

Jobs begin in the order they were submitted, and should be short (:data:`RUN`): whoever has much to
do submits the next part when one is done, so that a piece of a download does not wait for the
re-check of another torrent.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import trio

from torrent.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

R = TypeVar("R")
T = TypeVar("T")

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
        self._threads = ThreadPoolExecutor(count, "disk")
        self._loop = trio.lowlevel.current_trio_token()
        self._finished: deque[Callable[[], None]] = deque()
        self._announced = False

    def submit(self, job: Callable[[], T], done: Callable[[Future[T]], None]) -> None:
        """Have ``job`` run by a thread, then ``done`` on the event loop, with its outcome.

        ``done`` must not raise, and so must ask for the result of a job only if that cannot.
        """
        future = self._threads.submit(job)
        future.add_done_callback(partial(self._come_home, done))

    async def run(self, job: Callable[[], T]) -> T:
        """Have ``job`` run by a thread and wait for its result, or raise what it raised.

        Once the job is under way the wait cannot be cancelled: the job may be writing into memory
        that its caller would reuse.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        ended = trio.Event()
        outcome: list[Future[T]] = []

        def done(future: Future[T]) -> None:
            outcome.append(future)
            ended.set()

        self.submit(job, done)
        with trio.CancelScope(shield=True):
            await ended.wait()
        return outcome[0].result()

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
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._threads.shutdown)
        self._drain()

    def _come_home(self, done: Callable[[Future[Any]], None], future: Future[Any]) -> None:
        """In the thread: queue the outcome; wake the loop unless that was done and not yet heard.

        The order matters, here and below: the loop first takes the announcement back, then empties
        the queue, so whatever is queued while the announcement stands will be found.
        """
        self._finished.append(partial(done, future))
        if not self._announced:
            self._announced = True
            self._loop.run_sync_soon(self._drain)

    def _drain(self) -> None:
        self._announced = False
        while self._finished:
            self._finished.popleft()()
