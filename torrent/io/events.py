"""What happens to a torrent, for whoever listens.

Events are the swarm's own effects (a piece passed or failed, a host was banned, all is complete),
and what only the disk knows: a piece that we had is :class:`Lost`. A listener who is slow loses the
oldest, and nobody waits for it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Self, TypeAlias

import trio

from dht.core.messages import message

if TYPE_CHECKING:
    from collections.abc import Callable

    from torrent.core.effects import Effect

_KEPT: Final = 1000
"""Events that wait for a listener."""


@message
class Lost:
    """``piece``, which we had, is not what it should be on disk; it is fetched again."""

    piece: int


Event: TypeAlias = "Effect | Lost"


class Events:
    """What happens to a torrent from now on; iterate with ``async for``."""

    def __init__(self, leave: Callable[[Events], None]) -> None:
        self._waiting: deque[Event] = deque(maxlen=_KEPT)
        self._news = trio.Event()
        self._over = False
        self._leave = leave

    def tell(self, event: Event) -> None:
        """Something happened."""
        self._waiting.append(event)
        self._news.set()

    def waiting(self) -> tuple[Event, ...]:
        """What has happened and was not yet looked at."""
        return tuple(self._waiting)

    def end(self) -> None:
        """Nothing more will."""
        self._over = True
        self._news.set()

    def close(self) -> None:
        """Stop listening."""
        self._leave(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """Wait for the next event."""
        await trio.lowlevel.checkpoint()
        while not self._waiting:
            if self._over:
                raise StopAsyncIteration
            self._news = trio.Event()
            await self._news.wait()
        return self._waiting.popleft()
