"""What the verbs of a node return: values, each with the evidence of how it came about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dht.core.effects import Evidence
    from dht.core.messages import Contact, Record
    from dht.core.size import Estimate
    from dht.node.udp import Address


@dataclass(frozen=True, slots=True)
class Stored:
    """Something was stored under ``key``: a record or an announcement.

    Attributes:
        key: Where it can be found.
        copies: How many nodes took it.
        evidence: Whom we asked, who took it, who refused.
        record: The record, as signed; ``None`` for an announcement.
        promise: The number under which a kept promise can be withdrawn.
    """

    key: bytes
    copies: int
    evidence: Evidence
    record: Record | None = None
    promise: int | None = None


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The value of a key.

    Attributes:
        key: What was asked for.
        value: The content: of a string its bytes, of any other value its bencoding.
        record: The record as received and verified; ``record.value`` is the exact bencoding.
        evidence: Whom we asked and who had it.
    """

    key: bytes
    value: bytes
    record: Record
    evidence: Evidence

    @property
    def seq(self) -> int | None:
        """The version, of a mutable record."""
        return self.record.seq


@dataclass(frozen=True, slots=True)
class Walked:
    """The live nodes closest to a key, nearest first."""

    target: bytes
    closest: tuple[Contact, ...]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Pong:
    """A node answered a ping."""

    address: Address
    key: bytes
    rtt: float


@dataclass(frozen=True, slots=True)
class Scraped:
    """How big a swarm is, estimated from the bloom filters of many nodes (BEP 33)."""

    key: bytes
    seeds: float
    peers: float
    filters: int
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Sampled:
    """Keys that the nodes around a point hold providers for (BEP 51).

    Attributes:
        keys: All keys seen, sorted.
        total: The sum of what the nodes say they hold; a key may be counted several times.
        nodes: How many nodes gave a sample.
    """

    target: bytes
    keys: tuple[bytes, ...]
    total: int
    nodes: int
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class PortStatistics:
    """One socket and the engine behind it, at a moment."""

    family: str
    address: Address
    key: bytes
    contacts: int
    records: int
    provided: int
    received: int
    sent: int
    throttled: int
    unsent: int


@dataclass(frozen=True, slots=True)
class NodeStatistics:
    """A node at a moment.

    Attributes:
        ports: One for each address family.
        external: The address the world sees us at, once enough nodes agree on it.
        serving: Whether we answer requests.
        ready: Whether we have joined the network.
        resident: Whether we are the node of our state directory: its identity, its promises.
        promises: How many promises this node keeps.
        operations: How many operations run.
        size: About how many nodes the network has; ``None`` before the first lookups.
    """

    ports: tuple[PortStatistics, ...]
    external: str | None
    serving: bool
    ready: bool
    resident: bool
    promises: int
    operations: int
    size: Estimate | None

    @property
    def contacts(self) -> int:
        """Contacts in the tables of all families."""
        return sum(port.contacts for port in self.ports)


def merged(parts: Sequence[Evidence]) -> Evidence:
    """Add up what the engines of several families did for one request.

    The whole is complete only if every part is, so that absence is never claimed of a network
    that was half asked.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    return type(first)(
        asked=sum(part.asked for part in parts),
        answered=sum(part.answered for part in parts),
        silent=sum(part.silent for part in parts),
        requests=sum(part.requests for part in parts),
        closest=tuple(contact for part in parts for contact in part.closest),
        holders=tuple(contact for part in parts for contact in part.holders),
        refusals=tuple(refusal for part in parts for refusal in part.refusals),
        complete=all(part.complete for part in parts),
        started=min(part.started for part in parts),
        ended=max(part.ended for part in parts),
        forged=sum(part.forged for part in parts),
    )
