from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulations.lookup.greedy import hops, reached
from simulations.lookup.rounds import in_rounds
from simulations.lookup.rule import Rule
from tests.simulations.lookup.small import closest, known, network, sources, targets


def stupid_rounds(world: Any, rule: Rule, source: int, target: int) -> tuple[int, ...]:
    """The paper's lookup with sets and sorting."""
    ids = world.tables.ids
    named = dict.fromkeys(closest(ids, known(world, source), target, 2 * rule.k), 0)
    asked, dead, requests, count = set(), set(), 0, 0
    while True:
        near = closest(ids, set(named) - dead, target, rule.k)
        chosen = [node for node in near if node not in asked][: rule.alpha]
        if not chosen:
            nearest = closest(ids, asked - dead or set(named), target, 1)[0]
            return nearest, requests, len(dead), count, named[nearest]
        count += 1
        for node in chosen:
            asked.add(node)
            requests += 1
            if not world.alive[node]:
                dead.add(node)
                continue
            for other in closest(ids, known(world, node), target, rule.k):
                if other != source:
                    named.setdefault(other, count)


@pytest.mark.parametrize("dead", [0.0, 0.3])
@pytest.mark.parametrize("rule", [Rule(8, 3, 8), Rule(20, 1, 20), Rule(4, 5, 4)])
def test_rounds_are_those_of_the_stupid_lookup(rule: Rule, dead: float) -> None:
    world = network(800, rule.k, dead=dead)
    begun, ends = sources(world, 60), targets(60)
    made = in_rounds(world.tables, world.alive, rule, begun, ends)
    for index in range(60):
        expected = stupid_rounds(world, rule, int(begun[index]), int(ends[index]))
        assert tuple(int(column[index]) for column in made) == expected


def test_greedy_walks_take_the_nearest_contact_each_time() -> None:
    world = network(500, 4)
    ids, begun = world.tables.ids, sources(world, 50)
    ends = sources(world, 50, seed=9)
    taken = hops(world.tables, begun, ends)
    for source, target, count in zip(begun, ends, taken, strict=True):
        node, steps = source, 0
        while node != target:
            node = closest(ids, known(world, node), ids[target], 1)[0]
            steps += 1
        assert steps == count


def test_one_path_arrives_if_nobody_on_it_is_hostile() -> None:
    world = network(500, 4)
    ids, begun, ends = world.tables.ids, sources(world, 80), sources(world, 80, seed=9)
    begun, ends = begun[begun != ends], ends[begun != ends]
    hostile = np.random.default_rng(1).random(500) < 0.3
    arrived = reached(world.tables, hostile, begun, ends, 1)
    for source, target, fine in zip(begun, ends, arrived, strict=True):
        node = closest(ids, known(world, source), ids[target], 1)[0]
        while node != target and not hostile[node]:
            node = closest(ids, known(world, node), ids[target], 1)[0]
        assert fine == (node == target)


@pytest.mark.parametrize("paths", [1, 2, 5, 40])
def test_more_paths_never_arrive_less_and_all_hostile_none(paths: int) -> None:
    world = network(500, 8)
    begun, ends = sources(world, 200), sources(world, 200, seed=9)
    begun, ends = begun[begun != ends], ends[begun != ends]
    nobody = np.zeros(500, np.bool_)
    assert reached(world.tables, nobody, begun, ends, paths).all()
    direct = reached(world.tables, ~nobody, begun, ends, paths)
    taken = hops(world.tables, begun, ends)
    assert (direct == (taken == 1)).all(), "who knows the target needs nobody"
