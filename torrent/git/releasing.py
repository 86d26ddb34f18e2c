"""A manifest becomes a torrent that a name can lead to."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from torrent.core.metainfo import Metainfo, Version, read_metainfo
from torrent.errors import TorrentError
from torrent.git.store import MANIFEST
from torrent.io.faults import explained
from torrent.io.hashing import create
from torrent.io.storage import Storage

if TYPE_CHECKING:
    from pathlib import Path

    from torrent.git.core.manifest import Manifest
    from torrent.git.store import Store
    from torrent.io.disk import Disk

_DRAFT: Final = ".draft"


class Held(NamedTuple):
    """A torrent that is here, whole.

    Attributes:
        metainfo: What it is.
        directory: Where a session seeds it from.
        looks: What its file looks like from outside.
    """

    metainfo: Metainfo
    directory: Path
    looks: bytes

    @property
    def infohash(self) -> bytes:
        """Its first name."""
        return self.metainfo.info.infohashes[0]


async def release(disk: Disk, store: Store, manifest: Manifest) -> Held:
    """Make the torrent of a manifest, in the store.

    Raises:
        StorageError: The disk refused.
    """
    draft = store.versions.root / _DRAFT

    def write() -> None:
        with explained(draft):
            draft.mkdir(parents=True, exist_ok=True)
            (draft / MANIFEST).write_bytes(manifest.encode())

    def settle() -> Path:
        place = store.versions.place(metainfo.info.infohashes[0])
        with explained(place):
            if place.exists():
                shutil.rmtree(place)
            draft.replace(place)
        store.versions.note(metainfo.info.infohashes[0], metainfo)
        return place

    await trio.to_thread.run_sync(write)
    metainfo = read_metainfo((await create(disk, draft / MANIFEST, Version.HYBRID)).metainfo)
    return await seen(disk, metainfo, await trio.to_thread.run_sync(settle))


async def held(disk: Disk, store: Store, manifest: Manifest) -> list[Held]:
    """The generations of a manifest, as torrents to be seeded.

    Raises:
        TorrentError: One is not here.
    """
    found = []
    for each in manifest.generations:
        metainfo = await trio.to_thread.run_sync(store.metainfo, each)
        if metainfo is None:
            raise TorrentError(f"{store.pack(each)} is gone")
        found.append(await seen(disk, metainfo, store.packs))
    return found


async def seen(disk: Disk, metainfo: Metainfo, directory: Path) -> Held:
    """A torrent whose file was hashed just now."""
    storage = Storage(disk, metainfo.info, directory)
    await storage.open(create=False)
    await storage.close()
    return Held(metainfo, directory, await storage.fingerprint())
