"""The DHT as a source of peers: our node, in the same process.

Two things go on, each at its own pace. *Finding* is urgent at first and then ever less: every walk
costs some forty requests of other people's nodes, and whoever found peers hears of more from
them. *Announcing* keeps us listed: nodes forget within the hour (BEP 5's clients: every 15
minutes). A torrent with two names (hybrid, BEP 52) is two swarms in the DHT, too.

One walk that finds nobody proves little, because whoever prints a link and whoever follows it begin
in the same second, and announcing takes a walk, too. Two in a row are believed
(:attr:`DhtSource.exhausted`), and until then a download does not announce itself: a command that
ends because nobody is there would leave its own ghost for others to dial for half an hour. So would
one that has all it wants in a second. Nodes list eight ports of an address (:mod:`dht.core
.providers`), and the ninth ghost behind a household's router, or on one machine, would displace
the seed there that they all were served by; a session of such commands says ``listed_after``.

A walk costs ten milliseconds of processor time and as many open calls as answers are awaited. A
session that starts with a thousand torrents would do nothing else for half a minute, and lose
answers by it; so all its sources share a :class:`Pace`.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final, cast

import trio

from dht.errors import DhtError
from dht.node.results import merged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from random import Random

    from dht.core.effects import Evidence
    from dht.node.node import Node
    from torrent.core.sources import Announced, Endpoint, Found

_AGAIN_SOON: Final = 1.0
"""Seconds between the first search and the second: a swarm may be just about to begin. Pauses that
double make this cost two walks more in a quarter of an hour than five seconds would."""
_REFUSED: Final = 5.0
"""Seconds after an announcement that nobody took."""
_SURE: Final = 2
"""Complete walks in a row without anybody, after which the DHT is taken to know nobody."""
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

    def __init__(
        self, node: Node, rng: Random, pace: Pace | None = None, *, listed_after: float = 0.0
    ) -> None:
        self._node = node
        self._rng = rng
        self._pace = pace or Pace()
        self._listed_after = listed_after
        self._absence: dict[bytes, deque[Evidence]] = {}
        self._stays: dict[bytes, trio.Event] = {}

    @property
    def exhausted(self) -> bool:
        """Whether, under each of its names, walks that were complete keep finding nobody."""
        walks = self._absence.values()
        return bool(walks) and all(len(in_vain) == _SURE for in_vain in walks)

    @property
    def evidence(self) -> Evidence | None:
        """What the latest walks in vain have asked, all names together; ``None`` if none was."""
        latest = [in_vain[-1] for in_vain in self._absence.values() if in_vain]
        return merged(latest) if latest else None

    async def run(self, torrent: Announced, found: Found) -> None:
        """Announce ``torrent`` and hand over who else is listed, until cancelled."""
        if torrent.private:
            return
        names = torrent.infohashes
        self._absence = {infohash: deque(maxlen=_SURE) for infohash in names}
        self._stays = {infohash: trio.Event() for infohash in names}
        with self._pace.sharing(len(names)):
            async with trio.open_nursery() as nursery:
                for infohash in names:
                    nursery.start_soon(self._search, infohash, torrent, found)
                    nursery.start_soon(self._announce, infohash, torrent)

    async def _search(self, infohash: bytes, torrent: Announced, found: Found) -> None:
        pause, stays = _AGAIN_SOON, self._stays[infohash]
        while True:
            if not torrent.statistics().complete:
                await self._walk(infohash, torrent, found)
            in_vain = len(self._absence[infohash])
            if not in_vain:
                stays.set()
            await self._rest(pause)
            if in_vain == _SURE:
                stays.set()
            pause = min(pause * _SLOWER, _AGAIN)

    async def _walk(self, infohash: bytes, torrent: Announced, found: Found) -> None:
        """Look once; peers are handed over as they are found."""
        providing, anybody = self._node.find_providers(infohash), False
        try:
            async with self._pace.turn(urgent=True):
                async for provider in providing:
                    endpoint = cast("Endpoint", provider.endpoint)
                    if not self._is_us(endpoint, torrent.port):
                        anybody = True
                        found([endpoint], "dht")
            sure = providing.evidence.complete
        except DhtError:
            # No network at the moment; the node goes on trying, and so do we.
            await trio.lowlevel.checkpoint()
            sure = False
        if sure and not anybody:
            self._absence[infohash].append(providing.evidence)
        else:
            self._absence[infohash].clear()

    def _is_us(self, endpoint: Endpoint, port: int) -> bool:
        """Whether it is what we announced ourselves, now or in an earlier run on the same port."""
        host, number = endpoint
        hosts = {self._node.external, *(address for address, _ in self._node.addresses)}
        return number == port and host in hosts

    async def _announce(self, infohash: bytes, torrent: Announced) -> None:
        """List ourselves, and again once we have everything, which seeds say (BEP 33)."""
        await trio.sleep(self._listed_after)
        if not torrent.statistics().complete:
            await self._stays[infohash].wait()
        while torrent.port:
            seed = torrent.statistics().complete
            try:
                async with self._pace.turn(urgent=not seed):
                    await self._node.provide(infohash, torrent.port, seed=seed)
            except DhtError:
                await self._rest(_REFUSED)
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
