"""The DHT as a source of peers: our node, in the same process.

Two things go on, each at its own pace. *Finding* is urgent at first and then ever less: every walk
costs some forty requests of other people's nodes, and whoever found peers hears of more from
them. *Announcing* keeps us listed: nodes forget within the hour (BEP 5's clients: every 15
minutes). A torrent with two names (hybrid, BEP 52) is two swarms in the DHT, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import trio

from dht.errors import DhtError

if TYPE_CHECKING:
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


class DhtSource:
    """One torrent's peers in the DHT: a :class:`~torrent.core.sources.PeerSource`."""

    def __init__(self, node: Node, rng: Random) -> None:
        self._node = node
        self._rng = rng

    async def run(self, torrent: Announced, found: Found) -> None:
        """Announce ``torrent`` and hand over who else is listed, until cancelled."""
        if torrent.private:
            return
        async with trio.open_nursery() as nursery:
            for infohash in torrent.infohashes:
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
                await self._node.provide(infohash, torrent.port, seed=seed)
            except DhtError:
                await self._rest(_AGAIN_SOON)
                continue
            with trio.move_on_after(self._pause(_AGAIN)):
                if not seed:
                    await torrent.wait_completed()
                else:
                    await trio.sleep_forever()

    async def _rest(self, seconds: float) -> None:
        await trio.sleep(self._pause(seconds))

    def _pause(self, seconds: float) -> float:
        return seconds * (1 + _JITTER * (2 * self._rng.random() - 1))
