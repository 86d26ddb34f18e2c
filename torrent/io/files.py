"""Opening files below a directory, and keeping a bounded number of them open.

**Nothing leads outside.** A torrent's paths are sanitised before they come here, but the disk
itself may hold a symbolic link where one of them expects a directory, put there by an earlier
download or by another user. So every element of a path is opened relative to the one before
(``openat``), with ``O_NOFOLLOW``: a link is refused however it came there, even if it is swapped in
while we look. The download directory itself may be a link: it is its owner's choice.

**Descriptors live as long as somebody uses them.** The cache is bounded, so it closes files that a
thread may be writing to, or that a socket is being fed from; and a closed descriptor's number is
given to the next file, which would then be read or written in the other's place. Hence an
:class:`OpenFile` closes itself when the last reference to it goes, as the kernel's own files do,
and the cache only ever drops its reference.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections import OrderedDict
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence
    from pathlib import Path

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""``O_NONBLOCK`` means nothing to an ordinary file; opening a named pipe would wait for ever."""
_TOO_MANY: Final = frozenset({errno.EMFILE, errno.ENFILE})


class OpenFile:
    """An open descriptor, closed when nobody holds this object any more: so hold it, not ``fd``.

    Attributes:
        fd: The descriptor.
        writable: Whether it was opened for writing, too.
    """

    __slots__ = ("fd", "writable")

    def __init__(self, fd: int, *, writable: bool) -> None:
        self.fd: Final = fd
        self.writable: Final = writable

    def __del__(self) -> None:
        os.close(self.fd)


class Span(NamedTuple):
    """Where a block lies, for ``sendfile``. Use it soon: what is trusted now may change later.

    Attributes:
        file: Keeps the descriptor open as long as you keep the span.
        offset: Where the block begins.
    """

    file: OpenFile
    offset: int

    @property
    def fd(self) -> int:
        """The descriptor."""
        return self.file.fd


@contextmanager
def parent(root: Path, parts: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """A descriptor of the directory that holds the last of ``parts``, below ``root``.

    Args:
        root: Where to begin; made, with its parents, if it may be.
        parts: Elements of a path; sanitised, so that none is ``..`` or has a slash.
        make: Make the directories that are missing.

    Raises:
        OSError: ENOENT, or ENOTDIR for what is no directory, a symbolic link included.
    """
    if make:
        root.mkdir(parents=True, exist_ok=True)
    directory = os.open(root, _DIRECTORY)
    try:
        for part in parts[:-1]:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=directory)
            inner = os.open(part, _DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
            os.close(directory)
            directory = inner
        yield directory
    finally:
        os.close(directory)


def open_below(
    root: Path, parts: Sequence[str], *, writable: bool = False, create: bool = False
) -> OpenFile:
    """Open an ordinary file below ``root``.

    Raises:
        OSError: As :func:`parent`, ELOOP for a symbolic link, ENXIO for what is no ordinary file,
            EISDIR for a directory.
    """
    flags = _FILE | (os.O_RDWR if writable else os.O_RDONLY) | (os.O_CREAT if create else 0)
    with parent(root, parts, make=create) as directory:
        file = OpenFile(os.open(parts[-1], flags, 0o666, dir_fd=directory), writable=writable)
    kind = os.fstat(file.fd).st_mode
    if not stat.S_ISREG(kind):
        code = errno.EISDIR if stat.S_ISDIR(kind) else errno.ENXIO
        raise OSError(code, os.strerror(code))
    return file


def status(root: Path, parts: Sequence[str]) -> os.stat_result | None:
    """What stands at a path below ``root``, links not followed; None if nothing does."""
    try:
        with parent(root, parts) as directory:
            return os.stat(parts[-1], dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


class FileCache:
    """Files that are open, at most ``limit`` of them, those used last. For any thread."""

    def __init__(self, limit: int) -> None:
        self.limit: Final = limit
        self._open: OrderedDict[Hashable, OpenFile] = OrderedDict()
        self._inside = threading.Lock()

    def __len__(self) -> int:
        return len(self._open)

    def peek(self, key: Hashable) -> OpenFile | None:
        """The file under ``key`` if it is open."""
        with self._inside:
            if file := self._open.get(key):
                self._open.move_to_end(key)
            return file

    def get(
        self, key: Hashable, opened: Callable[[], OpenFile], *, writable: bool = False
    ) -> OpenFile:
        """The file under ``key``, opened if need be; it stays open while you hold it.

        Raises:
            OSError: It cannot be opened. If too many files are open, ours are closed first.
        """
        file = self.peek(key)
        if file and (file.writable or not writable):
            return file
        try:
            file = opened()
        except OSError as error:
            if error.errno not in _TOO_MANY or not self._open:
                raise
            self.clear()
            file = opened()
        return self._keep(key, file)

    def _keep(self, key: Hashable, file: OpenFile) -> OpenFile:
        """Remember a file. Of two that were opened at once for one key, the one that can write."""
        with self._inside:
            held = self._open.get(key)
            if held and held.writable >= file.writable:
                return held
            self._open[key] = file
            self._open.move_to_end(key)
            dropped = [] if len(self._open) <= self.limit else [self._open.popitem(last=False)]
        del dropped  # closed here, outside the lock, if nobody uses it
        return file

    def drop(self, keys: Callable[[Hashable], bool]) -> None:
        """Close the files whose key ``keys`` picks, as soon as nobody uses them."""
        with self._inside:
            dropped = [self._open.pop(key) for key in list(self._open) if keys(key)]
        del dropped

    def clear(self) -> None:
        """Close all that nobody uses."""
        self.drop(lambda _: True)
