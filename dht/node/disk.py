"""Habits of everything this package keeps on disk: private files, locks by ``flock``, one error.

A lock here is a lock the kernel holds for an open file, never the existence of a file: the kernel
lets go of it when its holder dies, however it dies, so nothing is left behind for the next one to
stumble over. Lock files are therefore never deleted; deleting one would let two processes lock
two different files of the same name.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from dht.errors import DhtError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_POLL = 0.002
"""Seconds between two attempts at a lock: ``flock`` with a deadline exists on no system."""

_ADVICE = {
    errno.ENOSPC: "the disk is full: free some space and try again",
    errno.EDQUOT: "your disk quota is used up: free some space and try again",
    errno.EACCES: "you may not write there: change its permissions or choose another directory",
    errno.EPERM: "you may not write there: change its permissions or choose another directory",
    errno.EROFS: "it lies on a read-only file system: choose another directory",
}


class StateError(DhtError):
    """The state directory cannot be used as asked; the message says why and what to do."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an :class:`OSError` about ``path`` into a :class:`StateError` with advice."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(
            error.errno or 0, "check the path, or choose another directory for the state"
        )
        raise StateError(f"cannot use {path} ({error.strerror}): {advice}") from error


def private_directory(directory: Path) -> None:
    """Make ``directory`` if need be; what we make is open to its owner alone.

    A directory that exists keeps its permissions: they are its owner's choice. The files in it
    are private all the same.
    """
    with explained(directory):
        if not directory.is_dir():
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o700)


def write_whole(path: Path, data: bytes) -> None:
    """Replace the file at ``path``: afterwards it has all of ``data``, or all it had before.

    The rename is atomic, but only after both the file and, then, the directory that names it
    have reached the disk does the new content survive a power cut.
    """
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    with explained(path):
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        fresh.replace(path)
        _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FileLock:
    """A lock that the kernel holds for as long as this object is open.

    The file's content belongs to whoever holds the lock; anybody may read it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with explained(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the lock, if it was held; closing twice is closing once."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def acquire(self, patience: float) -> bool:
        """Take the lock for ourselves, waiting up to ``patience`` seconds; tells whether we did."""
        deadline = time.monotonic() + patience
        while not self._try(fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)
        return True

    def claim(self, patience: float = 1.0) -> bool:
        """Take the lock unless somebody owns it, which is known without waiting for the owner.

        ``taken`` below locks for an instant to see whether it can, and would make a claim that
        comes in that instant fail. So a failed claim asks whether the obstacle is an owner, who
        excludes everybody, or such an onlooker, who does not; only onlookers are waited for.
        """
        deadline = time.monotonic() + patience
        while not self._try(fcntl.LOCK_EX):
            if self.taken() or time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)
        return True

    def taken(self) -> bool:
        """Whether another open file, here or in another process, owns the lock."""
        if not self._try(fcntl.LOCK_SH):
            return True
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return False

    def read(self) -> bytes:
        """The content its owner wrote (the first 64 KiB; an owner writes a few hundred bytes)."""
        return os.pread(self._descriptor, 65536, 0)

    def write(self, data: bytes) -> None:
        """Replace the content; only the owner does this."""
        with explained(self.path):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, data, 0)

    def _try(self, how: int) -> bool:
        try:
            fcntl.flock(self._descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
