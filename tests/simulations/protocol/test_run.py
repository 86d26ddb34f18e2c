from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulations import protocol
from simulations.chance import Chance
from simulations.errors import ConfigError
from simulations.latency import LogNormal
from simulations.laws import Exponential, Fixed
from simulations.rows import LOOKUPS, Kind
from simulations.scenario import Adversary, Churn, NatShares, Network, Rules, Traffic
from tests.sim_worlds import choice, made, ran, scenario

TRAFFIC = Traffic(lookups=60)
MIXED = Traffic(lookups=90, puts=0.3, gets=0.4)


def equal(one: Any, other: Any) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in LOOKUPS)


def test_a_quiet_network_finds_everything() -> None:
    rows = ran(traffic=TRAFFIC)
    assert list(rows) == list(LOOKUPS)
    assert rows.count == 60
    assert rows["success"].all()
    assert (rows["found_closest"] == 1).all()
    assert not rows["timeouts"].any()
    assert (rows["hops"] >= 1).all()
    assert (rows["requests"] >= 8).all()
    steps = rows["latency_s"] / 0.1  # Of a round trip each.
    assert np.allclose(steps, np.round(steps))


def test_the_same_root_sees_the_same_and_another_does_not() -> None:
    assert equal(ran(1, traffic=TRAFFIC), ran(1, traffic=TRAFFIC))
    assert not equal(ran(1, traffic=TRAFFIC), ran(2, traffic=TRAFFIC))


def test_through_the_bytes_of_mainline_the_same_is_seen() -> None:
    """Nothing that lookups, puts and gets are made of is lost in the dialect."""
    assert equal(ran(traffic=MIXED), ran(traffic=MIXED, codec=True))


def test_what_was_put_is_found() -> None:
    rows = ran(traffic=MIXED)
    assert set(rows["kind"]) == {Kind.LOOKUP, Kind.PUT, Kind.GET}
    assert rows["success"].all()
    puts = rows.where(rows["kind"] == Kind.PUT)
    assert (puts["found_closest"] == 1).all()


def test_puts_to_a_region_reach_more_and_cost_more() -> None:
    near = ran(traffic=Traffic(lookups=20, puts=1.0))
    wide = ran(traffic=Traffic(lookups=20, puts=1.0, region=2))
    assert wide["requests"].mean() > 2 * near["requests"].mean()
    assert wide["found_closest"].min() == 1


@pytest.mark.parametrize("policy", ["mainline", "amino"])
def test_who_joined_one_after_the_other_finds_as_much(policy: str) -> None:
    joined = Network(nodes=60, start="joined")
    rows = ran(network=joined, rules=Rules(policy=policy), traffic=TRAFFIC)  # type: ignore[arg-type]
    assert rows["success"].all()
    assert rows["found_closest"].mean() > 0.95
    assert rows["time_s"].min() >= 0


def test_amino_asks_few_and_stops_early() -> None:
    eager = ran(rules=Rules(policy="amino"), traffic=TRAFFIC)
    full = ran(rules=Rules(policy="amino", beta=20), traffic=TRAFFIC)
    assert eager["requests"].mean() < 0.5 * full["requests"].mean()
    assert eager["success"].all()


def test_the_dead_cost_time() -> None:
    rows = ran(network=Network(nodes=100, dead=0.3), traffic=TRAFFIC)
    assert rows["success"].all()
    assert rows["timeouts"].mean() > 1
    assert rows["latency_s"].mean() > ran(traffic=TRAFFIC)["latency_s"].mean()


def test_losses_cost_timeouts() -> None:
    lossy = Network(nodes=100, loss=0.1, latency=LogNormal())
    rows = ran(network=lossy, traffic=TRAFFIC)
    assert rows["timeouts"].mean() > 0.5
    assert rows["found_closest"].mean() > 0.7


def test_those_behind_nats_ask_but_are_not_asked() -> None:
    run = made(network=Network(nodes=100, nat=NatShares(restricted=0.3, symmetric=0.2)))
    hidden = {node.key for node in run.world.nodes if node.nat}
    assert 35 <= len(hidden) <= 65
    for node in run.world.nodes:
        assert node.engine is not None
        assert not hidden.intersection(contact.key for contact in node.engine.table.contacts())
    assert len(run.truth) == 100 - len(hidden)


def test_nodes_come_and_go_and_the_size_stays() -> None:
    run = made(duration=600.0, churn=Churn(session=Exponential(300.0)), traffic=TRAFFIC)
    rows = run.finish()
    alive = [node for node in run.world.nodes if node.alive]
    assert len(alive) == 100
    assert len(run.world.nodes) > 200
    assert all(node.engine is None for node in run.world.nodes if not node.alive)
    users = rows.where(rows["kind"] == Kind.LOOKUP)
    assert users["success"].mean() > 0.9
    assert (rows["kind"] == Kind.JOIN).sum() > 100


def test_the_stationary_start_has_sessions_that_end_evenly() -> None:
    """Of fixed sessions, half are over after half of one."""
    run = made(duration=500.0, churn=Churn(session=Fixed(1000.0)), traffic=Traffic(rate=0.0))
    run.finish()
    assert sum(not node.alive for node in run.world.nodes) == pytest.approx(50, abs=15)


def test_who_was_away_comes_back_with_its_key() -> None:
    churn = Churn(session=Exponential(200.0), absence=Exponential(200.0))
    run = made(duration=800.0, churn=churn, traffic=Traffic(rate=0.0))
    run.finish()
    assert len(run.world.nodes) == 100
    assert 30 < sum(node.alive for node in run.world.nodes) < 70


def test_a_share_of_nodes_runs_another_version() -> None:
    run = made(rules=Rules(others={"share": 0.5, "k": 20}), traffic=TRAFFIC)
    sizes = [node.engine.policy.k for node in run.world.nodes if node.engine]
    assert 30 < sizes.count(20) < 70
    assert run.finish()["success"].all()


def test_paths_that_share_nothing_cost_more() -> None:
    four, one = ran(rules=Rules(paths=4), traffic=TRAFFIC), ran(traffic=TRAFFIC)
    assert four["success"].all()
    assert four["requests"].mean() > 2 * one["requests"].mean()


def test_warming_up_is_not_recorded() -> None:
    rows = ran(traffic=Traffic(lookups=60, warmup=30.0))
    assert rows.count == 30
    assert rows["time_s"].min() >= 30


def test_the_rate_is_a_rate() -> None:
    rows = ran(duration=360.0, traffic=Traffic(rate=60.0))
    assert rows.count == pytest.approx(600, rel=0.15)


def test_progress_is_told() -> None:
    told: list[float] = []
    protocol.run(scenario(traffic=TRAFFIC), Chance(1), told.append)
    assert told == sorted(told)
    assert told[-1] == 60.0


def test_memory_is_foreseen_and_grows_with_the_network() -> None:
    small, large = (scenario(network=Network(nodes=n)) for n in (100, 10_000))
    assert protocol.memory(small) < protocol.memory(large) < 10**9


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"codec": True, "rules": Rules(policy="amino")}, "codec"),
        ({"network": Network(ids="bep42"), "rules": Rules(policy="amino")}, "network.ids"),
        ({"rules": Rules(switches={"no_such": 1})}, "no_such"),
        ({"rules": Rules(others={"k": 20})}, "rules.others.share"),
        ({"rules": Rules(others={"share": 0.5, "no_such": 1})}, "no_such"),
        ({"adversary": Adversary(behaviour=choice("sybill"), count=1)}, "sybill"),
        ({"adversary": Adversary(behaviour=choice("drop", no=1), count=1)}, "no"),
        ({"events": (choice("partitoin", at=1.0),)}, "partitoin"),
        ({"events": (choice("partition"),)}, "at"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        ran(**fields)
