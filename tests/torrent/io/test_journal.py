"""Progress is committed in batches, at most a second late, and again if the disk fails."""

from __future__ import annotations

import logging
import math
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from dht.node.disk import StateError
from tests import waiting
from torrent.io.journal import Journal
from torrent.io.resume import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable


class Remembering:
    """In the place of the state: notes what was committed."""

    def __init__(self, failures: int = 0) -> None:
        self.commits: list[list[Progress]] = []
        self.failures = failures

    def advance(self, progress: Iterable[Progress]) -> None:
        if self.failures:
            self.failures -= 1
            raise StateError("the disk is full")
        self.commits.append(list(progress))


class Torrent:
    """One that gets further."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.count = 0
        self.asked: list[float] = []

    def snapshot(self) -> Progress:
        self.asked.append(trio.current_time())
        return Progress(self.name, downloaded=self.count)


until = partial(waiting.until, patience=math.inf)  # threads take none of the virtual time


async def test_many_marks_are_one_commit_within_a_second(
    autojump_clock: trio.testing.MockClock,
) -> None:
    state = Remembering()
    journal = Journal(state)  # type: ignore[arg-type]
    one, two = Torrent(b"1"), Torrent(b"2")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        await waiting.pass_time(10)
        started = trio.current_time()
        for _ in range(1000):
            one.count += 1
            journal.mark(b"1", one.snapshot)
        journal.mark(b"2", two.snapshot)
        await until(lambda: bool(state.commits))
        nursery.cancel_scope.cancel()
    (committed,) = state.commits
    assert one.asked[0] - started < 1
    assert {progress.infohash: progress.downloaded for progress in committed} == {
        b"1": 1000,
        b"2": 0,
    }


async def test_a_failing_disk_is_tried_again(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    state = Remembering(failures=2)
    journal = Journal(state)  # type: ignore[arg-type]
    one = Torrent(b"1")
    with caplog.at_level(logging.WARNING):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.run)
            journal.mark(b"1", one.snapshot)
            await until(lambda: not state.failures)
            one.count = 9
            journal.mark(b"1", one.snapshot)
            await until(lambda: bool(state.commits))
            nursery.cancel_scope.cancel()
    (committed,) = state.commits
    assert committed == [Progress(b"1", downloaded=9)]
    assert caplog.text.count("trying again in 5 s") == 2


async def test_flushing_at_the_end() -> None:
    state = Remembering(failures=1)
    journal = Journal(state)  # type: ignore[arg-type]
    journal.mark(b"1", Torrent(b"1").snapshot)
    with pytest.raises(StateError):
        await journal.flush()
    await journal.flush()
    assert state.commits == [[Progress(b"1")]]


async def test_a_removed_torrent_is_not_committed() -> None:
    state = Remembering()
    journal = Journal(state)  # type: ignore[arg-type]
    journal.mark(b"1", Torrent(b"1").snapshot)
    journal.forget(b"1")
    await journal.flush()
    assert state.commits == [[]]
