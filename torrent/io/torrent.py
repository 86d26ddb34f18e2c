"""One torrent of a session, as its user sees it.

>>> torrent = await session.add(magnet)                            # doctest: +SKIP
>>> await torrent.completed()

It goes through phases. A magnet link first looks for METADATA; then the files are opened and it is
found out what they hold (CHECKING); then it is DOWNLOADING until all that is wanted is here, and
SEEDING after that. FAILED means that the disk refused: :attr:`Torrent.fault` says why and what to
do, and :meth:`Torrent.resume` tries again, with nothing lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from torrent.core import effects as to
from torrent.core.bitfield import Bitfield
from torrent.core.commands import Pause, Prioritise, Resume, Sequential
from torrent.core.sources import Transfer
from torrent.errors import StorageError, TorrentError
from torrent.io.events import Events, Lost
from torrent.io.reader import Reader
from torrent.io.results import Phase, TorrentStatistics
from torrent.io.resume import Progress
from torrent.io.sharing import Listener, Sharing
from torrent.io.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torrent.core.commands import Command
    from torrent.core.metainfo import Info
    from torrent.core.sources import PeerSource
    from torrent.core.swarm import Swarm
    from torrent.io.disk import Disk
    from torrent.io.events import Event
    from torrent.io.memory import Memory
    from torrent.io.task import Task
    from torrent.io.webseed import WebSeed

_WANTED = 1
"""The priority of what is wanted, of 7: so that what a reader waits for can have a higher one."""


class Torrent(Listener):
    """One torrent; made by :meth:`~torrent.io.session.Session.add`.

    Attributes:
        task: What was asked for.
        info: What the torrent is; ``None`` until a magnet link's metadata is here.
        phase: How far it is.
        fault: Why it FAILED.
        named: The infohash under which the state remembers it: the first it was known by.
        sharing: What performs the swarm's wishes.
        sources: Who looks for peers; empty before anybody does.
        web_seeds: Web servers that are asked for pieces.
    """

    def __init__(
        self,
        task: Task,
        swarm: Swarm,
        disk: Disk,
        memory: Memory | None,
        *,
        dial: Callable[[Sharing, tuple[str, int]], None],
        arrange: Callable[[Sharing], None],
        spawn: Callable[..., None],
    ) -> None:
        self.task = task
        self.info: Info | None = None
        self.phase = Phase.METADATA if task.info is None else Phase.CHECKING
        self.fault: StorageError | None = None
        self.sharing = Sharing(
            swarm, self, buffers=disk.buffers, dial=dial, arrange=arrange, spawn=spawn
        )
        self._disk = disk
        self._memory = memory
        self._checked = 0.0
        self.named = task.infohashes[0]
        self.sources: tuple[PeerSource, ...] = ()
        self.web_seeds: list[WebSeed] = []
        self._moved = trio.Event()
        self._events: list[Events] = []
        self._scope = trio.CancelScope()

    # What is known of it.

    @property
    def infohashes(self) -> tuple[bytes, ...]:
        """The 20-byte names it has on the wire and in the DHT: v1's first."""
        return self.task.infohashes

    @property
    def name(self) -> str:
        """What it is called: by its metadata, else by its magnet link, else by its infohash."""
        if self.info is not None:
            return self.info.name
        return self.task.name or self.infohashes[0].hex()

    @property
    def have(self) -> Bitfield:
        """The pieces that are verified and on disk."""
        return self.sharing.swarm.have or Bitfield(0)

    @property
    def complete(self) -> bool:
        """Whether all that is wanted is here."""
        return self.phase is Phase.SEEDING

    def statistics(self) -> TorrentStatistics:
        """How it stands."""
        counts = self.sharing.swarm.statistics(trio.current_time())
        return TorrentStatistics(
            phase=self.phase,
            size=counts.wanted,
            done=counts.done,
            checked=self._checked,
            downloaded=counts.downloaded,
            uploaded=counts.uploaded,
            download_rate=counts.download_rate,
            upload_rate=counts.upload_rate,
            peers=counts.peers,
            known=counts.known,
            seeds=counts.seeds,
            wasted=counts.wasted,
        )

    # Waiting for it.

    async def metadata(self) -> Info:
        """Wait until its metadata is known.

        Raises:
            TorrentError: It was removed.
        """
        await self._until(lambda: self.info is not None)
        assert self.info is not None  # noqa: S101 - what was waited for
        return self.info

    async def opened(self) -> None:
        """Wait, however long it takes, until its files are open."""
        await self._patiently(lambda: self.sharing.storage is not None)

    async def described(self) -> None:
        """Wait, however long it takes, until its metadata is known."""
        await self._patiently(lambda: self.task.info is not None)

    async def checked(self) -> None:
        """Wait while its files are being looked at; a magnet link has none yet."""
        await self._patiently(lambda: self.phase is not Phase.CHECKING)

    async def ready(self) -> None:
        """Wait until its files are open and it is known what they hold.

        Raises:
            StorageError: The disk refused.
            TorrentError: It was removed.
        """
        await self._until(lambda: self.phase in (Phase.DOWNLOADING, Phase.SEEDING))

    async def completed(self) -> None:
        """Wait until all that is wanted is verified and on disk.

        Raises:
            StorageError: The disk refused; :meth:`resume` tries again.
            TorrentError: It was removed.
        """
        await self._until(lambda: self.complete)

    async def has(self, piece: int) -> None:
        """Wait until ``piece`` is verified and on disk; raises as :meth:`completed` does."""
        await self._until(lambda: piece in self.have)

    async def _until(self, holds: Callable[[], bool]) -> None:
        await self._patiently(
            lambda: holds() or self.fault is not None or self.phase is Phase.REMOVED
        )
        if not holds():
            raise self.fault or TorrentError(f"{self.name} was removed from its session")

    async def _patiently(self, holds: Callable[[], bool]) -> None:
        """The same for those who outlast faults, and are cancelled when it is removed."""
        await trio.lowlevel.checkpoint()
        while not holds():
            await self._moved.wait()

    async def moved(self) -> None:
        """Wait until anything changes: a phase, a piece."""
        await self._moved.wait()

    def _move(self) -> None:
        """Let those who wait look again."""
        self._moved.set()
        self._moved = trio.Event()

    def open(self, file: int = 0) -> Reader:
        """Read a file, by its index, while it comes; enter it with ``async with``.

        Raises:
            ValueError: There is no such file.
            TorrentError: The metadata is not here yet (see :meth:`metadata`).
        """
        if self.info is None:
            raise TorrentError(f"{self.name}: its metadata is not here yet; await metadata() first")
        if not 0 <= file < len(self.info.files):
            raise ValueError(f"{self.name} has {len(self.info.files)} files; there is no {file}")
        return Reader(self, self.info, file)

    def events(self) -> Events:
        """What happens to it from now on; iterate with ``async for``."""
        events = Events(self._events.remove)
        self._events.append(events)
        return events

    # Steering it.

    def command(self, command: Command) -> None:
        """Hand the swarm a command; see :mod:`torrent.core.commands`."""
        self.sharing.perform(self.sharing.swarm.command(command, trio.current_time()))

    def pause(self) -> None:
        """Close its connections and let nobody in."""
        if self.phase in (Phase.DOWNLOADING, Phase.SEEDING):
            self.phase = Phase.PAUSED
            self.command(Pause())
            self._move()

    def resume(self) -> None:
        """Go on: after :meth:`pause`, or once what made it fail is mended."""
        if self.phase is Phase.PAUSED:
            self._settle()
            self.command(Resume())
        elif self.phase is Phase.FAILED:
            self.phase, self.fault = Phase.CHECKING, None
            self._move()
            self._scope.cancel()  # Its task opens the files anew.

    def add_peers(self, endpoints: Iterable[tuple[str, int]], source: str = "user") -> None:
        """Name peers to be tried."""
        self.sharing.found(endpoints, source)

    # Its life.

    async def run(self) -> None:
        """Open the files, and again whenever that failed and was mended, until cancelled."""
        linked = self.task.info is None  # The metadata may come while we write the link down.
        if self._memory is not None:
            await self._memory.remember(self.task)
        if linked:
            await self.described()
            if self._memory is not None:
                await self._memory.learned(self.task, self.named)
        if self.task.metadata_only:
            self.info = self.task.info
            self._move()
            await trio.sleep_forever()
        while True:
            with trio.CancelScope() as self._scope:
                try:
                    await self._begin()
                except StorageError as error:
                    self._fail(error)
                await trio.sleep_forever()

    async def _begin(self) -> None:
        """Open the files, find out what they hold, and let the swarm begin."""
        info = self.info = self.task.info
        assert info is not None  # noqa: S101 - what ``run`` waited for
        self.phase = Phase.CHECKING
        self._move()
        wanted = self.task.wanted(info)
        if self.sharing.storage is not None:
            await self.sharing.storage.close()
        storage = Storage(self._disk, info, self.task.directory, wanted=wanted)
        existed = await storage.open()
        have = await self._look(storage, info) if existed else Bitfield(info.piece_count)
        self.sharing.storage = storage
        self.sharing.perform(self.sharing.swarm.begin(info, have, trio.current_time()))
        for piece in [piece for piece in self.have if piece not in have]:
            self.sharing.lost(piece)  # It failed and was mended, but not all is there any more.
        self.command(Resume())
        if wanted is not None:
            self.command(Prioritise({n: _WANTED * (n in wanted) for n in range(len(info.files))}))
            if self._memory is not None:
                await self._memory.chose(self.named, wanted, len(info.files))
        if self.task.sequential:
            self.command(Sequential(on=True))
        self._settle()
        self._note()

    async def _look(self, storage: Storage, info: Info) -> Bitfield:
        """What the files hold: what was claimed of them, or else all of it, is hashed."""
        if (had := self.sharing.swarm.have) is not None:
            return await storage.check(tuple(had), progress=self._check)
        if self.task.intact:
            storage.trusted.fill()
            return storage.trusted.copy()
        if self._memory is not None:
            resting = self.task.resting
            claimed = await self._memory.look(info, storage, resting=resting, progress=self._check)
            if claimed is not None:
                return claimed
        return await storage.check(progress=self._check)

    def _check(self, pieces: int) -> None:
        """So many pieces have been looked at."""
        total = self.info.piece_count if self.info is not None else 0
        self._checked = pieces / total if total else 1.0

    def _settle(self) -> None:
        """Say in which phase we are, now that the swarm works."""
        self.phase = Phase.SEEDING if self.sharing.swarm.complete else Phase.DOWNLOADING
        self._move()

    # What is remembered of it.

    def _note(self) -> None:
        """Have it written down how far we are: within the second, and after the pieces."""
        if self._memory is not None and self.info is not None:
            self._memory.mark(self.named, self._progress)

    def _progress(self, fingerprint: bytes | None = None) -> Progress:
        counts = self.sharing.swarm.statistics(trio.current_time())
        return Progress(
            self.named,
            have=self.have.to_bytes(),
            downloaded=counts.downloaded,
            uploaded=counts.uploaded,
            fingerprint=fingerprint,
        )

    async def rest(self) -> None:
        """Close the files and write down what they look like, at the end of a run in peace."""
        storage = self.sharing.storage
        if storage is None:
            return
        await storage.close()
        if self._memory is not None:
            fingerprint = await storage.fingerprint()
            await self._memory.settle(self.named, self._progress(fingerprint))

    def removed(self) -> None:
        """The session let go of it."""
        self.sharing.close()
        self.phase = Phase.REMOVED
        for events in self._events:
            events.end()
        self._move()

    # What the swarm says (Listener).

    def passed(self, piece: int) -> None:
        """A piece is verified and on disk."""
        self._note()
        self._move()
        self.told(to.Passed(piece))

    def learned(self, effect: to.Learned) -> None:
        """The metadata of a magnet link arrived."""
        self.task = self.task.told(effect.info)
        self._move()

    def finished(self) -> None:
        """All that was wanted is here."""
        if self.phase is Phase.DOWNLOADING:
            self.phase = Phase.SEEDING
        self._move()
        self.told(to.Completed())

    def faulted(self, error: StorageError) -> None:
        """The disk failed us; unless that was before the files were mended and opened anew."""
        if self.phase is not Phase.CHECKING:
            self._fail(error)

    def _fail(self, error: StorageError) -> None:
        self.fault = error
        self.phase = Phase.FAILED
        self._move()

    def told(self, event: Event) -> None:
        """Something worth telling happened."""
        if isinstance(event, Lost) and self.phase is Phase.SEEDING:
            self.phase = Phase.DOWNLOADING
            self._move()
        for events in self._events:
            events.tell(event)

    async def wait_complete(self) -> None:
        """Wait until all that is wanted is here, whatever happens on the way."""
        await self._patiently(lambda: self.complete)

    def transfer(self) -> Transfer:
        """What trackers are told."""
        now = self.statistics()
        left = now.size - now.done if self.info is not None else 1
        return Transfer(now.uploaded, now.downloaded, left, complete=self.complete)
