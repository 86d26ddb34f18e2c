from __future__ import annotations

import numpy as np
import pytest

from simulations.errors import ConfigError
from simulations.scenario import Churn, Network, Trace, Traffic
from tests.sim_worlds import made, ran


def trace(*sessions: tuple[int, float, float]) -> Trace:
    node, start, end = zip(*sessions, strict=True) if sessions else ((), (), ())
    return Trace(np.array(node, np.uint32), np.array(start, float), np.array(end, float))


def test_nodes_come_and_go_as_they_were_seen_to() -> None:
    sessions = [(index, 0.0, 1000.0) for index in range(20)]
    sessions += [(20, 0.0, 10.0), (21, 15.0, 40.0), (20, 20.0, 50.0)]
    run = made(duration=60.0, churn=Churn(trace=trace(*sessions)), traffic=Traffic(rate=0.0))
    first, second = run.world.nodes[20:]
    alive: dict[float, tuple[bool, bool]] = {}
    for moment in (5.0, 12.0, 18.0, 30.0, 45.0, 55.0):
        run.world.run(moment)
        alive[moment] = first.alive, second.alive
        assert (first.key in run.truth) == first.alive
    assert alive == {
        5.0: (True, False),
        12.0: (False, False),
        18.0: (False, True),
        30.0: (True, True),
        45.0: (True, False),
        55.0: (False, False),
    }


def test_who_comes_joins() -> None:
    sessions = [(index, 0.0, 1000.0) for index in range(20)] + [(20, 10.0, 1000.0)]
    run = made(duration=60.0, churn=Churn(trace=trace(*sessions)), traffic=Traffic(rate=0.0))
    run.finish()
    newcomer = run.world.nodes[20]
    assert newcomer.engine is not None
    assert len(newcomer.engine.table) >= 8
    known = [newcomer.key in node.engine.table for node in run.world.nodes[:20] if node.engine]
    assert sum(known) >= 8


def test_an_empty_trace_is_refused() -> None:
    with pytest.raises(ConfigError, match="no session"):
        ran(churn=Churn(trace=trace()))


def test_who_knows_nobody_tries_again_until_somebody_is_there() -> None:
    run = made(network=Network(nodes=10), traffic=Traffic(rate=0.0))
    for node in run.world.nodes:
        run.population.leave(node)
    lonely = run.population.create()
    run.population.join(lonely)
    run.world.run(20.0)
    assert lonely.engine is not None
    assert not len(lonely.engine.table)
    run.population.join(run.population.create())
    run.world.run(60.0)
    assert len(lonely.engine.table) == 1


def test_nobody_knows_who_has_not_come_yet() -> None:
    sessions = [(index, 0.0, 100.0) for index in range(20)] + [(20, 30.0, 90.0)]
    run = made(duration=60.0, churn=Churn(trace=trace(*sessions)), traffic=Traffic(rate=0.0))
    late = run.world.nodes[20].key
    tables = [node.engine.table for node in run.world.nodes[:20] if node.engine is not None]
    assert len(tables) == 20
    assert all(8 <= len(table) <= 19 for table in tables)
    assert not any(late in table for table in tables)
    run.world.run(59.0)
    assert any(late in table for table in tables)


def test_the_dead_leave_once() -> None:
    run = made(network=Network(nodes=10))
    node = run.world.nodes[0]
    run.population.leave(node)
    run.population.leave(node)
    assert len(run.truth) == 9
    assert run.population.anybody(run.population._rng) in run.world.nodes[1:]
