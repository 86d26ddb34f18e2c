"""The streams of one session: listening, dialling, and a place for each that is open.

Who comes to us says first which torrent it wants; until then it is a *stranger*, and strangers are
few. Who is dialled is dialled for a torrent. All torrents share one set of limits, one buffer to
read into, and the bounds of :class:`~torrent.io.config.SessionConfig`.
"""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Final

import trio

from torrent.core.landing import Landing
from torrent.io import sockets
from torrent.io.link import READ, Link
from torrent.io.slab import Slab
from torrent.io.throttle import Throttle

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from torrent.core.wire import Handshake
    from torrent.io.config import SessionConfig
    from torrent.io.sharing import Sharing

Endpoint = tuple[str, int]

_STRANGERS: Final = 64
"""Streams that may be open to us before they have said which torrent they want."""
_STRANGERS_OF_ONE: Final = 8
"""The same from one host: else one that greets slowly would keep everybody out."""


class Streams:
    """Every stream of a session.

    Args:
        config: Where to listen, and how many there may be.
        wanted: Who shares the torrent of an infohash; ``None`` if nobody.
    """

    def __init__(self, config: SessionConfig, wanted: Callable[[bytes], Sharing | None]) -> None:
        self._config = config
        self._wanted = wanted
        self._throttle = Throttle(config.upload, config.download)
        self._scratch = memoryview(bytearray(READ))
        self._landing = Landing()
        self._slab = Slab()
        self._numbers = count(1)
        self._listeners: list[socket.socket] = []
        self._links: dict[int, Link] = {}
        self._strangers: Counter[str] = Counter()
        self._retired = [0, 0]
        self.dialling = 0

    # Standing.

    @property
    def addresses(self) -> tuple[Endpoint, ...]:
        """Where we listen, one address per family."""
        return tuple(listener.getsockname()[:2] for listener in self._listeners)

    def __len__(self) -> int:
        return len(self._links)

    @property
    def sent(self) -> int:
        """Bytes written, of all streams there ever were."""
        return self._retired[0] + sum(link.sent for link in self._links.values())

    @property
    def received(self) -> int:
        """Bytes read, likewise."""
        return self._retired[1] + sum(link.received for link in self._links.values())

    # Life.

    def listen(self, usual: int = 0) -> None:
        """Open the listening sockets; where the port is left open, at the ``usual`` one if we can.

        Raises:
            SessionError: None of the addresses works.
        """
        self._listeners = sockets.listen_all(self._config.listen, usual)

    def close(self) -> None:
        """Stop listening."""
        for listener in self._listeners:
            listener.close()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Accept, dial and serve until cancelled."""
        async with trio.open_nursery() as self._nursery:
            for listener in self._listeners:
                self._nursery.start_soon(self._accept, listener)
            self._nursery.start_soon(self._throttle.run)
            task_status.started()

    # Who comes to us.

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, endpoint = await sockets.accept(listener)
            except trio.ClosedResourceError:
                return
            if self._welcomes(endpoint[0]):
                self._strangers[endpoint[0]] += 1
                self._nursery.start_soon(self._welcome, sock, endpoint)
            else:
                sock.close()

    def _welcomes(self, host: str) -> bool:
        """Whether there is room for one more."""
        if len(self) >= self._config.connections or self._strangers.total() >= _STRANGERS:
            return False
        return self._config.same_host or self._strangers[host] < _STRANGERS_OF_ONE

    async def _welcome(self, sock: socket.socket, endpoint: Endpoint) -> None:
        """Find out which torrent a stranger came for."""
        host = endpoint[0]
        try:
            greeting = await sockets.greet(sock)
        finally:
            self._strangers[host] -= 1
            if not self._strangers[host]:
                del self._strangers[host]
        sharing = None if greeting is None else self._wanted(greeting.infohash)
        if sharing is None:
            sock.close()
        else:
            await self._serve(sock, endpoint, sharing, handshake=greeting)

    # Whom we go to.

    def dial(self, sharing: Sharing, endpoint: Endpoint) -> None:
        """Connect to ``endpoint`` soon; ``sharing`` hears what came of it."""
        self._nursery.start_soon(self._dial, sharing, endpoint)

    async def _dial(self, sharing: Sharing, endpoint: Endpoint) -> None:
        if self.dialling >= self._config.half_open or len(self) >= self._config.connections:
            await trio.lowlevel.checkpoint()
            sharing.unreachable(endpoint)
            return
        self.dialling += 1
        try:
            sock = await sockets.dial(endpoint)
        except OSError:
            sharing.unreachable(endpoint)
            return
        finally:
            self.dialling -= 1
        await self._serve(sock, endpoint, sharing)

    async def _serve(
        self,
        sock: socket.socket,
        endpoint: Endpoint,
        sharing: Sharing,
        handshake: Handshake | None = None,
    ) -> None:
        """Serve one stream until it ends."""
        number, memory = next(self._numbers), (self._scratch, self._landing, self._slab)
        link = Link(number, sock, endpoint, sharing, self._throttle, *memory)
        self._links[link.number] = link
        try:
            sharing.connected(
                link, trio.current_time(), incoming=handshake is not None, handshake=handshake
            )
            async with trio.open_nursery() as nursery:
                nursery.start_soon(link.write)
                await link.read()
                nursery.cancel_scope.cancel()
        finally:
            link.close("the session was closed")
            del self._links[link.number]
            self._retired[0] += link.sent
            self._retired[1] += link.received
