"""What the remote helper does: looks, fetches, pushes."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import trio

from cli.errors import CommandError, UnreachableError
from cli.failures import translated
from cli.network import seconds_of_patience
from cli.patience import patience
from cli.tables import size
from cli.torrents.naming import newest, resolving
from cli.torrents.swarming import joined, status
from dht.errors import DhtError
from torrent.cdn.memory import Memory
from torrent.errors import TorrentError
from torrent.git.core.manifest import Manifest
from torrent.git.fetching import Fetcher
from torrent.git.store import Store
from torrent.git.taking import take
from torrent.io.results import Phase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path
    from typing import TypeVar

    from cli.context import Context
    from cli.patience import Patience
    from dht.node.node import Node
    from torrent.cdn.name import Name, Version
    from torrent.cdn.names import Names
    from torrent.git.core.helper import Refspec
    from torrent.git.program import Git
    from torrent.io.session import Session
    from torrent.io.torrent import Torrent

    T = TypeVar("T")

_LOOK: Final = 0.2
"""Seconds between two looks at how far it is."""
_DONE: Final = (Phase.SEEDING, Phase.REMOVED)


class Remote:
    """A repository behind a name, as git's helper sees it; made by :meth:`open`."""

    def __init__(
        self,
        context: Context,
        git: Git,
        name: Name,
        session: Session,
        node: Node,
        names: Names,
        memory: Memory,
        directory: Path,
    ) -> None:
        self._context = context
        self._git = git
        self._name = name
        self._node = node
        self._names = names
        self._torrents: list[Torrent] = []
        self._directory = directory
        store = Store(context.settings.state, name, memory)
        self._fetcher = Fetcher(session, directory, store, self._torrents.append)
        self._version: Version | None = None
        self._manifest = Manifest()

    @classmethod
    @asynccontextmanager
    async def open(cls, context: Context, git: Git, name: Name) -> AsyncIterator[Remote]:
        """Join the network, for as long as git talks with us."""
        directory = await git.path("dht")
        with Memory.open(context.settings.state) as memory:
            async with joined(context, state=None) as (session, node):
                assert node is not None  # noqa: S101 - it was asked for
                async with resolving(context, node) as names:
                    yield cls(context, git, name, session, node, names, memory, directory)

    async def look(self) -> Manifest:
        """The newest manifest.

        Raises:
            CommandError: It cannot be had.
        """
        self._version = await newest(self._context, self._node, self._names, self._name)
        version = self._version
        self._manifest = await self._pursue(
            f"look at version {version.seq}", lambda: self._fetcher.manifest(version)
        )
        return self._manifest

    async def fetch(self) -> tuple[Path, ...]:
        """Have all that its refs lead to here; the files that keep what came.

        Raises:
            CommandError: It cannot be had.
        """
        manifest = self._manifest
        label = f"fetch {size(manifest.size)}"
        kept = await self._pursue(label, lambda: take(self._git, self._fetcher, manifest))
        # Kept as long as it failed, so that it can be gone on with.
        await trio.to_thread.run_sync(lambda: shutil.rmtree(self._directory, ignore_errors=True))
        return kept

    async def push(self, refspecs: tuple[Refspec, ...], *, dry: bool) -> bytes:
        """Move refs; what became of each."""
        raise NotImplementedError

    async def _pursue(self, label: str, deed: Callable[[], Awaitable[T]]) -> T:
        """Do ``deed`` for as long as any torrent makes progress.

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
                done = sum(each.done for each in now)
                total = sum(each.size for each in now)
                told = status(self._torrents[-1])
                waiting.stands(told, done, total or None, counted=False)
            await trio.sleep(_LOOK)
