"""Small simulated networks of real engines, for tests of the protocol fidelity."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from dht.core.engine import Engine
from simulations import protocol
from simulations.chance import Chance
from simulations.protocol.networks import Network, network
from simulations.protocol.tables import Planter
from simulations.protocol.world import World
from simulations.scenario import Choice, Scenario
from simulations.scenario import Network as Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulations.protocol.node import Node
    from simulations.rows import Rows

DELAY = 0.05


def planted(
    count: int,
    *,
    net: Network | None = None,
    dead: int = 0,
    delay: Callable[[Node, Node], float] = lambda a, b: DELAY,
    kind: type[World] = World,
) -> World:
    """A world of ``count`` nodes with full tables, the first ``dead`` of them silent."""
    net = net or network("mainline")
    rng = Random(1)
    world = kind(delay)
    for index in range(count):
        contact = net.contact(index, rng)
        world.add(contact, Engine(contact.key, net.policy, rng) if index >= dead else None)
    planter = Planter(world.nodes, net.policy)
    for node in world.nodes:
        planter.plant_full(node, 0.0, rng)
    return world


def scenario(**fields: Any) -> Scenario:
    """A scenario of 100 nodes and a minute, unless ``fields`` say otherwise."""
    fields.setdefault("network", Wanted(nodes=100))
    fields.setdefault("duration", 60.0)
    return Scenario(**fields)


def ran(seed: int = 1, **fields: Any) -> Rows:
    """What is seen in such a scenario."""
    return protocol.run(scenario(**fields), Chance(seed))


def made(seed: int = 1, **fields: Any) -> protocol.Run:
    """Such a scenario at its beginning."""
    return protocol.Run(scenario(**fields), Chance(seed))


def choice(name: str, **options: Any) -> Choice:
    return Choice(name=name, options=options)
