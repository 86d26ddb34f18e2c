"""Making a torrent's files: directories, sizes, disk space, links; and the part file's end.

A file that is wanted gets its whole size at once, and with ``Allocation.FULL`` its disk space too
(``posix_fallocate``): a full disk shows before anything was downloaded, the file lies in one piece,
and writing to it was measured to be twice as fast. A file that exists is never shortened and never
replaced: it may be somebody's work under the same name.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from torrent.errors import StorageError
from torrent.io.faults import explained
from torrent.io.files import OpenFile, open_below, parent, status
from torrent.io.places import PARTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torrent.core.metainfo import File
    from torrent.io.places import Places

_COPY: Final = 1024 * 1024
_UNSUPPORTED: Final = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})


class Allocation(Enum):
    """How much disk a new file takes at once."""

    FULL = "full"
    """All of it."""
    SPARSE = "sparse"
    """None: what is written. Many torrents may share a disk that could not hold all of them."""


@dataclass(frozen=True, slots=True)
class Allocator:
    """Prepares the files of one torrent. Everything here blocks: it runs in a thread.

    Attributes:
        root: The download directory.
        places: Where bytes lie; told which files are present.
        wanted: Whether a file is.
        allocation: How new files get their space.
    """

    root: Path
    places: Places
    wanted: Callable[[int], bool]
    allocation: Allocation

    def prepare(self, *, create: bool) -> bool:
        """Find out which files there are; make, or lengthen, those that are wanted.

        Returns:
            Whether anything was there before, which may be worth hashing.

        Raises:
            StorageError: A file cannot be made, or something else stands in its place. What was
                made stays; calling again goes on.
        """
        found = False
        for index, file in enumerate(self.places.info.files):
            if file.symlink:
                if create and self.wanted(index):
                    self._link(file)
            elif not file.pad:
                found = self._prepare(index, file, create=create) or found
        self.places.changed()
        return self._settle_parts(create=create) or found

    def _prepare(self, index: int, file: File, *, create: bool) -> bool:
        path = self.root / str(file.path)
        with explained(path):
            size = self._existing(path, file)
            if create and self.wanted(index) and (size is None or size < file.length):
                if size is None:
                    self._create(index, file)
                else:
                    opened = open_below(self.root, file.path.parts, writable=True)
                    self._extend(opened, file.length)
                self.places.present[index] = 1
            else:
                # What is not there and may not be made is read from its own (missing) file, and
                # said to be missing; what is not wanted from the part file.
                self.places.present[index] = size is not None or self.wanted(index)
        return bool(size)

    def _existing(self, path: Path, file: File) -> int | None:
        """The size of what stands there."""
        there = status(self.root, file.path.parts)
        if there is None:
            return None
        if not stat.S_ISREG(there.st_mode):
            code = _kind(there.st_mode)
            raise OSError(code, os.strerror(code))
        if there.st_size > file.length:
            raise StorageError(
                f"{path} has {there.st_size} bytes where the torrent has {file.length}: it is "
                "another file, and is left as it is; move it away, or choose another directory"
            )
        return there.st_size

    def _create(self, index: int, file: File) -> None:
        """Make a file; with what the part file has of it, if there is one.

        Then it is made under another name and renamed when it has everything: a process that dies
        meanwhile leaves the bytes where they were.
        """
        parts = self._open_parts()
        if parts is None:
            with parent(self.root, file.path.parts, make=True) as directory:
                made = _make(directory, file.path.parts[-1], file)
            self._extend(made, file.length)
            return
        name = f"{self.places.names(PARTS)[0]}.{index}"
        with parent(self.root, file.path.parts, make=True) as directory:
            made = _make(directory, name, file)
            self._extend(made, file.length)
            for source, target, length in self.places.copies(index):
                copy_range(parts.fd, source, made.fd, target, length)
            os.rename(name, file.path.parts[-1], src_dir_fd=directory, dst_dir_fd=directory)

    def _extend(self, file: OpenFile, length: int) -> None:
        """Give a file its size, and its space if that is wanted and possible."""
        before = os.fstat(file.fd).st_size
        if self.allocation is Allocation.FULL and length and hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(file.fd, 0, length)
            except OSError as error:
                # A full disk is not left brimful: what did not suffice is given back.
                os.ftruncate(file.fd, before)
                if error.errno not in _UNSUPPORTED:
                    raise
        if os.fstat(file.fd).st_size < length:
            os.ftruncate(file.fd, length)

    def _link(self, file: File) -> None:
        """Make a symbolic link (BEP 47). It leads to a file of the same torrent; see metainfo.

        One that was mended to point at itself is not made, and nothing that exists is replaced.
        """
        if file.symlink is None or file.symlink == file.path:
            return
        above = os.path.join(*file.path.parts[:-1]) if file.path.parts[1:] else ""  # noqa: PTH118
        target = os.path.relpath(str(file.symlink), above or ".")
        with (
            explained(self.root / str(file.path)),
            parent(self.root, file.path.parts, make=True) as directory,
            suppress(FileExistsError),
        ):
            os.symlink(target, file.path.parts[-1], dir_fd=directory)

    def _settle_parts(self, *, create: bool) -> bool:
        """Whether there is a part file that is still needed; one that is not, goes."""
        name = self.places.names(PARTS)
        path = self.root.joinpath(*name)
        with explained(path):
            if status(self.root, name) is None:
                return False
            if create and all(map(self._needs_none, range(len(self.places.present)))):
                path.unlink()
                return False
        return True

    def _needs_none(self, index: int) -> bool:
        file = self.places.info.files[index]
        return bool(self.places.present[index] or file.pad or not file.length)

    def _open_parts(self) -> OpenFile | None:
        name = self.places.names(PARTS)
        with explained(self.root.joinpath(*name)), suppress(FileNotFoundError):
            return open_below(self.root, name)
        return None


def _make(directory: int, name: str, file: File) -> OpenFile:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    mode = 0o777 if file.executable else 0o666
    return OpenFile(os.open(name, flags, mode, dir_fd=directory), writable=True)


def _kind(mode: int) -> int:
    if stat.S_ISDIR(mode):
        return errno.EISDIR
    return errno.ELOOP if stat.S_ISLNK(mode) else errno.ENXIO


def copy_range(source: int, at: int, target: int, to: int, length: int) -> None:
    """Copy bytes from one file to another; those past the source's end are left as they are."""
    while length:
        data = os.pread(source, min(length, _COPY), at)
        if not data:
            return
        write_all(target, memoryview(data), to)
        at, to, length = at + len(data), to + len(data), length - len(data)


def write_all(fd: int, data: memoryview, offset: int) -> None:
    """``pwrite`` until all is written: a signal, or a disk that fills up, makes it write less."""
    while data:
        written = os.pwrite(fd, data, offset)
        data, offset = data[written:], offset + written
