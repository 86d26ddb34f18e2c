"""Jobs run in threads, their outcomes come home to the loop, and none is lost."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from torrent.io.workers import Workers

if TYPE_CHECKING:
    from outcome import Outcome


def here() -> int:
    return threading.get_ident()


async def test_outcomes_come_home_to_the_loop() -> None:
    workers = Workers(2)
    seen: list[tuple[int, int]] = []

    def done(number: int, outcome: Outcome[int]) -> None:
        assert outcome.unwrap() != here()
        seen.append((number, here()))

    for number in range(100):
        workers.submit(here, partial(done, number))
    await workers.end()
    assert sorted(seen) == [(number, here()) for number in range(100)]


async def test_a_result_or_an_error_is_waited_for() -> None:
    workers = Workers(1)
    assert await workers.run(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        await workers.run(lambda: 1 // 0)
    await workers.end()


async def test_all_threads_work_at_once() -> None:
    workers = Workers(3)
    meeting = threading.Barrier(3)
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(workers.run, meeting.wait)
    await workers.end()


async def test_a_job_under_way_is_waited_for_though_cancelled() -> None:
    workers = Workers(1)
    begun, release = threading.Event(), threading.Event()
    ended: list[bool] = []

    def job() -> None:
        begun.set()
        release.wait()
        ended.append(True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(workers.run, job)
        await trio.to_thread.run_sync(begun.wait)
        nursery.cancel_scope.cancel()
        release.set()
    assert ended
    await workers.end()


async def test_the_loop_is_woken_once_for_many_results() -> None:
    workers = Workers(1)
    wakes: list[None] = []
    loop = workers._loop

    class Counting:
        def run_sync_soon(self, function: object) -> None:
            wakes.append(None)
            loop.run_sync_soon(function)  # type: ignore[arg-type]

    workers._loop = Counting()  # type: ignore[assignment]
    count: list[int] = []
    done = threading.Event()
    for number in range(50):
        workers.submit(partial(int, number), lambda outcome: count.append(outcome.unwrap()))
    workers.submit(done.set, lambda _: None)
    done.wait()  # the loop is held up: nobody drains meanwhile
    await workers.end()
    assert count == list(range(50))
    assert len(wakes) == 1
