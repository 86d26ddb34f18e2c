"""Moving a torrent's files to another directory, so that dying in the middle loses nothing.

On one file system each file is renamed, which happens or does not. Between two, each is copied
under another name, flushed to the disk, given the times of the original, renamed to its own name,
and only then is the original deleted. At every moment each file is whole in at least one of the two
places; whoever finds it in both deletes the original if size and time say that it was copied. So
the remedy for every interruption is to do it again.

What stands in the way at the other place is found before anything is moved.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio

from torrent.errors import StorageError
from torrent.io.allocation import copy_range
from torrent.io.faults import explained
from torrent.io.files import OpenFile, open_below, parent, status
from torrent.io.places import PARTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torrent.io.places import Places

_STEP: Final = 8 * 1024 * 1024
"""Copied between two looks at whether we were cancelled: some hundredths of a second."""


class Mover:
    """One move. Blocks: run it in one of trio's threads, where it can be cancelled."""

    def __init__(
        self,
        places: Places,
        source: Path,
        target: Path,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._places = places
        self._source = source
        self._target = target
        self._progress = progress
        self._copied = 0
        self._total = 0

    def run(self) -> None:
        """Move everything, or what is left of an earlier move.

        Raises:
            StorageError: Something stands in the way, or cannot be read or written.
        """
        with explained(self._target):
            self._target.mkdir(parents=True, exist_ok=True)
            if self._target.samefile(self._source):
                return
        moving = [
            index for index in range(PARTS, len(self._places.info.files)) if self._to_do(index)
        ]
        for index in moving:
            with explained(self._target.joinpath(*self._places.names(index))):
                self._move(self._places.names(index))
        self._leave_directories()

    def _to_do(self, index: int) -> bool:
        """Whether a file is to be moved; finishes what an earlier move left to delete."""
        if index != PARTS and self._places.info.files[index].pad:
            return False
        parts = self._places.names(index)
        with explained(self._source.joinpath(*parts)):
            here = status(self._source, parts)
        with explained(self._target.joinpath(*parts)):
            there = status(self._target, parts)
        if here is None:
            return False
        self._total += here.st_size
        if there is None:
            return True
        if (here.st_size, here.st_mtime_ns) != (there.st_size, there.st_mtime_ns):
            raise StorageError(
                f"{self._target.joinpath(*parts)} is in the way of a file of this torrent: move it "
                "away, or choose another directory"
            )
        self._delete(parts)
        return False

    def _move(self, parts: tuple[str, ...]) -> None:
        try:
            with (
                parent(self._source, parts) as source,
                parent(self._target, parts, make=True) as target,
            ):
                os.rename(parts[-1], parts[-1], src_dir_fd=source, dst_dir_fd=target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._copy(parts)
            self._delete(parts)

    def _copy(self, parts: tuple[str, ...]) -> None:
        with (
            parent(self._source, parts) as source,
            parent(self._target, parts, make=True) as target,
        ):
            there = os.stat(parts[-1], dir_fd=source, follow_symlinks=False)
            if os.path.islink(self._source.joinpath(*parts)):  # noqa: PTH114
                _copy_link(parts[-1], source, target, there)
                return
            name = f"{self._places.names(PARTS)[0]}.moving"
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=target)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            copy = OpenFile(
                os.open(name, flags, there.st_mode & 0o777, dir_fd=target), writable=True
            )
            original = open_below(self._source, parts)
            self._copy_data(original.fd, copy.fd, there.st_size)
            os.utime(copy.fd, ns=(there.st_atime_ns, there.st_mtime_ns))
            os.fsync(copy.fd)
            os.rename(name, parts[-1], src_dir_fd=target, dst_dir_fd=target)
            os.fsync(target)

    def _copy_data(self, source: int, target: int, size: int) -> None:
        """Copy what is there, leaving holes as holes: a download that is under way has many."""
        os.ftruncate(target, size)
        at = 0
        while at < size:
            try:
                at = os.lseek(source, at, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:  # that is: nothing but a hole is left
                    raise
                break
            end = min(os.lseek(source, at, os.SEEK_HOLE), at + _STEP)
            copy_range(source, at, target, at, end - at)
            self._tell(end - at)
            at = end

    def _tell(self, count: int) -> None:
        self._copied += count
        if self._progress:
            trio.from_thread.run_sync(self._progress, self._copied, self._total)
        trio.from_thread.check_cancelled()

    def _delete(self, parts: tuple[str, ...]) -> None:
        with explained(self._source.joinpath(*parts)), parent(self._source, parts) as directory:
            os.unlink(parts[-1], dir_fd=directory)

    def _leave_directories(self) -> None:
        """Delete the directories that are empty now, deepest first. Others are left."""
        inner = {
            file.path.parts[:depth]
            for file in self._places.info.files
            for depth in range(1, len(file.path.parts))
        }
        for parts in sorted(inner, key=len, reverse=True):
            with suppress(OSError), parent(self._source, parts) as directory:
                os.rmdir(parts[-1], dir_fd=directory)


def _copy_link(name: str, source: int, target: int, there: os.stat_result) -> None:
    os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
    times = (there.st_atime_ns, there.st_mtime_ns)
    os.utime(name, ns=times, dir_fd=target, follow_symlinks=False)
