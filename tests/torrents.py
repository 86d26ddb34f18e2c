"""A torrent as peer sources see it, steered by tests."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import trio

from torrent.core.sources import Transfer

V1, V2 = b"v1 infohash 20 bytes", b"v2 infohash 20 bytes"
LEECHING = Transfer(uploaded=5, downloaded=7, left=1000)
DONE = Transfer(uploaded=5, downloaded=1007, left=0, complete=True)


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
