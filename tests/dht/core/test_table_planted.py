"""Tables taken over from elsewhere: as if everybody in them had answered."""

from __future__ import annotations

from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.core.bucket import Row, places
from dht.core.keys import Key
from dht.core.table import RoutingTable
from tests.strategies import NETWORKS, Network
from tests.tables import check_limits, table_of

networks = pytest.mark.parametrize("network", NETWORKS, ids=repr)


def rows_of(table: RoutingTable, network: Network, failures: int = 0) -> list[list[Row]]:
    """The rows of each bucket of ``table``."""
    rules = network.policy.contacts
    return [
        [Row(c, *places(c.endpoint, rules), 1.0, 0.2, failures) for c in bucket.members]
        for bucket in table._buckets
    ]


def grown(network: Network, count: int, seed: int) -> RoutingTable:
    table, rng = RoutingTable(Key(0), network.policy), Random(seed)
    for contact in network.crowd(count, rng):
        table.answered(contact, 0.2, 1.0)
    return table


@networks
@given(count=st.integers(0, 120), seed=st.integers(0, 99))
def test_it_holds_and_answers_what_the_table_did_that_it_was_made_of(
    network: Network, count: int, seed: int
) -> None:
    origin = grown(network, count, seed)
    table = table_of(network, network.spread(7, 999))  # What it held before is gone.
    table.plant(rows_of(origin, network), 1.0)
    check_limits(table, network)
    assert set(table.contacts()) == set(origin.contacts())
    assert table.statistics().buckets == origin.statistics().buckets
    rng = Random(seed)
    for _ in range(5):
        target = network.policy.space.draw(rng)
        assert set(table.closest(target, 8)) == set(origin.closest(target, 8))
    for contact in origin.contacts():
        assert table.rtt(contact.key) == 0.2
        assert table.heard(contact.key, contact.endpoint, 2.0)


@networks
def test_it_lives_on_as_any_other(network: Network) -> None:
    table = RoutingTable(Key(0), network.policy)
    table.plant(rows_of(grown(network, 60, 1), network), 1.0)
    first = next(table.contacts())
    for _ in range(network.policy.max_failures):
        table.failed(first.key, 5.0)
    assert first not in table.closest(first.key, network.policy.k)
    newcomer = network.spread(first.key ^ 1, 500)
    assert [change.contact for change in table.answered(newcomer, 0.1, 6.0)] == [first, newcomer]
    check_limits(table, network)


@networks
def test_bad_contacts_are_planted_as_bad(network: Network) -> None:
    table, origin = RoutingTable(Key(0), network.policy), grown(network, 60, 1)
    table.plant(rows_of(origin, network, network.policy.max_failures), 1.0)
    assert table.statistics().bad == len(table) == len(origin)


@networks
def test_upkeep_counts_from_the_moment_of_planting(network: Network) -> None:
    table = RoutingTable(Key(0), network.policy)
    table.plant([], 3.0)
    assert (len(table), table.next_due()) == (0, 3.0 + network.policy.refresh_every)
    table.plant(rows_of(grown(network, 60, 1), network), 3.0)
    policy = network.policy
    assert table.next_due() == min(1.0 + policy.questionable_after, 3.0 + policy.refresh_every)
    assert table.stale(3.0) == table.questionable(3.0) == []
    assert table.next_due() < inf
