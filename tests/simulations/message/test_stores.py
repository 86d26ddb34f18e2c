"""Copies of records: held, renewed, replicated by the first whose clock runs out, expired."""

from __future__ import annotations

import numpy as np

from dht.core.records import RecordStore
from simulations.message import state as st
from simulations.message.keeping import Keeping
from simulations.protocol.networks import network
from tests import kernels


def test_holders_clocks_are_those_of_the_core() -> None:
    world = kernels.world(keeping=Keeping(count=5))
    policy = network("mainline").policy
    for record in range(5):
        key, own = int(world.records["key"][record]), int(world.nodes["id"][3])
        kernels.hold(world, 3, record, 100.0)
        store = RecordStore(own, policy)  # type: ignore[arg-type]
        waited = world.held[3, record]["replicate"] - 100.0
        assert waited == store._wait(key)  # type: ignore[arg-type]
        assert world.records["copies"][record] == 1
    kernels.hold(world, 3, 0, 200.0)  # again: renewed, not doubled
    assert world.records["copies"][0] == 1
    assert world.held[3, 0]["renewed"] == 200.0


def test_copies_expire_a_lifetime_after_their_last_put() -> None:
    world = kernels.world(keeping=Keeping(count=2, provided=True))
    life = world.rules.provider_lifetime
    kernels.hold(world, 3, 0, 0.0)
    kernels.hold(world, 3, 1, 10.0)
    assert kernels.next_due(world, 3) == life  # provider records are not replicated
    kernels.expire(world, 3, life)
    assert list(world.records["copies"]) == [0, 1]
    assert kernels.next_due(world, 3) == life + 10.0
    kernels.expire(world, 3, life + 10.0)
    assert kernels.next_due(world, 3) == np.inf
    assert world.nodes[3]["holding"] == 0


def test_a_full_node_refuses() -> None:
    world = kernels.world(keeping=Keeping(count=40))
    room = world.held.shape[1]
    taken = [kernels.hold(world, 3, record, 0.0) for record in range(40)]
    assert sum(taken) == room
    assert world.tally[st.CROWDED] == 40 - room
