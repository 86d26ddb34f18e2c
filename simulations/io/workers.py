"""Where jobs run: in this process, in processes of this machine, or on a Dask cluster.

All three are an ``Executor`` of :mod:`concurrent.futures`, and any other will do (MPI's, joblib's).
Processes are *spawned*, not forked: numba's threads and a forked child do not agree, and a spawned
one sees only what its job says.

Ctrl-C reaches the whole process group of a terminal. Workers do not hear it; who started them ends
them, so that no run is torn in the middle by anyone but us, and nobody prints a traceback.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from simulations.errors import ConfigError
from simulations.io.extras import needed
from simulations.io.jobs import perform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulations.io.jobs import Job

PATIENCE: Final = 20.0
"""Seconds to wait for a Dask scheduler."""


class Crew(Protocol):
    """What does jobs."""

    def submit(self, job: Job) -> Future[str]:
        """Begin, or queue, a job."""
        ...

    def heard(self) -> list[tuple[int, float]]:
        """What runs have said since the last time: number of the job, virtual seconds."""
        ...

    def abandon(self) -> None:
        """End at once what is running; nothing half-written stays."""
        ...


class Here:
    """This process, one job after the other: for a single run, and for debugging."""

    def __init__(self, tell: Callable[[int, float], None]) -> None:
        self._tell = tell

    def submit(self, job: Job) -> Future[str]:
        """Do it now; what goes wrong is raised here."""
        future: Future[str] = Future()
        future.set_result(perform(job, self._tell))
        return future

    def heard(self) -> list[tuple[int, float]]:
        """Nothing: it was told at once."""
        return []

    def abandon(self) -> None:
        """Nothing runs."""


class Processes:
    """Spawned processes of this machine."""

    def __init__(self, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._reports: Any = context.Queue()
        self._executor = ProcessPoolExecutor(
            workers, mp_context=context, initializer=_begin, initargs=(self._reports,)
        )
        self._pids: set[int] = set()

    def submit(self, job: Job) -> Future[str]:
        """Queue it."""
        before = {process.pid for process in multiprocessing.active_children()}
        with _undisturbed():  # the executor makes its processes here, one a job
            future = self._executor.submit(_work, job)
        now = {process.pid for process in multiprocessing.active_children()}
        self._pids |= {pid for pid in now - before if pid is not None}
        return future

    def heard(self) -> list[tuple[int, float]]:
        """What came through the queue."""
        found = []
        with suppress(queue.Empty):
            while True:
                found.append(self._reports.get_nowait())
        return found

    def abandon(self) -> None:
        """End the processes by their ids; the executor has no such word before Python 3.14.

        All of them, those included that are still starting: one that is ended while it waits for a
        job takes the lock of the queue along, and who came to it later would wait for ever.
        """
        self._executor.shutdown(wait=False, cancel_futures=True)
        for pid in self._pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def close(self) -> None:
        """Wait for them to go."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._reports.close()
        self._reports.cancel_join_thread()


class Given:
    """An executor that somebody else made; of its runs we only hear the end."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._futures: list[Future[str]] = []

    def submit(self, job: Job) -> Future[str]:
        """Hand it over."""
        future: Future[str] = self._executor.submit(perform, job)
        self._futures.append(future)
        return future

    def heard(self) -> list[tuple[int, float]]:
        """Nothing."""
        return []

    def abandon(self) -> None:
        """Call off what can be called off."""
        for future in self._futures:
            future.cancel()


@contextmanager
def crew(
    workers: int, tell: Callable[[int, float], None], *, dask: str | None = None
) -> Iterator[Crew]:
    """Those who do the jobs while the block runs.

    Raises:
        MissingExtra: Dask is asked for and not installed.
        ConfigError: No scheduler answers at that address.
    """
    if dask is not None:
        with _client(dask) as client:
            yield Given(client.get_executor())
    elif workers == 1:
        yield Here(tell)
    else:
        processes = Processes(workers)
        try:
            yield processes
        finally:
            processes.close()


def _client(address: str) -> Any:
    """A connection to a Dask scheduler."""
    distributed = needed("distributed")
    try:
        return distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"no Dask scheduler answers at {address!r}: {error}",
            hint="start one with `dask scheduler`, and workers with `dask worker ADDRESS`",
        ) from error


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold Ctrl-C back while the block makes processes.

    They inherit that, for good: one that is still importing could do nothing with an interrupt but
    print a traceback. Ours comes when the block ends.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# In the worker processes.

_reports: Any = None


def _begin(reports: Any) -> None:
    global _reports  # noqa: PLW0603 - an initializer has no other way to hand something on
    _reports = reports


def _work(job: Job) -> str:
    return perform(job, lambda number, seconds: _reports.put((number, seconds)))
