"""RegionWalk against brute force: every live contact of the region, and at least k."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.core.keys import Key, KeySpace
from dht.core.lookup import WIDEST
from dht.core.region import RegionWalk
from tests.dht.core.lookup_world import SPACE, World, contact, drive, make_policy

if TYPE_CHECKING:
    from dht.core.messages import Contact
    from dht.core.walker import Walker

SMALL = KeySpace(8)
TARGET = Key(0)


def contacts(*keys: int) -> list[Contact]:
    return [contact(key) for key in keys]


def keys(found: list[Contact] | tuple[Contact, ...]) -> list[int]:
    return [each.key for each in found]


def region_of(world: World, target: Key, bits: int, own: Key | None, least: int) -> list[int]:
    """By brute force: all live nodes that share ``bits`` bits, and at least the closest ones."""
    live = sorted((k for k in world.live() if k != own), key=lambda key: key ^ target)
    inside = [key for key in live if world.space.prefix_length(key, target) >= bits]
    return inside if len(inside) >= least else live[:least]


def walk(*seeds: int, bits: int, k: int = 2, alpha: int = 2, limit: int = 64) -> RegionWalk:
    policy = make_policy(SMALL, k=k, alpha=alpha)
    return RegionWalk(TARGET, policy, contacts(*seeds), bits, limit=limit)


def test_nobody_to_ask_is_the_end() -> None:
    region = walk(bits=4)
    assert region.finished
    assert not region.complete
    assert region.next() == []
    assert region.closest(8) == ()


def test_a_region_inside_the_k_closest_costs_one_lookup() -> None:
    region = walk(1, 0xF0, bits=4)
    for each in region.next():
        assert region.answered(each.key, [])
    assert region.finished
    assert region.complete
    assert keys(region.closest(2)) == [1, 0xF0]
    assert keys(region.closest(0)) == [1]
    assert region.depth(Key(1)) == 1
    assert region.depth(Key(2)) == 0
    assert region.asked == region.answered_count == 2


def test_a_full_prefix_is_split_and_its_other_half_is_asked_about_itself() -> None:
    region = walk(1, 2, bits=4)
    assert region.target == TARGET
    for each in region.next():
        region.answered(each.key, [])
    # Both lie in 0000 00..: left to look at are its halves' siblings, the widest first.
    assert region.target == Key(0b1000)
    assert not region.finished
    targets = set()
    while not region.finished:
        asked = region.next()
        targets.add(region.target)
        for each in asked:
            region.answered(each.key, contacts(0b1000, 0b1001))
    assert {Key(0b100), Key(0b1000)} <= targets
    assert keys(region.closest(2)) == [1, 2, 0b1000, 0b1001]
    assert region.complete
    assert region.depth(Key(0b1000)) == 2


def test_a_region_of_one_key_is_not_split() -> None:
    region = walk(0, k=1, bits=8)
    finish(region)
    assert region.complete
    assert keys(region.closest(1)) == [0]
    assert region.asked == 1


def test_the_number_of_lookups_is_bounded() -> None:
    region = walk(1, 2, bits=0, limit=2)
    while not region.finished:
        for each in region.next():
            region.answered(each.key, [])
    assert not region.complete
    assert keys(region.closest(1)) == [1, 2]


def test_a_lookup_that_fails_ends_the_walk_incomplete() -> None:
    region = walk(1, 2, bits=0)
    for each in region.next():
        assert region.failed(each.key)
    assert region.finished
    assert not region.complete
    assert region.silent_count == 2


def test_strangers_and_repetitions_do_not_matter() -> None:
    region = walk(1, 2, 0xF0, bits=8)
    assert not region.answered(Key(1), [])  # not asked yet
    region.next()
    assert not region.answered(Key(9), [])
    assert not region.slow(Key(9))
    assert not region.failed(Key(9))
    assert region.slow(Key(1))
    assert not region.slow(Key(1))
    assert region.answered(Key(1), [])
    assert not region.answered(Key(1), contacts(3))
    assert not region.failed(Key(1))


def test_one_struck_off_before_it_is_asked_is_never_asked() -> None:
    region = walk(1, 2, 3, bits=8)
    assert region.failed(Key(1))
    assert keys(region.next()) == [2, 3]
    assert region.silent_count == 0


def test_excluded_contacts_and_our_own_are_never_asked() -> None:
    policy = make_policy(SMALL, k=4)
    region = RegionWalk(
        TARGET, policy, contacts(1, 2, 3), 4, own=Key(1), exclude=lambda key: key == 2
    )
    assert keys(region.next()) == [3]


def leftover() -> RegionWalk:
    """The first lookup has ended; 0x21, pushed out of its window, owes an answer still."""
    region = walk(0x20, 0x21, bits=0)
    assert keys(region.next()) == [0x20, 0x21]
    region.answered(Key(0x20), contacts(1, 2))
    assert keys(region.next()) == [1]
    region.answered(Key(1), [])
    assert keys(region.next()) == [2]
    region.answered(Key(2), [])
    assert region.target != TARGET
    assert region.next() == []  # the next lookup waits until 0x21 has answered or is slow
    return region


def finish(region: RegionWalk) -> None:
    while not region.finished:
        for each in region.next():
            region.answered(each.key, [])


def test_an_answer_to_the_last_lookup_lets_the_next_begin() -> None:
    region = leftover()
    assert region.answered(Key(0x21), contacts(0x30))
    assert region.next()
    assert 0x21 in keys(region.closest(0))


def until_wanted(region: RegionWalk) -> None:
    """Go on until the only thing left is the one that owes an answer."""
    assert region.slow(Key(0x21))
    while asked := region.next():
        assert 0x21 not in keys(asked)
        for each in asked:
            region.answered(each.key, [])
    assert not region.finished


def test_one_that_owes_an_old_answer_is_asked_anew_only_after_it() -> None:
    region = leftover()
    until_wanted(region)
    assert region.answered(Key(0x21), [])
    assert keys(region.next())[0] == 0x21
    assert region.answered(Key(0x21), [])
    finish(region)
    assert keys(region.closest(0)) == [1, 2, 0x20, 0x21]


def test_one_that_fails_while_it_is_wanted_is_given_up_in_both() -> None:
    region = leftover()
    until_wanted(region)
    assert region.failed(Key(0x21))
    finish(region)
    assert region.complete
    assert region.silent_count == 1
    assert region.answered(Key(0x21), [])  # far too late, and still it lives
    assert region.silent_count == 0
    assert keys(region.closest(0)) == [1, 2, 0x20, 0x21]


def test_one_that_answered_before_and_fails_later_was_alive() -> None:
    region = walk(1, 2, bits=0)
    for each in region.next():
        region.answered(each.key, [])
    again = region.next()
    for each in again:
        assert region.failed(each.key)
    assert region.silent_count == 0
    assert keys(region.closest(0)) == [1, 2]


@given(st.integers(1, 40), st.integers(2, 6), st.integers(0, 8), st.integers(0, 2**32))
def test_equals_brute_force_where_the_seeds_know_all(
    size: int, k: int, bits: int, seed: int
) -> None:
    rng = Random(seed)
    alpha, share = rng.randint(1, 5), rng.choice([0.0, rng.random() / 2])
    world = World(size, k, rng, dead_share=share, complete_knowledge=True)
    target = SPACE.draw(rng)
    policy = make_policy(k=k, alpha=alpha)
    region = RegionWalk(target, policy, contacts(*world.keys), bits, limit=1000)
    run = drive(region, world, rng)
    assert keys(region.closest(k)) == region_of(world, target, bits, None, k)
    assert run.most_in_flight <= alpha * (WIDEST if world.dead else 1)
    assert region.asked == run.requests
    assert region.answered_count + region.silent_count <= len(set(run.asked))


@pytest.mark.parametrize(("k", "bits", "requests"), [(8, 5, 260), (20, 5, 150), (8, 20, 20)])
def test_finds_the_whole_region_over_full_tables(k: int, bits: int, requests: int) -> None:
    rng = Random(k + bits)
    world, policy = World(600, k, rng), make_policy(k=k)
    spent = 0
    for _ in range(5):
        own, target = rng.choice(world.keys), SPACE.draw(rng)
        region = RegionWalk(target, policy, world.seeds(own, target), bits, own=own)
        run = drive(region, world, rng)
        assert region.complete
        assert keys(region.closest(k)) == region_of(world, target, bits, own, k)
        assert run.most_in_flight <= policy.alpha
        assert own not in run.asked
        spent += run.requests
    assert spent / 5 <= requests


def test_sybils_around_the_target_do_not_hide_the_honest_region() -> None:
    rng = Random(47)
    world, policy = World(1000, 8, rng), make_policy(k=8)
    target = SPACE.draw(rng)
    honest = region_of(world, target, 5, None, 8)
    sybils = [Key(target ^ n) for n in range(1, 33)]
    world.keys = sorted(world.keys + sybils)
    own = rng.choice([key for key in world.keys if key not in honest])
    region = RegionWalk(target, policy, world.seeds(own, target), 5, own=own)
    run = drive(region, world, rng)
    assert run.requests < 600
    assert set(honest) - {own} <= set(keys(region.closest(8)))


def test_one_named_before_it_was_near_enough_is_remembered_where_only_liars_are() -> None:
    """0x30 is named beside the target, when 1 and 2 are nearer; about its own prefix they lie."""
    region = walk(0xC0, bits=1)
    while not region.finished:
        for each in region.next():
            named = contacts(1, 2, 0x30) if each.key == 0xC0 else []
            region.answered(each.key, named)
    assert keys(region.closest(8)) == [1, 2, 0x30, 0xC0]


def test_a_region_walk_is_a_walker() -> None:
    walker: Walker = walk(1, bits=8)
    assert walker.target == TARGET
