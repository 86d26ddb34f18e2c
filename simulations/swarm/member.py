"""A swarm that ships, and the shell that a session would give it: links, uplink, verdicts."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

from simulations.swarm.arrays import LIAR, ORIGIN
from simulations.swarm.cloth import FALSE, TRUE, TRUE_DIGEST, Cloth, digests
from simulations.swarm.world import QUEUE, End
from torrent.core.bitfield import Bitfield
from torrent.core.commons import Identity
from torrent.core.effects import (
    Banned,
    Close,
    Completed,
    Dial,
    Effect,
    HashPiece,
    Ready,
    Verdict,
    Verify,
)
from torrent.core.metainfo import BLOCK
from torrent.core.swarm import Swarm
from torrent.core.wire import HANDSHAKE_SIZE, block_header, read_handshake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from random import Random

    from simulations.swarm.world import SwarmWorld
    from torrent.core.effects import Endpoint
    from torrent.core.metainfo import Info
    from torrent.core.policy import SwarmPolicy
    from torrent.core.wire import Request

VERDICT: Final = 0.005
"""Seconds until a piece is verified and on disk."""


class Member:
    """One peer.

    Attributes:
        world: Where it lives.
        info: What is shared.
        endpoint: Where it listens.
        role: What kind of peer it is.
        completed: When it had everything.
        left: When it left.
        uploaded: Bytes of blocks sent.
        downloaded: Bytes of blocks received.
        banned: Hosts that it banned.
    """

    def __init__(
        self,
        world: SwarmWorld,
        info: Info,
        policy: SwarmPolicy,
        rng: Random,
        *,
        host: str,
        role: int,
        up: float,
        down: float,
        lie: float,
        honest: bool,
    ) -> None:
        self.world, self.info, self.endpoint, self.role = world, info, (host, 6881), role
        self.up, self.down, self.lie, self.rng = up, down, lie if role == LIAR else 0.0, rng
        have = Bitfield(info.piece_count)
        if role in {ORIGIN, LIAR}:
            have.fill()
        identity = Identity(info.infohashes, rng.randbytes(20), private=False)
        cloth = Cloth(info.piece_length, shared=honest)
        self.swarm = Swarm(identity, policy, cloth, rng, info, have)
        self.cloth = cloth
        self.completed, self.left = math.nan, math.inf
        self.uploaded = self.downloaded = 0
        self.banned: list[str] = []
        self.on_completed: Callable[[], None] = lambda: None
        self._ends: dict[int, End] = {}
        self._greetings: dict[int, bytearray] = {}
        self._ring: dict[int, None] = {}
        self._sending = False
        self._wakes_at = math.inf
        self._free_at = 0.0

    def wasted(self) -> int:
        """Bytes that came and were of no use."""
        return self.swarm.statistics(self.world.now).wasted

    def arrive(self, known: Iterable[Endpoint]) -> None:
        """Begin to listen, and dial whom the tracker names."""
        self.world.at[self.endpoint] = self
        self.told(known)

    def told(self, known: Iterable[Endpoint]) -> None:
        """Hear of peers from the tracker."""
        self._perform(self.swarm.found(known, "tracker", self.world.now))

    def leave(self) -> None:
        """Hang up on everybody and be gone."""
        self.left = self.world.now
        del self.world.at[self.endpoint]
        for end in list(self._ends.values()):
            end.close()
        self._ends.clear()
        self._ring.clear()

    @property
    def degree(self) -> int:
        """How many connections it has."""
        return len(self._ends)

    @property
    def gone(self) -> bool:
        """Whether it has left."""
        return self.left < math.inf

    def _perform(self, effects: Iterable[Effect]) -> None:
        """Do what the swarm wants, as a session does."""
        world = self.world
        for effect in effects:
            match effect:
                case Ready(link):
                    self._flush(link)
                case Close(link):
                    self._ring.pop(link, None)
                    self._ends.pop(link).close()
                case Dial(endpoint):
                    world.dial(self, endpoint)
                case Verify(piece, buffer, wanted):
                    answer = self._verdict(buffer, wanted=wanted)
                    world.schedule(world.now + VERDICT, partial(self._judged, piece, answer))
                case HashPiece(piece):
                    world.schedule(world.now + VERDICT, partial(self._hashed, piece))
                case Completed():
                    self.completed = world.now
                    self.on_completed()
                case Banned(host):
                    self.banned.append(host)
                case _:
                    pass
        self._pump()
        self._wake()

    def _verdict(self, buffer: memoryview, *, wanted: bool) -> Verdict:
        found = digests(buffer)
        self.cloth.release(buffer)
        ok = all(digest == TRUE_DIGEST for digest in found)
        return Verdict(ok, found if wanted or not ok or self.info.is_v2 else ())

    def _judged(self, piece: int, answer: Verdict) -> None:
        if not self.gone:
            self._perform(self.swarm.verified(piece, answer, self.world.now))

    def _hashed(self, piece: int) -> None:
        if not self.gone:
            leaves = (TRUE_DIGEST,) * (self.info.piece_length // BLOCK)
            self._perform(self.swarm.hashed(piece, leaves, self.world.now))

    def _wake(self) -> None:
        """See to it that the swarm ticks at its next deadline."""
        at = self.swarm.next_deadline()
        if at < self._wakes_at:
            self._wakes_at = at
            self.world.schedule(max(at, self.world.now), lambda: self._tick(at))

    def _tick(self, at: float) -> None:
        if self._wakes_at == at and not self.gone:
            self._wakes_at = math.inf
            self._perform(self.swarm.tick(self.world.now))

    # Streams out.

    def _flush(self, link: int) -> None:
        """Write what is no block at once; let blocks wait for the uplink."""
        end = self._ends.get(link)
        if end is None:
            return
        if data := self.swarm.output(link):
            end.write(data)
        self._ring[link] = None

    def _pump(self) -> None:
        """Send one block, of the next link that has one."""
        if self._sending or self.up <= 0:
            return
        for _ in range(len(self._ring)):
            link = next(iter(self._ring))
            del self._ring[link]
            end = self._ends.get(link)
            if end is None:
                continue
            if (wait := end.other.host.queue()) > QUEUE:
                at = self.world.now + wait - QUEUE
                self.world.schedule(at, partial(self._again, link))
            elif requests := self.swarm.uploads(link, BLOCK):
                self._send(end, requests)
                self._ring[link] = None
                return

    def _again(self, link: int) -> None:
        if link in self._ends:
            self._ring[link] = None
            self._pump()

    def _send(self, end: End, requests: list[Request]) -> None:
        self._sending = True
        count = sum(request.length for request in requests)
        at = self.world.now + count / self.up
        self.world.schedule(at, lambda: self._sent(end, requests, count))

    def _sent(self, end: End, requests: list[Request], count: int) -> None:
        self._sending = False
        if self.gone:
            return
        if end.open and end.other.open:
            for request in requests:
                block = FALSE if self.lie and self.rng.random() < self.lie else TRUE
                header = block_header(request.piece, request.begin, request.length)
                end.write(header, block[: request.length], wide=True)
            self.uploaded += count
            self._perform(self.swarm.delivered(end.link, count, self.world.now))
        else:
            self._pump()

    # Streams in.

    def queue(self) -> float:
        """Seconds of blocks that stand before our downlink."""
        return self._free_at - self.world.now

    def taken_in(self, count: int, at: float) -> float:
        """When what begins to arrive at ``at`` is through our downlink."""
        self._free_at = max(self._free_at, at) + count / self.down
        return self._free_at

    def dialled(self, end: End) -> None:
        """Our dial went through."""
        if self.gone or not end.other.open:
            end.close()
            return
        self._ends[end.link] = end
        now = self.world.now
        self._perform(self.swarm.connected(end.link, end.endpoint, now, incoming=False))

    def unreachable(self, endpoint: Endpoint) -> None:
        """It did not."""
        if not self.gone:
            self._perform(self.swarm.unreachable(endpoint, self.world.now))

    def accepted(self, end: End) -> None:
        """Somebody dialled us: the handshake is read before the swarm hears of it."""
        if self.gone:
            end.open = False
        else:
            self._greetings[end.link] = bytearray()

    def received(self, end: End, parts: tuple[bytes | memoryview, ...]) -> None:
        """Bytes came; of two parts the second is a block."""
        if self.gone:
            return
        if len(parts) > 1:
            self.downloaded += len(parts[1])
        for part in parts:
            if end.link in self._greetings:
                self._greet(end, part)
            elif end.link in self._ends:
                view = memoryview(part)
                self._perform(self.swarm.receive(end.link, view, self.world.now))

    def _greet(self, end: End, data: bytes | memoryview) -> None:
        raw = self._greetings[end.link]
        raw += data
        handshake = read_handshake(raw)
        if handshake is None:
            return
        del self._greetings[end.link]
        self._ends[end.link] = end
        now = self.world.now
        self._perform(
            self.swarm.connected(end.link, end.endpoint, now, incoming=True, handshake=handshake)
        )
        if len(raw) > HANDSHAKE_SIZE and end.link in self._ends:
            rest = memoryview(raw)[HANDSHAKE_SIZE:]
            self._perform(self.swarm.receive(end.link, rest, now))

    def ended(self, end: End) -> None:
        """The other hung up."""
        end.open = False
        self._greetings.pop(end.link, None)
        self._ring.pop(end.link, None)
        if self._ends.pop(end.link, None) is not None:
            self._perform(self.swarm.disconnected(end.link, self.world.now))
