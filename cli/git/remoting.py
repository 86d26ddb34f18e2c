"""What the remote helper does: looks and fetches; for pushing see :mod:`.pushing`."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import trio

from cli.errors import UnreachableError
from cli.failures import translated
from cli.git.watching import Watched
from cli.tables import size
from cli.torrents.naming import newest, resolving
from cli.torrents.swarming import at_home, joined
from dht.errors import DhtError
from torrent.cdn.errors import UnknownNameError
from torrent.cdn.memory import Memory
from torrent.errors import TorrentError
from torrent.git.core.manifest import Manifest
from torrent.git.fetching import Fetcher
from torrent.git.quarantine import MAX_OBJECT
from torrent.git.store import Store
from torrent.git.taking import take

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from cli.context import Context
    from cli.errors import CommandError
    from dht.node.node import Node
    from torrent.cdn.name import Name, Version
    from torrent.cdn.names import Names
    from torrent.git.core.helper import Refspec
    from torrent.git.program import Git
    from torrent.io.session import Session

_LISTED_AFTER: Final = 15.0
"""Seconds after which others may find us: most who clone are gone by then, as they should not be
dialled for half an hour."""


class Remote:
    """A repository behind a name, as git's helper sees it; made by :meth:`open`."""

    def __init__(
        self,
        context: Context,
        git: Git,
        store: Store,
        session: Session,
        node: Node,
        names: Names,
    ) -> None:
        self._context = context
        self._git = git
        self._store = store
        self._name = store.name
        self._node = node
        self._names = names
        self._session = session
        self._directory = git.directory / "dht"
        self._watched = Watched(context)
        self._fetcher = Fetcher(session, self._directory, store, self._watched.told)
        self._version: Version | None = None
        self._manifest = Manifest()

    @classmethod
    @asynccontextmanager
    async def open(cls, context: Context, git: Git, name: Name) -> AsyncIterator[Remote]:
        """Join the network, for as long as git talks with us."""
        with Memory.open(context.settings.state) as memory:
            store = Store(context.settings.state, name, memory)
            async with joined(context, state=None, trackers=False, listed_after=_LISTED_AFTER) as (
                session,
                node,
            ):
                assert node is not None  # noqa: S101 - it was asked for
                async with resolving(context, node) as names:
                    yield cls(context, git, store, session, node, names)

    # Looking and fetching.

    async def look(self, *, for_push: bool = False) -> Manifest:
        """The newest manifest; of a name of ours that leads nowhere yet, an empty one.

        Raises:
            CommandError: It cannot be had.
        """
        name = self._name
        if for_push and await self._is_new(name):
            return self._manifest
        self._version = await newest(self._context, self._node, self._names, name)
        version = self._version
        self._manifest = await self._watched.pursue(
            f"look at version {version.seq}", lambda: self._fetcher.manifest(version)
        )
        return self._manifest

    async def _is_new(self, name: Name) -> bool:
        """Whether nothing was ever published under it, as far as anybody knows.

        Should that be wrong, the push is refused: it replaces no version but the one it began with.
        """
        try:
            await self._names.resolve(name, fresh=True)
        except UnknownNameError as absent:
            return absent.seen is None
        except (DhtError, TorrentError):
            return False  # Whoever asks again is told why.
        return False

    async def fetch(self) -> tuple[Path, ...]:
        """Have all that its refs lead to here; the files that keep what came.

        Raises:
            CommandError: It cannot be had.
        """
        manifest, largest = self._manifest, await self._largest()
        try:
            kept = await self._watched.pursue(
                f"fetch {size(manifest.size)}",
                lambda: take(self._git, self._fetcher, manifest, largest),
            )
        except UnreachableError as problem:
            if not manifest.origin:
                raise
            kept = await self._from_origin(problem, largest)
        # It stays as long as it failed, so that it can be gone on with.
        await trio.to_thread.run_sync(lambda: shutil.rmtree(self._directory, ignore_errors=True))
        return kept

    async def _from_origin(self, problem: CommandError, largest: int) -> tuple[Path, ...]:
        """What nobody else has."""
        # Whoever has all that comes from peers does not import this.
        from torrent.git.origin import take_from_origin  # noqa: PLC0415

        manifest, near = self._manifest, at_home(self._context)
        self._context.out.warn(f"{problem.message}: asking its origin, {manifest.origin}")
        try:
            return await take_from_origin(self._git, manifest, largest, near=near)
        except TorrentError as failure:
            raise translated(failure) from failure

    async def _largest(self) -> int:
        """Bytes of the largest object that the user wants to have."""
        said = await self._git.attempt("config", "--type=int", "dht.maxObjectSize")
        text = said.out.strip()
        return int(text) if not said.code and text.isdigit() else MAX_OBJECT

    # Pushing.

    async def push(self, refspecs: tuple[Refspec, ...], *, dry: bool, atomic: bool) -> bytes:
        """Move refs; what became of each.

        Raises:
            CommandError: Nothing moved, and that is no matter of one ref.
        """
        # Whoever clones waits for all that is imported, and need not wait for this.
        from cli.git.pushing import Pusher  # noqa: PLC0415

        pusher = Pusher(self._context, self._git, self._session, self._names, self._store)
        return await pusher.push(self._version, self._manifest, refspecs, dry=dry, atomic=atomic)
