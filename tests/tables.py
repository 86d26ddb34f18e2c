"""Tables made for tests, and what must hold of every table."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dht.core.effects import Changed
from dht.core.keys import Key
from dht.core.table import RoutingTable

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from dht.core.messages import Contact
    from tests.strategies import Network

QUIET = 900.0
"""The seconds after which a contact is questionable and a bucket stale, on both networks."""


def table_of(network: Network, *members: Contact, now: float = 0.0) -> RoutingTable:
    table = RoutingTable(Key(0), network.policy)
    for contact in members:
        assert table.answered(contact, 0.1, now) == (Changed(contact, added=True),)
    return table


def far(network: Network, index: int, number: int | None = None, *, odd: bool = False) -> Contact:
    """The ``index``-th contact of bucket 0; preferred on MAINLINE as its host's parity says."""
    key = (1 << network.policy.space.bits - 1) + 2 * index + odd
    return network.spread(key, index) if number is None else network.contact(key, number)


def full_table(network: Network, now: float = 0.0) -> tuple[RoutingTable, list[Contact]]:
    """Bucket 0 is full and there is another, so that it cannot be split."""
    members = [far(network, index) for index in range(network.policy.k)]
    table = table_of(network, *members, network.spread(1, 500), now=now)
    assert table.statistics().buckets == (network.policy.k, 1)
    return table, members


def fail(table: RoutingTable, contact: Contact, now: float = 0.0) -> tuple[Changed, ...]:
    """Fail it until it is bad; what the last failure changed."""
    changes: tuple[Changed, ...] = ()
    for _ in range(2):
        changes = table.failed(contact.key, now)
    return changes


def swap(old: Contact, new: Contact) -> tuple[Changed, ...]:
    return (Changed(old, added=False), Changed(new, added=True))


class Impartial:
    """The rules of a network, but nobody is preferred."""

    def __init__(self, network: Network) -> None:
        rules = network.policy.contacts
        self.address, self.subnet = rules.address, rules.subnet
        self.acceptable, self.foreign = rules.acceptable, rules.foreign

    def preferred(self, contact: Contact) -> bool:
        return False


def most(things: Iterable[Hashable]) -> int:
    """How often the most frequent of ``things`` occurs."""
    return max(Counter(things).values(), default=0)


def bucket_of(table: RoutingTable, key: Key) -> int:
    last = len(table._buckets) - 1
    return min(table._policy.space.prefix_length(table.own, key), last)


def check_limits(table: RoutingTable, network: Network) -> None:
    """What holds of any table at any time."""
    policy, rules = network.policy, network.policy.contacts
    held = list(table.contacts())
    assert len({it.key for it in held}) == len(held) == len(table)
    assert len({rules.address(it.endpoint) for it in held}) == len(held)
    assert table.own not in table
    subnets = [(bucket_of(table, it.key), rules.subnet(it.endpoint)) for it in held]
    limited = [(index, subnet) for index, subnet in subnets if subnet is not None]
    assert most(limited) <= policy.per_subnet_bucket
    assert most(subnet for _, subnet in limited) <= policy.per_subnet_table
    assert most(index for index, _ in subnets) <= policy.k
    assert all(len(bucket.spares) <= policy.k for bucket in table._buckets)
    assert table.statistics().spares == sum(len(bucket.spares) for bucket in table._buckets)
