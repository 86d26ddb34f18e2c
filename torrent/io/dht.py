"""The DHT as a source of peers: our node, in the same process.

Two things go on, each at its own pace. *Finding* is urgent at first and then ever less: every walk
costs some forty requests of other people's nodes, and whoever found peers hears of more from
them. *Announcing* keeps us listed: nodes forget within the hour (BEP 5's clients: every 15
minutes). A torrent with two names (hybrid, BEP 52) is two swarms in the DHT, too.

A walk costs ten milliseconds of processor time and as many open calls as answers are awaited. A
session that starts with a thousand torrents would do nothing else for half a minute, and lose
answers by it; so all its sources share a :class:`Pace`.
"""

from __future__ import annotations

import math
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final, cast

import trio

from dht.errors import DhtError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from random import Random

    from dht.node.node import Node
    from torrent.core.sources import Announced, Endpoint, Found

_AGAIN_SOON: Final = 5.0
"""Seconds after a search that found nobody: a swarm may be just about to begin."""
_AGAIN: Final = 15 * 60.0
"""Seconds between searches at the most, and between announcements."""
_SLOWER: Final = 2.0
"""How much longer each pause between searches is than the last."""
_JITTER: Final = 0.2
"""The share of a pause that chance decides, so that a thousand torrents do not walk in step."""
_AT_ONCE: Final = 8
"""Walks under way at a time: at three calls each two dozen, which no household router minds."""
_BURST: Final = 16
"""Announcements that may go one after the other: as many torrents as people start by hand."""
_SLOWEST: Final = 1.0
"""Seconds between announcements at the most, once the burst is used up."""
_SPARE: Final = 0.9
"""The share of the interval in which everybody has a turn."""


class Pace:
    """Whose turn it is to walk, of all torrents of a session.

    Who downloads waits for nobody but a free place. Who only renews what the network knows of a
    seed takes turns: as slowly as may be for all to come round in time, so that a seedbox is idle
    when it looks idle.
    """

    def __init__(self) -> None:
        self._names = 0
        self._places = trio.CapacityLimiter(_AT_ONCE)
        self._queue = trio.Lock()
        self._free_at = -math.inf

    @contextmanager
    def sharing(self, names: int) -> Iterator[None]:
        """Count so many infohashes among those that need turns."""
        self._names += names
        try:
            yield
        finally:
            self._names -= names

    @asynccontextmanager
    async def turn(self, *, urgent: bool) -> AsyncIterator[None]:
        """Wait for a turn; the walk is what is done within."""
        if not urgent:
            async with self._queue:
                await trio.sleep_until(max(self._free_at, trio.current_time()))
        gap = self._gap()
        self._free_at = max(self._free_at, trio.current_time() - _BURST * gap) + gap
        async with self._places:
            yield

    def _gap(self) -> float:
        """Seconds between two turns."""
        return min(_SLOWEST, _SPARE * _AGAIN / max(self._names, 1))


class DhtSource:
    """One torrent's peers in the DHT: a :class:`~torrent.core.sources.PeerSource`."""

    def __init__(self, node: Node, rng: Random, pace: Pace | None = None) -> None:
        self._node = node
        self._rng = rng
        self._pace = pace or Pace()

    async def run(self, torrent: Announced, found: Found) -> None:
        """Announce ``torrent`` and hand over who else is listed, until cancelled."""
        if torrent.private:
            return
        names = torrent.infohashes
        with self._pace.sharing(len(names)):
            async with trio.open_nursery() as nursery:
                for infohash in names:
                    nursery.start_soon(self._search, infohash, torrent, found)
                    nursery.start_soon(self._announce, infohash, torrent)

    async def _search(self, infohash: bytes, torrent: Announced, found: Found) -> None:
        pause = _AGAIN_SOON
        while True:
            if not torrent.statistics().complete:
                await self._walk(infohash, found)
            await self._rest(pause)
            pause = min(pause * _SLOWER, _AGAIN)

    async def _walk(self, infohash: bytes, found: Found) -> None:
        """Look once; peers are handed over as they are found."""
        try:
            async with self._pace.turn(urgent=True):
                async for provider in self._node.find_providers(infohash):
                    found([cast("Endpoint", provider.endpoint)], "dht")
        except DhtError:
            # No network at the moment; the node goes on trying, and so do we.
            await trio.lowlevel.checkpoint()

    async def _announce(self, infohash: bytes, torrent: Announced) -> None:
        """List ourselves, and again once we have everything, which seeds say (BEP 33)."""
        while torrent.port:
            seed = torrent.statistics().complete
            try:
                async with self._pace.turn(urgent=not seed):
                    await self._node.provide(infohash, torrent.port, seed=seed)
            except DhtError:
                await self._rest(_AGAIN_SOON)
                continue
            with trio.move_on_after(self._somewhat(_AGAIN)):
                if not seed:
                    await torrent.wait_completed()
                else:
                    await trio.sleep_forever()

    async def _rest(self, seconds: float) -> None:
        await trio.sleep(self._somewhat(seconds))

    def _somewhat(self, seconds: float) -> float:
        return seconds * (1 + _JITTER * (2 * self._rng.random() - 1))
