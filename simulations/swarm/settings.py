"""What a swarm is told: frozen, checked, the same for both fidelities.

Bytes and seconds throughout. The parts stand in a TOML file under ``[settings.swarm]``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Literal

from simulations.errors import ConfigError
from simulations.laws import Law, positive
from simulations.scenario import at_least, share

Choke = Literal["tit-for-tat", "fastest", "turns", "lottery"]
CHOKES: Final[tuple[Choke, ...]] = ("tit-for-tat", "fastest", "turns", "lottery")
Ban = Literal["never", "points", "digests"]
BANS: Final[tuple[Ban, ...]] = ("never", "points", "digests")
Hashes = Literal["v1", "v2"]

MOST_PEERS: Final = 1_000_000
MOST_PIECES: Final = 100_000
MOST_CHUNKS: Final = 64
"""A piece of 1 MiB in blocks; each costs 40 bytes for each piece under way."""
MOST_SLOTS: Final = 64


def within(where: str, value: int, least: int, most: int) -> None:
    """Refuse a count out of bounds.

    Raises:
        ConfigError: It is.
    """
    if not least <= value <= most:
        raise ConfigError(f"{where} is {value!r}, but must be from {least} to {most:,}")


@dataclass(frozen=True, kw_only=True)
class Content:
    """What is shared.

    Attributes:
        pieces: How many there are.
        piece_bytes: The size of each.
        block_bytes: What a request asks for, and what a hash of v2 is over (BEP 52: 16 KiB).
        hashes: ``v1``: one a piece. ``v2``: one a block.
        sources: Into how many parts a piece falls that are asked of different peers: with one,
            only a choke makes a piece come from two.
    """

    pieces: int = 400
    piece_bytes: int = 262_144
    block_bytes: int = 16_384
    hashes: Hashes = "v1"
    sources: int = 1

    def __post_init__(self) -> None:
        within("content.pieces", self.pieces, 1, MOST_PIECES)
        within("content.block_bytes", self.block_bytes, 1, self.piece_bytes)
        within("content.sources", self.sources, 1, MOST_CHUNKS)
        if self.sources * self.block_bytes > self.piece_bytes:
            raise ConfigError(f"content.sources is {self.sources}, more than a piece has blocks")

    @property
    def size(self) -> int:
        """Bytes of all."""
        return self.pieces * self.piece_bytes


@dataclass(frozen=True, kw_only=True)
class Access:
    """A kind of link to the internet.

    Attributes:
        share: Share of the peers that have it.
        up: Bytes a second out of it.
        down: Bytes a second into it; infinity if it is never the limit.
    """

    share: float = 1.0
    up: float = 131_072.0
    down: float = math.inf

    def __post_init__(self) -> None:
        share("access.share", self.share)
        at_least("access.up", self.up, 0)
        if not self.down > 0:
            raise ConfigError(f"access.down is {self.down!r}, but must be above 0")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Who has it all from the beginning, and stays.

    Attributes:
        count: How many.
        up: Bytes a second of each.
        super_seeding: Whether they show each peer one piece at a time (BEP 16).
    """

    count: int = 1
    up: float = 524_288.0
    super_seeding: bool = False

    def __post_init__(self) -> None:
        within("origin.count", self.count, 0, MOST_PEERS)
        positive("origin.up", self.up)


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """Who comes when, and for how long.

    Attributes:
        rate: Peers a second, a Poisson process; 0: all come at once, a flash crowd.
        seeding: How long who has finished stays; ``None``: for good.
        selfish: Whether who has finished leaves at once, whatever ``seeding`` says.
        patience: After how long who has not finished leaves; ``None``: never.
    """

    rate: float = 0.0
    seeding: Law | None = None
    selfish: bool = False
    patience: Law | None = None

    def __post_init__(self) -> None:
        at_least("arrivals.rate", self.rate, 0)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How peers behave.

    Attributes:
        neighbours: How many peers each looks for.
        most_neighbours: How many it accepts.
        slots: How many it uploads to at a time, the optimistic ones included.
        optimistic: How many of them are given on trust.
        choke: Whom a peer that still fetches serves.
        seed_choke: Whom a seed serves.
        whole: Whether a seed's turn goes on to the end of the piece: half a piece helps nobody.
        rarest: Whether the rarest piece is asked for, or any.
        ban: What a false piece has for consequence.
    """

    neighbours: int = 25
    most_neighbours: int = 50
    slots: int = 5
    optimistic: int = 1
    choke: Choke = "tit-for-tat"
    seed_choke: Choke = "turns"
    whole: bool = False
    rarest: bool = True
    ban: Ban = "digests"

    def __post_init__(self) -> None:
        within("rules.neighbours", self.neighbours, 1, self.most_neighbours)
        within("rules.most_neighbours", self.most_neighbours, 1, MOST_PEERS)
        within("rules.slots", self.slots, 1, MOST_SLOTS)
        within("rules.optimistic", self.optimistic, 0, self.slots)
        if self.seed_choke == "tit-for-tat":
            raise ConfigError("rules.seed_choke is 'tit-for-tat', but nobody can pay a seed")


@dataclass(frozen=True, kw_only=True)
class Misfits:
    """Peers that do not follow the rules.

    Attributes:
        liars: Their share of the peers. They say that they have everything, and send false blocks.
        lie: The chance that what a liar is asked for is false.
        free_riders: Their share of the peers. They fetch, and never upload.
        view: How many neighbours a free rider looks for (the *large view exploit*: Sirivianos et
            al. 2007); 0: as many as everybody.
    """

    liars: float = 0.0
    lie: float = 1.0
    free_riders: float = 0.0
    view: int = 0

    def __post_init__(self) -> None:
        for name in ("liars", "lie", "free_riders"):
            share(f"misfits.{name}", getattr(self, name))
        share("misfits: liars and free riders", self.liars + self.free_riders)
        within("misfits.view", self.view, 0, MOST_PEERS)


@dataclass(frozen=True, kw_only=True)
class SwarmSettings:
    """One swarm, and how long it is watched.

    Attributes:
        peers: How many come, besides the origin.
        content: What is shared.
        access: The kinds of links; their shares add up to 1.
        origin: Who has it from the beginning.
        arrivals: Who comes when.
        rules: How peers behave.
        misfits: Who does not.
        latency: Seconds one way, at ``protocol`` fidelity.
        step: Seconds in which rates stay as they are, at compiled fidelity.
        horizon: Seconds after which whoever has not finished has failed.
    """

    peers: int = 1000
    content: Content = field(default_factory=Content)
    access: tuple[Access, ...] = (Access(),)
    origin: Origin = field(default_factory=Origin)
    arrivals: Arrivals = field(default_factory=Arrivals)
    rules: Rules = field(default_factory=Rules)
    misfits: Misfits = field(default_factory=Misfits)
    latency: float = 0.05
    step: float = 1.0
    horizon: float = 86_400.0

    def __post_init__(self) -> None:
        within("peers", self.peers, 1, MOST_PEERS)
        positive("step", self.step)
        positive("horizon", self.horizon)
        at_least("latency", self.latency, 0)
        total = sum(access.share for access in self.access)
        if abs(total - 1) > 1e-9:  # noqa: PLR2004 - rounding
            raise ConfigError(f"the shares of access add up to {total:g}, but must to 1")
