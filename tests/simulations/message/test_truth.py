"""The simulator's own knowledge, against sorting everybody."""

from __future__ import annotations

from random import Random

import pytest

from simulations.message import state as st
from tests import kernels


@pytest.mark.parametrize("nodes", [2, 7, 8, 9, 10, 300])
def test_the_true_closest_are_those_of_brute_force(nodes: int) -> None:
    world, rng = kernels.world(nodes=nodes), Random(nodes)
    ids = list(map(int, world.nodes["id"]))
    for _ in range(200):
        but = rng.choice(ids)
        target = rng.choice([rng.getrandbits(64), but ^ rng.getrandbits(20)])
        count = kernels.true_closest(world, kernels.word(target), kernels.word(but))
        expected = sorted(each ^ target for each in ids if each != but)[: world.rules.k]
        assert list(map(int, world.nearest[:count])) == expected


def test_those_who_stand_are_sorted() -> None:
    world = kernels.world(nodes=300)
    standing = world.standing[: world.tally[st.STANDING]]
    assert list(standing["id"]) == sorted(world.nodes["id"])
    assert list(world.nodes["id"][standing["slot"]]) == list(standing["id"])
