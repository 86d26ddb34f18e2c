"""A torrent as peer sources see it, steered by tests, and its way to trackers."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING

import trio

from torrent.core.announce.messages import Announce, Event
from torrent.core.sources import Transfer
from torrent.io.http import HttpSettings
from torrent.io.trackers import Trackers
from torrent.io.udp_tracker import UdpTrackers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

V1, V2 = b"v1 infohash 20 bytes", b"v2 infohash 20 bytes"
LEECHING = Transfer(uploaded=5, downloaded=7, left=1000)
DONE = Transfer(uploaded=5, downloaded=1007, left=0, complete=True)
ANNOUNCE = Announce(V1, b"-DC0100-abcdefghijkl", 6881, left=1000, event=Event.STARTED, key=0xABC)
OTHER = Announce(V1, b"-XX0100-abcdefghijkl", 7000, event=Event.STARTED)


@asynccontextmanager
async def trackers(http: HttpSettings | None = None, attempts: int = 2) -> AsyncIterator[Trackers]:
    udp = UdpTrackers(hosts=("127.0.0.1", "::1"), rng=Random(1), attempts=attempts)
    async with trio.open_nursery() as nursery:
        await nursery.start(udp.run)
        yield Trackers(udp, http or HttpSettings())
        nursery.cancel_scope.cancel()


@dataclass
class Sample:
    """An :class:`~torrent.core.sources.Announced`."""

    infohashes: tuple[bytes, ...] = (V1,)
    peer_id: bytes = b"-DC0100-abcdefghijkl"
    port: int = 6881
    private: bool = False
    transfer: Transfer = LEECHING
    completed: trio.Event = field(default_factory=trio.Event)

    def statistics(self) -> Transfer:
        return self.transfer

    async def wait_completed(self) -> None:
        await self.completed.wait()

    def complete(self) -> None:
        """Have all of it."""
        self.transfer = replace(DONE)
        self.completed.set()


class Finds:
    """A ``found`` callback that can be waited for."""

    def __init__(self) -> None:
        self.peers: list[tuple[tuple[str, int], str]] = []
        self._event = trio.Event()

    def __call__(self, peers: object, source: str) -> None:
        self.peers += [(peer, source) for peer in peers]  # type: ignore[attr-defined]
        self._event.set()
        self._event = trio.Event()

    async def wait(self, count: int = 1, seconds: float = 20.0) -> None:
        """Until so many were found."""
        with trio.fail_after(min(math.inf, seconds)):
            while len(self.peers) < count:
                await self._event.wait()
