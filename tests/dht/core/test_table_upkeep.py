"""What in a table needs care, when, and what a new key does to it."""

from __future__ import annotations

from math import inf
from random import Random
from typing import TYPE_CHECKING

import pytest

from dht.core.effects import Changed
from dht.core.keys import Key
from dht.core.table import RoutingTable
from tests.strategies import NETWORKS, Network
from tests.tables import QUIET, check_limits, fail, far, full_table, table_of

if TYPE_CHECKING:
    from dht.core.messages import Contact

networks = pytest.mark.parametrize("network", NETWORKS, ids=repr)


# Due.


@networks
def test_questionable_contacts_the_longest_silent_first(network: Network) -> None:
    members = [far(network, index) for index in range(4)]
    table = table_of(network, *members)
    table.heard(members[0].key, members[0].endpoint, 7.0)
    table.answered(members[2], 0.1, 5.0)
    fail(table, members[3])
    assert table.questionable(QUIET - 1) == []
    assert table.questionable(QUIET) == [members[1]]
    assert table.questionable(QUIET + 6) == [members[1], members[2]]
    assert table.questionable(QUIET + 7) == [members[1], members[2], members[0]]


@networks
def test_stale_buckets_are_those_without_gain_or_lookup(network: Network) -> None:
    table, members = full_table(network, now=10.0)
    assert table.stale(QUIET + 9) == []
    assert table.stale(QUIET + 10) == [0, 1]
    table.touched(members[0].key, 50.0)
    assert table.stale(QUIET + 10) == [1]
    table.touched(table.own, 60.0)
    assert table.stale(QUIET + 10) == []
    assert table.stale(QUIET + 50) == [0]
    # Mere answers teach us nobody new; gaining somebody does.
    table.answered(members[0], 0.1, QUIET)
    assert table.stale(QUIET + 50) == [0]
    fail(table, members[0])
    table.answered(far(network, 100), 0.1, QUIET)
    assert table.stale(QUIET + 50) == []


@networks
def test_an_empty_table_asks_for_no_care(network: Network) -> None:
    table = table_of(network)
    assert table.next_due() == inf
    assert table.stale(1e9) == []
    assert table.questionable(1e9) == []


@networks
def test_a_refresh_target_lies_in_its_bucket(network: Network) -> None:
    table, _ = full_table(network)
    table.answered(network.spread(3, 600), 0.1, 1.0)
    space, rng = network.policy.space, Random(6)
    for _ in range(50):
        assert space.prefix_length(table.own, table.refresh_target(0, rng)) == 0
        assert space.prefix_length(table.own, table.refresh_target(1, rng)) >= 1
        # The table may have been rebuilt since the index was given out.
        assert space.prefix_length(table.own, table.refresh_target(9, rng)) >= 1
    alone = table_of(network)
    top = {alone.refresh_target(0, rng) >> space.bits - 1 for _ in range(50)}
    assert top == {0, 1}


@networks
@pytest.mark.parametrize(("contacts", "buckets"), [(100.0, 1000.0), (1000.0, 100.0)])
def test_what_was_due_and_was_seen_to_is_due_again(
    network: Network, contacts: float, buckets: float
) -> None:
    contact = far(network, 1)
    table = table_of(network.adjusted(questionable_after=contacts, refresh_every=buckets), contact)
    assert table.questionable(1000.0) == [contact]
    assert table.stale(1000.0) == [0]
    table.heard(contact.key, contact.endpoint, 1000.0)
    table.touched(contact.key, 1000.0)
    assert table.next_due() == 1100.0


@networks
def test_the_first_contact_after_none_makes_old_buckets_due(network: Network) -> None:
    table, members = full_table(network)
    for contact in list(table.contacts()):
        table.contradicted(contact)
    assert table.stale(5 * QUIET) == []
    assert table.questionable(5 * QUIET) == []
    table.answered(members[0], 0.1, 5 * QUIET)
    assert table.next_due() <= 5 * QUIET
    assert table.stale(5 * QUIET) == [1]


@networks
def test_next_due_is_never_late(network: Network) -> None:
    """Nothing becomes due before the moment it names, whatever happened since it was asked."""
    rng, now = Random(8), 0.0
    crowd = [far(network, index) for index in range(12)]
    crowd += [network.spread(5 + index, 300 + index) for index in range(12)]
    table = RoutingTable(Key(0), network.policy)
    ripe: tuple[set[Key], set[int]] = (set(), set())
    early = more = 0
    for _ in range(4000):
        now += rng.choice([0.0, 1.0, 30.0, 100.0])
        due = table.next_due()
        if rng.random() < 0.3:
            fresh = {contact.key for contact in table.questionable(now)}, set(table.stale(now))
            if now < due:
                early += 1
                assert fresh[0] <= ripe[0]
                assert fresh[1] <= ripe[1]
            else:
                more += not (fresh[0] <= ripe[0] and fresh[1] <= ripe[1])
            ripe = fresh
            assert table.next_due() > now
        happen(table, rng.choice(crowd), rng, now)
    assert early > 100
    assert more > 100


def happen(table: RoutingTable, contact: Contact, rng: Random, now: float) -> None:
    what = rng.random()
    if what < 0.4:
        table.heard(contact.key, contact.endpoint, now)
    elif what < 0.6:
        table.answered(contact, 0.1, now)
    elif what < 0.7:
        table.failed(contact.key, now)
    elif what < 0.75:
        table.contradicted(contact)
    elif what < 0.9:
        table.touched(contact.key, now)


# A new key.


@networks
def test_rekey_keeps_everybody_when_everybody_fits(network: Network) -> None:
    space, rng = network.policy.space, Random(9)
    crowd = [network.spread(space.draw(rng), index) for index in range(network.policy.k)]
    table = table_of(network, *crowd)
    fail(table, crowd[0])
    own = space.draw(rng)
    assert table.rekey(own, 5.0) == ()
    assert table.own == own
    assert {it.key for it in table.contacts()} == {it.key for it in crowd}
    assert table.rtt(crowd[1].key) == 0.1
    assert table.statistics().bad == 1
    # Of the new neighbourhood we know nothing.
    assert table.next_due() <= 5.0
    assert table.stale(5.0) == [len(table.statistics().buckets) - 1]
    table.touched(own, 5.0)
    assert table.stale(5.0) == []


@networks
def test_rekey_gives_nobody_up_who_has_room(network: Network) -> None:
    space, rng = network.policy.space, Random(10)
    table = table_of(network)
    for index in range(600):
        key = space.draw_sharing(table.own, rng.randrange(12), rng)
        number = (80 << 24) + ((index % 50) << 8 << 8) + index  # several in a subnet
        table.answered(network.contact(key, number), 0.1, float(index))
    for contact in list(table.contacts())[::7]:
        fail(table, contact)
    before = {it.key: it for it in table.contacts()}
    good = table.statistics().contacts - table.statistics().bad
    changes = table.rekey(space.draw(rng), 700.0)
    after = {it.key: it for it in table.contacts()}
    assert {it.contact.key for it in changes if it.added} == after.keys() - before.keys()
    lost = [it.contact for it in changes if not it.added]
    assert {it.key for it in lost} == before.keys() - after.keys()
    assert lost
    assert good > 20
    assert not any(table.room(contact) for contact in lost)
    check_limits(table, network)
    assert table.statistics().spares > 0
    for bucket in table._buckets:  # the last to answer still stands first
        times = [table._waiting.heard[slot] for slot in bucket.spares]
        assert times == sorted(times, reverse=True)


@networks
def test_rekey_does_not_let_the_order_decide_about_subnets(network: Network) -> None:
    """One subnet in several buckets is fine before and after, in whatever order they come."""
    network = network.adjusted(k=2, per_subnet_bucket=1)
    top = network.policy.space.bits - 1
    first, second = (network.contact(1 << top - index, (80 << 24) + index) for index in (0, 1))
    filler = [network.spread((1 << top - index % 2) + index, 50 + index) for index in range(2, 7)]
    table = table_of(network, filler[0], filler[1], filler[3])  # which splits
    table.contradicted(filler[3])
    for contact in (first, second):
        table.answered(contact, 0.1, 1.0)
    for contact in filler[:2]:
        table.contradicted(contact)
    late = [filler[3], network.spread((1 << top - 2) + 9, 59)]
    for contact in late:
        table.answered(contact, 0.1, 1.0)
    # Now the second of the subnet comes before those whose arrival splits the new first bucket.
    assert list(table.contacts()) == [first, second, *late]
    assert table.rekey(Key(1), 1.0) == ()
    assert len(table) == 4


@networks
def test_rekey_to_the_key_of_a_contact_drops_that_contact(network: Network) -> None:
    contact = far(network, 1)
    table = table_of(network, contact)
    assert table.rekey(contact.key, 1.0) == (Changed(contact, added=False),)
    assert len(table) == 0
