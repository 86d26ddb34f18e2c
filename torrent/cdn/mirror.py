"""A mirror: a directory that always shows the newest version of a name, and serves it to others.

For each version: its metadata is fetched; what older versions have of it is taken over from them
(:mod:`.carrying`); the rest is fetched and all of it hashed; it is written down as whole; its
record is promised, so that the name lives on without its publisher; and then, in one step, it is
what people see (:mod:`.shelf`). Interrupted anywhere, the version before is still what is seen, and
the next run goes on where this one was.

If a newer version comes while one is being fetched, that is the one to have (:mod:`.following`).
What the older one got is not lost, since that lies on the shelf and is carried over.
"""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

import trio

from torrent.cdn.carrying import carry, shelf_of
from torrent.cdn.errors import SiteError
from torrent.cdn.following import follow
from torrent.cdn.shelf import Shelf, check_free, switch, top_of
from torrent.core.effects import Unusable
from torrent.core.metainfo import Metainfo
from torrent.errors import TorrentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torrent.cdn.memory import Memory
    from torrent.cdn.name import Name, Version
    from torrent.cdn.names import Names
    from torrent.core.metainfo import Info
    from torrent.io.session import Session
    from torrent.io.torrent import Torrent

MAX_FILES: Final = 100_000
"""Files of a version: a large site has some ten thousand. A name is somebody else's, and each file
takes an inode of ours, though it be empty."""
KEEP: Final = 2
"""Versions on disk: the one that is seen, and the one before, for those who are reading it."""


class Mirror:
    """Keeps a directory at the newest version of a name.

    Args:
        session: Fetches and serves; with a state, what it serves is promised.
        names: Where the name leads.
        memory: What is here.
        name: Which name.
        target: Where people see it: a link, made by us.
        keep: Versions on disk, see :data:`KEEP`.
        told: Called with what is going on: a torrent that is being fetched.

    Attributes:
        promise: The number of the promise to keep the record; 0 if there is none.
    """

    def __init__(
        self,
        session: Session,
        names: Names,
        memory: Memory,
        name: Name,
        target: Path,
        *,
        keep: int = KEEP,
        told: Callable[[Torrent], None] = lambda _: None,
    ) -> None:
        self._session = session
        self._names = names
        self._name = name
        self._target = target
        self._keep = keep
        self._told = told
        self._shelf = Shelf(target.with_name(f".{target.name}.versions"), name, memory)
        self.promise = 0

    async def adopt(self, version: Version) -> Torrent:
        """Have ``version`` here, whole and verified, and show it.

        Returns:
            Its torrent, which is being served.

        Raises:
            SiteError: It cannot be had as files, or something else is at the target.
            TorrentError: The disk refused.
            StateError: The state could not be written.
        """
        await trio.to_thread.run_sync(check_free, self._target)
        base = self._shelf.place(version.infohash)
        metainfo = await self._described(version, base)
        torrent = await self._gathered(metainfo, version, base)
        await trio.to_thread.run_sync(self._shelf.add, version.seq, version.infohash)
        await self._session.keep(torrent)
        self.promise = await self._names.keep(version)
        top = top_of(metainfo.info, base)
        await trio.to_thread.run_sync(switch, self._target, top)
        for gone in await trio.to_thread.run_sync(self._shelf.prune, self._keep):
            await self._session.forget(gone)
        return torrent

    async def run(self, adopted: Callable[[Version], None] = lambda _: None) -> None:
        """Adopt each version, until cancelled; ``adopted`` is told."""
        await follow(self._names, self._name, self.adopt, adopted)

    async def _described(self, version: Version, base: Path) -> Metainfo:
        """What the version is: known from before, or asked of peers."""
        known = await trio.to_thread.run_sync(self._shelf.metainfo, version.infohash)
        if known is None:
            info = await self._learn(version, base)
            known = Metainfo(info, web_seeds=version.origins)
            await trio.to_thread.run_sync(self._shelf.note, version.infohash, known)
        if len(known.info.files) > MAX_FILES:
            raise SiteError(
                f"version {version.seq} of {self._name} has {len(known.info.files)} files, and "
                f"{MAX_FILES} are the most that a mirror takes"
            )
        return known

    async def _learn(self, version: Version, base: Path) -> Info:
        torrent = await self._session.add(version.magnet, base, metadata_only=True, kept=False)
        self._told(torrent)
        try:
            return await _metadata(torrent)
        finally:
            with trio.CancelScope(shield=True):
                await self._session.remove(torrent)

    async def _gathered(self, metainfo: Metainfo, version: Version, base: Path) -> Torrent:
        """Have all of it in ``base``: from older versions what they have, else from peers."""
        await trio.to_thread.run_sync(self._carry, metainfo.info, base)
        torrent = await self._session.add(metainfo, base, kept=False)
        self._told(torrent)
        gathered = False
        try:
            await torrent.completed()
            storage = torrent.sharing.storage
            if storage is not None:
                await storage.flush()  # What is shown survives a power cut, too.
            gathered = True
        finally:
            if not gathered:
                with trio.CancelScope(shield=True):
                    await self._session.remove(torrent)
        return torrent

    def _carry(self, info: Info, base: Path) -> int:
        return carry(shelf_of(self._shelf.contents()), info, base)


async def _metadata(torrent: Torrent) -> Info:
    """Wait for the metadata of a torrent, or for it to be of no use.

    Raises:
        SiteError: Its hash is right, and what it says is impossible.
    """
    faults: list[str] = []
    async with trio.open_nursery() as nursery:

        async def listen() -> None:
            with closing(torrent.events()) as events:
                async for event in events:
                    if isinstance(event, Unusable):
                        faults.append(event.reason)
                        nursery.cancel_scope.cancel()

        nursery.start_soon(listen)
        with suppress(TorrentError):
            await torrent.metadata()
        nursery.cancel_scope.cancel()
    if torrent.info is None:
        why = faults[0] if faults else "it was removed"
        raise SiteError(f"what it leads to is no torrent that can be had: {why}")
    return torrent.info
