"""What a swarm wants done, done: the shell of one torrent.

The swarm (:mod:`torrent.core.swarm`) decides everything; this performs its effects with the
session's sockets, threads and files and tells it what came of them. Nothing here awaits on the way
of a block: bytes are handed in, effects come back and are performed at once.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, Final

import trio

from torrent.core import effects as to
from torrent.errors import StorageError
from torrent.io.events import Lost
from torrent.io.sockets import HANDSHAKE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torrent.core.effects import Buffers, Effect, Verdict
    from torrent.core.landing import Landing
    from torrent.core.swarm import Swarm
    from torrent.core.wire import Handshake, Request
    from torrent.io.events import Event
    from torrent.io.link import Link
    from torrent.io.storage import Storage

Endpoint = tuple[str, int]

_SOON: Final = 1.0
"""Seconds within which a swarm is ticked anyway. What a peer sends can bring the next beat nearer,
but beats are this far apart, so it need not be looked for each time that blocks came."""


class Listener:
    """Who wants to know what happens to a torrent; the session's Torrent is one."""

    def passed(self, piece: int) -> None:
        """A piece is verified and on disk."""

    def learned(self, effect: to.Learned) -> None:
        """The metadata of a magnet link arrived."""

    def finished(self) -> None:
        """All that was wanted is here."""

    def faulted(self, error: StorageError) -> None:
        """The disk failed us."""

    def told(self, event: Event) -> None:
        """Something worth telling happened: a ban, a piece that failed."""


class Sharing:
    """One torrent at work.

    Attributes:
        swarm: The machine that decides.
        storage: Its files; ``None`` until the metadata is known and they are open.
        links: Its connections, by number.
        due: When the swarm is to be ticked (the ticker's).
        began: When the first peer was dialled, or came; ``None`` if none was.
        dialled: Dials so far.
        answered: Those of them that somebody answered.
        most: Peers at once, at the most: who said more than its name, and was not ourselves, nor
            one that we have by another address.
    """

    def __init__(
        self,
        swarm: Swarm,
        listener: Listener,
        *,
        buffers: Buffers,
        dial: Callable[[Sharing, Endpoint], None],
        arrange: Callable[[Sharing], None],
        spawn: Callable[..., None],
    ) -> None:
        self.swarm = swarm
        self._buffers = buffers
        self._spawn = spawn
        self.storage: Storage | None = None
        self.links: dict[int, Link] = {}
        self.due = math.inf
        self.began: float | None = None
        self.dialled = self.answered = self.most = 0
        self._met: set[int] = set()
        self._listener = listener
        self._dial = dial
        self._arrange = arrange

    # What happens.

    def connected(
        self, link: Link, now: float, *, incoming: bool, handshake: Handshake | None = None
    ) -> None:
        """A stream is open; if it came to us, its handshake has been read."""
        self.links[link.number] = link
        self.answered += not incoming
        self._begin(now)
        self.perform(
            self.swarm.connected(
                link.number, link.endpoint, incoming=incoming, now=now, handshake=handshake
            )
        )

    def receive(self, link: Link, data: memoryview) -> None:
        """Bytes came."""
        now = trio.current_time()
        self._received(link, self.swarm.receive(link.number, data, now), now)

    def landed(self, link: Link, landing: Landing, count: int) -> None:
        """Bytes came where they were expected."""
        now = trio.current_time()
        self._received(link, self.swarm.landed(link.number, landing, count, now), now)

    def _received(self, link: Link, effects: list[Effect], now: float) -> None:
        if effects or self.due > now + _SOON:
            self.perform(effects)
        if link.number not in self._met and not link.closed and link.received > HANDSHAKE:
            self._met.add(link.number)
            self.most = max(self.most, len(self._met))

    def delivered(self, link: Link, count: int) -> None:
        """So many bytes of blocks were written."""
        self.perform(self.swarm.delivered(link.number, count, trio.current_time()))

    def ended(self, link: Link, _reason: str) -> None:
        """A link is closed."""
        self._met.discard(link.number)
        if self.links.pop(link.number, None) is not None:
            self.perform(self.swarm.disconnected(link.number, trio.current_time()))

    @property
    def neighbours(self) -> tuple[Endpoint, ...]:
        """Who takes part and can be dialled: who has this may well have what belongs to it."""
        return self.swarm.commons.candidates.proven()

    def found(self, endpoints: Iterable[Endpoint], source: str) -> None:
        """Somebody knows peers."""
        self.perform(self.swarm.found(endpoints, source, trio.current_time()))

    def unreachable(self, endpoint: Endpoint) -> None:
        """A dial failed."""
        self.perform(self.swarm.unreachable(endpoint, trio.current_time()))

    def lost(self, piece: int) -> None:
        """A piece that we had is false on disk."""
        self._listener.told(Lost(piece))
        self.perform(self.swarm.lost(piece, trio.current_time()))

    def tick(self, now: float) -> None:
        """Do what is due."""
        self.perform(self.swarm.tick(now))

    def next_deadline(self) -> float:
        """When something will be due."""
        return self.swarm.next_deadline()

    def close(self) -> None:
        """Close every link."""
        for link in tuple(self.links.values()):
            link.close("the torrent was stopped")

    # What is done.

    def perform(self, effects: Iterable[Effect]) -> None:
        """Do what the swarm wants."""
        performers = self._performers
        for effect in effects:
            performers[type(effect)](self, effect)
        self._arrange(self)

    def _ready(self, effect: to.Ready) -> None:
        link = self.links.get(effect.link)
        if link is not None:
            link.pump()

    def _close(self, effect: to.Close) -> None:
        link = self.links.get(effect.link)
        if link is not None:
            link.close(effect.reason)

    def _begin(self, now: float) -> None:
        if self.began is None:
            self.began = now

    def _do_dial(self, effect: to.Dial) -> None:
        self._begin(trio.current_time())
        self.dialled += 1
        self._dial(self, effect.endpoint)

    def _verify(self, effect: to.Verify) -> None:
        piece, storage = effect.piece, self.storage
        if storage is None:
            return

        def done(verdict: Verdict) -> None:
            self._buffers.release(effect.buffer)
            self.perform(self.swarm.verified(piece, verdict, trio.current_time()))

        storage.write_verified(piece, effect.buffer, done, digests=effect.digests)

    def _stuck(self, effect: to.Stuck) -> None:
        self._listener.faulted(StorageError(effect.error))

    def _hash(self, effect: to.HashPiece) -> None:
        self._spawn(self._hash_piece, effect.piece)

    async def _hash_piece(self, piece: int) -> None:
        """Answer who asked for the hashes of a piece's blocks (BEP 52)."""
        leaves: tuple[bytes, ...] = ()
        if self.storage is not None:
            with suppress(StorageError):
                leaves = await self.storage.leaves(piece)
        self.perform(self.swarm.hashed(piece, leaves, trio.current_time()))

    def _passed(self, effect: to.Passed) -> None:
        self._listener.passed(effect.piece)

    def _learned(self, effect: to.Learned) -> None:
        self._listener.learned(effect)

    def _completed(self, _: to.Completed) -> None:
        self._listener.finished()

    def _tell(self, effect: Effect) -> None:
        self._listener.told(effect)

    _performers: ClassVar[dict[type, Callable[..., None]]] = {
        to.Ready: _ready,
        to.Close: _close,
        to.Dial: _do_dial,
        to.Verify: _verify,
        to.Passed: _passed,
        to.Learned: _learned,
        to.Completed: _completed,
        to.Stuck: _stuck,
        to.HashPiece: _hash,
        to.Unusable: _tell,
        to.Failed: _tell,
        to.Banned: _tell,
        to.DhtNode: _tell,
    }

    # Blocks that cannot go from their file as they are.

    def fetch(self, link: Link, request: Request) -> None:
        """Have ``link`` serve ``request`` once its piece has been hashed, or its bytes read."""
        self._spawn(self._fetch, link, request)

    async def _fetch(self, link: Link, request: Request) -> None:
        storage = self.storage
        if storage is None or link.closed:
            await trio.lowlevel.checkpoint()
            return
        try:
            true = await storage.trust(request.piece)
            data = None
            if true and not storage.readable(request.piece, request.begin, request.length):
                data = bytearray(request.length)
                true = await storage.read(
                    request.piece, request.begin, request.length, memoryview(data)
                )
        except StorageError as error:
            self._refuse(link, request)
            self._listener.faulted(error)
            return
        if true:
            link.serve(request, data)
        else:
            self._refuse(link, request)
            self.lost(request.piece)

    def _refuse(self, link: Link, request: Request) -> None:
        self.perform(self.swarm.unserved(link.number, request, trio.current_time()))
