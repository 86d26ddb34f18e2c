"""What the remote helper does: looks, fetches, pushes."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import trio

from cli.errors import CommandError
from cli.evidence import count
from cli.failures import translated
from cli.git.repositories import Repository
from cli.git.watching import Watched
from cli.keys import keystore, open_key
from cli.tables import size
from cli.torrents.naming import newest, resolving
from cli.torrents.seeding import handed_over
from cli.torrents.swarming import joined
from dht.errors import DhtError
from torrent.cdn.errors import LostRaceError, UnknownNameError
from torrent.cdn.memory import Memory
from torrent.errors import TorrentError
from torrent.git.core.manifest import Manifest
from torrent.git.fetching import Fetcher
from torrent.git.making import State
from torrent.git.mirror import Mirror
from torrent.git.pushing import moved
from torrent.git.quarantine import MAX_OBJECT
from torrent.git.taking import take
from torrent.io.disk import Disk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from cli.context import Context
    from dht.node.node import Node
    from torrent.cdn.name import Name, Version
    from torrent.cdn.names import Names
    from torrent.git.core.helper import Refspec
    from torrent.git.program import Git
    from torrent.git.pushing import Moved
    from torrent.io.session import Session

_FETCH_FIRST: Final = "fetch first"


class Remote:
    """A repository behind a name, as git's helper sees it; made by :meth:`open`."""

    def __init__(
        self,
        context: Context,
        git: Git,
        repository: Repository,
        session: Session,
        node: Node,
        names: Names,
        directory: Path,
    ) -> None:
        self._context = context
        self._git = git
        self._repository = repository
        self._node = node
        self._names = names
        self._session = session
        self._directory = directory
        self._watched = Watched(context)
        self._fetcher = Fetcher(session, directory, repository.store, self._watched.told)
        self._version: Version | None = None
        self._manifest = Manifest()

    @classmethod
    @asynccontextmanager
    async def open(cls, context: Context, git: Git, name: Name) -> AsyncIterator[Remote]:
        """Join the network, for as long as git talks with us."""
        directory = await git.path("dht")
        with Memory.open(context.settings.state) as memory:
            repository = await trio.to_thread.run_sync(Repository, context, name, memory)
            async with joined(context, state=None) as (session, node):
                assert node is not None  # noqa: S101 - it was asked for
                async with resolving(context, node) as names:
                    yield cls(context, git, repository, session, node, names, directory)

    # Looking and fetching.

    async def look(self, *, for_push: bool = False) -> Manifest:
        """The newest manifest; of a name of ours that leads nowhere yet, an empty one.

        Raises:
            CommandError: It cannot be had.
        """
        name = self._repository.name
        if for_push and await self._is_new(name):
            return self._manifest
        self._version = await newest(self._context, self._node, self._names, name)
        version = self._version
        self._manifest = await self._watched.pursue(
            f"look at version {version.seq}", lambda: self._fetcher.manifest(version)
        )
        return self._manifest

    async def _is_new(self, name: Name) -> bool:
        """Whether nothing was ever published under it."""
        try:
            await self._names.resolve(name, fresh=True)
        except UnknownNameError as absent:
            return absent.seen is None and absent.evidence is not None and absent.evidence.complete
        except (DhtError, TorrentError):
            return False  # Whoever asks again is told why.
        return False

    async def fetch(self) -> tuple[Path, ...]:
        """Have all that its refs lead to here; the files that keep what came.

        Raises:
            CommandError: It cannot be had.
        """
        manifest, largest = self._manifest, await self._largest()
        kept = await self._watched.pursue(
            f"fetch {size(manifest.size)}",
            lambda: take(self._git, self._fetcher, manifest, largest),
        )
        # It stays as long as it failed, so that it can be gone on with.
        await trio.to_thread.run_sync(lambda: shutil.rmtree(self._directory, ignore_errors=True))
        return kept

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
        key = self._key()
        try:
            after = await moved(self._git, self._manifest.refs, refspecs)
            said = after.said
            if atomic and any(said.values()):
                said = {target: why or "atomic push failed" for target, why in said.items()}
            elif after.changes and not dry and not await self._published(key, after):
                said = {target: why or _FETCH_FIRST for target, why in said.items()}
        except (TorrentError, DhtError) as problem:
            raise translated(problem) from problem
        lines = [_told(target, why) for target, why in said.items()]
        return b"".join(line + b"\n" for line in lines) + b"\n"

    async def _published(self, key: Ed25519PrivateKey, after: Moved) -> bool:
        """Publish what the refs are now; False if somebody else was faster."""
        try:
            await self._publish(key, after)
        except LostRaceError:
            return False
        return True

    def _key(self) -> Ed25519PrivateKey:
        """Our key of that name.

        Raises:
            CommandError: It is somebody else's.
        """
        store, public = keystore(self._context), self._repository.name.public
        for called in store.names():
            if store.show(called).address.public_key == public:
                return open_key(self._context, called)
        raise CommandError(
            f"none of your keys signs for {self._repository.name}, so you cannot push there",
            hint="push to a name of your own (`dhtctl key list`), for its owner to pull from",
        )

    async def _publish(self, key: Ed25519PrivateKey, after: Moved) -> None:
        """Publish what the refs are now, in place of the version that they were compared with."""
        repository, version = self._repository, self._version
        if version is not None and not await trio.to_thread.run_sync(self._holds, version):
            mirror = Mirror(self._session, self._names, repository.store, self._watched.told)
            await self._watched.pursue("fetch what was published", lambda: mirror.gather(version))
        repository.version, repository.manifest = version, self._manifest
        state = State(after.refs, await self._head(after.refs), self._manifest.origin)
        async with Disk() as disk:
            made = await repository.draft(disk, self._git, state)
            if made is None:
                return
            released = await repository.promise(disk, made)
        seq = 0 if version is None else version.seq
        now = await repository.publish(self._names, key, released[0].infohash, cas=seq)
        out = self._context.out
        out.note(f"published version {now.seq} in {count(len(made.generations), 'pack')}")
        if not await handed_over(self._context, [each.infohash for each in released]):
            out.warn("nobody serves it yet", hint="start `dhtctl node`, which will, and keep it up")

    def _holds(self, version: Version) -> bool:
        manifest = self._repository.store.manifest(version.infohash)
        return manifest is not None and self._repository.store.holds(manifest.generations)

    async def _head(self, refs: dict[bytes, bytes]) -> bytes:
        """The branch that HEAD shall stand for: as it was; else as here; else the first."""
        for head in (self._manifest.head, await self._git.head()):
            if head in refs:
                return head
        branches = sorted(ref for ref in refs if ref.startswith(b"refs/heads/"))
        return branches[0] if branches else b""


def _told(target: bytes, why: str) -> bytes:
    return b"error %b %b" % (target, why.encode()) if why else b"ok " + target
