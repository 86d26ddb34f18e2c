"""Side by side, or alone; and what comes meanwhile is not lost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from torrent.io.gate import Gate
from torrent.io.workers import Workers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from outcome import Outcome


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    workers = Workers(2)
    yield Gate(workers)
    await workers.end()


async def test_jobs_run_side_by_side(gate: Gate) -> None:
    meeting = threading.Barrier(2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gate.run, meeting.wait)
        nursery.start_soon(gate.run, meeting.wait)


async def test_alone_waits_for_all_and_holds_back_the_rest(gate: Gate) -> None:
    order: list[str] = []
    release = threading.Event()

    def slow() -> None:
        release.wait()
        order.append("job before")

    def done(outcome: Outcome[None]) -> None:
        order.append("told")

    async def mover() -> None:
        async with gate.alone():
            order.append("alone")
            await trio.testing.wait_all_tasks_blocked()
            order.append("still alone")

    async def reader() -> None:
        await gate.run(lambda: order.append("read after"))

    async with trio.open_nursery() as nursery:
        gate.submit(slow, done)
        nursery.start_soon(mover)
        await trio.testing.wait_all_tasks_blocked()
        assert gate.closed
        nursery.start_soon(reader)
        gate.submit(lambda: order.append("job after"), lambda _: None)
        await trio.testing.wait_all_tasks_blocked()
        assert order == []
        release.set()
    async with gate.alone():
        assert order[:4] == ["job before", "told", "alone", "still alone"]
        assert sorted(order[4:]) == ["job after", "read after"]


async def test_two_are_alone_one_after_the_other(gate: Gate) -> None:
    inside: list[int] = []

    async def mover() -> None:
        async with gate.alone():
            inside.append(1)
            assert len(inside) == 1
            await trio.testing.wait_all_tasks_blocked()
            inside.pop()

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(mover)
    assert not gate.closed


async def test_an_error_opens_the_gate_again(gate: Gate) -> None:
    with pytest.raises(ValueError, match="oh"):
        async with gate.alone():
            raise ValueError("oh")
    assert await gate.run(lambda: 5) == 5


async def test_waiting_for_the_gate_can_be_cancelled(gate: Gate) -> None:
    async with gate.alone():
        with trio.move_on_after(0) as scope:
            await gate.run(lambda: None)
        assert scope.cancelled_caught
