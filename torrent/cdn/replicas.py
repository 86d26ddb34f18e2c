"""Replicas: who else has a copy, found out by asking for a piece of it.

Whoever serves the newest version is listed in the DHT under its infohash, and so can be counted. A
listing is cheap talk, and so is a bitfield; what proves a copy is a piece of it, chosen by chance
after the listing. So each volunteer is challenged from time to time: a piece is fetched from it
alone, over a connection of its own, and hashed. Who fails was a replica and is missed, until it
meets a challenge again or is forgotten after a week.

A volunteer that has lost a share *s* of the pieces passes *n* challenges with probability
(1 - s)^n: of one that has half, five find out with 97 %.

A challenger is nobody's favourite peer: it gives nothing, so a busy seed may keep it waiting for a
turn. :data:`PATIENCE` is longer than a few turns, so one challenge that fails is enough to miss a
replica.
"""

from __future__ import annotations

import logging
import tempfile
import time
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from dht.errors import DhtError
from torrent.cdn.memory import Volunteer
from torrent.core.commands import Prioritise
from torrent.core.metainfo import Metainfo
from torrent.errors import TorrentError
from torrent.io.config import SessionConfig
from torrent.io.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from random import Random

    from dht.node.node import Node
    from torrent.cdn.memory import Memory
    from torrent.cdn.name import Name
    from torrent.core.metainfo import Info

Endpoint = tuple[str, int]

EVERY: Final = 600.0
"""Seconds between challenges of one volunteer: six an hour cost it some MiB a day."""
PATIENCE: Final = 90.0
"""Seconds for a piece: a seed's turns are half a minute (:mod:`torrent.core.choker`)."""
MAX_VOLUNTEERS: Final = 100
"""Challenged for a name: more than anybody wants, and a listing costs its forger little."""
_AT_ONCE: Final = 4
_ALONE: Final = SessionConfig(
    listen=(), workers=1, trackers=False, web_seeds=False, pex=False, same_host=True, sparse=True
)
_URGENT: Final = 7
_log: Final = logging.getLogger("torrent.cdn")


@dataclass(frozen=True, slots=True)
class Held:
    """What volunteers should have.

    Attributes:
        name: Of which name it is the newest version.
        info: What it is.
    """

    name: Name
    info: Info


async def challenge(info: Info, endpoint: Endpoint, piece: int, patience: float = PATIENCE) -> str:
    """Fetch ``piece`` from one peer and verify it; what went wrong, empty if nothing did."""
    with tempfile.TemporaryDirectory(prefix="dhtctl-") as place:
        async with Session(_ALONE) as session:
            torrent = await session.add(
                Metainfo(info), Path(place), select=_touching(info, piece), kept=False
            )
            try:
                with trio.move_on_after(patience):
                    await torrent.ready()
                    torrent.command(Prioritise(pieces=dict.fromkeys(range(info.piece_count), 0)))
                    torrent.command(Prioritise(pieces={piece: _URGENT}))
                    torrent.add_peers([endpoint])  # Not before, or it would send anything.
                    await torrent.has(piece)
                    return ""
            except TorrentError as problem:
                return str(problem)
            if not torrent.sharing.answered:
                return "it does not answer"
            return f"it did not send piece {piece}, or not the right one"


def _touching(info: Info, piece: int) -> list[int]:
    """The files that a piece lies in: storage has no place for what is in none that is wanted."""
    start = piece * info.piece_length
    end = start + info.piece_size(piece)
    return [n for n, f in enumerate(info.files) if f.offset < end and f.offset + f.length > start]


class Replicas:
    """Challenges the volunteers of names, and remembers what came of it.

    Args:
        node: Knows who is listed.
        memory: What came of earlier challenges.
        rng: Chooses pieces: a volunteer must not know which.
        ours: Endpoints of our own, which prove nothing.
        patience: See :data:`PATIENCE`.
    """

    def __init__(
        self,
        node: Node,
        memory: Memory,
        rng: Random,
        *,
        ours: Collection[Endpoint] = (),
        patience: float = PATIENCE,
    ) -> None:
        self._node = node
        self._memory = memory
        self._rng = rng
        self._ours = ours
        self._patience = patience

    async def look(self, held: Held) -> list[Volunteer]:
        """Challenge everybody who is listed, or was a replica before, once.

        Raises:
            StateError: The memory could not be read or written.
        """
        known = {
            (each.host, each.port): each
            for each in await trio.to_thread.run_sync(self._memory.volunteers, held.name)
        }
        async for endpoint in self._listed(held.info):
            if len(known) < MAX_VOLUNTEERS and not self._is_ours(endpoint):
                known.setdefault(endpoint, Volunteer(*endpoint, 0.0, None, 0))
        limit = trio.CapacityLimiter(_AT_ONCE)
        async with trio.open_nursery() as nursery:
            for volunteer in known.values():
                nursery.start_soon(self._challenge, held, volunteer, limit)
        return await trio.to_thread.run_sync(self._memory.volunteers, held.name)

    async def _listed(self, info: Info) -> AsyncIterator[Endpoint]:
        """Who says that it has the torrent, each once."""
        seen: set[Endpoint] = set()
        try:
            for infohash in info.infohashes:
                async for provider in self._node.find_providers(infohash):
                    match provider.endpoint:
                        case (str(host), int(port)) if (host, port) not in seen:
                            seen.add((host, port))
                            yield host, port
        except DhtError as problem:
            _log.info("volunteers cannot be looked for: %s", problem)

    async def _challenge(self, held: Held, before: Volunteer, limit: trio.CapacityLimiter) -> None:
        info = held.info
        async with limit:
            piece = self._rng.randrange(info.piece_count)
            why = await challenge(info, (before.host, before.port), piece, self._patience)
        wall = time.time()
        after = Volunteer(
            before.host,
            before.port,
            wall,
            before.passed if why else wall,
            before.failed + 1 if why else 0,
            why,
        )
        await trio.to_thread.run_sync(self._memory.challenged, held.name, after)

    def _is_ours(self, endpoint: Endpoint) -> bool:
        """Whether it is ourselves, seen from outside: our port, at an address that may be ours."""
        host, port = endpoint
        mine = {here for here, door in self._ours if door == port}
        if not mine:
            return False
        external = self._node.statistics().external
        anywhere = any(ip_address(here).is_unspecified for here in mine)
        return host in mine or (anywhere and (host == external or ip_address(host).is_loopback))
