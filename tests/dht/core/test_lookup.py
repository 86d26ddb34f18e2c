"""Lookup: its verbs one by one, and what it makes of the answers of strangers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dht.core.keys import Key, KeySpace
from dht.core.lookup import Lookup, request_limit
from dht.core.messages import Contact
from dht.core.shortlist import ANSWER_LIMIT
from tests.dht.core.lookup_world import (
    contacts,
    keys,
    make_policy,
)

if TYPE_CHECKING:
    from dht.core.walker import Walker

SMALL = KeySpace(8)
TARGET = Key(0)  # distance from it is the key itself


def at(key: int, host: str, port: int = 6881) -> Contact:
    return Contact(Key(key), (host, port))


def start(*seeds: int, own: int | None = None, **numbers: int) -> Lookup:
    numbers.setdefault("k", 3)
    policy = make_policy(SMALL, **numbers)
    return Lookup(TARGET, policy, contacts(*seeds), own=None if own is None else Key(own))


# The verbs.


def test_nobody_to_ask_is_the_end_but_not_a_success() -> None:
    lookup = start()
    assert lookup.next() == []
    assert lookup.finished
    assert not lookup.complete
    assert lookup.closest(3) == ()


def test_the_nearest_seeds_are_asked_first_alpha_at_a_time() -> None:
    lookup = start(9, 5, 7, 3, k=4, alpha=2)
    assert keys(lookup.next()) == [3, 5]
    assert lookup.next() == []
    assert lookup.answered(Key(3), [])
    assert keys(lookup.next()) == [7]
    assert lookup.asked == 3


def test_ends_when_the_beta_closest_have_answered_however_many_more_are_known() -> None:
    lookup = start(1, 2, 3, 100, 101, alpha=5)
    for each in lookup.next():
        assert not lookup.finished
        lookup.answered(each.key, [])
    assert lookup.finished
    assert lookup.complete
    assert keys(lookup.closest(3)) == [1, 2, 3]
    assert lookup.asked == 3  # those beyond the beta closest were never worth a request


def test_an_answer_moves_the_window_nearer() -> None:
    lookup = start(50, 60, 70, alpha=1)
    assert keys(lookup.next()) == [50]
    lookup.answered(Key(50), contacts(8, 2, 4))
    assert keys(lookup.next()) == [2]
    assert lookup.depth(Key(50)) == 1
    assert lookup.depth(Key(2)) == 2
    assert lookup.depth(Key(99)) == 0


def test_a_slow_contact_frees_its_slot_and_its_substitute_is_asked() -> None:
    lookup = start(1, 2, 3, 4, alpha=3)
    assert keys(lookup.next()) == [1, 2, 3]
    assert lookup.slow(Key(2))
    assert not lookup.slow(Key(2))
    assert keys(lookup.next()) == [4]  # a slow one no longer counts among the hopeful beta
    for key in (1, 3, 4):
        lookup.answered(Key(key), [])
    assert not lookup.finished  # but it holds up the end
    assert lookup.failed(Key(2))
    assert lookup.finished
    assert keys(lookup.closest(3)) == [1, 3, 4]
    assert lookup.silent_count == 1


@pytest.mark.parametrize("verbs", [["slow"], ["failed"], ["slow", "failed"]])
def test_late_answers_count(verbs: list[str]) -> None:
    lookup = start(1, 2, 3, alpha=3)
    lookup.next()
    for verb in verbs:
        assert getattr(lookup, verb)(Key(1))
    assert lookup.answered(Key(1), contacts(0x10))
    assert lookup.depth(Key(0x10)) == 2
    assert lookup.silent_count == 0
    assert lookup.answered_count == 1
    for key in (2, 3):
        lookup.answered(Key(key), [])
    assert keys(lookup.closest(3)) == [1, 2, 3]


def test_verbs_say_when_they_did_not_matter() -> None:
    lookup = start(1, 2, 3, alpha=1)
    lookup.next()
    assert not lookup.answered(Key(77), contacts(0))  # a stranger
    assert not lookup.slow(Key(77))
    assert not lookup.failed(Key(77))
    assert not lookup.answered(Key(2), contacts(0))  # known, but not asked
    assert lookup.answered(Key(1), [])
    assert not lookup.answered(Key(1), contacts(0))  # twice
    assert not lookup.slow(Key(1))
    assert not lookup.failed(Key(1))  # its answer came before
    assert lookup.depth(Key(0)) == 0
    assert lookup.answered_count == 1


def test_a_contact_can_be_struck_off_before_it_is_asked() -> None:
    lookup = start(1, 2, 3, alpha=3)
    assert lookup.failed(Key(1))
    assert not lookup.failed(Key(1))
    assert not lookup.answered(Key(1), contacts(0))  # it was never asked
    assert keys(lookup.next()) == [2, 3]
    assert lookup.silent_count == 0


def test_all_slow_asks_alpha_more() -> None:
    lookup = start(*range(1, 9), k=4, alpha=2)
    for key in keys(lookup.next()):
        lookup.slow(Key(key))
    assert keys(lookup.next()) == [3, 4]
    for key in (3, 4):
        lookup.slow(Key(key))
    assert keys(lookup.next()) == [5, 6]


def test_the_window_is_of_answers_that_can_be_hoped_for() -> None:
    lookup = start(*range(1, 20), k=19, alpha=4)
    assert keys(lookup.next()) == [1, 2, 3, 4]
    lookup.answered(Key(1), [])
    lookup.answered(Key(2), [])
    assert keys(lookup.next()) == [5, 6]
    lookup.slow(Key(3))  # three of four live, counting one on trust: 4 / (3/4) is 5
    assert keys(lookup.next()) == [7, 8]
    lookup.failed(Key(3))
    lookup.failed(Key(4))  # three of five: 7
    assert keys(lookup.next()) == [9, 10, 11]


def test_late_answers_narrow_the_window_under_way() -> None:
    lookup = start(*range(1, 20), k=19, alpha=4)
    lookup.next()
    lookup.answered(Key(1), [])
    assert keys(lookup.next()) == [5]
    lookup.slow(Key(2))
    lookup.slow(Key(3))  # two of four: 8
    assert keys(lookup.next()) == [6, 7, 8, 9, 10, 11]
    lookup.answered(Key(2), [])
    lookup.answered(Key(3), [])  # all live: 4, and eight are under way
    assert lookup.free == 0
    assert lookup.next() == []


def test_where_contacts_die_substitutes_are_asked_before_they_are_needed() -> None:
    lookup = start(*range(1, 20), k=3, alpha=9)
    assert keys(lookup.next()) == [1, 2, 3]
    lookup.slow(Key(1))
    # One of two (a trusted one and the slow one): what is not settled counts one half.
    assert keys(lookup.next()) == [4, 5, 6, 7]
    lookup.answered(Key(2), [])
    # 2/3 now: 2, and half of six that are not settled, make up for three without asking more.
    assert lookup.next() == []


def test_a_healthy_lookup_asks_no_substitutes() -> None:
    lookup = start(*range(1, 20), k=3, alpha=9)
    for key in keys(lookup.next()):
        assert lookup.next() == []
        lookup.answered(Key(key), [])
    assert lookup.asked == 3


def test_all_dead_is_the_end_without_success() -> None:
    lookup = start(1, 2, 3)
    for key in keys(lookup.next()):
        lookup.failed(Key(key))
    assert lookup.finished
    assert not lookup.complete
    assert lookup.silent_count == 3


def test_fewer_than_beta_live_contacts_all_answered_is_complete() -> None:
    lookup = start(1, 2)
    lookup.next()
    lookup.answered(Key(1), [])
    assert not lookup.finished
    lookup.failed(Key(2))
    assert lookup.complete


def test_our_own_key_is_never_learnt() -> None:
    lookup = start(1, 5, own=5)
    assert keys(lookup.next()) == [1]
    lookup.answered(Key(1), contacts(5, 2))
    assert keys(lookup.next()) == [2]
    assert lookup.depth(Key(5)) == 0


def test_excluded_contacts_are_never_learnt() -> None:
    lookup = Lookup(TARGET, make_policy(SMALL), contacts(1, 2, 3), exclude=lambda key: key == 2)
    assert keys(lookup.next()) == [1, 3]


def test_a_contact_that_may_not_be_contacted_is_dropped() -> None:
    lookup = Lookup(TARGET, make_policy(SMALL), [at(1, "10.0.0.1", port=0), at(2, "10.0.0.2")])
    assert keys(lookup.next()) == [2]


def test_a_network_that_stops_early_trusts_what_it_did_not_ask() -> None:
    lookup = start(1, 2, 3, 4, 5, 6, k=5, beta=2, alpha=3)
    assert keys(lookup.next()) == [1, 2]
    lookup.failed(Key(1))
    assert keys(lookup.next()) == [3, 4]
    lookup.answered(Key(2), [])
    lookup.answered(Key(3), [])
    assert lookup.complete
    assert keys(lookup.closest(5)) == [2, 3, 4, 5, 6]
    assert keys(lookup.closest(1)) == [2]
    assert lookup.closest(0) == ()


# Answers come from strangers.


def test_of_one_answer_only_the_nearest_are_read() -> None:
    lookup = start(200, k=3)
    lookup.next()
    lookup.answered(Key(200), iter(contacts(*range(100, 0, -1))))
    known = [key for key in range(1, 101) if lookup.depth(Key(key))]
    assert known == list(range(1, 1 + 3 * ANSWER_LIMIT))


def crowd(*seeds: Contact, **numbers: int) -> Lookup:
    numbers.setdefault("k", 3)
    numbers.setdefault("alpha", 8)
    return Lookup(TARGET, make_policy(SMALL, **numbers), seeds)


def test_of_one_subnet_only_the_nearest_is_asked() -> None:
    lookup = crowd(at(3, "10.0.0.3"), at(1, "10.0.0.1"), at(2, "10.0.0.2"), at(9, "10.0.9.9"))
    assert keys(lookup.next()) == [1, 9]


def test_the_subnet_limit_is_the_policys() -> None:
    seeds = [at(key, f"10.0.0.{key}") for key in (1, 2, 3)]
    assert keys(crowd(*seeds, per_subnet_lookup=2).next()) == [1, 2]


def test_of_one_address_only_the_nearest_is_asked() -> None:
    seeds = [at(2, "10.0.0.1", 2), at(1, "10.0.0.1", 1)]
    assert keys(crowd(*seeds, per_subnet_lookup=5).next()) == [1]


def test_a_place_falls_free_when_its_holder_fails() -> None:
    lookup = crowd(at(1, "10.0.0.1"), at(2, "10.0.0.2"))
    lookup.next()
    assert lookup.failed(Key(1))
    assert keys(lookup.next()) == [2]
    lookup.answered(Key(2), [])
    assert keys(lookup.closest(3)) == [2]
    # ... and is taken back when the answer comes late after all.
    assert lookup.answered(Key(1), [])
    assert keys(lookup.closest(3)) == [1]


def test_a_nearer_contact_takes_the_place_of_one_that_was_early() -> None:
    lookup = crowd(at(20, "10.0.0.20"), at(90, "10.9.9.9"))
    lookup.next()
    lookup.answered(Key(20), [])
    lookup.answered(Key(90), [at(5, "10.0.0.5")])
    assert keys(lookup.next()) == [5]
    lookup.answered(Key(5), [])
    assert lookup.complete
    assert keys(lookup.closest(3)) == [5, 90]


def test_a_late_answer_that_teaches_something_applies_the_limits_once() -> None:
    lookup = crowd(at(1, "10.0.0.1"), at(2, "10.0.0.2"))
    lookup.next()
    lookup.failed(Key(1))
    lookup.next()
    lookup.answered(Key(2), [])
    lookup.answered(Key(1), [at(3, "10.0.0.3"), at(4, "10.1.0.4")])
    assert keys(lookup.next()) == [4]
    assert keys(lookup.closest(3)) == [1]


def test_an_honest_key_named_with_a_false_endpoint_is_tried_at_the_other() -> None:
    lookup = crowd(at(1, "10.6.6.6"), at(50, "10.0.1.1"))
    assert lookup.next()[0].endpoint == ("10.6.6.6", 6881)
    lookup.answered(Key(50), [at(1, "10.0.2.2"), at(1, "10.0.3.3")])  # the first one is kept
    assert lookup.failed(Key(1))
    assert lookup.next() == [at(1, "10.0.2.2")]
    assert lookup.silent_count == 0
    assert lookup.answered(Key(1), [])
    assert lookup.closest(1) == (at(1, "10.0.2.2"),)


def test_another_endpoint_heard_after_the_failure_is_tried_at_once() -> None:
    lookup = crowd(at(1, "10.6.6.6"), at(50, "10.0.1.1"))
    lookup.next()
    lookup.slow(Key(1))
    lookup.failed(Key(1))
    assert lookup.silent_count == 1
    lookup.answered(Key(50), [at(1, "10.0.2.2"), at(50, "10.7.7.7")])
    assert lookup.next() == [at(1, "10.0.2.2")]
    assert lookup.silent_count == 0


def test_an_endless_chain_of_sybils_is_cut() -> None:
    policy = make_policy(k=8)
    target = Key(0)
    lookup = Lookup(target, policy, contacts(1 << 150))
    requests = 0
    while not lookup.finished:
        for each in lookup.next():
            requests += 1
            assert not lookup.complete
            lookup.answered(each.key, contacts(*(each.key - n for n in range(1, 17))))
    assert requests == lookup.asked == request_limit(8)
    assert not lookup.complete


def test_at_the_request_limit_what_is_in_flight_is_still_awaited() -> None:
    lookup = Lookup(TARGET, make_policy(k=1, alpha=200), contacts(1 << 150))
    while lookup.asked < request_limit(1):
        for each in lookup.next():
            lookup.slow(each.key)
            last = each.key
            lookup.answered(each.key, contacts(each.key - 1))
            lookup.answered(Key(each.key - 1), [])
    assert lookup.finished
    assert not lookup.complete
    assert last


def test_lookup_is_a_walker() -> None:
    walker: Walker = start(1)
    assert walker.target == TARGET
