"""Limits beside the clock: what passes in a time is what was allowed, shared in turn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import pytest
import trio
import trio.testing

from tests.waiting import pass_time
from torrent.io.throttle import Throttle

if TYPE_CHECKING:
    from torrent.io.link import Link

MOST = 1 << 20
RATE = 1_000_000.0


class Uploader:
    """Stands where a link does: wants to upload for ever."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle
        self.sent = 0

    def pump(self) -> None:
        while allowed := self._throttle.may_write(cast("Link", self), MOST):
            self._throttle.will_write(allowed)
            self.sent += allowed


async def test_no_limit_is_no_wait() -> None:
    throttle = Throttle()
    assert await throttle.may_read(MOST) == MOST
    throttle.was_read(MOST)
    assert throttle.may_write(cast("Link", object()), MOST) == MOST
    throttle.will_write(MOST)


async def test_uploads_are_shared_in_turn(autojump_clock: trio.testing.MockClock) -> None:
    throttle = Throttle(upload=RATE)
    links = [Uploader(throttle) for _ in range(4)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(throttle.run)
        for link in links:
            link.pump()
        await pass_time(40)
        nursery.cancel_scope.cancel()
    total = sum(link.sent for link in links)
    assert total == pytest.approx(40 * RATE, rel=0.05)
    # The first took the burst of a second before the others came.
    later = [link.sent for link in links[1:]]
    assert max(later) - min(later) <= 2 * 65_536


async def test_downloads_wait_for_their_allowance(autojump_clock: trio.testing.MockClock) -> None:
    throttle, start, read = Throttle(download=RATE), trio.current_time(), 0
    while trio.current_time() < start + 20:
        allowed = await throttle.may_read(MOST)
        throttle.was_read(allowed)
        read += allowed
        await trio.lowlevel.checkpoint()
    assert read == pytest.approx(20 * RATE, rel=0.1)


@pytest.mark.parametrize("upload", [RATE, math.inf])
async def test_who_waits_to_upload_counts_anew_when_the_limit_changes(
    upload: float, autojump_clock: trio.testing.MockClock
) -> None:
    """At a byte a second the next portion would be 18 hours away."""
    throttle = Throttle(upload=1.0)
    link = Uploader(throttle)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(throttle.run)
        link.pump()
        before = link.sent
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(3600):
            await trio.sleep_forever()
        assert link.sent == before
        link.pump = nursery.cancel_scope.cancel  # type: ignore[method-assign]
        with trio.fail_after(1):
            throttle.limit(upload=upload)
            await trio.sleep_forever()


async def test_who_waits_to_read_counts_anew_when_the_limit_changes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    throttle = Throttle(download=1.0)
    throttle.was_read(2 * 65_536)
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            assert await throttle.may_read(MOST) > 0

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        throttle.limit(download=RATE)
    assert trio.current_time() - began < 1


async def test_some_allowance_is_left_at_very_low_limits(
    autojump_clock: trio.testing.MockClock,
) -> None:
    throttle, start = Throttle(download=1000.0), trio.current_time()
    read = 0
    while trio.current_time() < start + 1000:
        allowed = await throttle.may_read(MOST)
        throttle.was_read(allowed)
        read += allowed
    assert read <= 1000 * 1000 + 3 * 65_536
