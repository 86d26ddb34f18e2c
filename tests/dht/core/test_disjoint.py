"""DisjointLookup: no contact on two paths, one result, and what it buys against liars."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.core.disjoint import DisjointLookup
from dht.core.keys import Key, KeySpace
from dht.core.lookup import WIDEST
from dht.core.messages import Contact
from tests.dht.core.lookup_world import SPACE, World, contact, drive, make_policy

SMALL = KeySpace(8)
TARGET = Key(0)


def contacts(*keys: int) -> list[Contact]:
    return [contact(key) for key in keys]


def keys(found: list[Contact] | tuple[Contact, ...]) -> list[int]:
    return [each.key for each in found]


def at(key: int, host: str) -> Contact:
    return Contact(Key(key), (host, 6881))


def start(paths: int, *seeds: int, **numbers: int) -> DisjointLookup:
    numbers.setdefault("k", 2)
    return DisjointLookup(TARGET, make_policy(SMALL, **numbers), contacts(*seeds), paths)


def test_a_lookup_without_a_path_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="at least one path"):
        start(0, 1)


def test_seeds_are_dealt_out_and_alpha_is_shared() -> None:
    lookup = start(2, *range(1, 9), k=4, alpha=3)
    assert keys(lookup.next()) == [1, 2, 4]  # odd ones on the first path, one at a time
    assert lookup.next() == []
    assert lookup.slow(Key(1))
    assert keys(lookup.next()) == [3]
    assert lookup.asked == 4


def test_each_path_may_ask_one_however_small_alpha_is() -> None:
    assert keys(start(3, 1, 2, 3, alpha=1).next()) == [1, 2, 3]


def test_what_one_path_learns_the_other_does_not() -> None:
    lookup = start(2, 100, 101, alpha=2)
    lookup.next()
    assert lookup.answered(Key(100), contacts(1))
    assert keys(lookup.next()) == [1]
    assert lookup.depth(Key(1)) == 2
    assert lookup.depth(Key(100)) == 1
    assert lookup.depth(Key(77)) == 0
    lookup.answered(Key(1), [])
    assert not lookup.finished  # the second path still waits for its only contact
    lookup.failed(Key(101))
    assert lookup.finished
    assert lookup.complete
    assert keys(lookup.closest(9)) == [1, 100]
    assert (lookup.answered_count, lookup.silent_count) == (2, 1)


def test_a_contact_is_claimed_when_it_is_asked_not_when_it_is_learnt() -> None:
    lookup = start(2, 100, 101, alpha=2, k=1)
    lookup.next()
    lookup.answered(Key(100), contacts(1))
    lookup.answered(Key(101), contacts(1))
    assert keys(lookup.next()) == [1]  # once
    assert not lookup.finished
    lookup.answered(Key(1), contacts(101))  # 101 belongs to the other path: not learnt
    assert lookup.finished
    assert keys(lookup.closest(1)) == [1]
    assert keys(lookup.closest(2)) == [1, 100]
    assert lookup.closest(0) == ()


def test_one_learnt_after_it_was_claimed_is_not_hoped_for() -> None:
    lookup = start(2, 100, 101, alpha=2)
    lookup.next()
    lookup.answered(Key(100), contacts(1))
    assert keys(lookup.next()) == [1]
    lookup.answered(Key(101), contacts(1))
    lookup.failed(Key(1))
    assert lookup.finished


def test_strangers_do_not_matter() -> None:
    lookup = start(2, 1, 2)
    lookup.next()
    assert not lookup.answered(Key(9), contacts(5))
    assert not lookup.slow(Key(9))
    assert not lookup.failed(Key(9))
    assert lookup.answered(Key(1), [])
    assert not lookup.answered(Key(1), contacts(5))
    assert not lookup.failed(Key(1))


def test_a_contact_struck_off_before_it_is_asked_is_struck_off_on_every_path() -> None:
    lookup = start(2, 1, 2, 3, 4)
    assert lookup.failed(Key(1))
    assert keys(lookup.next()) == [3, 2, 4]


def test_nobody_to_ask() -> None:
    lookup = start(3)
    assert lookup.finished
    assert not lookup.complete


def claimed_by_a_liar() -> DisjointLookup:
    """A liar on path 0 named the honest 1 at 6.6.6.6 and had it claimed; path 1 knows better."""
    seeds = [at(100, "1.1.1.1"), at(101, "2.2.2.2")]
    lookup = DisjointLookup(TARGET, make_policy(SMALL, k=2), seeds, 2)
    lookup.next()
    lookup.answered(Key(100), [at(1, "6.6.6.6")])
    assert lookup.next() == [at(1, "6.6.6.6")]
    lookup.answered(Key(101), [at(1, "3.3.3.3")])
    assert lookup.next() == []
    return lookup


def test_an_honest_contact_claimed_at_a_false_endpoint_is_taken_back() -> None:
    lookup = claimed_by_a_liar()
    assert lookup.failed(Key(1))
    assert lookup.next() == [at(1, "3.3.3.3")]
    assert lookup.answered(Key(1), [])
    assert lookup.finished
    assert lookup.closest(1) == (at(1, "3.3.3.3"),)


def test_one_that_failed_elsewhere_and_is_named_again_may_still_be_tried() -> None:
    lookup = claimed_by_a_liar()
    assert lookup.failed(Key(1))
    assert not lookup.finished
    assert lookup.next() == [at(1, "3.3.3.3")]
    lookup.failed(Key(1))
    assert lookup.finished
    assert lookup.silent_count == 2


def test_a_late_answer_to_the_first_claim_keeps_the_contact_on_its_path() -> None:
    lookup = claimed_by_a_liar()
    assert lookup.failed(Key(1))
    assert lookup.answered(Key(1), [])
    assert lookup.next() == []
    assert lookup.closest(1) == (at(1, "6.6.6.6"),)


def test_naming_a_contact_released_by_another_path_does_not_strike_it() -> None:
    seeds = [at(100, "1.1.1.1"), at(101, "2.2.2.2"), at(103, "4.4.4.4")]
    lookup = DisjointLookup(TARGET, make_policy(SMALL, k=3, alpha=6), seeds, 2)
    lookup.next()
    lookup.answered(Key(100), [at(1, "6.6.6.6")])
    assert lookup.next() == [at(1, "6.6.6.6")]
    lookup.failed(Key(1))
    lookup.answered(Key(101), [at(1, "3.3.3.3")])  # heard of only after it was released
    assert lookup.next() == [at(1, "3.3.3.3")]


def test_the_merged_result_keeps_the_limits() -> None:
    seeds = [at(1, "1.1.1.1"), at(2, "1.1.1.2"), at(3, "3.3.3.3"), at(4, "4.4.4.4")]
    lookup = DisjointLookup(TARGET, make_policy(SMALL, k=2, alpha=4), seeds, 2)
    for each in lookup.next():
        lookup.answered(each.key, [])
    assert lookup.answered_count == 4
    assert keys(lookup.closest(4)) == [1, 3, 4]  # 1 and 2 are of one subnet


def test_on_trust_the_paths_may_name_the_same_contact_which_counts_once() -> None:
    lookup = start(2, 1, 2, k=3, beta=1)
    for each in lookup.next():
        lookup.answered(each.key, contacts(7, 8))
    assert lookup.finished
    assert keys(lookup.closest(3)) == [1, 2, 7]


@given(st.integers(5, 80), st.integers(2, 5), st.integers(1, 5), st.integers(0, 2**32))
def test_disjoint_sorted_and_without_duplicates(size: int, k: int, paths: int, seed: int) -> None:
    rng = Random(seed)
    world, policy = World(size, k, rng, dead_share=rng.random() / 2), make_policy(k=k)
    own, target = rng.choice(world.live()), SPACE.draw(rng)
    lookup = DisjointLookup(target, policy, world.seeds(own, target), paths, own=own)
    run = drive(lookup, world, rng)
    assert len(run.asked) == len(set(run.asked)) == lookup.asked
    assert own not in run.asked
    assert run.most_in_flight <= max(policy.alpha, paths) * (WIDEST if world.dead else 1)
    assert lookup.answered_count + lookup.silent_count <= lookup.asked
    found = keys(lookup.closest(size))
    assert found == sorted(set(found), key=lambda key: key ^ target)
    assert len(found) == lookup.answered_count
    assert not world.dead & set(found)


@pytest.mark.parametrize("paths", [1, 2, 4])
def test_in_an_honest_network_the_result_is_exact(paths: int) -> None:
    rng = Random(paths)
    world, policy = World(500, 8, rng), make_policy(k=8)
    for _ in range(40):
        own, target = rng.choice(world.keys), SPACE.draw(rng)
        lookup = DisjointLookup(target, policy, world.seeds(own, target), paths, own=own)
        run = drive(lookup, world, rng)
        assert keys(lookup.closest(8)) == world.truth(target, 8, own)
        assert run.requests <= paths * 20
        assert lookup.complete


def survived(world: World, paths: int, hostile: set[Key], rng: Random) -> float:
    """The share of walks that reach the closest honest contact, though liars surround the target.

    Each hostile contact names Sybils nearer to the target than any honest contact; these answer,
    and name more of themselves. A lookup that meets one liar too early ends among Sybils.
    """
    policy, reached, walks = make_policy(k=8), 0, 40
    honest = [key for key in world.keys if key not in hostile]
    for _ in range(walks):
        own, target = rng.choice(honest), SPACE.draw(rng)
        sybils = [Key(target ^ n) for n in range(1, 101)]

        def reply(key: Key, towards: Key, lies: list[Key] = sybils) -> list[Contact]:
            lying = key in hostile or key in lies
            return contacts(*rng.sample(lies, 8)) if lying else world.answer(key, towards)

        walker = DisjointLookup(target, policy, world.seeds(own, target), paths, own=own)
        run = drive(walker, world, rng, reply=reply)
        reached += min((k for k in honest if k != own), key=target.__xor__) in run.asked
    return reached / walks


def test_more_paths_reach_the_target_more_often_among_liars() -> None:
    rng = Random(23)
    world = World(600, 8, rng)
    hostile = set(rng.sample(world.keys, 60))
    one, eight = (survived(world, paths, hostile, rng) for paths in (1, 8))
    assert eight >= one + 0.1
    assert eight >= 0.9
