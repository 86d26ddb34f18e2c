"""The ranked list of a compiled lookup, against a sorted list."""

from __future__ import annotations

from random import Random

import pytest

from dht.core.shortlist import ANSWERED, UNASKED
from tests import kernels


@pytest.mark.parametrize("seed", range(3))
def test_candidates_are_sorted_and_known_once(seed: int) -> None:
    rng, world = Random(seed), kernels.world(nodes=2)
    expected: set[int] = set()
    for _ in range(60):
        away = rng.randrange(100)
        expected.add(away)
        kernels.rank(world, 0, kernels.word(away), away, 1)
        known = world.ops[0]["known"]
        assert list(world.ranked[0]["away"][:known]) == sorted(expected)
        assert list(world.ranked[0]["slot"][:known]) == sorted(expected)


def test_a_full_list_lets_go_the_farthest_that_was_not_asked() -> None:
    world = kernels.world(nodes=2)
    room = world.ranked.shape[1]
    for away in range(10, 10 + 2 * room, 2):
        kernels.rank(world, 0, kernels.word(away), 1, 1)
    world.ranked[0]["state"][room - 2 :] = ANSWERED
    kernels.rank(world, 0, kernels.word(11), 1, 1)
    kept = list(world.ranked[0]["away"])
    assert 11 in kept
    assert kept == sorted(kept)
    assert kept[-2:] == [10 + 2 * (room - 2), 10 + 2 * (room - 1)]  # they were asked
    kernels.rank(world, 0, kernels.word(10_000), 1, 1)  # farther than all
    assert list(world.ranked[0]["away"]) == kept
    world.ranked[0]["state"] = ANSWERED
    kernels.rank(world, 0, kernels.word(12), 1, 1)  # nobody to let go
    assert list(world.ranked[0]["away"]) == kept
    assert UNASKED not in world.ranked[0]["state"]
