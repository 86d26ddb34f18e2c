from __future__ import annotations

from random import Random

import pytest

from dht.core.engine import Engine
from dht.core.table import RoutingTable
from simulations.protocol.networks import network
from simulations.protocol.tables import Planter
from simulations.protocol.world import World
from tests.sim_worlds import planted
from tests.strategies import brute_closest


@pytest.mark.parametrize("name", ["mainline", "amino"])
@pytest.mark.parametrize("count", [1, 2, 21, 300])
def test_full_tables_hold_k_of_each_range_or_all_there_are(name: str, count: int) -> None:
    net = network(name)
    world, k = planted(count, net=net), net.policy.k
    for node in world.nodes:
        assert node.engine is not None
        table, space = node.engine.table, net.policy.space
        buckets = table.statistics().buckets
        prefixes = [space.prefix_length(node.key, other.key) for other in world.nodes]
        for index, size in enumerate(buckets[:-1]):
            assert size == min(k, prefixes.count(index))
        deepest = sum(p >= len(buckets) - 1 for p in prefixes) - 1  # All but itself.
        assert buckets[-1] == deepest <= k
        assert all(contact is world.at[contact.endpoint].contact for contact in table.contacts())
        near = brute_closest([n.contact for n in world.nodes if n is not node], node.key, deepest)
        assert set(near) <= set(table.closest(node.key, k))


def test_a_planted_table_is_one_into_which_all_have_answered() -> None:
    net = network("mainline")
    world = planted(200, net=net)
    for node in world.nodes[:20]:
        assert node.engine is not None
        table = node.engine.table
        grown = RoutingTable(node.key, net.policy)
        for contact in table.contacts():
            grown.answered(contact, 0.1, 0.0)
        rng = Random(3)
        for _ in range(20):
            target = net.policy.space.draw(rng)
            assert set(table.closest(target, 8)) == set(grown.closest(target, 8))
        assert table.next_due() == grown.next_due() + net.policy.refresh_every


def test_tables_can_be_given_as_numbers_of_nodes() -> None:
    net, rng = network("mainline"), Random(2)
    world = World(lambda a, b: 0.1)
    for index in range(4):
        contact = net.contact(index, rng)
        world.add(contact, Engine(contact.key, net.policy, rng) if index else None)
    planter = Planter(world.nodes, net.policy)
    planter.plant(world.nodes[0], [[1, 2]], 0.0)  # The dead have no table.
    planter.plant(world.nodes[1], [[3, 0], [2]], 5.0)
    engine = world.nodes[1].engine
    assert engine is not None
    held = list(engine.table.contacts())
    assert held == [world.nodes[index].contact for index in (3, 0, 2)]
    assert engine.table.rtt(held[0].key) == 0.1
