"""Following a name, on a clock that jumps: the newest version is adopted, and nothing older."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from tests.naming import NAME, version_of
from torrent.cdn.following import AGAIN, follow
from torrent.errors import TorrentError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from torrent.cdn.name import Name, Version
    from torrent.cdn.names import Names

TAKES = 5.0
"""Seconds in which a version that can be had is here."""


@dataclass
class Follower:
    """Who follows a name whose versions come at given times, and of which some are broken."""

    news: list[tuple[float, int]]
    broken: frozenset[int] = frozenset()
    tried: list[tuple[float, int]] = field(default_factory=list)
    adopted: list[tuple[float, int]] = field(default_factory=list)

    async def watch(self, _: Name) -> AsyncIterator[Version]:
        for at, seq in self.news:
            await trio.sleep_until(at)
            yield version_of(seq)
        await trio.sleep_forever()

    async def adopt(self, wanted: Version) -> None:
        self.tried.append((trio.current_time(), wanted.seq))
        await trio.sleep(TAKES)
        if wanted.seq in self.broken:
            raise TorrentError("nobody has it")

    def told(self, got: Version) -> None:
        self.adopted.append((trio.current_time(), got.seq))

    async def run(self, until: float, after: int = -1) -> None:
        with trio.move_on_at(until):
            await follow(cast("Names", self), NAME, self.adopt, self.told, after=after)


def ran(follower: Follower, until: float, after: int = -1) -> Follower:
    clock = trio.testing.MockClock(autojump_threshold=0)
    trio.run(follower.run, until, after, clock=clock)
    return follower


def test_what_is_broken_is_tried_again() -> None:
    follower = ran(Follower([(0, 1)], frozenset({1})), 2.5 * (TAKES + AGAIN))
    assert [at for at, _ in follower.tried] == [0, TAKES + AGAIN, 2 * (TAKES + AGAIN)]
    assert not follower.adopted


def test_a_newer_one_is_looked_at_while_an_older_waits_to_be_tried_again() -> None:
    follower = ran(Follower([(0, 1), (10, 2)], frozenset({1})), 100)
    assert follower.tried == [(0, 1), (10, 2)]
    assert follower.adopted == [(10 + TAKES, 2)]


def test_what_is_here_is_not_adopted_again() -> None:
    follower = ran(Follower([(0, 3), (10, 4)]), 100, after=3)
    assert follower.adopted == [(10 + TAKES, 4)]


@given(st.lists(st.tuples(st.integers(1, 20), st.booleans()), max_size=6))
def test_each_is_adopted_unless_a_newer_comes_before(news: list[tuple[int, bool]]) -> None:
    """The oracle: a version that works is had ``TAKES`` after it came, if nothing newer came."""
    at, times, broken = 0.0, [], set()
    for seq, (pause, works) in enumerate(news):
        at += pause + 0.5
        times.append((at, seq))
        if not works:
            broken.add(seq)
    ends = [*(began for began, _ in times), math.inf][1:]
    expected = [
        (began + TAKES, seq)
        for (began, seq), end in zip(times, ends, strict=True)
        if seq not in broken and began + TAKES < end
    ]
    assert ran(Follower(times, frozenset(broken)), at + TAKES + 1).adopted == expected
