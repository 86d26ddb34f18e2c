"""A world of swarms: N of them on a virtual clock, joined by streams that split and delay.

What :mod:`tests.world` is for the DHT. Streams lose nothing and keep their order, as TCP does, but
split anywhere and arrive late. A :class:`Member` is a swarm with the shell a session would give it,
storage included; a :class:`Stranger` is a stream and a script, for peers that misbehave.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from tests.samples import Sample, block_digests, is_true
from tests.swarm_streams import End, Pool, Stranger, scatter
from tests.timeline import Timeline
from torrent.core.bitfield import Bitfield
from torrent.core.commons import Identity
from torrent.core.effects import (
    Banned,
    Close,
    Completed,
    Dial,
    Effect,
    Failed,
    HashPiece,
    Learned,
    Passed,
    Ready,
    Stuck,
    Verdict,
    Verify,
)
from torrent.core.landing import Landing
from torrent.core.policy import SwarmPolicy
from torrent.core.swarm import Swarm
from torrent.core.wire import HANDSHAKE_SIZE, block_header, read_handshake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torrent.core.effects import Endpoint
    from torrent.core.metainfo import Info
    from torrent.core.wire import Request


READ = 1 << 18
"""Bytes that a shell reads at once."""


class Member:
    """A swarm with its shell.

    Attributes:
        stored: Verified pieces: the disk.
        lie: What is sent instead of a block; the truth if None or if it returns None.
        uplink: Bytes of blocks a second.
    """

    def __init__(
        self,
        world: World,
        sample: Sample,
        *,
        host: str,
        pieces: Iterable[int] | None = (),
        magnet: bool = False,
        infohashes: tuple[bytes, ...] | None = None,
        policy: SwarmPolicy | None = None,
        pool: int = 1 << 30,
        uplink: float = math.inf,
        peer_id: bytes | None = None,
    ) -> None:
        self.world = world
        self.sample = sample
        self.info = info = sample.info
        self.endpoint = (host, 6881)
        self.pool = Pool(pool)
        self.uplink = uplink
        self.sent_at = 0.0
        held = range(info.piece_count) if pieces is None else pieces
        self.stored = {piece: sample.piece(piece) for piece in held}
        self.peer_id = peer_id or world.rng.randbytes(20)
        policy = policy or SwarmPolicy(port=6881)
        identity = Identity(infohashes or info.infohashes, self.peer_id, info.private)
        self.swarm = Swarm(
            identity,
            policy,
            self.pool,
            Random(world.rng.random()),
            None if magnet else info,
            None if magnet else Bitfield(info.piece_count, self.stored),
        )
        self.ends: dict[int, End] = {}
        self.raw: dict[End, bytearray] = {}
        self.landing = Landing(least=1)
        self.readings = 0
        self.effects: list[Effect] = []
        self.closed: list[str] = []
        self.lie: Callable[[Request, bytes], bytes | None] | None = None
        self.verdict_delay = 0.005
        self.disk_error: str | None = None
        self.wakes_at = math.inf
        self.uploaded: Counter[int] = Counter()
        self.messages: Counter[str] = Counter()

    @property
    def complete(self) -> bool:
        return len(self.stored) == self.info.piece_count

    @property
    def learned(self) -> bool:
        return any(isinstance(effect, Learned) for effect in self.effects)

    @property
    def banned(self) -> list[str]:
        return [effect.host for effect in self.effects if isinstance(effect, Banned)]

    def of(self, kind: type) -> list[Effect]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def next_deadline(self) -> float:
        return self.swarm.next_deadline()

    def tick(self) -> None:
        self.perform(self.swarm.tick(self.world.now))

    def know(self, *others: Member | Stranger) -> None:
        """Be told where these are."""
        self.perform(self.swarm.found([other.endpoint for other in others], "user", self.world.now))

    def perform(self, effects: Iterable[Effect]) -> None:
        """Do what the swarm wants, as a shell does."""
        for effect in effects:
            if not isinstance(effect, Ready):
                self.effects.append(effect)
                self.world.note(self.endpoint[0], type(effect).__name__)
            match effect:
                case Ready(link):
                    self.world.schedule(self.world.now, lambda link=link: self.flush(link))
                case Close(link, reason):
                    self.closed.append(reason)
                    self.ends.pop(link).close()
                case Dial(endpoint):
                    self.world.dial(self, endpoint)
                case Verify(piece, buffer, digests):
                    self.world.schedule(
                        self.world.now + self.verdict_delay,
                        lambda p=piece, b=buffer, d=digests: self._verify(p, b, digests=d),
                    )
                case Learned(info):
                    self.info = info
                    have = Bitfield(info.piece_count, self.stored)
                    self.world.schedule(
                        self.world.now + 0.01, lambda info=info, have=have: self._begin(info, have)
                    )
                case HashPiece(piece):
                    self.world.schedule(self.world.now + 0.01, lambda p=piece: self._hash(p))
                case Completed() | Passed() | Failed() | Stuck() | Banned() | _:
                    pass
        self.world.wake(self)

    def _begin(self, info: Info, have: Bitfield) -> None:
        self.perform(self.swarm.begin(info, have, self.world.now))

    def _hash(self, piece: int) -> None:
        leaves = block_digests(self.info, piece, self.stored[piece]) if piece in self.stored else ()
        self.perform(self.swarm.hashed(piece, leaves, self.world.now))

    def _verify(self, piece: int, buffer: memoryview, *, digests: bool) -> None:
        ok = is_true(self.info, piece, buffer)
        wanted = digests or not ok or self.info.is_v2
        found = block_digests(self.info, piece, bytes(buffer)) if wanted else ()
        verdict = Verdict(ok, found, self.disk_error)
        if ok and self.disk_error is None:
            assert piece not in self.stored, f"piece {piece} was fetched twice"
            self.stored[piece] = bytes(buffer)
        self.pool.release(buffer)
        self.perform(self.swarm.verified(piece, verdict, self.world.now))

    # Streams.

    def flush(self, link: int) -> None:
        """Write what the swarm has for ``link``, at the speed of our uplink."""
        end = self.ends.get(link)
        if end is None or not end.open:
            return
        data = self.swarm.output(link)
        if data:
            end.write(data)
        if self.sent_at > self.world.now + 0.05:
            self.world.schedule(self.sent_at, lambda: self.flush(link))
            return
        requests = self.swarm.uploads(link, 1 << 20 if self.uplink == math.inf else 1 << 14)
        for request in requests:
            self._serve(end, request)
        if requests:
            self.perform(
                self.swarm.delivered(link, sum(r.length for r in requests), self.world.now)
            )
            self.world.schedule(max(self.sent_at, self.world.now), lambda: self.flush(link))

    def _serve(self, end: End, request: Request) -> None:
        assert request.piece in self.stored, "an unverified piece was served"
        whole = self.stored[request.piece]
        data = whole[request.begin : request.begin + request.length]
        assert len(data) == request.length
        lie = self.lie(request, data) if self.lie is not None else None
        self.uploaded[request.piece] += len(data)
        if self.uplink < math.inf:
            self.sent_at = max(self.sent_at, self.world.now) + len(data) / self.uplink
        sent = data if lie is None else lie
        if sent:
            end.write(block_header(request.piece, request.begin, len(sent)) + sent)

    def dialled(self, end: End) -> None:
        """Our dial went through."""
        self.ends[end.link] = end
        self.perform(
            self.swarm.connected(end.link, end.other.endpoint, self.world.now, incoming=False)
        )

    def accepted(self, end: End) -> None:
        """Somebody dialled us: the shell reads the handshake first."""
        self.raw[end] = bytearray()

    def received(self, end: End, data: bytes) -> None:
        if end in self.raw:
            self._greet(end, data)
            return
        # Where it is expected every other time, and otherwise as it is.
        self.readings += 1
        if self.readings % 2 and self.swarm.expect(end.link, self.landing, READ):
            count = scatter(data, self.landing.views)
            self.perform(self.swarm.landed(end.link, self.landing, count, self.world.now))
            if data := data[count:]:
                self.received(end, data)
            return
        # The swarm must not keep what it was handed: the shell overwrites it.
        buffer = bytearray(data)
        effects = self.swarm.receive(end.link, memoryview(buffer), self.world.now)
        buffer[:] = b"\xee" * len(buffer)
        self.perform(effects)

    def _greet(self, end: End, data: bytes) -> None:
        raw = self.raw[end]
        raw += data
        handshake = read_handshake(raw)
        if handshake is None:
            return
        del self.raw[end]
        self.ends[end.link] = end
        self.perform(
            self.swarm.connected(
                end.link,
                end.other.endpoint,
                self.world.now,
                incoming=True,
                handshake=handshake,
            )
        )
        if len(raw) > HANDSHAKE_SIZE and end.open:
            self.received(end, bytes(raw[HANDSHAKE_SIZE:]))

    def ended(self, end: End) -> None:
        self.raw.pop(end, None)
        if self.ends.pop(end.link, None) is not None:
            self.perform(self.swarm.disconnected(end.link, self.world.now))


class World(Timeline):
    """Members and strangers, a clock, and the streams between them.

    Args:
        seed: The root of all chance.
        latency: Seconds one way: draws one for each part.
        splits: Sizes of the parts that a write falls apart into.
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        latency: Callable[[Random], float] = lambda rng: rng.uniform(0.001, 0.005),
        splits: tuple[int, ...] = (1 << 20, 70_000, 16_400),
    ) -> None:
        super().__init__(seed)
        self.latency = latency
        self.splits = splits
        self.at: dict[Endpoint, Member | Stranger] = {}
        self.members: list[Member] = []
        self.blocked: set[Endpoint] = set()
        self._links = itertools.count(1)
        self._ports = itertools.count(40_000)

    def member(self, sample: Sample, **how: object) -> Member:
        """Add a swarm; ``pieces=None`` makes it a seed."""
        host = how.pop("host", None) or f"10.0.0.{len(self.at) + 1}"
        member = Member(self, sample, host=host, **how)  # type: ignore[arg-type]
        self.members.append(member)
        self.at[member.endpoint] = member
        return member

    def stranger(self, host: str | None = None) -> Stranger:
        stranger = Stranger(self, host or f"10.0.0.{len(self.at) + 1}")
        self.at[stranger.endpoint] = stranger
        return stranger

    def dial(self, who: Member | Stranger, endpoint: Endpoint) -> None:
        """Connect ``who`` to whoever listens at ``endpoint``."""
        other = self.at.get(endpoint)
        if other is None or endpoint in self.blocked:
            if isinstance(who, Member):
                self.schedule(
                    self.now + 0.05,
                    lambda: who.perform(who.swarm.unreachable(endpoint, self.now)),
                )
            return
        near = End(self, who, (who.endpoint[0], next(self._ports)))
        far = End(self, other, endpoint)
        near.other, far.other = far, near
        near.link, far.link = next(self._links), next(self._links)
        at = self.now + self.latency(self.rng)

        def stand() -> None:
            other.accepted(far)
            who.dialled(near)

        self.schedule(at, stand)

    def finish(self, *members: Member, within: float = 60.0) -> float:
        """Run until these are complete and right; returns how long it took."""
        start = self.now
        self.run(start + within, when=lambda: all(member.complete for member in members))
        for member in members:
            left = member.info.piece_count - len(member.stored)
            assert not left, f"{member.endpoint} lacks {left} pieces after {within} s"
            for piece, data in member.stored.items():
                assert data == member.sample.piece(piece)
        return self.now - start
