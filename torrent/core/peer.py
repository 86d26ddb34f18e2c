"""One connection of a swarm: what either side has said, and what is on its way.

A :class:`Peer` is the state of BEP 3's conversation. It knows no other connection and decides
nothing that needs one: whom to ask for what, whom to unchoke, whom to believe is settled by the
parts of the swarm (:mod:`torrent.core.fetching` and its neighbours), which write here.

What it does know is the *pace* of its peer, and from that two things that make a download fast
and make it finish:

*The window*, how many blocks are asked in advance: what the peer sends in a second or two, so that
it never waits for us. The pace of a stranger is unknown; the window then grows by each block that
comes (doubling every round trip, as TCP's slow start does) until the pace no longer follows.

*Patience*, how long to wait for a block: several times what the blocks before it should take at
the pace last seen. It is measured while blocks come, and does not sink with the silence it is to
detect; so a single lost request is asked again within seconds, of the same peer if need be.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from torrent.core.bitfield import Bitfield
from torrent.core.policy import BLOCK, LEAST_FRAME, MAX_PIECES, METADATA_FRAME
from torrent.core.rates import Rate
from torrent.core.wire import Decoder
from torrent.errors import WireError

if TYPE_CHECKING:
    from torrent.core.effects import Endpoint
    from torrent.core.policy import SwarmPolicy
    from torrent.core.wire import Request

MAX_GHOSTS: Final = 1_024
"""Blocks no longer waited for that may still come: four full windows."""
GROWTH: Final = 1.1
"""Slow start ends when a second brings less than a tenth more than the one before."""
PACE_WINDOW: Final = 5.0
"""Seconds over which the pace is measured: some round trips, some of TCP's saw teeth."""
LENIENCE: Final = 3.0
"""A request may take this many times what it should at the peer's pace."""

A_WHILE: Final = 60.0
"""A connection that lasted so long was one; who hangs up at once need not be dialled again soon."""

Asked = tuple[int, int]
"""A block by piece and index."""


class Early:
    """What a peer said it has, while we do not know yet how many pieces there are.

    Bounded by the bitfield of the largest torrent, whatever is said.
    """

    __slots__ = ("bits", "complete", "whole")

    def __init__(self) -> None:
        self.bits = bytearray()
        self.complete = False
        self.whole: int | None = None

    def bitfield(self, data: bytes | memoryview) -> None:
        """Take a bitfield of unknown width."""
        self.bits = bytearray(data)
        self.whole = len(data)

    def have(self, piece: int) -> None:
        """Take a single piece."""
        if piece >= MAX_PIECES:
            raise WireError(f"the peer has piece {piece}: no torrent is that long")
        byte = piece >> 3
        if byte >= len(self.bits):
            self.bits.extend(bytes(byte + 1 - len(self.bits)))
        self.bits[byte] |= 0x80 >> (piece & 7)

    def settle(self, count: int) -> Bitfield:
        """Make a bitfield of it, now that the count is known.

        Raises:
            WireError: It speaks of pieces that do not exist.
        """
        have = Bitfield(count)
        if self.complete:
            have.fill()
            return have
        width = (count + 7) // 8
        if self.whole not in {None, width} or len(self.bits) > width:
            raise WireError(f"the peer's bitfield is not that of {count} pieces")
        self.bits.extend(bytes(width - len(self.bits)))
        return Bitfield.from_bytes(bytes(self.bits), count)


class Peer:
    """One connection. See the module for what it knows.

    Attributes:
        link: The shell's name for it.
        endpoint: The other end; for an incoming one the port is not where it listens.
        host: Its address: what is banned.
        listens: Where it can be dialled, as far as we know.
        peer_id: Its name for itself; None before its handshake.
        fast, v2: What both of us speak: BEP 6, BEP 52. ``extended``: it speaks BEP 10.
        have: Its pieces; None as long as we do not know the torrent.
        am_choking, am_interested, choking, interested: BEP 3's four bits, ours and theirs.
        outstanding: Blocks asked and awaited, by the time they were asked, oldest first.
        ghosts: Blocks asked and no longer awaited that may still come.
        queue: Blocks it asked for, oldest first.
        may_ask: Pieces it lets us ask for while it chokes us; ``may_serve`` the reverse (BEP 6).
        suggested: Pieces it suggests (BEP 6).
        window: Blocks to have outstanding.
        snubbed: It owes us blocks and is silent.
        hungry: It was last given less to do than it could take.
        strikes: What it did wrong since it last did something right.
        timeouts: Times in a row that blocks were overdue.
    """

    __slots__ = (
        "_growing",
        "_last_pace",
        "_recent",
        "am_choking",
        "am_interested",
        "choking",
        "client",
        "closed",
        "decoder",
        "down",
        "early",
        "endpoint",
        "extended",
        "extensions",
        "fast",
        "ghosts",
        "greeted",
        "have",
        "host",
        "hungry",
        "incoming",
        "interested",
        "last_block",
        "last_heard",
        "last_said",
        "link",
        "listens",
        "may_ask",
        "may_serve",
        "metadata_size",
        "out",
        "outstanding",
        "pace",
        "peer_id",
        "policy",
        "queue",
        "ready",
        "reqq",
        "since",
        "snubbed",
        "strikes",
        "suggested",
        "timeouts",
        "unchoked_at",
        "up",
        "upload_only",
        "useless_since",
        "v2",
        "window",
    )

    def __init__(
        self, link: int, endpoint: Endpoint, policy: SwarmPolicy, now: float, *, incoming: bool
    ) -> None:
        self.link = link
        self.endpoint = endpoint
        self.host = endpoint[0]
        self.listens: Endpoint | None = None if incoming else endpoint
        self.policy = policy
        self.incoming = incoming
        self.since = self.last_heard = self.last_said = self.useless_since = now
        self.closed = False
        self.decoder = Decoder(METADATA_FRAME)
        self.peer_id: bytes | None = None
        self.greeted = self.fast = self.extended = self.v2 = False
        self.have: Bitfield | None = None
        self.early = Early()
        self.am_choking = self.choking = True
        self.am_interested = self.interested = False
        self.upload_only = False
        self.extensions: dict[str, int] = {}
        self.reqq = policy.most_window
        self.client = ""
        self.metadata_size = 0
        self.out = bytearray()
        self.ready = False
        self._reset_fetching()
        self.queue: dict[Request, None] = {}
        self.may_ask: set[int] = set()
        self.may_serve: frozenset[int] = frozenset()
        self.suggested: deque[int] = deque(maxlen=policy.allowed_fast)
        self.down = Rate()
        self.up = Rate()
        self._recent = Rate(PACE_WINDOW)
        self.strikes = 0
        self.unchoked_at = now

    def _reset_fetching(self) -> None:
        self.outstanding: dict[Asked, float] = {}
        self.ghosts: dict[Asked, None] = {}
        self.window = self.policy.least_window
        self._growing = True
        self._last_pace = 0.0
        self.pace = 0.0
        self.last_block: float | None = None
        self.timeouts = 0
        self.snubbed = False
        self.hungry = False

    @property
    def seed(self) -> bool:
        """Whether it has everything."""
        return self.early.complete if self.have is None else self.have.full

    def worthwhile(self, now: float) -> bool:
        """Whether it was worth being connected: blocks passed, or it lasted a while."""
        return bool(self.down.total or self.up.total) or now - self.since > A_WHILE

    def expect(self, piece_count: int) -> None:
        """Tighten the bound of its messages, now that the torrent is known."""
        self.decoder.limit = max(LEAST_FRAME, piece_count // 8 + 16)

    # Pace.

    def took(self, size: int, blocks: int, now: float) -> None:
        """``blocks`` of ``size`` bytes together came, in one stretch of the stream."""
        self.down.add(size, now)
        self._recent.add(size, now)
        self.pace = self._recent.per_second(now)
        self.last_block = now
        self.strikes = self.timeouts = 0
        if self.snubbed:
            self.snubbed = False
            self._resize(self.policy.least_window)
        if self._growing:
            self._resize(self.window + blocks)

    def measure(self) -> None:
        """Once a second: end the slow start, or let the window follow the pace."""
        if self._growing:
            if self.pace > 0 and self.pace < self._last_pace * GROWTH:
                self._growing = False
            self._last_pace = self.pace
        elif not self.snubbed:
            self._resize(int(self.pace * self.policy.seconds_ahead) // BLOCK + 1)

    def _resize(self, blocks: int) -> None:
        policy = self.policy
        most = min(self.reqq, policy.most_window)
        self.window = max(min(blocks, most), min(policy.least_window, most), 1)

    def patience(self) -> float:
        """Seconds that the oldest request may take before it is asked of somebody else."""
        policy = self.policy
        if self.last_block is None:
            wait = policy.first_patience
        else:
            due = len(self.outstanding) * BLOCK / max(self.pace, 1.0)
            wait = max(policy.least_patience, LENIENCE * due)
        return float(min(wait * 2**self.timeouts, policy.most_patience))

    def overdue(self, now: float) -> list[Asked]:
        """The blocks that have been waited for long enough, oldest first."""
        late = now - self.patience()
        found = []
        for asked, at in self.outstanding.items():
            if at > late:
                break
            found.append(asked)
        return found

    def missed(self, late: list[Asked], now: float) -> None:
        """``late`` are not awaited any more; if nothing came meanwhile, the peer is snubbing us."""
        for asked in late:
            del self.outstanding[asked]
            self.haunt(asked)
        silent = self.last_block is None or now - self.last_block >= self.policy.least_patience
        if silent:
            self.timeouts = min(self.timeouts + 1, 8)
            self.snubbed = True
            self.window = 1

    def haunt(self, asked: Asked) -> None:
        """Remember that ``asked`` may still come though nobody waits for it."""
        if len(self.ghosts) >= MAX_GHOSTS:
            del self.ghosts[next(iter(self.ghosts))]
        self.ghosts[asked] = None

    # Conduct.

    def strike(self, why: str) -> None:
        """It did something that can happen to an honest peer, but not all the time.

        Raises:
            WireError: It happened too often.
        """
        self.strikes += 1
        if self.strikes > self.policy.max_strikes:
            raise WireError(f"{why}, {self.strikes} times in a row")
