"""What we answer when others ask: the serving half of a node.

Reads are answered from the routing table and the stores. Writes pass, in order of cost: ticket,
sizes and versions, and only then the signature, of which the shell allows a number per batch.
So a flood of forged writes costs a hash each, not an Ed25519 verification (0.1 ms) each.

**Tickets.** A datagram's source may be forged, and a DHT that stored on anybody's word could be
turned against a third party: announce the victim's address for a popular torrent, and the whole
swarm knocks there. So BEP 5 makes every writer show first that it receives at the address it
writes from: "the queried node checks the token against the querying node's IP address. This is to
prevent malicious hosts from signing up other hosts for torrents". A read hands the ticket out, for
one key and one address; nothing is remembered, since it can be computed again when it is shown.

**Answers are never larger than what asked for them warrants.** No request makes us send more than
one datagram, to nobody but its source, and pings to strangers are counted
(:mod:`dht.core.strangers`): as an amplifier this node is not worth forging a source for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from dht.core.messages import (
    Announce,
    Answer,
    FindNode,
    Get,
    Ping,
    Providers,
    Put,
    Refusal,
    Sample,
    Scrape,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from dht.core.effects import Change
    from dht.core.keys import Key
    from dht.core.messages import Contact, Origin, Record, Response
    from dht.core.policy import Policy
    from dht.core.providers import ProviderStore
    from dht.core.records import RecordStore
    from dht.core.table import RoutingTable

BUSY: Final = 202
"""BEP 5: server error. Also said when the store or the signature budget is used up."""
BAD_TICKET: Final = 203
"""BEP 5: protocol error, such as a bad token."""

SCRAPE_SECONDS: Final = 10.0
"""A scrape of a key is made at most this often: it hashes up to 500 addresses."""
MAX_SCRAPES: Final = 256
"""Scrapes remembered: half a kilobyte each."""

_BEHIND: Final = Refusal(BUSY, "the disk is behind, try again")

Outcome: TypeAlias = "tuple[Response, tuple[Change, ...]]"
"""The response, and what must be durable before it may be sent."""


class Service:
    """Answers requests. Holds no socket and no clock; changes nothing but the stores.

    Attributes:
        verifications: Signature checks left before writes are turned away as BUSY; ``None`` for
            no limit. The shell refills it.
        behind: The disk is: writes are turned away as BUSY, before they change anything.
        relatives: Tables of other address families by name, for requests that want them (BEP 32).
    """

    __slots__ = (
        "_policy",
        "_providers",
        "_records",
        "_rng",
        "_scrapes",
        "_table",
        "behind",
        "relatives",
        "verifications",
    )

    def __init__(
        self,
        table: RoutingTable,
        records: RecordStore,
        providers: ProviderStore,
        policy: Policy,
        rng: Random,
    ) -> None:
        self.verifications: int | None = None
        self.behind = False
        self.relatives: dict[str, RoutingTable] = {}
        self._table = table
        self._records = records
        self._providers = providers
        self._policy = policy
        self._rng = rng
        self._scrapes: dict[Key, tuple[float, Scrape]] = {}

    def closer(self, target: Key, families: frozenset[str]) -> tuple[Contact, ...]:
        """The k closest contacts of each family asked for.

        BEP 32 keeps the tables of IPv4 and IPv6 apart, but lets either be asked for both with
        ``want``: a node that is new to one family finds its first contacts there through the
        other.
        """
        policy = self._policy
        if not families:
            return self._table.closest(target, policy.k)
        closer: tuple[Contact, ...] = ()
        if policy.family in families:
            closer = self._table.closest(target, policy.k)
        for family, table in self.relatives.items():
            if family in families:
                closer += table.closest(target, policy.k)
        return closer

    def _ticket(self, origin: Origin, key: Key, now: float) -> bytes | None:
        tickets = self._policy.tickets
        return None if tickets is None else tickets.mint(origin, key, now)

    def _ping(self, request: Ping, origin: Origin, now: float) -> Outcome:
        return Answer(), ()

    def _find_node(self, request: FindNode, origin: Origin, now: float) -> Outcome:
        target, families = request.target, request.families
        # The table hands out the identical tuple while its bucket stays as it is, and the dialect
        # keeps the encoding beside it: nothing may be built here that need not be.
        if families:
            return Answer(self.closer(target, families)), ()
        return Answer(self._table.closest(target, self._policy.k)), ()

    def _get(self, request: Get, origin: Origin, now: float) -> Outcome:
        key = request.key
        record = self._records.get(key)
        seq = None if record is None else record.seq
        if seq is not None and request.min_seq is not None and seq <= request.min_seq:
            record = None  # BEP 44: the asker has it; tell the version only.
        closer = self.closer(key, request.families)
        return Answer(closer, record, seq, (), self._ticket(origin, key, now)), ()

    def _get_providers(self, request: Providers, origin: Origin, now: float) -> Outcome:
        key = request.key
        known = self._providers
        providers = known.get(key, self._policy.providers_per_answer, self._rng)
        # No ticket for a full key: the announce would be refused anyway (BEP 5 allows this).
        # Who is on the list still gets one, or a full list would be empty a lifetime later.
        ticket = None if known.full(key, origin.endpoint) else self._ticket(origin, key, now)
        scrape = self._scrape(key, now) if request.scrape else None
        closer = self.closer(key, request.families)
        return Answer(closer, None, None, providers, ticket, scrape), ()

    def _scrape(self, key: Key, now: float) -> Scrape | None:
        # BEP 33: two bloom filters, one of seeds and one of downloaders, which the asker unites
        # over all nodes that hold the key, so that nobody is counted twice.
        summarise = self._policy.summarise
        providers = self._providers.all(key)
        if summarise is None or not providers:
            return None
        made = self._scrapes.get(key)
        if made is None or now - made[0] >= SCRAPE_SECONDS:
            # All at once rather than the oldest: no order need be kept for a cache that is
            # worth ten seconds of work at most.
            if len(self._scrapes) >= MAX_SCRAPES:
                self._scrapes.clear()
            made = self._scrapes[key] = (now, summarise(providers))
        return made[1]

    def _sample(self, request: Sample, origin: Origin, now: float) -> Outcome:
        # BEP 51: the same random sample for everybody until the interval has passed. Whoever asks
        # again before learns nothing, so our store cannot be read out by asking fast.
        samples = self._providers.sample(self._policy.sample_size, now, self._rng)
        return Answer(self.closer(request.target, request.families), extra=samples), ()

    def _may_write(self, ticket: bytes | None, origin: Origin, key: Key, now: float) -> bool:
        tickets = self._policy.tickets
        if tickets is None:  # Amino: a connection proves where its other end is.
            return True
        return ticket is not None and tickets.check(ticket, origin, key, now)

    def _announce(self, request: Announce, origin: Origin, now: float) -> Outcome:
        if not self._may_write(request.ticket, origin, request.key, now):
            return Refusal(BAD_TICKET, "bad token"), ()
        # Before anything changes: what we could not make durable must not be in memory either,
        # or we would answer reads with what a restart forgets.
        if self.behind:
            return _BEHIND, ()
        changes = self._providers.add(request.key, request.provider, now)
        if not changes:
            return Refusal(BUSY, "no room for more peers of this key"), ()
        return Answer(), changes

    def _put(self, request: Put, origin: Origin, now: float) -> Outcome:
        record = request.record
        if not self._may_write(request.ticket, origin, record.key, now):
            return Refusal(BAD_TICKET, "bad token"), ()
        if self.behind:
            return _BEHIND, ()
        # Version and cas before the signature: they cost a look at what is held. That tells a
        # forger which version we hold, but so does any read.
        refusal = self._records.check(record, request.cas) or self._verify(record)
        if refusal is not None:
            return refusal, ()
        changes = self._records.put(record, now, origin.endpoint)
        if not changes:
            return Refusal(BUSY, "the store is full of closer records"), ()
        return Answer(), changes

    def _verify(self, record: Record) -> Refusal | None:
        if not record.signer or self._records.get(record.key) == record:
            return None  # Nothing to verify, or verified when it came first.
        if self.verifications is not None:
            if self.verifications <= 0:
                return Refusal(BUSY, "too many signatures to check, try again")
            self.verifications -= 1
        return self._policy.records.verify(record)

    doors: ClassVar[dict[type, Callable[..., Outcome]]] = {
        FindNode: _find_node,
        Providers: _get_providers,
        Get: _get,
        Ping: _ping,
        Announce: _announce,
        Put: _put,
        Sample: _sample,
    }
    """Who answers what. By type, because a ladder of tests would cost the last ones most; one for
    all services, because a thousand of them may live in one process."""
