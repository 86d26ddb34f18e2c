"""Each newest version of a name is adopted, however often that takes: what every mirror does.

A name is looked at as often as :data:`~torrent.cdn.names.FRESH` says. Nothing in BEP 44 tells who
follows a name that there is news, so it has to ask, and a walk costs others some thirty requests:
asking each minute is what a hundred mirrors of one name may do to the nodes that hold its record.

If there is a newer version while one is being adopted, or tried again, the newer is what is wanted:
the older may have no seeds left, or be broken for ever.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import trio

from torrent.errors import TorrentError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from torrent.cdn.name import Name, Version
    from torrent.cdn.names import Names

AGAIN: Final = 30.0
"""Seconds after which a version that could not be had is tried again."""
_log: Final = logging.getLogger("torrent.cdn")


async def follow(
    names: Names,
    name: Name,
    adopt: Callable[[Version], Awaitable[object]],
    adopted: Callable[[Version], None],
    *,
    after: int = -1,
) -> None:
    """Adopt each version, until cancelled.

    Args:
        names: Where the name leads.
        name: Which name.
        adopt: Has a version here; it may be cancelled, and tried again after a ``TorrentError``.
        adopted: Is told.
        after: The number of a version that is here; no older one is wanted.
    """
    latest: list[Version] = []
    scope = trio.CancelScope()
    news = trio.Event()

    async def watch() -> None:
        nonlocal news
        async for version in names.watch(name):
            if version.seq > after:
                latest[:] = [version]
                scope.cancel()
                news.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        while True:
            await news.wait()
            news = trio.Event()
            with trio.CancelScope() as scope:
                await _persist(latest[0], adopt, adopted)


async def _persist(
    version: Version,
    adopt: Callable[[Version], Awaitable[object]],
    adopted: Callable[[Version], None],
) -> None:
    """Adopt a version, however often it takes."""
    while True:
        try:
            await adopt(version)
        except TorrentError as problem:
            _log.warning("%s, version %d: %s", version.name, version.seq, problem)
            await trio.sleep(AGAIN)
        else:
            adopted(version)
            return
