"""Who gets a place in the table, who keeps it and who loses it: every rule by example."""

from __future__ import annotations

from random import Random

import pytest

from dht.core.effects import Changed
from dht.core.keys import Key
from dht.core.messages import Contact
from tests.strategies import AMINO, MAINLINE, NETWORKS, Network
from tests.tables import QUIET, Impartial, fail, far, full_table, swap, table_of

networks = pytest.mark.parametrize("network", NETWORKS, ids=repr)


# Getting in.


@networks
def test_only_an_answer_gets_a_contact_in(network: Network) -> None:
    table, contact = table_of(network), far(network, 1)
    assert table.room(contact)
    assert not table.heard(contact.key, contact.endpoint, 1.0)
    assert contact.key not in table
    assert table.answered(contact, 0.2, 2.0) == (Changed(contact, added=True),)
    assert contact.key in table
    assert table.heard(contact.key, contact.endpoint, 3.0)
    assert not table.heard(contact.key, network.endpoint(77), 3.0)


@networks
def test_our_own_key_never_gets_in(network: Network) -> None:
    table, mirror = table_of(network), network.spread(0, 1)
    assert not table.room(mirror)
    assert table.answered(mirror, 0.1, 1.0) == ()
    assert len(table) == 0


def test_unacceptable_and_foreign_contacts_never_get_in() -> None:
    table = table_of(MAINLINE)
    for endpoint in (("10.0.0.1", 0), ("2001:db8::1", 6881)):
        assert not table.room(Contact(Key(9), endpoint))
        assert table.answered(Contact(Key(9), endpoint), 0.1, 1.0) == ()
    assert len(table) == 0


@networks
def test_an_answer_again_changes_nothing_but_the_standing(network: Network) -> None:
    contact = far(network, 1)
    table = table_of(network, contact)
    same = Contact(contact.key, contact.endpoint)
    assert not table.room(same)
    assert table.answered(same, 0.9, 5.0) == ()
    assert next(table.contacts()) is contact


@networks
def test_round_trips_are_smoothed(network: Network) -> None:
    contact = far(network, 1)
    table = table_of(network, contact)
    assert table.rtt(contact.key) == 0.1
    table.answered(contact, 0.9, 5.0)
    assert table.rtt(contact.key) == pytest.approx(0.1 * 7 / 8 + 0.9 / 8)


@networks
def test_a_live_contact_is_never_put_out(network: Network) -> None:
    table, members = full_table(network)
    for index in range(100, 200):
        assert not table.room(far(network, index))
        assert table.answered(far(network, index), 0.001, 1.0) == ()
    assert all(contact.key in table for contact in members)
    assert table.statistics().spares == network.policy.k


@networks
def test_a_newcomer_takes_the_place_of_a_bad_contact(network: Network) -> None:
    table, members = full_table(network)
    table.heard(members[3].key, members[3].endpoint, 50.0)
    for contact in (members[3], members[5]):
        fail(table, contact, 60.0)
    newcomer = far(network, 100)
    assert table.room(newcomer)
    # The one silent for longer goes first.
    assert table.answered(newcomer, 0.1, 61.0) == swap(members[5], newcomer)


# Limits.


@networks
def test_one_contact_for_each_address(network: Network) -> None:
    number = 80 << 24
    first = far(network, 1, number)
    table = table_of(network, first)
    second = network.contact(12345, number, 7000)
    assert not table.room(second)
    assert table.answered(second, 0.1, 1.0) == ()
    fail(table, first)
    assert table.room(second)
    assert table.answered(second, 0.1, 2.0) == swap(first, second)


@networks
def test_few_of_one_subnet_in_a_bucket(network: Network) -> None:
    most = network.policy.per_subnet_bucket
    crowd = [far(network, index, (80 << 24) + index) for index in range(most + 1)]
    table = table_of(network, *crowd[:most])
    assert table.answered(crowd[most], 0.1, 1.0) == ()
    fail(table, crowd[0])
    assert table.answered(crowd[most], 0.1, 2.0) == swap(crowd[0], crowd[most])


@networks
def test_few_of_one_subnet_in_the_table(network: Network) -> None:
    network = network.adjusted(k=2, per_subnet_bucket=1, per_subnet_table=2)
    top = network.policy.space.bits - 1
    crowd = [network.contact(1 << top - index, (80 << 24) + index) for index in range(3)]
    spread = [network.spread((1 << top - index) + 1, 50 + index) for index in range(3)]
    table = table_of(network, crowd[0], spread[0], spread[1], crowd[1], spread[2])
    assert table.statistics().buckets == (2, 2, 1)
    assert not table.room(crowd[2])
    assert table.answered(crowd[2], 0.1, 1.0) == ()
    # A bad one of the subnet leaves, though it is in another bucket.
    fail(table, crowd[0])
    assert table.room(crowd[2])
    assert table.answered(crowd[2], 0.1, 1.0) == swap(crowd[0], crowd[2])


@networks
def test_ten_thousand_contacts_of_one_subnet_take_no_more_places_than_the_limit(
    network: Network,
) -> None:
    policy, rng = network.policy, Random(4)
    table, honest = full_table(network)
    for index in range(10_000):
        key = policy.space.draw(rng) >> rng.randrange(20)
        table.answered(network.contact(key, (80 << 24) + index % 256, 1024 + index), 0.1, 1.0)
    subnets = [policy.contacts.subnet(contact.endpoint) for contact in table.contacts()]
    crowd = policy.contacts.subnet(network.endpoint(80 << 24))
    assert 0 < subnets.count(crowd) <= policy.per_subnet_table
    assert table.statistics().spares <= policy.per_subnet_bucket * len(table.statistics().buckets)
    assert {contact.key for contact in honest} <= {contact.key for contact in table.contacts()}


@networks
def test_exempt_subnets_are_not_limited(network: Network) -> None:
    home = [far(network, index, (127 << 24) + index) for index in range(network.policy.k)]
    assert len(table_of(network, *home)) == network.policy.k


# The same key from elsewhere.


@networks
@pytest.mark.parametrize("doubt", ["bad", "questionable", "none"])
def test_a_key_that_moves_is_believed_when_its_old_place_is_silent(
    network: Network, doubt: str
) -> None:
    old = far(network, 1)
    table = table_of(network, old)
    moved = Contact(old.key, network.endpoint(99 << 24))
    now = QUIET if doubt == "questionable" else QUIET - 1
    if doubt == "bad":
        fail(table, old)
    believed = doubt != "none"
    assert table.room(moved, now) == believed
    assert table.answered(moved, 0.7, now) == (swap(old, moved) if believed else ())
    assert list(table.contacts()) == [moved if believed else old]
    assert table.rtt(old.key) == (0.7 if believed else 0.1)


@networks
def test_a_key_does_not_move_to_where_another_lives(network: Network) -> None:
    old, other = far(network, 1), far(network, 2)
    table = table_of(network, old, other)
    fail(table, old)
    assert table.answered(Contact(old.key, other.endpoint), 0.1, 1.0) == ()
    assert list(table.contacts()) == [old, other]


@networks
def test_a_key_may_move_within_its_subnet(network: Network) -> None:
    """The place it leaves counts towards no limit."""
    network = network.adjusted(per_subnet_bucket=1)
    old = far(network, 1, 80 << 24)
    table = table_of(network, old)
    moved = Contact(old.key, network.endpoint((80 << 24) + 9))
    assert table.answered(moved, 0.1, QUIET) == swap(old, moved)


# Preferred contacts (BEP 42).


def test_a_preferred_contact_takes_the_place_of_a_questionable_other() -> None:
    members = [far(MAINLINE, index, odd=index < 2) for index in range(8)]
    rules = MAINLINE.policy.contacts
    plain = [contact for contact in members if not rules.preferred(contact)]
    assert 0 < len(plain) < 8
    table = table_of(MAINLINE, *members, MAINLINE.spread(1, 500))
    newcomers = [far(MAINLINE, index, odd=odd) for index in (100, 101) for odd in (False, True)]
    wanted = next(contact for contact in newcomers if rules.preferred(contact))
    other = next(contact for contact in newcomers if not rules.preferred(contact))
    for contact in members[1:]:
        table.heard(contact.key, contact.endpoint, 10.0)
    last = plain[-1]
    for contact in plain[:-1]:
        table.heard(contact.key, contact.endpoint, 20.0)
    assert table.answered(wanted, 0.1, QUIET + 5) == ()
    assert table.answered(other, 0.1, QUIET + 15) == ()
    assert not table.room(wanted)
    assert table.room(wanted, QUIET + 15)
    assert table.answered(wanted, 0.1, QUIET + 15) == swap(last, wanted)


def test_a_preferred_contact_does_not_replace_preferred_ones() -> None:
    table, _ = full_table(AMINO)
    assert AMINO.policy.contacts.preferred(far(AMINO, 100))
    assert table.answered(far(AMINO, 100), 0.1, 10 * QUIET) == ()


def test_preferred_spares_are_promoted_first() -> None:
    table, members = full_table(MAINLINE)
    spares = [far(MAINLINE, index, odd=odd) for index, odd in ((100, False), (102, True))]
    by_preference = sorted(spares, key=MAINLINE.policy.contacts.preferred)
    plain, wanted = by_preference
    assert MAINLINE.policy.contacts.preferred(wanted) > MAINLINE.policy.contacts.preferred(plain)
    for now, contact in enumerate((wanted, plain)):
        table.answered(contact, 0.1, float(now))
    assert fail(table, members[0]) == swap(members[0], wanted)
    assert fail(table, members[1]) == swap(members[1], plain)


# Failing.


@networks
def test_a_contact_turns_bad_only_after_failures_in_a_row(network: Network) -> None:
    contact = far(network, 1)
    table = table_of(network, contact)
    for now in range(10):
        table.failed(contact.key, float(now))
        assert table.statistics().bad == 0
        table.answered(contact, 0.1, float(now))
    # Requests do not clear failures.
    table.failed(contact.key, 11.0)
    assert table.heard(contact.key, contact.endpoint, 12.0)
    table.failed(contact.key, 13.0)
    assert table.statistics().bad == 1


@networks
def test_a_bad_contact_must_answer_to_be_believed_again(network: Network) -> None:
    contact = far(network, 1)
    table = table_of(network, contact)
    fail(table, contact)
    assert not table.heard(contact.key, contact.endpoint, 5.0)
    assert table.room(contact)
    assert table.answered(contact, 0.1, 6.0) == ()
    assert table.heard(contact.key, contact.endpoint, 7.0)


@networks
def test_a_bad_contact_is_replaced_from_the_cache_the_last_to_answer_first(
    network: Network,
) -> None:
    network = network.adjusted(contacts=Impartial(network))
    table, members = full_table(network)
    for index in (100, 101, 102):
        table.answered(far(network, index), 0.3, float(index))
    assert fail(table, members[0], 200.0) == swap(members[0], far(network, 102))
    assert fail(table, members[1], 200.0) == swap(members[1], far(network, 101))
    assert table.rtt(far(network, 101).key) == 0.3
    # A spare keeps the time of its own answer.
    assert far(network, 101) in table.questionable(101 + QUIET)
    assert far(network, 102) not in table.questionable(101 + QUIET)


@networks
def test_a_spare_that_fails_is_forgotten(network: Network) -> None:
    table, members = full_table(network)
    table.answered(far(network, 100), 0.1, 1.0)
    table.failed(far(network, 100).key, 2.0, network.endpoint(7))
    assert table.statistics().spares == 1
    table.failed(far(network, 100).key, 2.0)
    assert table.statistics().spares == 0
    assert fail(table, members[0]) == ()


@networks
def test_a_spare_against_the_limits_is_passed_over(network: Network) -> None:
    network = network.adjusted(per_subnet_bucket=1)
    table, members = full_table(network)
    host = members[0].endpoint
    twin = Contact(far(network, 100).key, host)
    other = far(network, 101)
    for now, contact in enumerate((other, twin)):
        table.answered(contact, 0.1, float(now))
    assert table.statistics().spares == 2
    assert fail(table, members[1]) == swap(members[1], other)
    # When the host itself leaves, its twin may come.
    assert fail(table, members[0]) == swap(members[0], twin)


@networks
def test_failures_elsewhere_are_no_failures_of_ours(network: Network) -> None:
    """A liar names a dead endpoint for a live key: that must not cost the key its place."""
    contact = far(network, 1)
    table = table_of(network, contact)
    for _ in range(5):
        assert table.failed(contact.key, 1.0, network.endpoint(7)) == ()
    assert table.statistics().bad == 0
    for _ in range(2):
        table.failed(contact.key, 1.0, contact.endpoint)
    assert table.statistics().bad == 1


@networks
def test_a_stranger_may_fail(network: Network) -> None:
    assert table_of(network).failed(Key(9), 1.0) == ()


@networks
def test_offline_nobody_is_thrown_out(network: Network) -> None:
    table, members = full_table(network)
    for _ in range(5):
        for contact in members:
            assert table.failed(contact.key, 1.0) == ()
    assert {contact.key for contact in members} <= {contact.key for contact in table.contacts()}
    assert all(table.answered(contact, 0.1, 2.0) == () for contact in members)
    assert table.statistics().bad == 0


# Contradictions.


@networks
def test_a_contradicted_contact_leaves_at_once(network: Network) -> None:
    contact = far(network, 1)
    table = table_of(network, contact)
    assert table.contradicted(Contact(contact.key, network.endpoint(7))) == ()
    assert table.contradicted(contact) == (Changed(contact, added=False),)
    assert len(table) == 0
    assert table.contradicted(contact) == ()


@networks
def test_a_contradicted_contact_is_replaced_from_the_cache(network: Network) -> None:
    table, members = full_table(network)
    spares = [far(network, 100), far(network, 101)]
    for contact in spares:
        table.answered(contact, 0.1, 1.0)
    assert table.contradicted(spares[1]) == ()
    assert table.contradicted(members[2]) == swap(members[2], spares[0])
