"""A repository under a name of ours, from the command line: what is known of it, what is released.

``dhtctl git publish`` and ``git push`` do the same: they make what is needed beside the last
manifest, have it promised, and let the name lead there, in place of the version that they began
with and of no other.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import trio

from cli.torrents import stored
from cli.torrents.promising import Ready, promise
from dht.node.config import NETWORK
from dht.node.state import StalePromiseError, State
from torrent.cdn.memory import Site
from torrent.cdn.name import Version
from torrent.git.core.manifest import Manifest
from torrent.git.making import Maker
from torrent.git.releasing import held, release

if TYPE_CHECKING:
    from pathlib import Path

    from cli.context import Context
    from dht.mainline.items import Signer
    from torrent.cdn.name import Name
    from torrent.cdn.names import Names
    from torrent.git import making
    from torrent.git.program import Git
    from torrent.git.releasing import Held
    from torrent.git.store import Store
    from torrent.io.disk import Disk

KEEP = 2
"""Manifests kept: the newest, and the one before, for those who are cloning it."""


class Repository:
    """What this state directory has of the repository under one name.

    Attributes:
        store: Its packs.
        version: The newest version known; ``None`` if none is.
        manifest: What that leads to; empty if it is not here with all its packs.
    """

    def __init__(self, context: Context, store: Store) -> None:
        self._state = context.settings.state
        self.store = store
        self.version: Version | None = None
        self.manifest = Manifest()

    @property
    def name(self) -> Name:
        """Whose it is, and which."""
        return self.store.name

    def recall(self) -> None:
        """Read again what is known. Blocks."""
        record = self.store.memory.seen(self.name)
        self.version = None if record is None else Version.of(record)
        self.manifest = Manifest()
        found = self.version and self.store.manifest(self.version.infohash)
        if found and self.store.holds(found.generations):
            self.manifest = found

    @property
    def here(self) -> bool:
        """Whether the newest version known is here, whole; it may be without refs."""
        version = self.version
        return version is not None and self.store.manifest(version.infohash) == self.manifest

    async def draft(self, disk: Disk, git: Git, state: making.State) -> Manifest | None:
        """Make what leads from the newest version to ``state``; ``None`` if that is the same."""
        version = self.version
        previous = b"" if version is None else version.infohash
        made = await Maker(disk, git, self.store).make(state, self.manifest, previous)
        same = replace(made, previous=self.manifest.previous, waste=self.manifest.waste)
        return None if version is not None and same == self.manifest else made

    async def promise(self, disk: Disk, manifest: Manifest) -> list[Held]:
        """Have manifest and packs written down as to be seeded; the manifest first."""
        released = [await release(disk, self.store, manifest)]
        released += await held(disk, self.store, manifest)
        await trio.to_thread.run_sync(self._promise, released)
        return released

    def _promise(self, released: list[Held]) -> None:
        """What is promised already stays as it is: somebody may be seeding it."""
        with stored.opened(self._state) as torrents:
            known = {each.infohash: each.directory for each in torrents.all() if not each.paused}
        fresh = [each for each in released if known.get(each.infohash) != each.directory]
        promise(self._state, [Ready(*each) for each in fresh])

    async def publish(
        self, names: Names, key: Signer, infohash: bytes, *, cas: int | None = None
    ) -> Version:
        """Let the name lead to a manifest that was promised.

        Raises:
            LostRaceError: It moved on meanwhile.
            DhtError: Nobody took it.
        """
        version = await names.publish(key, self.name.salt, infohash, cas=cas)
        await trio.to_thread.run_sync(self.store.versions.add, version.seq, version.infohash)
        await trio.to_thread.run_sync(self._prune)
        return version

    def _prune(self) -> None:
        """Delete what only old versions had; nobody serves it any more."""
        gone = self.store.prune(KEEP)
        with stored.opened(self._state, readonly=False) as torrents:
            for infohash in gone:
                torrents.remove(infohash)

    def promise_again(self) -> None:
        """Keep the name, should the promise have been withdrawn. Blocks."""
        if self.version is None:
            return
        with State.open(self._state) as state, suppress(StalePromiseError):
            state.promise(NETWORK, self.version.record.key, self.version.record, time.time())

    def published_from(self, source: Path, replicas: int) -> None:
        """Note where it comes from, and how many mirrors there should be. Blocks."""
        self.store.memory.publishes(Site(self.name, source, replicas))
