from __future__ import annotations

from math import inf
from random import Random

import pytest

from dht.core.keys import Key
from dht.core.messages import Contact
from simulations.chance import Chance
from simulations.errors import ConfigError
from simulations.lookup.run import refuse
from simulations.message.keeping import Keeping
from simulations.message.setup import make_world
from simulations.protocol import Run, streams
from simulations.protocol.node import Node
from simulations.protocol.streams import ANSWERS, DIALS, FAILURES, LONGEST, Streams, quantile
from simulations.scenario import Network, Scenario, Traffic


def node(index: int, *, alive: bool = True) -> Node:
    made = Node(index, Contact(Key(index), ("16.0.0.1", index + 1)), None)
    made.alive = alive
    return made


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("values", [DIALS, FAILURES, ANSWERS])
def test_quantiles_are_those_of_the_table_and_rise(values: tuple[float, ...]) -> None:
    told = [quantile(values, share) for share in streams.SHARES]
    assert told == pytest.approx(values)
    between = [quantile(values, step / 1000) for step in range(1001)]
    assert between == sorted(between)


def test_a_dial_is_under_way_until_it_is_there() -> None:
    clock = Clock()
    it, one, other = Streams(Random(1), clock), node(1), node(2)
    takes, arrives = it.dial(one, other)
    assert arrives
    assert takes > 0
    assert not it.connected(one, other)
    clock.now = takes / 2
    assert it.dial(one, other) == (pytest.approx(takes / 2), True), "the same dial"
    clock.now = takes
    assert it.connected(one, other)
    assert it.dial(one, other) == (0.0, True)
    assert not it.connected(other, one), "it is known by who dialled"
    it.hang_up(one, other)
    assert not it.connected(one, other)
    assert it.dial(one, other)[0] != takes


def test_the_dead_fail_each_in_a_time_of_its_own() -> None:
    it = Streams(Random(1), Clock())
    fates = {index: it.dial(node(0), node(index, alive=False)) for index in range(1, 400)}
    assert all(not arrives for _, arrives in fates.values())
    assert all(0 <= takes <= LONGEST for takes, _ in fates.values())
    again = {index: it.dial(node(0), node(index, alive=False)) for index in fates}
    assert again == fates
    typical = sum(takes == pytest.approx(5.0, abs=0.02) for takes, _ in fates.values())
    assert 0.6 < typical / len(fates) < 0.9


def test_requests_take_dial_and_answer_and_replies_nothing() -> None:
    clock = Clock()
    it, one, other = Streams(Random(2), clock), node(1), node(2)
    there = it.delay(one, other)
    assert there >= it.dial(one, other)[0] > 0
    clock.now = there
    assert it.delay(other, one) == 0
    assert it.delay(one, node(3, alive=False)) == inf


def test_what_takes_too_long_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "DIALS", (100.0,) * len(DIALS))
    assert Streams(Random(1), Clock()).dial(node(1), node(2)) == (LONGEST, False)


def test_old_connections_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_OPEN", 10)
    clock = Clock()
    it = Streams(Random(1), clock)
    for index in range(100):
        clock.now += 40.0
        it.dial(node(0), node(index))
    assert not it.connected(node(0), node(1))
    assert it.connected(node(0), node(98))


def test_engines_run_over_streams_and_only_they() -> None:
    wanted = Scenario(
        duration=60.0,
        network=Network(nodes=60, streams=True),
        traffic=Traffic(lookups=20),
    )
    rows = Run(wanted, Chance(1)).finish()
    assert rows.count == 20
    assert rows["success"].mean() > 0.7
    assert rows["latency_s"].mean() > 0.3, "dials, not round trips"
    with pytest.raises(ConfigError, match=r"network\.streams"):
        refuse(wanted)
    with pytest.raises(ConfigError, match=r"network\.streams"):
        make_world(wanted, Keeping(), Chance(1))
