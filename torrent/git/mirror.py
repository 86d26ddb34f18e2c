"""A mirror: the packs and the manifest of a name, kept at its newest version, served to others.

Nothing of git is needed for that, nor the key: what was signed leads to the manifest, the manifest
to packs, and all of it is hashed. So anybody can keep a repository alive, and its record with it.
What later versions have in common is had already; of a version that is not the newest any more,
everything stays until the next but one, for those who are cloning it.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

import trio

from torrent.cdn.following import follow
from torrent.core.metainfo import Metainfo
from torrent.errors import TorrentError
from torrent.git.fetching import kept_if_whole, read_manifest, source_of
from torrent.git.store import MANIFEST
from torrent.io.faults import explained

if TYPE_CHECKING:
    from collections.abc import Callable

    from torrent.cdn.name import Version
    from torrent.cdn.names import Names
    from torrent.git.core.manifest import Generation, Manifest
    from torrent.git.store import Store
    from torrent.io.session import Session
    from torrent.io.torrent import Torrent

KEEP: Final = 2
"""Manifests kept."""


class Mirror:
    """Keeps what a name leads to.

    Args:
        session: Fetches and serves; with a state, what it serves is promised.
        names: Where the name leads.
        store: Where things go.
        told: Called with each torrent that is being fetched.

    Attributes:
        promise: The number of the promise to keep the record; 0 if there is none.
    """

    def __init__(
        self,
        session: Session,
        names: Names,
        store: Store,
        told: Callable[[Torrent], None] = lambda _: None,
    ) -> None:
        self._session = session
        self._names = names
        self._store = store
        self._told = told
        self.promise = 0

    async def gather(self, version: Version) -> tuple[Manifest, list[Torrent]]:
        """Have a version here, whole; its torrents, which are at work, its manifest's first.

        Raises:
            ManifestError: It is no repository's.
            TorrentError: The disk refused.
        """
        await trio.to_thread.run_sync(self._store.make)
        manifest, first = await self._manifest(version)
        torrents = [first]
        async with kept_if_whole(self._session, torrents):
            for each in manifest.generations:
                begun = await self._begun(each, first)
                torrents.append(begun)
            for each, torrent in zip(manifest.generations, torrents[1:], strict=True):
                await torrent.completed()
                assert torrent.info is not None  # noqa: S101 - it is complete
                metainfo = Metainfo(torrent.info)
                await trio.to_thread.run_sync(self._store.note, each, metainfo)
        shelf = self._store.versions
        await trio.to_thread.run_sync(shelf.add, version.seq, version.infohash)
        return manifest, torrents

    async def adopt(self, version: Version) -> tuple[Manifest, list[Torrent]]:
        """The same, and promise to go on with all of it, the name's record too."""
        manifest, torrents = await self.gather(version)
        with trio.CancelScope(shield=True):  # It is here. If half of it were kept, who would go on?
            for torrent in torrents:
                await self._session.keep(torrent)
            self.promise = await self._names.keep(version)
            for gone in await trio.to_thread.run_sync(self._store.prune, KEEP):
                await self._session.forget(gone)
        return manifest, torrents

    async def run(self, version: Version, adopted: Callable[[Version], None]) -> None:
        """Adopt each version after one that was, until cancelled; ``adopted`` is told."""
        await follow(self._names, version.name, self.adopt, adopted, after=version.seq)

    async def _manifest(self, version: Version) -> tuple[Manifest, Torrent]:
        """The manifest and its torrent; in the store from now on."""
        place = self._store.versions.place(version.infohash)
        manifest, torrent = await read_manifest(self._session, version, place, self._told)
        assert torrent.info is not None  # noqa: S101 - it is complete
        [file] = [file for file in torrent.info.files if not file.pad]
        if file.path.parts != (MANIFEST,):
            await self._session.remove(torrent)
            await trio.to_thread.run_sync(lambda: shutil.rmtree(place, ignore_errors=True))
            raise TorrentError(f"the name leads to a file called {file.path}, not {MANIFEST}")
        note = self._store.versions.note
        await trio.to_thread.run_sync(note, version.infohash, Metainfo(torrent.info))
        return manifest, torrent

    async def _begun(self, generation: Generation, manifest: Torrent) -> Torrent:
        """A generation's torrent, at work; who has the manifest is asked first."""
        known = await trio.to_thread.run_sync(self._store.metainfo, generation)
        with explained(self._store.packs):
            torrent = await self._session.add(
                known or source_of(generation),
                self._store.packs,
                kept=False,
                peers=manifest.sharing.neighbours,
            )
        self._told(torrent)
        return torrent
