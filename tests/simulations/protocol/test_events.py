from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from simulations.scenario import Network, Traffic
from tests.sim_worlds import choice, made, ran

if TYPE_CHECKING:
    from simulations.rows import Rows

TRAFFIC = Traffic(lookups=300)


def success(rows: Rows, start: float, end: float) -> float:
    times = rows["time_s"]
    return float(rows["success"][(times >= start) & (times < end)].mean())


def test_a_partition_hides_half_of_the_network_until_it_heals() -> None:
    rows = ran(
        duration=900.0, traffic=TRAFFIC, events=(choice("partition", at=300.0, until=600.0),)
    )
    assert success(rows, 0, 300) == 1
    assert success(rows, 300, 600) < 0.75, "half of all targets lie beyond the cut"
    assert success(rows, 700, 900) > 0.9


def test_a_region_falls_silent_for_good() -> None:
    run = made(
        duration=600.0,
        network=Network(nodes=100, regions=4),
        traffic=TRAFFIC,
        events=(choice("failure", at=300.0, region=1),),
    )
    struck = [node for node in run.world.nodes if node.region == 1]
    rows = run.finish()
    assert 10 < len(struck) < 40
    assert [node for node in run.world.nodes if not node.alive] == struck
    before, after = rows["time_s"] < 300, rows["time_s"] >= 300
    assert rows["timeouts"][before].sum() == 0
    assert rows["timeouts"][after].mean() > 0.5
    assert success(rows, 300, 600) > 0.95


def cross(**fields: object) -> float:
    """The share of contacts in tables that belong to the other network."""
    run = made(
        duration=1800.0,
        network=Network(nodes=100, parts=2),
        traffic=Traffic(lookups=100),
        **fields,
    )
    run.finish()
    parts = {node.key: node.part for node in run.world.nodes}
    foreign = [
        parts[contact.key] != node.part
        for node in run.world.nodes
        if node.engine is not None
        for contact in node.engine.table.contacts()
    ]
    return float(np.mean(foreign))


def test_one_bridge_merges_two_networks_that_knew_nothing_of_each_other() -> None:
    assert cross() == 0
    assert cross(events=(choice("bridge", at=10.0),)) > 0.02


@pytest.mark.parametrize("parts", [1, 2])
def test_a_bridge_needs_two_banks(parts: int) -> None:
    network = Network(nodes=40, parts=parts)
    rows = ran(network=network, traffic=TRAFFIC, events=(choice("bridge", at=1.0, count=2),))
    assert rows.count == 300
