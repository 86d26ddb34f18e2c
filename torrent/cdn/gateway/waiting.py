"""Waiting for what peers have, as long as that makes sense.

A visitor waits; so it matters more than elsewhere to know soon that nobody has something. If all
sources of peers have said that there is nobody, that is the end; else it is when nothing has moved
for a while.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import trio

from torrent.cdn.gateway.core.errors import Refused
from torrent.errors import TorrentError
from torrent.io.dht import DhtSource

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from torrent.io.torrent import Torrent

T = TypeVar("T")

PATIENCE: Final = 30.0
"""Seconds without any progress: as long as every verb of ours waits, and most proxies."""
_LOOK: Final = 0.1


async def patiently(torrent: Torrent, deed: Callable[[], Awaitable[T]], patience: float) -> T:
    """Do ``deed``, which waits for ``torrent``, for as long as something moves.

    Raises:
        Refused: 504, with the evidence: nothing did.
    """
    results: list[T] = []
    failures: list[TorrentError] = []
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_watch, torrent, scope, patience)
            # Caught here, because the nursery would wrap it in a group.
            try:
                results.append(await deed())
            except TorrentError as problem:
                failures.append(problem)
            nursery.cancel_scope.cancel()
    for failure in failures:
        raise failure
    if not results:
        raise Refused(504, evidence(torrent), {"Retry-After": "10"})
    return results[0]


async def _watch(torrent: Torrent, scope: trio.CancelScope, patience: float) -> None:
    """End it once nothing moves, or nothing can."""
    last: object = None
    since = trio.current_time()
    while True:
        await trio.sleep(_LOOK)
        now, sharing = torrent.statistics(), torrent.sharing
        moved = (now.phase, now.done, now.checked, now.downloaded, sharing.most, sharing.answered)
        if moved != last:
            last, since = moved, trio.current_time()
        if trio.current_time() - since > patience or _hopeless(torrent):
            scope.cancel()
            return


def _hopeless(torrent: Torrent) -> bool:
    """Whether everybody who could know of a peer has said that there is none."""
    now = torrent.statistics()
    if now.peers or now.known or torrent.complete or torrent.task.web_seeds:
        return False
    return bool(torrent.sources) and all(source.exhausted for source in torrent.sources)


def evidence(torrent: Torrent) -> str:
    """Why we think that nobody has something."""
    now, sharing = torrent.statistics(), torrent.sharing
    walks = [each.evidence for each in torrent.sources if isinstance(each, DhtSource)]
    asked = sum(walk.asked for walk in walks if walk is not None)
    return (
        f"nobody who is there has it now: {asked} nodes of the DHT were asked in vain, {now.known} "
        f"peers are known, {sharing.dialled} were dialled, {sharing.answered} answered, "
        f"{now.peers} are connected, {len(torrent.task.web_seeds)} origins were named. Its "
        "publisher may be gone, and nobody may have made a copy; try again later"
    )
