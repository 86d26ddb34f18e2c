"""The torrents of a gateway: those at hand, and which go when there are too many.

A torrent comes here when a visitor asks for something of it. If it lies on a shelf of this state
directory (published from here, or mirrored), it is served from there, and stays whatever happens;
else it is fetched into the cache. A small torrent is fetched whole, what visitors wait for first:
a page's other files are asked for next, and whoever has all of it is a seed for others. Of a large
one only the files that are asked for are fetched.

**The cache** is bounded in bytes. When it is full, the torrent that was used the longest ago goes,
files and all; those that are pinned, being read, or were asked for just now stay. So what is in use
may exceed the bound, by no more than what visitors can wait for at once. When each was last used is
the time of its directory, so a new run knows it, too. What cannot be deleted is told of and left
behind, and so is what a killed run was deleting: the next run begins with that.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio

from dht.node.nurseries import Entered
from torrent.cdn.carrying import carry, shelf_of
from torrent.cdn.gateway.core.counting import Tally
from torrent.cdn.gateway.core.errors import Refused
from torrent.cdn.gateway.held import Held
from torrent.cdn.gateway.waiting import PATIENCE, patiently
from torrent.cdn.origins import learn
from torrent.cdn.shelf import found
from torrent.core.commands import Prioritise
from torrent.core.metainfo import Metainfo
from torrent.errors import TorrentError
from torrent.io.faults import explained

if TYPE_CHECKING:
    from pathlib import Path

    from torrent.cdn.memory import Memory
    from torrent.core.metainfo import Info, Magnet
    from torrent.io.session import Session
    from torrent.io.torrent import Torrent

LIMIT: Final = 10_000_000_000
"""Bytes of the cache, unless one is told otherwise."""
WHOLE: Final = 256 << 20
"""Bytes of a torrent that is fetched whole, if a quarter of the cache has room for it."""
_SHARE: Final = 4
_OPENINGS: Final = 32
"""Torrents looked for at once: each costs some walks through the DHT, and strangers ask for any."""
_TIDY: Final = 2.0
"""Seconds between two looks at how much there is."""
_MARK: Final = 60.0
"""Seconds between two times that a torrent's last use is written down."""
_JUST: Final = 2.0
"""Seconds for which whoever asked for a torrent may not have begun to read it."""
_PLACE: Final = re.compile(r"[0-9a-f]{40}")
_log: Final = logging.getLogger("torrent.cdn.gateway")


class _Opening:
    """A torrent that is being looked for, and all who wait for it."""

    def __init__(self) -> None:
        self.over = trio.Event()
        self.outcome: Held | TorrentError | None = None


class Library(Entered):
    """The torrents of one gateway. Enter it with ``async with``.

    Args:
        session: Fetches and serves; what it remembers under its state is the cache's.
        root: The cache's directory, nobody else's.
        memory: Knows the shelves; ``None``: there are none.
        limit: Bytes of the cache.
        patience: Seconds to wait for peers while nothing moves.
    """

    def __init__(
        self,
        session: Session,
        root: Path,
        memory: Memory | None = None,
        *,
        limit: int = LIMIT,
        patience: float = PATIENCE,
    ) -> None:
        self.session: Final = session
        self.limit: Final = limit
        self.patience: Final = patience
        self._root = root
        self._memory = memory
        self._held: dict[bytes, Held] = {}
        self._used: dict[Held, float] = {}
        self._marked: dict[Held, float] = {}
        self._openings: dict[bytes, _Opening] = {}
        self._leaving: dict[bytes, trio.Event] = {}
        self._places = trio.CapacityLimiter(_OPENINGS)
        self.pinned: set[bytes] = set()
        self.tally: Final = Tally()
        self._gone = (0, 0)

    async def _entered(self, nursery: trio.Nursery) -> None:
        for torrent in await self.session.restore():
            nursery.start_soon(self._rest, torrent)
        nursery.start_soon(self._keep_tidy)

    # Having.

    def at_hand(self, infohash: bytes) -> Held | None:
        """A torrent, if it is open."""
        held = self._held.get(infohash[:20])
        if held is not None:
            self._used[held] = trio.current_time()
        return held

    def peek(self, infohash: bytes) -> Held | None:
        """The same, without its being used."""
        return self._held.get(infohash[:20])

    @property
    def all(self) -> list[Held]:
        """Every torrent that is open."""
        return list(self._used)

    @property
    def received(self) -> tuple[int, int]:
        """Bytes that came from peers, and from origins."""
        peers, origins = self._gone
        for held in self._used:
            peers, origins = _added((peers, origins), held.torrent)
        return peers, origins

    async def have(self, link: Magnet, like: Held | None = None) -> Held:
        """A torrent, once it is described and open.

        Args:
            link: Which.
            like: An older version of it: files that did not change are taken from there.

        Raises:
            Refused: It cannot be had.
            TorrentError: The same, for a reason of the machine's.
        """
        infohash = link.infohashes[0]
        held = self.at_hand(infohash)
        if held is not None:
            return held
        opening = self._openings.get(infohash)
        if opening is None:
            if len(self._openings) >= _OPENINGS:
                raise Refused(503, "too many torrents are being looked for; try again soon")
            nursery = self._inside()
            opening = self._openings[infohash] = _Opening()
            nursery.start_soon(self._run, link, like, opening)
        await opening.over.wait()
        if isinstance(opening.outcome, Held):
            return opening.outcome
        assert opening.outcome is not None  # noqa: S101 - it is over
        raise opening.outcome

    async def _run(self, link: Magnet, like: Held | None, opening: _Opening) -> None:
        """Open a torrent, whether or not who asked for it still waits."""
        infohash = link.infohashes[0]
        try:
            opening.outcome = await self._open(link, infohash, like)
        except TorrentError as problem:
            opening.outcome = problem
        finally:
            del self._openings[infohash]
            if opening.outcome is None:
                opening.outcome = Refused(503, "the gateway is closing")
            opening.over.set()

    async def _open(self, link: Magnet, infohash: bytes, like: Held | None) -> Held:
        while (leaving := self._leaving.get(infohash)) is not None:
            await leaving.wait()  # Or what is fetched anew would be deleted with the old.
        torrent = await self._added(link, infohash, like)
        try:
            info = await patiently(torrent, torrent.metadata, self.patience)
            held = self._made(torrent, info)
            await torrent.ready()
        except TorrentError:
            with trio.CancelScope(shield=True):
                await self._drop(torrent)
            raise
        self._take(held)
        return held

    async def _added(self, link: Magnet, infohash: bytes, like: Held | None) -> Torrent:
        """Have the session fetch it: from a shelf, or into the cache."""
        known = [each for each in self.session.torrents if infohash in each.infohashes]
        if known:
            return known[0]
        memory = self._memory
        if memory is not None:
            shelved = await trio.to_thread.run_sync(found, memory, infohash)
            if shelved is not None:
                return await self.session.add(*shelved, kept=False)
        place = self._root / infohash.hex()
        info, peers = await self._described(link)
        if like is not None:
            versions = [(like.info, like.torrent.task.directory)]
            await trio.to_thread.run_sync(carry, shelf_of(versions), info, place)
        metainfo = Metainfo(info, web_seeds=link.web_seeds)
        return await self.session.add(metainfo, place, peers=peers)

    async def _described(self, link: Magnet) -> tuple[Info, list[tuple[str, int]]]:
        """What it is, asked of peers; and which were found."""
        torrent = await self.session.add(link, self._root, metadata_only=True, kept=False)
        try:
            info = await patiently(torrent, lambda: learn(torrent, link), self.patience)
            known = torrent.sharing.swarm.commons.candidates
            return info, [candidate.endpoint for candidate in known]
        finally:
            with trio.CancelScope(shield=True):
                await self.session.remove(torrent)

    def _made(self, torrent: Torrent, info: Info) -> Held:
        partly = (
            self._root in torrent.task.directory.parents
            and info.size > min(WHOLE, self.limit // _SHARE)
            and self.pinned.isdisjoint(torrent.infohashes)
        )
        return Held(torrent, info, self.tally, partly=partly, patience=self.patience)

    def _take(self, held: Held) -> None:
        """Have it at hand under all its names."""
        for infohash in held.torrent.infohashes:
            self._held[infohash] = held
        self._used[held] = trio.current_time()

    async def _rest(self, torrent: Torrent) -> None:
        """Take up what an earlier run had, as it was."""
        with suppress(TorrentError):
            await torrent.ready()
            info = await torrent.metadata()
            held = self._made(torrent, info)
            self._take(held)
            with suppress(OSError):
                age = trio.current_time() - _age(torrent.task.directory)
                self._used[held] = age

    def pin(self, held: Held) -> None:
        """Fetch all of a torrent, and let it stay."""
        self.pinned.update(held.torrent.infohashes)
        if held.partly:
            held.partly = False
            every = dict.fromkeys(range(len(held.info.files)), 1)
            held.torrent.command(Prioritise(files=every))

    def unpin(self, held: Held) -> None:
        """It may go when there is no room."""
        self.pinned.difference_update(held.torrent.infohashes)

    # Letting go.

    @property
    def size(self) -> int:
        """Bytes of the cache."""
        return sum(held.size for held in self._cached())

    def _cached(self) -> list[Held]:
        """What lies in the cache and not on a shelf; the longest unused first."""
        cached = [each for each in self._used if self._root in each.torrent.task.directory.parents]
        return sorted(cached, key=self._used.__getitem__)

    def _stays(self, held: Held) -> bool:
        just = trio.current_time() - self._used[held] < _JUST
        return just or bool(held.readers) or not self.pinned.isdisjoint(held.torrent.infohashes)

    async def _keep_tidy(self) -> None:
        await self._sweep()
        while True:
            await self.tidy()
            await trio.sleep(_TIDY)

    async def tidy(self) -> None:
        """Let go of what was unused the longest until the rest fits; note when each was used."""
        await trio.lowlevel.checkpoint()
        cached = self._cached()
        size = sum(held.size for held in cached)
        for held in cached:
            if size > self.limit and not self._stays(held):
                size -= held.size
                await self._drop(held.torrent)
            elif self._used[held] - self._marked.get(held, 0.0) > _MARK:
                self._marked[held] = self._used[held]
                with suppress(OSError):
                    os.utime(held.torrent.task.directory)

    async def _drop(self, torrent: Torrent) -> None:
        """Let go of a torrent; its files, too, if they are the cache's."""
        for held in [each for each in self._used if each.torrent is torrent]:
            del self._used[held]
            self._gone = _added(self._gone, torrent)
            self._marked.pop(held, None)
        for infohash in torrent.infohashes:
            self._held.pop(infohash, None)
        if self._root not in torrent.task.directory.parents:
            await self.session.remove(torrent)
            return
        gone = trio.Event()
        self._leaving.update(dict.fromkeys(torrent.infohashes, gone))
        try:
            await self.session.forget(torrent.named)
            if torrent.sharing.storage is not None:
                await torrent.sharing.storage.close()  # Threads may be writing.
            await _delete(torrent.task.directory)
        except TorrentError as problem:
            _log.warning("what the cache let go of is left behind: %s", problem)
        finally:
            for infohash in torrent.infohashes:
                self._leaving.pop(infohash, None)
            gone.set()

    async def _sweep(self) -> None:
        """Delete what an earlier run left behind."""
        ours = {torrent.task.directory for torrent in self.session.torrents}
        with suppress(OSError):
            for place in [each for each in self._root.iterdir() if _PLACE.fullmatch(each.name)]:
                infohash = bytes.fromhex(place.name)
                if place in ours or infohash in self._openings or infohash in self._held:
                    continue
                self._leaving[infohash] = trio.Event()
                try:
                    await _delete(place)
                except TorrentError as problem:
                    _log.warning("an earlier run left this behind: %s", problem)
                finally:
                    self._leaving.pop(infohash).set()


async def _delete(place: Path) -> None:
    """Delete a directory, if it is there.

    Raises:
        StorageError: The disk refused.
    """
    with explained(place), suppress(FileNotFoundError):
        await trio.to_thread.run_sync(shutil.rmtree, place)


def _added(before: tuple[int, int], torrent: Torrent) -> tuple[int, int]:
    """Bytes from peers and from origins, with those of a torrent."""
    origins = sum(seed.status.received for seed in torrent.web_seeds)
    peers = max(0, torrent.statistics().downloaded - origins)
    return before[0] + peers, before[1] + origins


def _age(directory: Path) -> float:
    """Seconds since it was last used."""
    return max(0.0, time.time() - directory.stat().st_mtime)
