"""The pace of a session's walks in the DHT, on a clock that jumps."""

from __future__ import annotations

import trio
import trio.testing

from torrent.io.dht import Pace

MANY = 1000
HALF_AN_HOUR = 1800.0
"""When nodes forget who announced (BEP 5's tokens and libtorrent's storage: at the latest)."""


class Walks:
    """Torrents that walk as often as they get a turn; a walk takes two seconds."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.began: list[float] = []
        self.under_way = self.most = 0

    async def walk(self, *, urgent: bool = False) -> None:
        async with self.pace.turn(urgent=urgent):
            self.began.append(trio.current_time())
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            await trio.sleep(2)
            self.under_way -= 1


async def test_a_few_torrents_are_announced_at_once(autojump_clock: trio.testing.MockClock) -> None:
    pace = Pace()
    walks = Walks(pace)
    start = trio.current_time()
    with pace.sharing(5):
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(walks.walk)
    assert trio.current_time() - start == 2


async def test_a_thousand_come_round_in_time_and_not_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pace = Pace()
    walks = Walks(pace)
    start = trio.current_time()
    with pace.sharing(MANY):
        async with trio.open_nursery() as nursery:
            for _ in range(MANY):
                nursery.start_soon(walks.walk)
    assert walks.most <= 8
    assert trio.current_time() - start < HALF_AN_HOUR / 2
    for at in walks.began[20:]:
        # Twenty in ten seconds are two hundredths of a processor, at 10 ms a walk.
        assert sum(at <= other < at + 10 for other in walks.began) <= 20


async def test_a_download_waits_for_no_renewals(autojump_clock: trio.testing.MockClock) -> None:
    pace = Pace()
    walks, download = Walks(pace), Walks(pace)
    start = trio.current_time()
    with pace.sharing(MANY):
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(walks.walk)
            await trio.sleep(10)
            await download.walk(urgent=True)
            assert trio.current_time() - start < 15
            nursery.cancel_scope.cancel()
