"""What the operating system says about files, in words for the person who owns them.

Every function of this package that touches a user's file does so inside :func:`explained`, so that
nothing but a :class:`~torrent.errors.StorageError` leaves it, and every message names the file,
the cause and what to do. None of these is the end of a torrent: it stops, and goes on when asked to
once the cause is mended.
"""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from torrent.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_RIGHTS: Final = "change its permissions, or choose another directory"
_ROOM: Final = "free some space, then resume"
_ADVICE: Final = {
    errno.ENOSPC: f"the disk is full: {_ROOM}",
    errno.EDQUOT: f"your disk quota is used up: {_ROOM}",
    errno.EFBIG: "the file system, or a limit set for this process, allows no file so large: "
    "choose a directory on another file system, or raise the limit (ulimit -f)",
    errno.EACCES: f"you have no right to: {_RIGHTS}",
    errno.EPERM: f"you have no right to: {_RIGHTS}",
    errno.EROFS: "it lies on a read-only file system: mount it writable, or choose another "
    "directory",
    errno.ENOENT: "it is missing: put it back and resume, or check the torrent again to download "
    "what is gone",
    errno.ENOTDIR: "something that is no directory stands where a directory should be, or a "
    "symbolic link does, and those are not followed: move it away",
    errno.EISDIR: "a directory stands where a file should be: move it away",
    errno.EEXIST: "something else of that name stands there: move it away",
    errno.ENOTEMPTY: "a directory of that name stands there: move it away",
    errno.ELOOP: "it is a symbolic link, and those are not followed, since they may lead out of "
    "the download directory: replace it by what it points to",
    errno.ENXIO: "it is no ordinary file: move it away",
    errno.EMFILE: "this process has too many files open: raise the limit (ulimit -n)",
    errno.ENFILE: "this machine has too many files open: close some programs",
    errno.ENAMETOOLONG: "its name is too long for this file system: choose another directory",
    errno.EIO: "the disk failed to read or write it: check the disk, then check the torrent again",
    errno.ETXTBSY: "it is being executed: stop that program",
    errno.ESTALE: "the network file system has lost it: mount it anew",
}
_OTHERWISE: Final = "check the file and its disk, then resume"


def fault(path: Path | str, error: OSError) -> StorageError:
    """Say what ``error`` means for ``path`` and what to do about it."""
    advice = _ADVICE.get(error.errno or 0, _OTHERWISE)
    return StorageError(f"cannot use {path} ({error.strerror or error}): {advice}")


@contextmanager
def explained(path: Path | str) -> Iterator[None]:
    """Turn an :class:`OSError` about ``path`` into a :class:`StorageError` with advice."""
    try:
        yield
    except OSError as error:
        raise fault(path, error) from error
