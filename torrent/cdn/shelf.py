"""Where the versions of a name lie on disk, and how one of them becomes the one that people see.

A shelf is a directory. Each version has one of its own in it, called by its infohash, from which a
session seeds it, and beside that its torrent file. A version is whole when, and only when, the
memory says so (:meth:`~torrent.cdn.memory.Memory.shelve`), which is written after its last piece
was verified; what else lies there is the work of somebody who was interrupted, gone on with if the
version is still wanted and cleared away otherwise. The row goes before the files do. So a process
may be killed at any moment: what the memory calls whole is whole.

**The switch.** What people see is a symbolic link that leads to the version's files. It is made
beside the old one and renamed over it, which POSIX makes atomic: who opens a path through it gets
the old version or the new one, never parts of either. The version before stays for a while, for
those who are reading it.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from torrent.cdn.errors import SiteError
from torrent.cdn.memory import Shelved
from torrent.core.metainfo import Metainfo, read_metainfo, wrapped
from torrent.errors import MetainfoError
from torrent.io.faults import explained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torrent.cdn.memory import Memory
    from torrent.cdn.name import Name
    from torrent.core.metainfo import Info

_SUFFIX: Final = ".torrent"


def found(memory: Memory, infohash: bytes) -> tuple[Metainfo, Path] | None:
    """A whole version that lies on any shelf of this state directory, and where."""
    for place in memory.whereabouts(infohash):
        with suppress(OSError, MetainfoError):
            metainfo = read_metainfo(torrent_of(place).read_bytes())
            if infohash in metainfo.info.infohashes and place.is_dir():
                return metainfo, place
    return None


def torrent_of(place: Path) -> Path:
    """The torrent file of the version that lies in ``place``."""
    return place.with_name(place.name + _SUFFIX)


class Shelf:
    """The versions of one name in one directory. Everything here blocks: call it from a thread.

    Attributes:
        root: The directory.
    """

    def __init__(self, root: Path, name: Name, memory: Memory) -> None:
        self.root: Final = root
        self._name = name
        self._memory = memory

    def place(self, infohash: bytes) -> Path:
        """Where a session seeds that version from."""
        return self.root / infohash.hex()

    def note(self, infohash: bytes, metainfo: Metainfo) -> None:
        """Keep the torrent file of a version.

        Raises:
            StorageError: The disk refused.
        """
        path = self._file(infohash)
        with explained(path):
            self.root.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(".part")
            beside.write_bytes(wrapped(metainfo))
            beside.replace(path)

    def metainfo(self, infohash: bytes) -> Metainfo | None:
        """The torrent file of a version; ``None`` if it is not here, or not true."""
        try:
            found = read_metainfo(self._file(infohash).read_bytes())
        except (OSError, MetainfoError):
            return None
        return found if infohash in found.info.infohashes else None

    def versions(self) -> list[Shelved]:
        """The versions that are whole, newest first."""
        return [
            each
            for each in self._memory.shelved(self._name)
            if each.directory == self.place(each.infohash)
        ]

    def contents(self) -> Iterator[tuple[Info, Path]]:
        """What the whole versions hold, and where, newest first."""
        for each in self.versions():
            found = self.metainfo(each.infohash)
            if found is not None:
                yield found.info, each.directory

    def add(self, seq: int, infohash: bytes) -> None:
        """Note that a version is whole."""
        self._memory.shelve(self._name, Shelved(seq, infohash, self.place(infohash)))

    def prune(self, keep: int) -> list[bytes]:
        """Delete all but the ``keep`` newest versions, and what was left behind; what went.

        Raises:
            StorageError: The disk refused.
        """
        whole = self.versions()
        for version in whole[keep:]:
            self._memory.unshelve(self._name, version)
        stay = {version.infohash.hex() for version in whole[:keep]}
        with explained(self.root):
            found = list(self.root.iterdir()) if self.root.exists() else []
            for path in found:
                if path.name.partition(".")[0] not in stay:
                    _delete(path)
        return [version.infohash for version in whole[keep:]]

    def discard(self, infohash: bytes) -> None:
        """Delete the files of a version that are not what they should be.

        Raises:
            StorageError: The disk refused.
        """
        place = self.place(infohash)
        with explained(place):
            _delete(place)

    def _file(self, infohash: bytes) -> Path:
        return torrent_of(self.place(infohash))


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def top_of(info: Info, base: Path) -> Path:
    """What people want to see of a torrent: its directory; of a file, the directory it is in."""
    several = any(len(file.path.parts) > 1 for file in info.files)
    return base / info.files[0].path.parts[0] if several else base


def check_free(target: Path) -> None:
    """Make sure that a link can be at ``target``: nothing, a link, or an empty directory is there.

    Raises:
        SiteError: Somebody's files are there.
        StorageError: The disk refused.
    """
    with explained(target):
        if not target.is_symlink() and target.is_dir():
            with suppress(OSError):
                target.rmdir()
        if os.path.lexists(target) and not target.is_symlink():
            raise SiteError(
                f"{target} is there already and is no mirror: move it away, or name another "
                "directory with -o"
            )


def switch(target: Path, leads: Path) -> bool:
    """Let the link at ``target`` lead to ``leads``, at once; False if it did.

    Raises:
        StorageError: The disk refused.
    """
    with explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        way = os.path.relpath(leads, target.parent)
        with suppress(OSError):
            if os.readlink(target) == way:  # noqa: PTH115 - as it was written
                return False
        beside = target.with_name(f".{target.name}.next")
        beside.unlink(missing_ok=True)
        beside.symlink_to(way)
        beside.replace(target)
        _flush(target.parent)
    return True


def _flush(directory: Path) -> None:
    """Have the names in a directory survive a power cut."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
