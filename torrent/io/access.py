"""Bytes of a torrent's files, for threads: write a piece, read a block, verify a piece.

All of this blocks. Every file is looked at before it is read or written (:mod:`torrent.io.watch`),
and every error of the system leaves as a :class:`~torrent.errors.StorageError` that names the file.
"""

from __future__ import annotations

import os
import threading
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from torrent.errors import StorageError
from torrent.io.allocation import write_all
from torrent.io.faults import explained
from torrent.io.files import OpenFile, open_below, status
from torrent.io.judging import hashes
from torrent.io.places import NOWHERE, PAD, PARTS
from torrent.io.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torrent.io.disk import Disk
    from torrent.io.places import Place, Places

CHUNK: Final = 1024 * 1024
"""Read and hashed at a time: about a second-level cache. A quarter of it cost 5 % more time, since
each step lets go of the interpreter's lock and must get it back."""

_scratch = threading.local()


class Access:
    """The files of one torrent, as they lie below ``root``.

    Attributes:
        root: The download directory.
        places: Where bytes lie.
        watch: What the files looked like.
    """

    def __init__(self, disk: Disk, places: Places, root: Path) -> None:
        self.root = root
        self.places: Final = places
        self.watch: Final = Watch()
        self._files: Final = disk.files
        self._owner: Final = disk.owner()
        self._unsynced: set[int] = set()

    def path(self, index: int) -> Path:
        """The whole path of a file."""
        return self.root.joinpath(*self.places.names(index))

    # Open files.

    def opened(self, index: int) -> OpenFile | None:
        """A file, if it is open."""
        return self._files.peek((self._owner, index))

    def release(self, index: int | None = None) -> None:
        """Close a file, or all, as soon as nobody uses them."""
        if index is not None:
            self._files.drop((self._owner, index).__eq__)
        else:
            self._files.drop(lambda key: isinstance(key, tuple) and key[0] == self._owner)

    def forget(self) -> None:
        """Close all, and learn anew what they look like."""
        self.release()
        self.watch.forget()

    def _open(self, index: int, *, writable: bool = False) -> OpenFile:
        """A file, open. Only the part file is ever made here: others missing are missing."""
        opened = partial(
            open_below,
            self.root,
            self.places.names(index),
            writable=writable,
            create=writable and index == PARTS,
        )
        return self._files.get((self._owner, index), opened, writable=writable)

    # Bytes.

    def write(self, piece: int, data: memoryview) -> int:
        """Write a piece, which must be good.

        Returns:
            How often files had changed when the first was written to.

        Raises:
            StorageError: It could not be written; what was is no harm, since nobody claims it.
        """
        changes: int | None = None
        for index, offset, length in self.places.piece(piece):
            if index == NOWHERE:
                raise StorageError(f"piece {piece} lies in files that are not wanted")
            if index != PAD:
                with explained(self.path(index)):
                    file = self._open(index, writable=True)
                    self._unsynced.add(index)
                    with self.watch.writing(index, file):
                        changes = self.watch.changes if changes is None else changes
                        write_all(file.fd, data[:length], offset)
            data = data[length:]
        return self.watch.changes if changes is None else changes

    def read(self, piece: int, begin: int, into: memoryview) -> None:
        """Read bytes of a piece.

        Raises:
            StorageError: A file is missing, or shorter than it should be.
        """
        for place in self.places.within(piece, begin, len(into)):
            try:
                self._fill(into[: place.length], place)
            except EOFError:
                raise StorageError(
                    f"{self.path(place.file)} was cut short: check the torrent again, which "
                    "downloads what is gone"
                ) from None
            into = into[place.length :]

    def hashes(self, piece: int) -> tuple[bytes, list[bytes]]:
        """The SHA-1 of a piece on disk, and the SHA-256 of its blocks, as far as it has them.

        Raises:
            EOFError: A file ends before the piece does.
            StorageError: A file cannot be read.
        """
        return hashes(self.places.info, piece, self._chunks(piece))

    def _chunks(self, piece: int) -> Iterator[memoryview]:
        """A piece, bit by bit, each in the same memory."""
        scratch = _own_scratch()
        size = self.places.info.piece_size(piece)
        for begin in range(0, size, CHUNK):
            chunk = rest = scratch[: min(CHUNK, size - begin)]
            for place in self.places.within(piece, begin, len(chunk)):
                self._fill(rest[: place.length], place)
                rest = rest[place.length :]
            yield chunk

    def _fill(self, view: memoryview, place: Place) -> None:
        """Read all of a place.

        Raises:
            EOFError: The file ends before.
        """
        index, offset, _ = place
        if index == NOWHERE:
            raise EOFError
        if index == PAD:
            view[:] = bytes(len(view))
            return
        with explained(self.path(index)):
            file = self._open(index)
            self.watch.look(index, file)
            while view:
                count = os.preadv(file.fd, [view], offset)
                if not count:
                    raise EOFError
                view, offset = view[count:], offset + count

    # All of them.

    def sync(self) -> None:
        """Have everything written reach the disk itself.

        Raises:
            StorageError: It did not, and may be lost.
        """
        unsynced, self._unsynced = self._unsynced, set()
        for index in unsynced:
            with explained(self.path(index)):
                file = self._open(index, writable=True)
                os.fsync(file.fd)

    def fingerprint(self) -> bytes:
        """What all files look like from outside."""
        told = sha256()
        for index in range(PARTS, len(self.places.info.files)):
            with explained(self.path(index)):
                there = status(self.root, self.places.names(index))
            if there is not None:
                told.update(f"{index} {there.st_size} {there.st_mtime_ns}\n".encode())
        return told.digest()


def _own_scratch() -> memoryview:
    """Memory of this thread: of the thread, not of the torrent, since there may be thousands."""
    found: memoryview | None = getattr(_scratch, "view", None)
    if found is None:
        found = _scratch.view = memoryview(bytearray(CHUNK))
    return found
