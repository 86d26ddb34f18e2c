"""Noticing that somebody else writes to our files.

What was hashed once in this run may be served without hashing it again only as long as the file is
the one that was hashed. Its inode, size and time of change tell at the price of one ``fstat``
(less than a microsecond), so they are looked at whenever a file is read or written by a thread, and
once a second while it is served. Our own writes change the time as well, so each is made between
two looks, one writer at a time: the first catches what others did since, the second is the new
truth.

A change of content that keeps size and time, made between two runs, is found because every piece is
hashed again in each run before it is served. One that is made under our feet, and hides itself by
setting the time back, is not found; its maker could as well write to our memory.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torrent.io.files import OpenFile

_Mark = tuple[int, int, int, int]


class Watch:
    """What the files of one torrent looked like when we last touched them. For any thread.

    Attributes:
        changes: How often a change by others was seen. Who hashes remembers it at the beginning:
            if it has grown at the end, the result is about a file that is no more.
    """

    def __init__(self) -> None:
        self.changes = 0
        self._marks: dict[int, _Mark] = {}
        self._suspects: set[int] = set()
        self._inside = threading.Lock()
        self._writing: dict[int, threading.Lock] = {}
        self._busy: set[int] = set()

    def look(self, index: int, file: OpenFile) -> bool:
        """Compare a file with what it was; whether it is still the same. The first look learns.

        While one of our own threads is writing to it, that cannot be told, and is not asked.
        """
        with self._inside:
            return index in self._busy or self._same(index, file)

    @contextmanager
    def writing(self, index: int, file: OpenFile) -> Iterator[None]:
        """Within this we write to the file, and nobody else of us does."""
        with self._writing.setdefault(index, threading.Lock()):
            with self._inside:
                self._same(index, file)
                self._busy.add(index)
            try:
                yield
            finally:
                with self._inside:
                    self._busy.discard(index)
                    if mark := _mark(file):
                        self._marks[index] = mark

    def _same(self, index: int, file: OpenFile) -> bool:
        mark = _mark(file)
        if mark is not None and self._marks.setdefault(index, mark) == mark:
            return True
        self.changes += 1
        self._suspects.add(index)
        if mark:
            self._marks[index] = mark
        else:
            self._marks.pop(index, None)
        return False

    def take_suspects(self) -> set[int]:
        """The files that were seen changed since this was last asked."""
        with self._inside:
            suspects, self._suspects = self._suspects, set()
            return suspects

    def forget(self) -> None:
        """Learn all files anew: they were moved, or the torrent was opened again."""
        with self._inside:
            self.changes += 1
            self._marks.clear()
            self._suspects.clear()


def _mark(file: OpenFile) -> _Mark | None:
    """What a file is told by; None if it has no name any more: deleted, or replaced by another."""
    found = os.fstat(file.fd)
    if not found.st_nlink:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
