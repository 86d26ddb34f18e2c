"""What is simulated: frozen, checked, the same for every fidelity. All times are in seconds.

A scenario says what the world is; how faithfully it is computed is another question, and which
numbers are of interest a third (an experiment's). Not every fidelity knows every part: what one
cannot do it refuses by name, with :class:`~simulations.errors.ConfigError`, before it begins.

Rules, adversaries and the like are said by name and options (:class:`Choice`), not by object: so a
scenario can be hashed, written into a result file, and sent to another process, and a user's own
class is a name like ours (:mod:`simulations.registry`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping  # noqa: TC003 - config.py reads these annotations
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from simulations.errors import ConfigError
from simulations.latency import Constant, Latency
from simulations.laws import Exponential, Law, positive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Fidelity = Literal["protocol", "message", "lookup"]
FIDELITIES: Final[tuple[Fidelity, ...]] = ("protocol", "message", "lookup")
PolicyName = Literal["mainline", "amino"]
Start = Literal["full", "joined"]

MOST_NODES: Final = 100_000_000
"""More need ids longer than 64 bits, and more memory than we have seen."""


def share(where: str, value: float) -> None:
    """Refuse what is no share of a whole.

    Raises:
        ConfigError: It is not from 0 to 1.
    """
    if not 0 <= value <= 1:
        raise ConfigError(f"{where} is {value!r}, but must be a share from 0 to 1")


def at_least(where: str, value: float, least: float) -> None:
    """Refuse what is too small, or no number.

    Raises:
        ConfigError: It is.
    """
    if not (value >= least and math.isfinite(value)):
        raise ConfigError(f"{where} is {value!r}, but must be a number from {least}")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of several ways, by its name, and what it is told."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class NatShares:
    """Who is behind a NAT. IPFS 2019: at least 52 % of all nodes (Henningsen et al.).

    Attributes:
        restricted: Share of nodes that hear only those they spoke to.
        symmetric: Share of nodes that, besides, never reach each other.
        client: They know it, and say of themselves that they serve nobody (BEP 43; Amino's client
            mode), so that nobody takes them into a table.
    """

    restricted: float = 0.0
    symmetric: float = 0.0
    client: bool = False

    def __post_init__(self) -> None:
        share("network.nat.restricted", self.restricted)
        share("network.nat.symmetric", self.symmetric)
        share("network.nat: restricted and symmetric", self.restricted + self.symmetric)


@dataclass(frozen=True, kw_only=True)
class Network:
    """The nodes, and what lies between them.

    Attributes:
        nodes: How many are up at the start.
        dead: Share of them that are gone at the start and still in everybody's tables.
        start: ``full``: tables hold what complete tables would (k random ones of each range);
            ``joined``: what joining one after the other has made of them.
        latency: One-way delays.
        loss: Share of messages lost, each way by itself.
        streams: Requests need a connection, dialled and answered in the times measured in IPFS
            (:mod:`simulations.protocol.streams`); ``latency`` has no say then.
        nat: Who cannot be reached from outside.
        ids: ``free``: everybody draws a key at will; ``bep42``: keys follow from addresses.
        crowd: Nodes that share one subnet, for limits per subnet to bite.
        regions: Parts of the world, of equal size, that can fail as a whole.
        parts: Networks that know nothing of each other at the start, of equal size.
    """

    nodes: int = 1000
    dead: float = 0.0
    start: Start = "full"
    latency: Latency = field(default_factory=Constant)
    loss: float = 0.0
    streams: bool = False
    nat: NatShares = field(default_factory=NatShares)
    ids: Literal["free", "bep42"] = "free"
    crowd: int = 1
    regions: int = 1
    parts: int = 1

    def __post_init__(self) -> None:
        if not 2 <= self.nodes <= MOST_NODES:  # noqa: PLR2004 - one has nobody to ask
            raise ConfigError(
                f"network.nodes is {self.nodes!r}, but must be a number from 2 to {MOST_NODES}"
            )
        share("network.dead", self.dead)
        share("network.loss", self.loss)
        for name in ("crowd", "regions", "parts"):
            at_least(f"network.{name}", getattr(self, name), 1)
        if self.dead == 1 or self.loss == 1:
            raise ConfigError("network.dead and network.loss must be below 1: nobody would answer")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the nodes do. ``None`` stands for what the policy says.

    Attributes:
        policy: ``mainline`` (160 bits, k = 8, tickets) or ``amino`` (256 bits, k = 20, β = 3).
        k: Bucket size, and how many nodes a lookup seeks.
        alpha: Requests that a lookup keeps in flight.
        beta: How many of the closest live nodes must have answered at a lookup's end.
        paths: Disjoint paths of a lookup (S/Kademlia).
        refresh: Seconds after which a bucket that nobody asked about is refreshed.
        lookup: The rule of lookups; ``shipped`` is that of ``dht.core.lookup``.
        storing: The rule of storing; ``shipped`` is that of ``dht.core.writing``.
        switches: Further fields of ``dht.core.policy.Policy``, by name.
        others: Fields of the policy for a part of the nodes, its size said as ``share``: those
            that run another version.
    """

    policy: PolicyName = "mainline"
    k: int | None = None
    alpha: int | None = None
    beta: int | None = None
    paths: int = 1
    refresh: float | None = None
    lookup: Choice = field(default_factory=lambda: Choice(name="shipped"))
    storing: Choice = field(default_factory=lambda: Choice(name="shipped"))
    switches: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("k", "alpha", "beta", "paths"):
            value = getattr(self, name)
            if value is not None:
                at_least(f"rules.{name}", value, 1)
        if self.refresh is not None:
            positive("rules.refresh", self.refresh)


@dataclass(frozen=True, eq=False)
class Trace:
    """Sessions that were measured: node ``node[i]`` was up from ``start[i]`` to ``end[i]``.

    Sorted by start, then node. Two sessions of one node never overlap. Times are in seconds since
    the trace began; nodes are numbered from 0.

    Attributes:
        node: Numbers of nodes, uint32.
        start: Seconds, float64.
        end: Seconds, float64; above ``start``.
        path: The file they came from.
    """

    node: NDArray[np.uint32]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    path: str = ""

    @property
    def nodes(self) -> int:
        """How many nodes ever appear."""
        return int(self.node.max()) + 1 if len(self.node) else 0


@dataclass(frozen=True, kw_only=True)
class Churn:
    """How nodes come and go. The start is drawn from the stationary law.

    Attributes:
        session: How long a node stays.
        absence: How long it then stays away, to return with its key and what it knew; ``None``: it
            never returns, and a new node takes its place at that moment (the size stays constant).
        trace: Measured sessions instead of both.
    """

    session: Law = field(default_factory=lambda: Exponential(3600.0))
    absence: Law | None = None
    trace: Trace | None = None

    @property
    def availability(self) -> float:
        """The share of nodes up at a moment; 1 if departed nodes are replaced."""
        if self.absence is None:
            return 1.0
        return self.session.mean / (self.session.mean + self.absence.mean)


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What users do.

    Attributes:
        rate: Lookups that a node makes, on average, in an hour (a Poisson process).
        lookups: How many to make in all, evenly, instead; 0: by ``rate``.
        puts: Share of them that store a record ...
        gets: ... or read one that was stored; the rest seek the k closest nodes to a key.
        region: Puts go to every node that shares so many bits with the key; 0: to the k closest.
        warmup: Seconds at the beginning in which nothing is recorded.
    """

    rate: float = 6.0
    lookups: int = 0
    puts: float = 0.0
    gets: float = 0.0
    region: int = 0
    warmup: float = 0.0

    def __post_init__(self) -> None:
        at_least("traffic.rate", self.rate, 0)
        at_least("traffic.lookups", self.lookups, 0)
        at_least("traffic.warmup", self.warmup, 0)
        at_least("traffic.region", self.region, 0)
        share("traffic.puts", self.puts)
        share("traffic.gets", self.gets)
        share("traffic: puts and gets", self.puts + self.gets)


@dataclass(frozen=True, kw_only=True)
class Adversary:
    """Nodes that do not follow the rules.

    Attributes:
        behaviour: What they do; ``none`` where there are none.
        share: Their share of all nodes.
        count: How many they are, instead, beside the honest ones.
        subnets: How many subnets they are crowded into, then also beside the honest ones: keys
            cost nothing, addresses do. 0: each has a subnet to itself.
    """

    behaviour: Choice = field(default_factory=lambda: Choice(name="none"))
    share: float = 0.0
    count: int = 0
    subnets: int = 0

    def __post_init__(self) -> None:
        share("adversary.share", self.share)
        at_least("adversary.count", self.count, 0)
        at_least("adversary.subnets", self.subnets, 0)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One world, and how long it is watched.

    Attributes:
        duration: Seconds of virtual time.
        network: The nodes, and what lies between them.
        rules: What the nodes do.
        churn: How they come and go; ``None``: they do not.
        traffic: What users do.
        adversary: Who does not follow the rules.
        events: What befalls the network: ``partition``, ``failure``, ``bridge``, each with its
            moment ``at``.
        codec: At ``protocol`` fidelity, every message passes through the bytes of its dialect.
        threads: How many threads a compiled engine may use. It never changes a result.
    """

    duration: float = 3600.0
    network: Network = field(default_factory=Network)
    rules: Rules = field(default_factory=Rules)
    churn: Churn | None = None
    traffic: Traffic = field(default_factory=Traffic)
    adversary: Adversary = field(default_factory=Adversary)
    events: tuple[Choice, ...] = ()
    codec: bool = False
    threads: int = 1

    def __post_init__(self) -> None:
        positive("duration", self.duration)
        at_least("threads", self.threads, 1)
        if self.traffic.warmup >= self.duration:
            raise ConfigError(
                f"traffic.warmup is {self.traffic.warmup:g} s, but the run lasts "
                f"{self.duration:g} s: nothing would be recorded"
            )
