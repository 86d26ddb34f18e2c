"""The ticker beside what it must do: every machine at its deadline, once."""

from __future__ import annotations

import math

import trio
import trio.testing

from tests.waiting import pass_time
from torrent.io.ticking import Ticker


class Machine:
    """Wants to be ticked at given moments."""

    def __init__(self, *moments: float) -> None:
        self.due = math.inf
        self.moments = list(moments)
        self.ticked: list[float] = []

    def tick(self, now: float) -> None:
        self.ticked.append(now)
        while self.moments and self.moments[0] <= now:
            del self.moments[0]

    def next_deadline(self) -> float:
        return self.moments[0] if self.moments else math.inf


async def test_each_is_ticked_when_it_wants(autojump_clock: trio.testing.MockClock) -> None:
    ticker, start = Ticker(), trio.current_time()
    machines = [Machine(*(start + at for at in times)) for times in ((1.0, 5.0), (2.0,), ())]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ticker.run)
        for machine in machines:
            ticker.arrange(machine)
        await pass_time(10)
        nursery.cancel_scope.cancel()
    assert [[at - start for at in machine.ticked] for machine in machines] == [[1, 5], [2], []]


async def test_a_deadline_that_comes_nearer_wakes_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ticker, start = Ticker(), trio.current_time()
    machine = Machine(start + 100)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ticker.run)
        ticker.arrange(machine)
        await pass_time(1)
        machine.moments.insert(0, start + 3)
        ticker.arrange(machine)
        ticker.arrange(machine)
        await pass_time(1000)
        nursery.cancel_scope.cancel()
    assert [at - start for at in machine.ticked] == [3, 100]


async def test_a_machine_that_is_always_due_does_not_starve_the_others(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Greedy(Machine):
        def next_deadline(self) -> float:
            return 0.0 if len(self.ticked) < 1000 else math.inf

    ticker, greedy = Ticker(), Greedy()
    other = Machine(trio.current_time())
    async with trio.open_nursery() as nursery:
        ticker.arrange(greedy)
        ticker.arrange(other)
        nursery.start_soon(ticker.run)
        while not other.ticked:
            await trio.lowlevel.checkpoint()
        assert len(greedy.ticked) < 1000
        nursery.cancel_scope.cancel()
