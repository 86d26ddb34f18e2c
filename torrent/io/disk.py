"""What all torrents of a process share of its disk: threads, buffers and open files.

Each of the three is bounded, and their bounds together bound what a thousand torrents can take:
two threads, 64 MiB of buffers, and a quarter of the descriptors that the process may have (peers
need the others).
"""

from __future__ import annotations

import itertools
import resource
from typing import TYPE_CHECKING, Final, Self

from torrent.io.files import FileCache
from torrent.io.pool import Buffers
from torrent.io.workers import Workers

if TYPE_CHECKING:
    from types import TracebackType

WORKERS: Final = 2
"""One thread hashed 570 to 670 MB/s beside a receiving loop, two 890 to 1230; on two cores a third
only takes the interpreter's lock from the loop."""

POOL: Final = 64 * 1024 * 1024
"""Enough pieces for the disk to lag a tenth of a second behind a loopback peer at 600 MB/s."""

MOST_FILES: Final = 512
_FEWEST_FILES: Final = 16


class Disk:
    """Threads, buffers and open files, for the time of an ``async with``.

    Attributes:
        buffers: Where pieces are put together.
        workers: The threads.
        files: The files that are open.
        sparse: Whether new files take their room only as it is written.
    """

    workers: Workers

    def __init__(
        self,
        *,
        workers: int = WORKERS,
        pool: int = POOL,
        files: int = 0,
        sparse: bool = False,
    ) -> None:
        """Decide the bounds.

        Args:
            workers: Threads.
            pool: Bytes of buffers.
            files: Open files; 0 for as many as the process's limit suggests.
            sparse: New files take their room as it is written.
        """
        self.buffers: Final = Buffers(pool)
        self.files: Final = FileCache(files or _files_allowed())
        self.sparse: Final = sparse
        self._count: Final = workers
        self._owners = itertools.count()

    async def __aenter__(self) -> Self:
        self.workers = Workers(self._count)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.workers.end()
        self.files.clear()

    def owner(self) -> int:
        """A number of its own for each torrent, to tell its open files by."""
        return next(self._owners)

    def tidy(self) -> None:
        """Let go of idle memory. Call it now and then, when nothing is downloading."""
        if not self.buffers.used:
            self.buffers.trim()


def _files_allowed() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_FILES
    return max(_FEWEST_FILES, min(MOST_FILES, soft // 4))
