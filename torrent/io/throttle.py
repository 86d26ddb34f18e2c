"""The limits on what a session uploads and downloads, shared by all its links.

Uploading is pulled: a link asks how many bytes of blocks it may take from the swarm. If none, it is
put at the end of a queue, and pumped when its turn has come; so a limit is shared round robin, in
portions, whatever the links are worth to their swarms. Downloading is slowed by not reading:
the sender meets TCP's window.

Only what moves blocks is limited. Control messages are some 2 % and must not wait: a choke that
is late costs more than it weighs.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Final

import trio

from torrent.core.rates import TokenBucket

if TYPE_CHECKING:
    from torrent.io.link import Link

_PORTION: Final = 1 << 16
"""Bytes a link must be able to move before it is worth waking: four blocks."""
_SLACK: Final = 0.001
"""Seconds slept beyond what was computed: rounding may leave a bucket a billionth short."""
_BURST: Final = 1.0
"""Seconds' worth that may pile up while nobody wants it."""


class Throttle:
    """Two token buckets and who waits for them.

    Args:
        upload: Bytes of blocks a second that may go out; infinite by default.
        download: Bytes a second that may come in.
    """

    def __init__(self, upload: float = math.inf, download: float = math.inf) -> None:
        self._up = _bucket(upload)
        self._down = _bucket(download)
        self._queue: deque[Link] = deque()
        self._wanted = trio.Event()
        self._changed = trio.Event()

    def limit(self, *, upload: float = math.inf, download: float = math.inf) -> None:
        """Set new limits, in bytes a second."""
        self._up, self._down = _bucket(upload), _bucket(download)
        self._changed.set()
        self._changed = trio.Event()

    async def _until(self, at: float) -> None:
        """Sleep until then, or until the limits are others: who waits must count anew."""
        with trio.move_on_at(at + _SLACK):
            await self._changed.wait()

    # Downloading.

    async def may_read(self, most: int) -> int:
        """Wait until something may be read; how many bytes, at most ``most``."""
        bucket = self._down
        if bucket is None:
            return most
        portion = min(most, _PORTION)
        while (bucket := self._down) is not None:
            now = trio.current_time()
            if (allowed := int(bucket.available(now))) >= portion:
                return min(most, allowed)
            await self._until(bucket.when(portion, now))
        return most

    def was_read(self, count: int) -> None:
        """Note what was read."""
        if self._down is not None:
            self._down.take(count, trio.current_time())

    # Uploading.

    def may_write(self, link: Link, most: int) -> int:
        """How many bytes of blocks ``link`` may pull, up to ``most``; if 0, it is pumped later."""
        if self._up is None:
            return most
        allowed = int(self._up.available(trio.current_time()))
        if allowed >= _PORTION:
            return min(most, _PORTION)
        if link not in self._queue:
            self._queue.append(link)
            self._wanted.set()
        return 0

    def will_write(self, count: int) -> None:
        """Note a block that was pulled."""
        if self._up is not None:
            self._up.take(count, trio.current_time())

    async def run(self) -> None:
        """Pump the links that wait for their turn, for as long as the session lives."""
        while True:
            await self._wanted.wait()
            self._wanted = trio.Event()
            while self._queue:
                await self._allowed()
                if self._queue:
                    self._queue.popleft().pump()

    async def _allowed(self) -> None:
        """Wait until a portion may go out, by the limit that there is then."""
        await trio.lowlevel.checkpoint()
        while (bucket := self._up) is not None:
            await self._until(bucket.when(_PORTION, trio.current_time()))
            if bucket is self._up:
                return


def _bucket(rate: float) -> TokenBucket | None:
    """A bucket; ``None`` if there is no limit, so that no limit costs nothing."""
    if math.isinf(rate):
        return None
    return TokenBucket(rate, max(rate * _BURST, 2.0 * _PORTION))
