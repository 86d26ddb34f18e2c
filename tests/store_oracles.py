"""Stupid correct answers for the bounded stores: plain lists, searched from end to end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dht.core.keys import Key
from dht.core.messages import Record
from dht.core.places import AGE_WEIGHT, SHARES
from dht.core.providers import PER_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Hashable

    from dht.core.keys import KeySpace
    from dht.core.messages import Endpoint, Provider
    from dht.core.policy import Policy
    from tests.strategies import Network


@dataclass
class Row:
    key: Key
    payer: Hashable | None
    at: float


class NaivePlaces:
    """The rule of ``dht.core.places`` word for word. Rows stand in the order of their renewal."""

    def __init__(self, own: Key, space: KeySpace, limit: int, lifetime: float) -> None:
        self.own, self.space, self.limit, self.lifetime = own, space, limit, lifetime
        self.rows: list[Row] = []

    def row(self, key: Key) -> Row | None:
        return next((row for row in self.rows if row.key == key), None)

    def score(self, key: Key, at: float, now: float) -> float:
        age = now - at
        return self.space.prefix_length(self.own, key) - AGE_WEIGHT * age / self.lifetime

    def expired(self, now: float) -> list[Key]:
        rows = sorted(self.rows, key=lambda row: row.at)
        return [row.key for row in rows if row.at + self.lifetime <= now]

    def next_expiry(self) -> float:
        return min((row.at + self.lifetime for row in self.rows), default=float("inf"))

    @staticmethod
    def oldest(rows: list[Row]) -> set[Key]:
        first = min(row.at for row in rows)
        return {row.key for row in rows if row.at == first}

    def worst(self, key: Key, payer: Hashable | None, now: float) -> set[Key]:
        """All keys that may be named as the one to leave: more than one only if they tie."""
        if self.next_expiry() <= now:
            return self.oldest(self.rows)
        sizes = Counter(row.payer for row in self.rows if row.payer is not None)
        if payer is not None:
            sizes[payer] += 1
        greedy = {who: size for who, size in sizes.items() if size > max(1, self.limit // SHARES)}
        if greedy:
            most = max(greedy.values())
            guilty = {who for who, size in greedy.items() if size == most}
            if payer in guilty:
                guilty = {payer}
            tenants = ([row for row in self.rows if row.payer == who] for who in guilty)
            return set().union(*map(self.oldest, tenants))
        scores = {row.key: self.score(row.key, row.at, now) for row in self.rows}
        lowest = min(scores.values(), default=float("inf"))
        if self.score(key, now, now) < lowest:
            return {key}
        return {each for each, score in scores.items() if score == lowest}

    def loser(self, key: Key, payer: Hashable | None, now: float) -> set[Key] | None:
        return None if len(self.rows) < self.limit else self.worst(key, payer, now)

    def take(self, key: Key, payer: Hashable | None, now: float) -> None:
        row = self.row(key)
        if row is None:
            row = Row(key, payer, now)
        else:
            self.rows.remove(row)
        row.at = now
        row.payer = payer if row.payer is None else row.payer
        self.rows.append(row)

    def leave(self, key: Key) -> None:
        row = self.row(key)
        assert row is not None
        self.rows.remove(row)


@dataclass
class Entry:
    key: Key
    provider: Provider
    at: float


class NaiveProviders:
    """One list of entries, the longest unrenewed first."""

    def __init__(self, own: Key, policy: Policy) -> None:
        self.policy = policy
        self.places = NaivePlaces(
            own, policy.space, policy.max_provided_keys, policy.provider_lifetime
        )
        self.entries: list[Entry] = []

    def of(self, key: Key) -> list[Entry]:
        return [entry for entry in self.entries if entry.key == key]

    def find(self, key: Key, endpoint: Endpoint) -> Entry | None:
        return next((each for each in self.of(key) if each.provider.endpoint == endpoint), None)

    def address(self, entry: Entry) -> Hashable:
        return self.policy.contacts.address(entry.provider.endpoint)

    def expired(self, entry: Entry, now: float) -> bool:
        return entry.at + self.policy.provider_lifetime <= now

    def crowds(self, key: Key) -> Counter[Hashable]:
        return Counter(self.address(entry) for entry in self.of(key))

    def losers(self, key: Key, provider: Provider, now: float) -> list[list[Entry]] | None:
        """The alternatives (several only if they tie) of what must leave; ``None``: refused."""
        if self.find(key, provider.endpoint) is not None:
            return [[]]
        if not self.of(key):
            return self._for_list(key, provider, now)
        return self._for_entry(key, provider, now)

    def _for_entry(self, key: Key, provider: Provider, now: float) -> list[list[Entry]] | None:
        entries = self.of(key)
        address = self.policy.contacts.address(provider.endpoint)
        crowds = self.crowds(key)
        if crowds[address] >= PER_ADDRESS:
            return [[next(entry for entry in entries if self.address(entry) == address)]]
        if len(entries) < self.policy.max_providers_per_key:
            return self._for_total(key, None, now)
        if self.expired(entries[0], now):
            return [[entries[0]]]
        most = max(crowds.values())
        if most < crowds[address] + 2:
            return None
        crowded = [who for who, size in crowds.items() if size == most]
        return [[next(e for e in entries if self.address(e) == who)] for who in crowded]

    def _for_list(self, key: Key, provider: Provider, now: float) -> list[list[Entry]] | None:
        payer = self.policy.contacts.subnet(provider.endpoint)
        keys = self.places.loser(key, payer, now)
        if keys is None:
            return self._for_total(key, payer, now)
        return [self.of(each) for each in keys if each != key] or None

    def _for_total(self, key: Key, payer: Hashable, now: float) -> list[list[Entry]] | None:
        if len(self.entries) < self.policy.max_providers_total:
            return [[]]
        if self.entries and self.expired(self.entries[0], now):
            oldest = self.entries[0].at
            return [[entry] for entry in self.entries if entry.at == oldest]
        keys = self.places.worst(key, payer, now)
        return [self.of(each)[:1] for each in keys if self.of(each)] or None

    def add(self, key: Key, provider: Provider, now: float) -> None:
        """Put it in, room having been made."""
        entry = self.find(key, provider.endpoint)
        if entry is not None:
            self.entries.remove(entry)
        self.entries.append(Entry(key, provider, now))
        self.places.take(key, self.policy.contacts.subnet(provider.endpoint), now)

    def remove(self, key: Key, endpoint: Endpoint) -> None:
        entry = self.find(key, endpoint)
        assert entry is not None
        self.entries.remove(entry)
        if not self.of(key):
            self.places.leave(key)


def small(network: Network, limit: int = 4) -> Network:
    """Whole powers of two for exact scores; a small store."""
    return network.adjusted(max_records=limit, record_lifetime=64.0, replicate_every=16.0)


def near(network: Network, own: int, bits: int, tail: int = 0) -> Record:
    """A record sharing ``bits`` leading bits with ``own`` (stores do not verify)."""
    flipped = own ^ 1 << (network.policy.space.bits - 1 - bits)
    return Record(Key(flipped ^ tail), b"near %d" % tail)
