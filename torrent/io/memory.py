"""What a session remembers of its torrents, and what it believes of that at the next start.

Resume data claims; hashing knows. What is claimed is believed unhashed in one case only: the
torrent was complete, its session ended in peace, and its files look as they did then. That is a
seedbox starting a thousand torrents, and even it hashes a piece before the first time it serves
it. In every other case the claimed pieces, and only these, are hashed before the swarm
begins: a second for each gigabyte buys that nothing false is ever called complete.
"""

from __future__ import annotations

import logging
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from dht.node.disk import StateError
from torrent.core.bitfield import Bitfield
from torrent.errors import SessionError, TorrentError, WireError
from torrent.io.journal import Journal
from torrent.io.resume import Progress, StoredTorrent, Torrents
from torrent.io.task import read_task

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator
    from pathlib import Path

    from torrent.core.metainfo import Info
    from torrent.io.storage import Storage
    from torrent.io.task import Task

_LOOK: Final = 1.0
"""Seconds between two looks at what other processes wrote to the state."""
_log: Final = logging.getLogger("torrent.io")


class Memory:
    """The torrents in a state directory, as one session uses them."""

    def __init__(self, torrents: Torrents) -> None:
        self._torrents = torrents
        self._journal = Journal(torrents)
        self._stored: dict[bytes, StoredTorrent] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, directory: Path) -> AsyncIterator[Memory]:
        """Open the state in ``directory``, and commit what is known when leaving.

        Raises:
            SessionError: It cannot be; the message says why and what to do.
        """
        with _declared():
            torrents = await trio.to_thread.run_sync(Torrents.open, directory)
        try:
            memory = cls(torrents)
            with _declared():
                await memory._load()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(memory._journal.run)
                yield memory
                nursery.cancel_scope.cancel()
        finally:
            torrents.close()

    async def _load(self) -> None:
        stored = await trio.to_thread.run_sync(self._torrents.all)
        self._stored = {each.infohash: each for each in stored}

    async def wait_changed(self) -> None:
        """Wait until another process has written to the state, and read it again.

        Raises:
            SessionError: The state could not be read.
        """
        with _declared():
            while True:
                await trio.sleep(_LOOK)  # Nothing but a look can tell.
                if await trio.to_thread.run_sync(self._torrents.changed):
                    await self._load()
                    return

    # What is known from before.

    def all(self) -> tuple[StoredTorrent, ...]:
        """Every torrent remembered, in the order they were added."""
        return tuple(self._stored.values())

    def recall(self, infohashes: tuple[bytes, ...]) -> StoredTorrent | None:
        """The torrent of that name, if it is remembered."""
        for infohash in infohashes:
            if (stored := self._stored.get(infohash)) is not None:
                return stored
        return None

    async def task(self, stored: StoredTorrent) -> Task | None:
        """What to do with a torrent of an earlier run; ``None`` if it cannot be read any more."""
        with _declared():
            metainfo = await trio.to_thread.run_sync(self._torrents.metainfo, stored.infohash)
        source = metainfo or stored.magnet
        if source is None:
            return None
        priorities = stored.priorities
        select = None if priorities is None else [n for n, p in enumerate(priorities) if p]
        try:
            return replace(read_task(source, stored.directory, select=select), resting=True)
        except TorrentError as problem:
            _log.warning("%s is remembered, but cannot be read: %s", stored.name, problem)
            return None

    async def look(
        self, info: Info, storage: Storage, *, resting: bool, progress: Callable[[int], None]
    ) -> Bitfield | None:
        """What the files hold, as far as that is claimed; ``None`` if nothing is."""
        stored = self.recall(info.infohashes)
        if stored is None or stored.progress.have is None:
            return None
        try:
            claimed = Bitfield.from_bytes(stored.progress.have, info.piece_count)
        except WireError:
            return None  # Of another torrent, or of a release that counted otherwise.
        looks = stored.progress.fingerprint
        if resting and claimed.full and looks and await storage.fingerprint() == looks:
            return claimed
        return await storage.check(tuple(claimed), progress)

    # What is to be known later.

    async def remember(self, task: Task) -> None:
        """Write a torrent down; when this returns it survives a power cut.

        Raises:
            SessionError: It could not be.
        """
        infohash = task.infohashes[0]
        known = self.recall(task.infohashes)
        if known is not None and known.directory == task.directory and known.infohash == infohash:
            if known.paused and task.kept:
                await self.keep(infohash)
            return
        stored = StoredTorrent(
            name=task.name,
            directory=task.directory,
            added=time.time(),
            progress=Progress(infohash),
            priorities=None,
            magnet=task.link or None,
            paused=not task.kept,
        )
        with _declared():
            await trio.to_thread.run_sync(self._torrents.add, stored, task.metainfo)
        self._stored[infohash] = stored

    async def learned(self, task: Task, infohash: bytes) -> None:
        """Write down the metadata of what was added as a magnet link under ``infohash``."""
        metainfo = task.metainfo
        if infohash in self._stored and metainfo is not None:
            with _declared():
                await trio.to_thread.run_sync(self._torrents.learned, infohash, task.name, metainfo)

    async def keep(self, infohash: bytes) -> None:
        """Write down that a torrent is to be gone on with in later runs."""
        with _declared():
            await trio.to_thread.run_sync(partial(self._torrents.pause, infohash, paused=False))
        if (stored := self._stored.get(infohash)) is not None:
            self._stored[infohash] = replace(stored, paused=False)

    async def chose(self, infohash: bytes, wanted: Collection[int], files: int) -> None:
        """Write down which of a torrent's ``files`` are wanted."""
        priorities = bytes(index in wanted for index in range(files))
        with _declared():
            await trio.to_thread.run_sync(self._torrents.prioritise, infohash, priorities)

    def mark(self, infohash: bytes, snapshot: Callable[[], Progress]) -> None:
        """Say that a torrent got further: committed within the second."""
        self._journal.mark(infohash, snapshot)

    async def settle(self, infohash: bytes, snapshot: Progress) -> None:
        """Write down how a torrent stands at the end of its run."""
        self._journal.mark(infohash, lambda: snapshot)
        with _declared():
            await self._journal.flush()

    async def forget(self, infohash: bytes) -> bool:
        """Forget a torrent; whether it was remembered. Its files stay."""
        self._journal.forget(infohash)
        self._stored.pop(infohash, None)
        with _declared():
            return await trio.to_thread.run_sync(self._torrents.remove, infohash)


async def usual_port(directory: Path) -> int:
    """Where we listened last, if the system chose; 0 if it never did.

    Raises:
        SessionError: The state could not be read.
    """

    def look() -> int:
        with Torrents.open(directory) as torrents:
            return torrents.port

    with _declared():
        return await trio.to_thread.run_sync(look)


async def make_usual(directory: Path, port: int) -> None:
    """Have ``port`` tried first in later runs.

    Raises:
        SessionError: The state could not be written.
    """

    def write() -> None:
        with Torrents.open(directory) as torrents:
            torrents.listens(port)

    with _declared():
        await trio.to_thread.run_sync(write)


@contextmanager
def _declared() -> Iterator[None]:
    """Let no error of the floor below leave ours."""
    try:
        yield
    except StateError as problem:
        raise SessionError(str(problem)) from problem
