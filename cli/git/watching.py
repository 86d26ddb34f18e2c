"""Waiting for torrents, as long as any of them makes progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import trio

from cli.errors import CommandError, UnreachableError
from cli.failures import translated
from cli.network import seconds_of_patience
from cli.patience import patience
from cli.torrents.swarming import status
from dht.errors import DhtError
from torrent.errors import TorrentError
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
        results: list[T] = []
        failures: list[CommandError] = []
        try:
            with patience(self._context.out, label, seconds_of_patience()) as waiting:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._watch, waiting)
                    # Caught here, because the nursery would wrap it in a group.
                    try:
                        results.append(await deed())
                    except (TorrentError, DhtError) as problem:
                        failures.append(translated(problem))
                    nursery.cancel_scope.cancel()
        except UnreachableError as error:
            error.hint = "nobody has it now: try again later"
            raise
        for failure in failures:
            raise failure
        return results[0]

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
