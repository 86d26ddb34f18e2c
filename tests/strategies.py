"""Two small networks to drive the core with, and Hypothesis strategies over them.

One is like Mainline: 160 bits, k = 8, ``(host, port)`` endpoints, tickets. The other is like
Amino: 256 bits, k = 20, beta = 3, tuples of multiaddrs, no tickets. Whatever the core claims must
hold on both, so that neither network's habits leak into it. Signatures here are plain hashes:
these rules test the core's use of rules, not cryptography.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from dht.core.keys import AMINO_SPACE, MAINLINE_SPACE, Key, KeySpace
from dht.core.messages import Contact, Endpoint, Origin, Provider, Record, Refusal, Scrape
from dht.core.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from random import Random

MAX_VALUE = 1000
MAX_SALT = 64
TICKET_SECONDS = 300.0


def host(number: int) -> str:
    """The ``number``-th IPv4 address, counting from 0.0.0.0."""
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def host_number(text: str) -> int:
    a, b, c, d = (int(part) for part in text.split("."))
    return a << 24 | b << 16 | c << 8 | d


class PairContacts:
    """Rules for ``(host, port)`` endpoints; subnets are /24s and 127.0.0.0/24 is exempt.

    A contact is preferred when the parity of its key is that of its host: half of them are.
    Hosts with a colon belong to the other family.
    """

    def address(self, endpoint: Endpoint) -> Hashable:
        return self.parts(endpoint)[0]

    def subnet(self, endpoint: Endpoint) -> Hashable | None:
        where = self.address(endpoint)
        assert isinstance(where, str)
        prefix = where.rpartition(".")[0]
        return None if prefix == "127.0.0" else prefix

    def acceptable(self, contact: Contact) -> bool:
        return 0 < self.parts(contact.endpoint)[1] < 65536

    def foreign(self, contact: Contact) -> bool:
        return ":" in self.parts(contact.endpoint)[0]

    def preferred(self, contact: Contact) -> bool:
        last = self.parts(contact.endpoint)[0].rpartition(".")[2]
        return last.isdigit() and (contact.key ^ int(last)) & 1 == 0

    @staticmethod
    def parts(endpoint: Endpoint) -> tuple[str, int]:
        assert isinstance(endpoint, tuple)
        where, port = endpoint
        return where, port


class MultiaddrContacts:
    """Rules for tuples of multiaddrs such as ``("/ip4/1.2.3.4/tcp/4001",)``; subnets are /16s."""

    def address(self, endpoint: Endpoint) -> Hashable:
        return self.parts(endpoint)[0]

    def subnet(self, endpoint: Endpoint) -> Hashable | None:
        a, b, *_ = self.parts(endpoint)[0].split(".")
        return None if a == "127" else (a, b)

    def acceptable(self, contact: Contact) -> bool:
        return bool(contact.endpoint) and self.parts(contact.endpoint)[1] > 0

    def foreign(self, contact: Contact) -> bool:
        return False

    def preferred(self, contact: Contact) -> bool:
        return True

    @staticmethod
    def parts(endpoint: Endpoint) -> tuple[str, int]:
        assert isinstance(endpoint, tuple)
        _, _, where, _, port = endpoint[0].split("/")
        return where, int(port)


class HashRecords:
    """Records whose key is a hash of the value, or of signer and salt when they are signed."""

    def __init__(self, space: KeySpace) -> None:
        self.space = space

    def digest(self, *parts: bytes) -> bytes:
        return hashlib.sha256(b"|".join(parts)).digest()[: self.space.size]

    def key_of(self, value: bytes, signer: bytes = b"", salt: bytes = b"") -> Key:
        return self.space.from_bytes(self.digest(signer, salt) if signer else self.digest(value))

    def signature_of(self, record: Record) -> bytes:
        return self.digest(record.signer, record.salt, str(record.seq).encode(), record.value)

    def immutable(self, value: bytes) -> Record:
        return Record(self.key_of(value), value)

    def signed(self, value: bytes, seq: int, signer: bytes = b"s", salt: bytes = b"") -> Record:
        bare = Record(self.key_of(value, signer, salt), value, seq, signer, salt)
        return replace(bare, signature=self.signature_of(bare))

    def admit(self, record: Record) -> Refusal | None:
        if len(record.value) > MAX_VALUE:
            return Refusal(205, "value too long")
        if len(record.salt) > MAX_SALT:
            return Refusal(207, "salt too long")
        if record.key != self.key_of(record.value, record.signer, record.salt):
            return Refusal(203, "the key is not this record's")
        return None

    def verify(self, record: Record) -> Refusal | None:
        if record.signer and record.signature != self.signature_of(record):
            return Refusal(206, "bad signature")
        return None

    def supersede(self, held: Record, offered: Record, cas: int | None) -> Refusal | None:
        if held.seq is None or offered.seq is None:
            return None
        if cas is not None and cas != held.seq:
            return Refusal(301, "the version held is another")
        older = offered.seq < held.seq
        if older or (offered.seq == held.seq and offered.value != held.value):
            return Refusal(302, "the version held is newer")
        return None

    def better(self, one: Record, other: Record) -> bool:
        return (one.seq or 0, one.value) > (other.seq or 0, other.value)


class HashTickets:
    """Tickets bound to host and key, good in the period they were minted in and the next."""

    def mint(self, origin: Origin, key: Key, now: float) -> bytes:
        return self._ticket(origin, key, int(now // TICKET_SECONDS))

    def check(self, ticket: bytes, origin: Origin, key: Key, now: float) -> bool:
        period = int(now // TICKET_SECONDS)
        return any(ticket == self._ticket(origin, key, at) for at in (period, period - 1))

    @staticmethod
    def _ticket(origin: Origin, key: Key, period: int) -> bytes:
        where = PairContacts.parts(origin.endpoint)[0]
        return hashlib.sha256(f"{where} {key} {period}".encode()).digest()[:8]


def summarise(providers: Iterable[Provider]) -> Scrape:
    """Counts instead of Bloom filters."""
    everyone = list(providers)
    seeds = sum(1 for provider in everyone if provider.seed)
    return Scrape(seeds.to_bytes(4, "big"), (len(everyone) - seeds).to_bytes(4, "big"))


MAINLINE_RECORDS = HashRecords(MAINLINE_SPACE)
AMINO_RECORDS = HashRecords(AMINO_SPACE)

MAINLINE_LIKE = Policy(
    name="mainline-like",
    space=MAINLINE_SPACE,
    contacts=PairContacts(),
    records=MAINLINE_RECORDS,
    tickets=HashTickets(),
    summarise=summarise,
)
AMINO_LIKE = Policy(
    name="amino-like",
    space=AMINO_SPACE,
    contacts=MultiaddrContacts(),
    records=AMINO_RECORDS,
    k=20,
    alpha=10,
    beta=3,
    per_subnet_bucket=2,
)


@dataclass(frozen=True)
class Network:
    """A policy and the way its endpoints are written."""

    policy: Policy
    write: Callable[[int, int], Endpoint]

    def __repr__(self) -> str:
        return self.policy.name

    @property
    def records(self) -> HashRecords:
        assert isinstance(self.policy.records, HashRecords)
        return self.policy.records

    def endpoint(self, number: int, port: int = 6881) -> Endpoint:
        """The endpoint at IPv4 address ``number``."""
        return self.write(number, port)

    def contact(self, key: int, number: int, port: int = 6881) -> Contact:
        return Contact(Key(key), self.write(number, port))

    def spread(self, key: int, index: int, port: int = 6881) -> Contact:
        """A contact in the ``index``-th /16: no two indices share an address or a subnet."""
        return self.contact(key, (16 << 24) + (index << 16) + 256 + index % 251, port)

    def crowd(self, count: int, rng: Random) -> list[Contact]:
        """``count`` contacts with uniform keys, no two in one subnet."""
        return [self.spread(self.policy.space.draw(rng), index) for index in range(count)]

    def adjusted(self, **changes: object) -> Network:
        """The same network with other numbers in its policy."""
        return Network(replace(self.policy, **changes), self.write)  # type: ignore[arg-type]


MAINLINE = Network(MAINLINE_LIKE, lambda number, port: (host(number), port))
AMINO = Network(AMINO_LIKE, lambda number, port: (f"/ip4/{host(number)}/tcp/{port}",))
NETWORKS = (MAINLINE, AMINO)


def brute_closest(contacts: Iterable[Contact], target: int, n: int) -> list[Contact]:
    """The stupid correct answer: sort everything."""
    return sorted(contacts, key=lambda contact: contact.key ^ target)[:n]


def keys(space: KeySpace) -> st.SearchStrategy[Key]:
    """Uniform keys."""
    return st.integers(0, (1 << space.bits) - 1).map(Key)


@st.composite
def keys_near(draw: st.DrawFn, space: KeySpace, own: int, depth: int = 12) -> Key:
    """Keys that share up to ``depth`` leading bits with ``own``: they fill its deep buckets."""
    free = space.bits - draw(st.integers(0, depth)) - 1
    tail = draw(st.integers(0, 7)) << max(free - 3, 0) | draw(st.integers(0, 255))
    return Key((own ^ 1 << free) ^ (tail & ((1 << free) - 1)))


def contacts(
    network: Network,
    *,
    own: int | None = None,
    hosts: st.SearchStrategy[int] | None = None,
) -> st.SearchStrategy[Contact]:
    """Contacts at few hosts and ports, so that addresses and subnets collide often."""
    space = network.policy.space
    spread = st.integers(0, 40).map(lambda index: (16 << 24) + (index << 16))
    crowded = st.integers(0, 12).map(lambda low: (80 << 24) + low)
    where = hosts if hosts is not None else st.one_of(spread, crowded)
    key = keys(space) if own is None else keys_near(space, own)
    return st.builds(network.contact, key, where, st.integers(6881, 6883))


def records(network: Network) -> st.SearchStrategy[Record]:
    """Valid records, immutable and signed; few signers and salts, so that versions meet."""
    values = st.binary(max_size=8)
    signed = st.builds(
        network.records.signed,
        values,
        st.integers(0, 5),
        st.sampled_from([b"alice", b"bob"]),
        st.sampled_from([b"", b"salt"]),
    )
    return st.one_of(values.map(network.records.immutable), signed)


def providers(network: Network) -> st.SearchStrategy[Provider]:
    """Providers at few endpoints."""
    where = st.builds(network.endpoint, st.integers(1 << 24, (1 << 24) + 30), st.just(6881))
    return st.builds(Provider, where, st.booleans())
