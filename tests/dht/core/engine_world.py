"""Networks of engines that have joined each other, and who holds what in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.strategies import NETWORKS, Network
from tests.world import World

if TYPE_CHECKING:
    from dht.core.messages import (
        Record,
    )
    from tests.world import Member


@pytest.fixture(params=NETWORKS, ids=str)
def network(request: pytest.FixtureRequest) -> Network:
    assert isinstance(request.param, Network)
    return request.param


def joined(network: Network, count: int = 40, seed: int = 1, **link: float) -> World:
    world = World(network, count, seed, **link)  # type: ignore[arg-type]
    world.join()
    return world


def holders(world: World, record: Record) -> list[Member]:
    return [m for m in world.members if m.engine.records.get(record.key) == record]


def hosts(world: World, key: int) -> list[Member]:
    return [m for m in world.members if m.engine.providers.all(key)]  # type: ignore[arg-type]
