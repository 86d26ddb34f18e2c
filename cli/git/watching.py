"""Waiting for torrents, as long as any of them makes progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import trio

from cli.torrents.swarming import persevere, status
from torrent.io.results import Phase

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cli.context import Context
    from cli.patience import Patience
    from torrent.io.torrent import Torrent

T = TypeVar("T")

_LOOK: Final = 0.2
"""Seconds between two looks at how far it is."""
_DONE: Final = (Phase.SEEDING, Phase.REMOVED)


class Watched:
    """Torrents that somebody waits for; :meth:`told` adds one."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._torrents: list[Torrent] = []

    def told(self, torrent: Torrent) -> None:
        """This is being fetched."""
        self._torrents.append(torrent)

    @property
    def downloaded(self) -> int:
        """Bytes that came."""
        return sum(torrent.statistics().downloaded for torrent in self._torrents)

    async def pursue(self, label: str, deed: Callable[[], Awaitable[T]]) -> T:
        """Do ``deed``, which waits for them, for as long as any makes progress.

        Raises:
            CommandError: What it raised, or that nothing moved any more.
        """
        return await persevere(self._context, label, self._watch, deed)

    async def _watch(self, waiting: Patience) -> None:
        last: object = None
        while True:
            now = [torrent.statistics() for torrent in self._torrents]
            moved = [(each.phase, each.done, each.checked, each.downloaded) for each in now]
            # Who has all that was asked for is busy checking it.
            if moved != last or all(each.phase in _DONE for each in now):
                last = moved
                waiting.extend()
            if self._torrents:
                done, size = sum(each.done for each in now), sum(each.size for each in now)
                waiting.stands(status(self._torrents[-1]), done, size or None, counted=False)
            await trio.sleep(_LOOK)
