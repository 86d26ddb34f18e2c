"""A BitTorrent client without a face: torrents, the peers they have in common, one set of limits.

>>> async with Session(node=node) as session:                      # doctest: +SKIP
...     torrent = await session.add("magnet:?xt=urn:btih:...", "downloads")
...     await torrent.completed()

All tasks of a session live in one nursery. Each torrent has a machine that decides
(:mod:`torrent.core.swarm`) and a shell that performs (:mod:`torrent.io.sharing`); what they share
is here: the streams (:mod:`torrent.io.streams`), the threads and buffers of the disk, the ticker.
"""

from __future__ import annotations

import dataclasses
import sys
from functools import partial
from pathlib import Path
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Final

import trio

from dht.node.nurseries import Entered
from torrent.core.metainfo import Version
from torrent.core.peerid import make_peer_id
from torrent.core.policy import SwarmPolicy
from torrent.core.swarm import Identity, Swarm
from torrent.errors import SessionError
from torrent.io.config import SessionConfig
from torrent.io.disk import Disk
from torrent.io.memory import Memory, make_usual, usual_port
from torrent.io.results import SessionStatistics
from torrent.io.sources import Announcement, Sources
from torrent.io.streams import Streams
from torrent.io.task import read_task
from torrent.io.ticking import Ticker
from torrent.io.torrent import Torrent

if TYPE_CHECKING:
    import os
    from collections.abc import Collection
    from contextlib import AsyncExitStack
    from typing import Unpack

    from torrent.io.config import SessionOptions
    from torrent.io.sharing import Sharing
    from torrent.io.task import How, Source, Task

Endpoint = tuple[str, int]

_SWITCH: Final = 0.0002
"""Seconds a thread keeps the interpreter's lock while another wants it (Python's default: 5 ms).
The loop and the hashing threads hand it to each other a thousand times a second; waiting 5 ms
for it each time cost a sixth of the throughput."""
_SAME_HOST: Final = 64
"""Connections to one host where tests run a whole swarm on one."""
_FAREWELL: Final = 5.0
"""Seconds that closing may take: a disk that hangs must not hang us."""


class Session(Entered):
    """Torrents at work. Enter it with ``async with``.

    Options are those of :class:`~torrent.io.config.SessionConfig`, as keywords or ready made.
    """

    def __init__(
        self, config: SessionConfig | None = None, **options: Unpack[SessionOptions]
    ) -> None:
        self.config = dataclasses.replace(config or SessionConfig(), **options)
        self.peer_id = b""
        self._rng = self.config.rng or SystemRandom()
        self._torrents: dict[bytes, Torrent] = {}
        self._tasks: dict[Torrent, trio.CancelScope] = {}
        self._ticker = Ticker()
        self._streams = Streams(self.config, self._sharing_of)
        self._memory: Memory | None = None
        self._sources = Sources(self.config, self._rng)

    # Life.

    async def _entering(self, stack: AsyncExitStack) -> None:
        config = self.config
        self.peer_id = make_peer_id(self._rng)
        stack.callback(self._streams.close)
        await self._listen()
        stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(_SWITCH)
        self._disk = await stack.enter_async_context(
            Disk(workers=config.workers, pool=config.pool, sparse=config.sparse)
        )
        if config.state is not None:
            self._memory = await stack.enter_async_context(Memory.open(config.state))
        stack.push_async_callback(self._rest)

    async def _entered(self, nursery: trio.Nursery) -> None:
        await nursery.start(self._streams.run)
        nursery.start_soon(self._ticker.run)
        await nursery.start(self._sources.run)

    async def _listen(self) -> None:
        """Open the doors, where they were last time if they may be anywhere.

        So who remembers us finds us. If another process of ours has that port now, it is the one
        to be found there, and what the system gives us instead is not remembered.
        """
        config, usual = self.config, 0
        anywhere = config.listen and not any(port for _, port in config.listen)
        if config.state is not None and anywhere:
            usual = await usual_port(config.state)
        self._streams.listen(usual)
        if config.state is not None and anywhere and not usual:
            await make_usual(config.state, self.port)
        await trio.lowlevel.checkpoint()

    async def _rest(self) -> None:
        """Let every torrent end in peace: its files closed, its state written down."""
        with trio.CancelScope(deadline=trio.current_time() + _FAREWELL, shield=True):
            for torrent in self.torrents:
                torrent.removed()
                await torrent.rest()

    # Standing.

    @property
    def addresses(self) -> tuple[Endpoint, ...]:
        """Where it listens for peers, one address per family."""
        return self._streams.addresses

    @property
    def port(self) -> int:
        """The port it listens on; 0 if it does not."""
        return self.addresses[0][1] if self.addresses else 0

    @property
    def torrents(self) -> tuple[Torrent, ...]:
        """All of them, in the order they were added."""
        return tuple(dict.fromkeys(self._torrents.values()))

    def statistics(self) -> SessionStatistics:
        """How it stands."""
        streams = self._streams
        return SessionStatistics(
            port=self.port,
            torrents=len(self.torrents),
            links=len(streams),
            dialling=streams.dialling,
            uploaded=streams.sent,
            downloaded=streams.received,
        )

    # Torrents.

    async def add(
        self, source: Source, directory: str | os.PathLike[str] = ".", **how: Unpack[How]
    ) -> Torrent:
        """Take part in a torrent: fetch what is missing, serve what is there.

        Args:
            source: A torrent file (its path, its content, or read), or a magnet link.
            directory: Where its files are, or shall be.
            how: See :class:`~torrent.io.task.How`.

        Returns:
            The torrent, which begins at once. One that is there already is returned as it is.

        Raises:
            MetainfoError: ``source`` is no torrent.
            OSError: Its file cannot be read.
        """
        task = await trio.to_thread.run_sync(partial(read_task, source, Path(directory), **how))
        return self._take(task)

    async def create(
        self, path: str | os.PathLike[str], version: Version = Version.HYBRID
    ) -> Torrent:
        """Make a torrent of a file or a directory, and serve it from where it lies.

        The same files always make the same torrent. For more say in it, use
        :func:`torrent.io.hashing.create`.

        Returns:
            The torrent, ready to be served.

        Raises:
            StorageError: Something cannot be read, or cannot be part of a torrent.
            MetainfoError: There is nothing in it, or too much.
        """
        # Who only fetches need not wait for its import.
        from torrent.io.hashing import create  # noqa: PLC0415

        made = await create(self._disk, path, version)
        torrent = await self.add(made.metainfo, made.directory, intact=True)
        await torrent.ready()
        return torrent

    async def restore(self) -> tuple[Torrent, ...]:
        """Take up every torrent that the state remembers; what was complete is served again.

        Raises:
            SessionError: The state could not be read.
        """
        if self._memory is None:
            await trio.lowlevel.checkpoint()
            return ()
        stored = [each for each in self._memory.all() if not each.paused]
        tasks = [
            await self._memory.task(each) for each in stored if each.infohash not in self._torrents
        ]
        return tuple(self._take(task) for task in tasks if task is not None)

    async def follow(self, names: Collection[bytes] | None = None) -> None:
        """Have at work what the state says, also when other processes change it; within a second.

        Returns once none of ``names`` (20-byte infohashes) is left in the state; without them it
        goes on until cancelled.

        Raises:
            SessionError: The state could not be read.
        """
        memory = self._memory
        if memory is None:
            raise SessionError("this session has no state that it could follow")
        seen: dict[bytes, Path] = {}
        while True:
            places = {s.infohash: s.directory for s in memory.all() if not s.paused}
            if names is not None:
                places = {name: places[name] for name in names if name in places}
                if not places:
                    return
            for infohash, directory in seen.items():
                torrent = self._torrents.get(infohash)
                if torrent is not None and places.get(infohash) != directory:
                    await self.remove(torrent)
            seen = places
            if names is None:
                await self.restore()
            await memory.wait_changed()

    def _take(self, task: Task) -> Torrent:
        for infohash in task.infohashes:
            if (known := self._torrents.get(infohash)) is not None:
                known.add_peers(task.peers)
                return known
        nursery = self._inside()
        swarm = Swarm(
            Identity(task.infohashes, self.peer_id, task.private),
            self._policy(),
            self._disk.buffers,
            # The system's own is a system call, and the interpreter's lock given up, each time.
            Random(self._rng.getrandbits(128)),
        )
        torrent = Torrent(
            task,
            swarm,
            self._disk,
            self._memory,
            dial=self._streams.dial,
            arrange=self._ticker.arrange,
            spawn=nursery.start_soon,
        )
        self._register(torrent)
        nursery.start_soon(self._live, torrent)
        torrent.add_peers(task.peers)
        return torrent

    def _policy(self) -> SwarmPolicy:
        config, policy = self.config, SwarmPolicy(port=self.port)
        policy.connections = min(policy.connections, config.connections)
        policy.half_open = min(policy.half_open, config.half_open)
        if config.same_host:
            policy.per_host = _SAME_HOST
        if not config.pex:
            policy.pex_entries = 0
        return policy

    def _register(self, torrent: Torrent) -> None:
        for infohash in torrent.infohashes:
            self._torrents[infohash] = torrent

    async def _live(self, torrent: Torrent) -> None:
        """Run one torrent and its sources until it is removed."""
        with trio.CancelScope() as self._tasks[torrent]:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(torrent.run)
                nursery.start_soon(self._announce, torrent)
        self._tasks.pop(torrent, None)

    async def _announce(self, torrent: Torrent) -> None:
        """Let all its sources look for peers, for as long as the torrent is here.

        Not before it is known what the files hold: a seed that is taken for a download at first
        would look for peers it does not need, and tell trackers at each start that it completed.
        """
        await torrent.checked()
        if torrent.task.info is None:
            await self._ask_for_metadata(torrent)
        await self._ask_sources(torrent)

    async def _ask_for_metadata(self, torrent: Torrent) -> None:
        """Let the sources of a magnet link work until they have to be others.

        Its metadata may say that it is private, which ends all but trackers; or give it a second
        name, by which it is known to other peers.
        """
        linked = torrent.task
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._ask_sources, torrent)
            await torrent.described()
            self._register(torrent)
            told = torrent.task
            if (linked.private, linked.infohashes) == (told.private, told.infohashes):
                await trio.sleep_forever()
            nursery.cancel_scope.cancel()

    async def _ask_sources(self, torrent: Torrent) -> None:
        torrent.sources = tuple(self._sources.of(torrent.task))
        async with trio.open_nursery() as nursery:
            for source in torrent.sources:
                nursery.start_soon(source.run, Announcement(self, torrent), torrent.add_peers)
            if self.config.web_seeds and torrent.task.web_seeds:
                nursery.start_soon(self._fetch_from_web, torrent)

    async def _fetch_from_web(self, torrent: Torrent) -> None:
        """Let its web seeds work once its files are open."""
        # HTTP's library is only loaded where a torrent has such a seed.
        from torrent.io.webseed import WebSeed  # noqa: PLC0415
        from torrent.io.webwork import WebWork, layout  # noqa: PLC0415

        await torrent.opened()
        assert torrent.info is not None  # noqa: S101 - its files are open
        plan = layout(torrent.info)
        async with trio.open_nursery() as nursery:
            for url in torrent.task.web_seeds:
                seed = WebSeed(url, plan, self._sources.http)
                torrent.web_seeds.append(seed)
                nursery.start_soon(seed.run, WebWork(torrent, url))

    def _sharing_of(self, infohash: bytes) -> Sharing | None:
        """Who shares the torrent of that name."""
        torrent = self._torrents.get(infohash)
        return None if torrent is None else torrent.sharing

    async def keep(self, torrent: Torrent) -> None:
        """Go on with a torrent in later runs, though it was added with ``kept=False``."""
        await trio.lowlevel.checkpoint()
        if self._memory is not None:
            await self._memory.keep(torrent.named)

    async def forget(self, infohash: bytes) -> None:
        """Let go of a torrent for good: later runs do not know it either; its files stay.

        Raises:
            SessionError: The state could not be written.
        """
        if (torrent := self._torrents.get(infohash)) is not None:
            await self.remove(torrent)
        if self._memory is not None:
            await self._memory.forget(infohash)

    async def remove(self, torrent: Torrent) -> None:
        """Let go of a torrent: its connections close, its files stay."""
        for infohash in [name for name, one in self._torrents.items() if one is torrent]:
            del self._torrents[infohash]
        torrent.removed()
        if (scope := self._tasks.get(torrent)) is not None:
            scope.cancel()
        await trio.lowlevel.checkpoint()
