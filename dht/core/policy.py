"""What a dialect tells the core about its network: numbers, limits and rules.

The core knows no dialect. Everything in which Mainline, Amino and the rest differ, beyond bytes
on the wire, is a field here. Defaults are the values most networks share; the reason for each
stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from dht.core.keys import Key, KeySpace
    from dht.core.messages import Contact, Endpoint, Origin, Provider, Record, Refusal, Scrape
    from dht.core.walker import Walker


class TicketRules(Protocol):
    """Leave to write: proves that a writer can receive at the address it writes from.

    A ticket is opaque bytes bound to the writer's address and to the key (BEP 5's token).
    """

    def mint(self, origin: Origin, key: Key, now: float) -> bytes:
        """Make a ticket for ``origin`` to write under ``key``."""
        ...

    def check(self, ticket: bytes, origin: Origin, key: Key, now: float) -> bool:
        """Whether ``ticket`` was minted here, for this origin and key, not long ago."""
        ...


class RecordRules(Protocol):
    """Which records are acceptable and which of two is better."""

    def admit(self, record: Record) -> Refusal | None:
        """Cheap checks (sizes, fields present, key matches): why not, or ``None`` if fine."""
        ...

    def verify(self, record: Record) -> Refusal | None:
        """Expensive checks (signatures), made only after tickets and ``admit``."""
        ...

    def supersede(self, held: Record, offered: Record, cas: int | None) -> Refusal | None:
        """Why ``offered`` may not take the place of ``held``, or ``None`` if it may.

        Offering again what is held is allowed: that is a republication.
        """
        ...

    def better(self, one: Record, other: Record) -> bool:
        """Whether a reader prefers ``one`` over ``other``, both valid."""
        ...


class ContactRules(Protocol):
    """How endpoints of this network relate to addresses, subnets and identities."""

    def address(self, endpoint: Endpoint) -> Hashable:
        """What counts as one host (an IP address): at most one contact each in a table."""
        ...

    def subnet(self, endpoint: Endpoint) -> Hashable | None:
        """What counts as one neighbourhood (/24, /64); ``None`` if exempt from the limits."""
        ...

    def acceptable(self, contact: Contact) -> bool:
        """Whether it may be contacted at all (port not 0, address of this family, not martian)."""
        ...

    def foreign(self, contact: Contact) -> bool:
        """Whether it belongs to the engine of another address family."""
        ...

    def preferred(self, contact: Contact) -> bool:
        """Whether its key is proved by its address (BEP 42) or better: kept over others."""
        ...


class LookupRule(Protocol):
    """Makes a walk of one path: how :class:`dht.core.lookup.Lookup` is called."""

    def __call__(
        self, target: Key, policy: Policy, seeds: Iterable[Contact], *, own: Key | None
    ) -> Walker:
        """Walk to ``target``, from ``seeds``; ``own`` is our key, which is never asked."""
        ...


class StoringRule(Protocol):
    """Says who is to hold what is written."""

    def holders(self, target: Key, found: tuple[Contact, ...], policy: Policy) -> Iterable[Contact]:
        """Choose of ``found``: all that the walk to ``target`` ended with, nearest first.

        Asked again whenever one of them did not take it, who is then no longer among ``found``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds, in seconds, for the timeouts that are adapted from observed round trips.

    Every request has two. After the short one its slot is given to another contact, after the
    long one the lookup stops waiting for it. Late answers still count.
    """

    short_floor: float = 0.03
    """Below this a timeout measures the scheduler, not the network."""
    short_initial: float = 0.75
    """Before the first round trip was seen; half of Mainline answers within 0.2 s."""
    short_ceiling: float = 1.5
    long_floor: float = 0.1
    long_initial: float = 2.0
    long_ceiling: float = 4.0
    forget_after: float = 10.0
    """An answer later than this finds its call forgotten."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One network's numbers and rules, handed to an engine at birth."""

    name: str
    """Names the network and, where it has several, the address family: "mainline/ipv4"."""
    space: KeySpace
    contacts: ContactRules
    records: RecordRules
    tickets: TicketRules | None = None
    family: str = ""
    """The address family this engine speaks, as requests name it: "ipv4", where BEP 32 has "n4"."""

    k: int = 8
    """Bucket size and replication: BEP 5's 8, Amino's 20."""
    alpha: int = 4
    """Requests a lookup keeps in flight."""
    beta: int = 8
    """Stop rule: this many of the closest live contacts must have answered (k, or Amino's 3)."""

    per_subnet_bucket: int = 1
    """Contacts of one subnet in one bucket (libtorrent: one)."""
    per_subnet_table: int = 3
    """Contacts of one subnet in the whole table (go-libp2p: three)."""
    per_subnet_lookup: int = 1
    """Contacts of one subnet among those a lookup will ask (libtorrent: one)."""
    max_failures: int = 2
    """Requests in a row a contact may leave unanswered before it is bad (BEP 5: 'multiple')."""

    timeouts: Timeouts = field(default_factory=Timeouts)
    questionable_after: float = 900.0
    """BEP 5: a contact not heard from for 15 minutes is questionable."""
    refresh_every: float = 900.0
    """BEP 5: a bucket unchanged for 15 minutes is refreshed."""

    record_lifetime: float = 7200.0
    """BEP 44: an item may expire after two hours without republication."""
    provider_lifetime: float = 2700.0
    """45 min: announces come every 15 to 30 (libtorrent: 1.5 x 30)."""
    republish_every: float = 3600.0
    """BEP 44: one hour, for records we promised to keep published."""
    reprovide_every: float = 900.0
    """Announcements we promised are renewed thrice within their lifetime."""
    replicate_every: float = 3600.0
    """Holders hand a record on if nobody republished it for this long."""

    max_records: int = 10_000
    """Records held for others: at about 1.5 kB each, 15 MB."""
    max_provided_keys: int = 2_000
    max_providers_per_key: int = 500
    max_providers_total: int = 100_000
    """Provider records in all: about 330 B each, 33 MB."""
    providers_per_answer: int = 50
    """How many providers fit an answer beside the contacts."""
    sample_size: int = 20
    sample_interval: float = 60.0

    summarise: Summary | None = None

    lookup: LookupRule | None = None
    """Another walk than :class:`~dht.core.lookup.Lookup`, where there is one path: for studies."""
    storing: StoringRule | None = None
    """Other holders than the k closest, or all of a region: for studies."""


class Summary(Protocol):
    """Builds a :class:`~dht.core.messages.Scrape` from all providers of a key (BEP 33)."""

    def __call__(self, providers: Iterable[Provider]) -> Scrape:
        """Summarise ``providers``."""
        ...
