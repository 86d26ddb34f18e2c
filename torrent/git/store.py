"""Where the packs and manifests of one published or mirrored name lie, in the state directory.

::

    state/git/<key of the name>/packs/<root>.pack       a generation, as it is seeded
                                     <root>.torrent    its torrent, with the piece layer
                                     <root>.oids       the objects in it, sorted
                               /versions/              manifests: a shelf (torrent.cdn.shelf)

A pack is here when its torrent file is, which is written last. Everything else below ``packs`` is
the work of somebody who was interrupted. The list of objects tells a publisher what need not be
packed again; it can always be had from the pack, and only saves that work.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from torrent.cdn.shelf import Shelf
from torrent.core.metainfo import Metainfo, read_metainfo, wrapped
from torrent.errors import MetainfoError, TorrentError
from torrent.git.core.manifest import Manifest, decode
from torrent.io.faults import explained

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from torrent.cdn.memory import Memory
    from torrent.cdn.name import Name
    from torrent.git.core.manifest import Generation

MANIFEST: Final = "manifest"
"""What the one file of a manifest's torrent is called."""


def directory_of(state: Path, name: Name) -> Path:
    """Where what belongs to a name lies, in a state directory."""
    return state / "git" / name.key.hex()


class Store:
    """The packs and manifests of one name. Everything here blocks: call it from a thread.

    Attributes:
        name: Which name.
        memory: What is remembered of it.
        packs: The directory from which a session seeds generations.
        versions: Manifests.
    """

    def __init__(self, state: Path, name: Name, memory: Memory) -> None:
        root = directory_of(state, name)
        self.name: Final = name
        self.memory: Final = memory
        self.packs: Final = root / "packs"
        self.versions: Final = Shelf(root / "versions", name, memory)

    def make(self) -> None:
        """Have the directories.

        Raises:
            StorageError: The disk refused.
        """
        with explained(self.packs):
            self.packs.mkdir(parents=True, exist_ok=True)

    # Packs.

    def pack(self, generation: Generation) -> Path:
        """Where a generation is, or would be."""
        return self.packs / generation.file

    def metainfo(self, generation: Generation) -> Metainfo | None:
        """The torrent of a generation that is here; ``None`` if it is not."""
        path = self.pack(generation)
        try:
            found = read_metainfo(path.with_suffix(".torrent").read_bytes())
            there = path.stat().st_size == generation.length
        except (OSError, MetainfoError):
            return None
        return found if there and generation.infohash in found.info.infohashes else None

    def holds(self, generations: Iterable[Generation]) -> bool:
        """Whether all of these are here."""
        return all(self.metainfo(each) is not None for each in generations)

    def note(self, generation: Generation, metainfo: Metainfo) -> None:
        """Note that a generation is here, whole.

        Raises:
            StorageError: The disk refused.
        """
        _write(self.pack(generation).with_suffix(".torrent"), wrapped(metainfo))

    def oids(self, generation: Generation, size: int) -> frozenset[bytes] | None:
        """The objects in a generation; ``None`` if that is not known."""
        try:
            data = self.pack(generation).with_suffix(".oids").read_bytes()
        except OSError:
            return None
        if len(data) != size * generation.objects:
            return None
        return frozenset(data[at : at + size] for at in range(0, len(data), size))

    def note_oids(self, generation: Generation, oids: Iterable[bytes]) -> None:
        """Remember the objects in a generation.

        Raises:
            StorageError: The disk refused.
        """
        _write(self.pack(generation).with_suffix(".oids"), b"".join(sorted(oids)))

    # Manifests.

    def manifest(self, infohash: bytes) -> Manifest | None:
        """A manifest that is here; ``None`` if it is not."""
        try:
            return decode((self.versions.place(infohash) / MANIFEST).read_bytes())
        except (OSError, TorrentError):
            return None

    def prune(self, keep: int) -> list[bytes]:
        """Delete old manifests, and the packs that only they had; the torrents that went.

        Raises:
            StorageError: The disk refused.
        """
        gone = self.versions.prune(keep)
        left = [self.manifest(each.infohash) for each in self.versions.versions()]
        stay = {g.root.hex(): g for each in left if each is not None for g in each.generations}
        with explained(self.packs):
            found = sorted(self.packs.iterdir()) if self.packs.exists() else []
            for path in found:
                if path.stem not in stay:
                    gone += _infohashes(path)
                    path.unlink(missing_ok=True)
        return gone


def _infohashes(path: Path) -> list[bytes]:
    """The torrent that a file is, if it is one."""
    if path.suffix != ".torrent":
        return []
    try:
        return [read_metainfo(path.read_bytes()).info.infohashes[0]]
    except (OSError, MetainfoError):
        return []


def _write(path: Path, data: bytes) -> None:
    with explained(path):
        beside = path.with_name(f".{path.name}.part")
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
