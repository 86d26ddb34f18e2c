"""Commits how far torrents are, at most a second after it changed.

A commit for each piece would allow a few hundred pieces a second; a download makes a thousand. So
whoever has written a piece marks its torrent, and everything marked is committed together, by a
thread, half a second later.

If the disk fails, nothing is lost but time: the marks stay and the commit is tried again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import trio

from dht.node.disk import StateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torrent.io.resume import Progress, Torrents

PAUSE: Final = 0.5
"""Seconds from the first mark to the commit. With a slow commit it stays below the second that a
killed process may lose."""
_RETRY: Final = 5.0

_log = logging.getLogger("torrent.io")


class Journal:
    """Brings progress to the state, in batches."""

    def __init__(self, torrents: Torrents) -> None:
        self._torrents = torrents
        self._marked: dict[bytes, Callable[[], Progress]] = {}
        self._work = trio.Event()

    def mark(self, infohash: bytes, snapshot: Callable[[], Progress]) -> None:
        """Say that a torrent got further; ``snapshot`` is asked how far when it is committed.

        Call it after the piece was written. Marking again before the commit costs nothing.
        """
        self._marked[infohash] = snapshot
        self._work.set()

    def forget(self, infohash: bytes) -> None:
        """Take back the mark of a torrent that was removed."""
        self._marked.pop(infohash, None)

    async def run(self) -> None:
        """Commit what is marked, for ever."""
        while True:
            await self._work.wait()
            await trio.sleep(PAUSE)
            try:
                await self.flush()
            except StateError as problem:
                _log.warning("%s; trying again in %.0f s", problem, _RETRY)
                await trio.sleep(_RETRY)

    async def flush(self) -> None:
        """Commit what is marked, now.

        Raises:
            StateError: The disk would not have it; it stays marked.
        """
        self._work = trio.Event()
        marked, self._marked = self._marked, {}
        try:
            progress = [snapshot() for snapshot in marked.values()]
            await trio.to_thread.run_sync(self._torrents.advance, progress)
            marked = {}
        finally:
            if marked:
                self._marked = {**marked, **self._marked}
                self._work.set()
