"""Pushing to a name: by who has its key, in place of the version that git was told of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from cli.errors import CommandError
from cli.evidence import count
from cli.failures import translated
from cli.git.repositories import Repository
from cli.git.watching import Watched
from cli.keys import keystore, open_key
from dht.errors import DhtError
from dht.node.identity import Identity
from torrent.cdn.errors import LostRaceError
from torrent.errors import TorrentError
from torrent.git.core import refs as refnames
from torrent.git.making import State
from torrent.git.mirror import Mirror
from torrent.git.pushing import moved
from torrent.io.disk import Disk

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from cli.context import Context
    from torrent.cdn.name import Version
    from torrent.cdn.names import Names
    from torrent.git.core.helper import Refspec
    from torrent.git.core.manifest import Manifest
    from torrent.git.program import Git
    from torrent.git.pushing import Moved
    from torrent.git.store import Store
    from torrent.io.session import Session

_FETCH_FIRST: Final = "fetch first"


class Pusher:
    """Moves the refs of one name."""

    def __init__(
        self, context: Context, git: Git, session: Session, names: Names, store: Store
    ) -> None:
        self._context = context
        self._git = git
        self._session = session
        self._names = names
        self._store = store

    async def push(
        self,
        version: Version | None,
        before: Manifest,
        refspecs: tuple[Refspec, ...],
        *,
        dry: bool,
        atomic: bool,
    ) -> bytes:
        """Move refs; what became of each.

        Args:
            version: What git was told of; ``None`` if there was none.
            before: Its manifest.
            refspecs: Which refs.
            dry: Only say what would become of them.
            atomic: All, or none.

        Raises:
            CommandError: Nothing moved, and that is no matter of one ref.
        """
        key = self._key()
        try:
            after = await moved(self._git, before.refs, refspecs)
            said = after.said
            if atomic and any(said.values()):
                said = {target: why or "atomic push failed" for target, why in said.items()}
            elif after.changes and not dry:
                try:
                    await self._publish(key, version, before, after)
                except LostRaceError:
                    said = {target: why or _FETCH_FIRST for target, why in said.items()}
        except (TorrentError, DhtError) as problem:
            raise translated(problem) from problem
        lines = [_told(target, why) for target, why in said.items()]
        return b"".join(line + b"\n" for line in lines) + b"\n"

    def _key(self) -> Ed25519PrivateKey:
        """Our key of that name.

        Raises:
            CommandError: It is somebody else's.
        """
        store, public = keystore(self._context), self._store.name.public
        for called in store.names():
            if store.show(called).address.public_key == public:
                return open_key(self._context, called)
        raise CommandError(
            f"none of your keys signs for {self._store.name}, so you cannot push there",
            hint="push to a name of your own (`dhtctl key list`), for its owner to pull from",
        )

    async def _publish(
        self, key: Ed25519PrivateKey, version: Version | None, before: Manifest, after: Moved
    ) -> None:
        """Publish what the refs are now, in place of the version that they were compared with.

        Raises:
            LostRaceError: There is another by now.
        """
        store = self._store
        if version is not None and not await trio.to_thread.run_sync(self._holds, version):
            watched = Watched(self._context)
            mirror = Mirror(self._session, self._names, store, watched.told)
            await watched.pursue("fetch what was published", lambda: mirror.gather(version))
        repository = Repository(self._context, store)
        repository.version, repository.manifest = version, before
        state = State(after.refs, await self._head(before, after.refs), before.origin)
        async with Disk() as disk:
            made = await repository.draft(disk, self._git, state)
            if made is None:
                return
            released = await repository.promise(disk, made)
        seq = 0 if version is None else version.seq
        now = await repository.publish(self._names, key, released[0].infohash, cas=seq)
        out = self._context.out
        out.note(f"published version {now.seq} in {count(len(made.generations), 'pack')}")
        # A running node takes it up within a second or two; nobody who pushes need wait for that.
        if Identity.holder(self._context.settings.state) is None:
            out.warn("nobody serves it yet", hint="start `dhtctl node`, which will, and keep it up")

    def _holds(self, version: Version) -> bool:
        manifest = self._store.manifest(version.infohash)
        return manifest is not None and self._store.holds(manifest.generations)

    async def _head(self, before: Manifest, refs: dict[bytes, bytes]) -> bytes:
        """The branch that HEAD shall stand for: as it was; else as here; else the first."""
        if refnames.HEAD in refs:
            return b""
        for head in (before.head, await self._git.head()):
            if head in refs:
                return head
        branches = sorted(ref for ref in refs if ref.startswith(b"refs/heads/"))
        return branches[0] if branches else b""


def _told(target: bytes, why: str) -> bytes:
    return b"error %b %b" % (target, why.encode()) if why else b"ok " + target
