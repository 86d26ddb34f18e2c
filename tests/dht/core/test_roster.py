"""Arrangement by distance: closest sets against brute force, splits, the cached tuple, memory."""

from __future__ import annotations

import gc
import tracemalloc
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.core.keys import Key
from dht.core.table import RoutingTable, TableStatistics
from tests.strategies import AMINO, MAINLINE, NETWORKS, Network, brute_closest, keys, keys_near

if TYPE_CHECKING:
    from dht.core.messages import Contact

networks = pytest.mark.parametrize("network", NETWORKS, ids=repr)


def fill(network: Network, count: int, seed: int = 1) -> tuple[RoutingTable, list[Contact]]:
    """A table to which ``count`` contacts of all depths have answered, and those it took."""
    rng, space = Random(seed), network.policy.space
    table = RoutingTable(space.draw(rng), network.policy)
    for index in range(count):
        key = space.draw_sharing(table.own, min(rng.getrandbits(5), rng.getrandbits(5)), rng)
        table.answered(network.spread(key, index), 0.1, float(index))
    return table, list(table.contacts())


def full_bucket(network: Network) -> tuple[RoutingTable, list[Contact], Key]:
    """A table whose first bucket is full, not the last, and a target in it."""
    table = RoutingTable(Key(0), network.policy)
    top = 1 << network.policy.space.bits - 1
    far = [network.spread(top + index, index) for index in range(network.policy.k)]
    for contact in [*far, network.spread(5, 300)]:
        table.answered(contact, 0.1, 1.0)
    assert table.statistics().buckets == (len(far), 1)
    return table, far, Key(top + 12345)


@networks
@given(seed=st.integers(0, 2**32), data=st.data())
def test_closest_equals_brute_force(network: Network, seed: int, data: st.DataObject) -> None:
    table, held = fill(network, data.draw(st.integers(0, 150)), seed)
    rng = Random(seed)
    bad = {contact.key for contact in held if rng.random() < 0.2}
    for key in bad:
        for _ in range(network.policy.max_failures):
            table.failed(key, 1000.0)
    everybody = list(table.contacts())
    good = [contact for contact in everybody if contact.key not in bad] or everybody
    space = network.policy.space
    for _ in range(4):
        target = data.draw(st.one_of(keys(space), keys_near(space, table.own, 40)))
        n = data.draw(st.integers(0, 2 * network.policy.k))
        found = table.closest(target, n)
        assert {it.key for it in found} == {it.key for it in brute_closest(good, target, n)}
        assert len(found) == min(n, len(good))


@networks
def test_an_empty_table_knows_nobody(network: Network) -> None:
    table = RoutingTable(Key(1), network.policy)
    assert table.closest(Key(7), 8) == ()
    assert list(table.contacts()) == []
    assert len(table) == 0
    assert Key(7) not in table
    assert table.rtt(Key(7)) is None
    assert table.statistics() == TableStatistics(contacts=0, bad=0, spares=0, buckets=(0,))


@networks
def test_a_full_bucket_gives_the_same_tuple_until_it_changes(network: Network) -> None:
    table, far, target = full_bucket(network)
    k = network.policy.k
    first = table.closest(target, k)
    assert {it.key for it in first} == {it.key for it in far}
    assert table.closest(Key(target + 1), k) is first
    # An answer, a request and a first failure change nothing that is given out.
    table.answered(far[0], 0.2, 2.0)
    table.heard(far[1].key, far[1].endpoint, 3.0)
    table.failed(far[2].key, 3.0)
    assert table.closest(target, k) is first
    table.contradicted(far[3])
    second = table.closest(target, k)
    assert second is not first
    assert far[3] not in second
    # Now the bucket is one short and the neighbour fills up.
    assert len(second) == k
    assert 5 in {it.key for it in second}


@networks
def test_a_bad_contact_is_not_given_out_until_it_answers(network: Network) -> None:
    table, far, target = full_bucket(network)
    k = network.policy.k
    for _ in range(network.policy.max_failures):
        table.failed(far[0].key, 5.0)
    assert far[0] not in table.closest(target, k)
    assert far[0].key in table
    assert table.statistics().bad == 1
    # Failing further does not make the others' tuple anew.
    short = table.closest(target, k - 1)
    table.failed(far[0].key, 6.0)
    assert table.closest(target, k - 1) is short
    table.answered(far[0], 0.1, 7.0)
    assert far[0] in table.closest(target, k)


@networks
def test_bad_contacts_are_given_out_when_there_is_nobody_else(network: Network) -> None:
    """Offline, everybody fails: the table must not end up empty-handed."""
    table, held = fill(network, 200)
    while table.statistics().bad < len(table):
        for contact in list(table.contacts()):
            table.failed(contact.key, 500.0)
    offline = list(table.contacts())
    assert len(offline) == len(held)
    target = table.own
    assert {it.key for it in table.closest(target, 5)} == {
        it.key for it in brute_closest(offline, target, 5)
    }
    # One answer, and it alone is good.
    table.answered(offline[3], 0.1, 600.0)
    assert table.closest(target, 5) == (offline[3],)


@networks
def test_only_the_last_bucket_splits(network: Network) -> None:
    table, held = fill(network, 2000)
    sizes = table.statistics().buckets
    k, last = network.policy.k, len(sizes) - 1
    space = network.policy.space
    for index, size in enumerate(sizes):
        members = [
            contact
            for contact in held
            if min(space.prefix_length(table.own, contact.key), last) == index
        ]
        assert size == len(members) <= k
    # Uniform keys could not fill 160 buckets, and an unsplit table could not hold this many.
    assert 5 < last < 40
    assert sizes[:5] == (k,) * 5


def test_splitting_takes_spares_along() -> None:
    """Spares of a last bucket go where they belong when it is split."""
    network = MAINLINE.adjusted(k=2)
    table = RoutingTable(Key(0), network.policy)
    bit = 1 << 158
    pair = [network.spread(bit + index, index) for index in range(4)]
    for contact in pair:  # two members, two spares, all of prefix 1, in bucket 0, the last
        table.answered(contact, 0.1, 1.0)
    assert table.statistics() == TableStatistics(contacts=2, bad=0, spares=2, buckets=(2,))
    table.answered(network.spread(1 << 159, 9), 0.1, 2.0)
    assert table.statistics() == TableStatistics(contacts=3, bad=0, spares=2, buckets=(1, 2))
    lost, gained = table.contradicted(pair[0])
    assert (lost.contact, gained.contact) == (pair[0], pair[3])


def test_a_neighbour_splits_down_to_its_own_bucket() -> None:
    network = MAINLINE.adjusted(k=1)
    table = RoutingTable(Key(0), network.policy)
    for index, key in enumerate((2, 1, 3)):
        table.answered(network.spread(key, index), 0.1, 1.0)
    sizes = table.statistics().buckets
    assert len(sizes) == 160
    assert sizes[-2:] == (1, 1)
    assert table.statistics().spares == 1  # 3 shares its bucket with 2
    assert table.closest(Key(0), 1)[0].key == 1


@networks
def test_contacts_come_in_the_order_they_were_met(network: Network) -> None:
    table = RoutingTable(Key(0), network.policy)
    met = network.crowd(network.policy.k, Random(3))
    for contact in met:
        table.answered(contact, 0.1, 1.0)
    assert list(table.contacts()) == met


@networks
def test_a_table_of_160_contacts_costs_at_most_20_kb(network: Network) -> None:
    """Contacts are shared between tables, and are not counted; times and round trips are."""
    rng, space = Random(2), network.policy.space
    own = space.draw(rng)
    scout, crowd = RoutingTable(own, network.policy), []
    while len(scout) < 160:
        key = space.draw_sharing(own, rng.randrange(22), rng)
        contact = network.spread(key, len(crowd) + rng.randrange(1000) * 50)
        if scout.answered(contact, 0.1, 1.0):
            crowd.append(contact)

    def build(now: float) -> RoutingTable:
        table = RoutingTable(own, network.policy)
        for index, contact in enumerate(crowd):
            table.answered(contact, 0.1 + index / 1000, now + index)
            table.closest(contact.key, network.policy.k)  # lets it cache what it will
        return table

    build(0.5)  # warms whatever is kept by others: free lists, specialised code
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        table = build(1.5)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(table) == 160
    assert after - before <= 20_000


def test_amino_and_mainline_differ_where_they_should() -> None:
    assert MAINLINE.policy.space.bits == 160
    assert (AMINO.policy.space.bits, AMINO.policy.k, AMINO.policy.beta) == (256, 20, 3)
    assert AMINO.policy.tickets is None
