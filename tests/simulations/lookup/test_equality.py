"""The kernels make the lookups of the shipped engines: every request, contact and depth.

``test_ten_thousand`` is the demand itself; what runs by default are some lookups of each kind.
Delays and timeouts are sums of powers of two, so that no rounding decides a tie.
"""

from __future__ import annotations

import numpy as np
import pytest

from dht.core import edge, lookup, timing
from dht.core.policy import Timeouts
from simulations.lookup import calls, patient
from simulations.lookup.batch import walks
from simulations.lookup.desk import request_limit
from simulations.lookup.rule import Rule, patience
from simulations.lookup.tables import NOBODY
from tests.simulations.lookup.engines import Seen, Walker
from tests.simulations.lookup.small import network, sources, targets

RTT = 0.125
FIXED = Timeouts(0.25, 0.25, 0.25, 0.5, 0.5, 0.5)
HASTY = Timeouts(0.0625, 0.0625, 0.0625, 0.09375, 0.09375, 0.09375)
"""Everybody is slow, given up, and comes back to life."""
ADAPTIVE = Timeouts()

RULES = {
    "Mainline": Rule(k=8, alpha=4, beta=8),
    "Amino": Rule(k=20, alpha=10, beta=3),
    "k = 20": Rule(k=20, alpha=3, beta=20),
    "paths": Rule(k=8, alpha=4, beta=8, paths=4),
    "more paths than alpha": Rule(k=8, alpha=3, beta=3, paths=5),
    "subnets": Rule(k=8, alpha=4, beta=8, per_subnet=1),
    "paths and subnets": Rule(k=8, alpha=4, beta=8, paths=3, per_subnet=2),
    "Amino with both": Rule(k=20, alpha=10, beta=3, paths=2, per_subnet=2),
}
TIMEOUTS = {"fixed": FIXED, "adaptive": ADAPTIVE, "hasty": HASTY}


def compare(
    rule: Rule,
    timeouts: Timeouts,
    dead: float,
    count: int,
    nodes: int,
    *,
    fast: bool = False,
    part: int = 0,
) -> None:
    world = network(nodes, rule.k, seed=nodes, dead=dead, subnets=nodes // 5)
    begun, ends = sources(world, count, seed=2 + part), targets(count, seed=1 + part)
    manner = patience(timeouts, RTT, 0)
    made = walks(world, rule, manner, begun, ends, traced=request_limit(rule.k), faithful=not fast)
    walker = Walker(world, rule, timeouts, RTT)
    for index in range(count):
        trace, found = made.trace[index], made.found[index]
        hers = Seen(
            trace[trace != NOBODY].tolist(),
            found[found != NOBODY].tolist(),
            made.depths[index][found != NOBODY].tolist(),
            int(made.silent[index]),
            float(made.elapsed[index]),
        )
        assert hers == walker.walk(int(begun[index]), int(ends[index])), f"lookup {index}"


@pytest.mark.parametrize("timeouts", TIMEOUTS.values(), ids=TIMEOUTS)
@pytest.mark.parametrize("dead", [0.0, 0.3])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_kernel_and_an_engine_make_the_same_lookup(
    rule: Rule, dead: float, timeouts: Timeouts
) -> None:
    compare(rule, timeouts, dead, count=8, nodes=600)


@pytest.mark.parametrize("rule", [RULES["Mainline"], RULES["Amino"], RULES["k = 20"]])
def test_the_fast_kernel_makes_it_too_where_nobody_is_dead(rule: Rule) -> None:
    compare(rule, ADAPTIVE, 0.0, count=30, nodes=2000, fast=True)


@pytest.mark.parametrize("nodes", [2, 5, 12])
def test_they_agree_where_nearly_nobody_is_known(nodes: int) -> None:
    for dead in (0.0, 0.4):
        compare(RULES["Mainline"], ADAPTIVE, dead, count=10, nodes=nodes)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(5))
@pytest.mark.parametrize("dead", [0.0, 0.2])
@pytest.mark.parametrize("name", ["Mainline", "Amino"])
def test_ten_thousand(name: str, dead: float, part: int) -> None:
    """Of four kinds a quarter each, in parts, so that none takes minutes."""
    compare(RULES[name], ADAPTIVE, dead, count=500, nodes=10_000, part=part)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("dead", [0.0, 0.3])
def test_a_lookup_is_the_same_in_any_company(rule: Rule, dead: float) -> None:
    """No lookup leaves anything behind on the desk that the next one works on."""
    world = network(500, rule.k, dead=dead, subnets=100)
    begun, ends = sources(world, 600), targets(600)
    manner = patience(ADAPTIVE, RTT, 0)
    together = walks(world, rule, manner, begun, ends, traced=64)
    alone = walks(world, rule, manner, begun[599:], ends[599:], traced=64)
    for many, one in zip(together, alone, strict=True):
        assert (many[599] == one[0]).all()


@pytest.mark.parametrize("rule", [RULES["Mainline"], RULES["Amino"], Rule(alpha=1), Rule(k=3)])
def test_the_fast_kernel_and_the_faithful_one_are_equal(rule: Rule) -> None:
    world = network(3000, rule.k)
    begun, ends = sources(world, 2000), targets(2000)
    manner = patience(ADAPTIVE, RTT, 64)
    fast = walks(world, rule, manner, begun, ends, traced=100, faithful=False)
    faithful = walks(world, rule, manner, begun, ends, traced=100, faithful=True)
    for one, other in zip(fast, faithful, strict=True):
        assert (one == other).all()


def test_the_numbers_are_those_of_the_shipped_rule() -> None:
    assert patient.QUESTIONS == edge.QUESTIONS
    assert calls.DEVIATION_GAIN == timing.DEVIATION_GAIN
    assert calls.DEVIATIONS == timing.DEVIATIONS
    assert calls.LONG_OVER_SHORT == timing.LONG_OVER_SHORT
    assert calls.RECENT == timing.RECENT
    assert [request_limit(k) for k in (1, 8, 20)] == [lookup.request_limit(k) for k in (1, 8, 20)]


def test_without_the_edge_more_is_missed_and_less_is_asked() -> None:
    world = network(2000, 8, dead=0.3)
    begun, ends = sources(world, 2000), targets(2000)
    manner = patience(ADAPTIVE, RTT, 64)
    with_edge = walks(world, Rule(8, 4, 8), manner, begun, ends)
    without = walks(world, Rule(8, 4, 8, edge=0), manner, begun, ends)
    assert without.requests.mean() < with_edge.requests.mean()
    assert (without.found != with_edge.found).any(axis=1).mean() > 0.05
    assert np.array_equal(without.found[:, 0], with_edge.found[:, 0]), "the nearest is found anyway"
