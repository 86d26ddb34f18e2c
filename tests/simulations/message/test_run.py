"""Whole runs: what must hold of every network, whatever its chance."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from simulations.chance import Chance
from simulations.errors import ConfigError
from simulations.latency import Constant, LogNormal
from simulations.laws import Exponential, Fixed, Weibull
from simulations.message import Keeping, memory, run, simulate
from simulations.message import state as st
from simulations.message.run import pass_time
from simulations.message.setup import depth, make_world
from simulations.rows import LOOKUPS, Kind, Rows
from simulations.scenario import (
    Adversary,
    Choice,
    Churn,
    NatShares,
    Network,
    Rules,
    Scenario,
    Trace,
    Traffic,
)
from simulations.statistics import digest
from tests import kernels

CHURN = Churn(session=Weibull(3600.0, 0.6))


def scenario(nodes: int = 100, duration: float = 1800.0, **fields: Any) -> Scenario:
    return Scenario(duration=duration, network=Network(nodes=nodes), **fields)


def passed(made: Scenario, seed: int = 1, keeping: Keeping | None = None) -> st.World:
    return pass_time(make_world(made, keeping or Keeping(), Chance(seed)), made.duration)


def contacts(w: st.World) -> list[tuple[int, Any]]:
    """Each node that is up with each row of its table."""
    found = []
    for n in np.flatnonzero(w.nodes["alive"]):
        for b in range(w.nodes[n]["depth"]):
            found += [(int(n), row) for row in w.contacts[n, b, : w.buckets[n, b]["members"]]]
    return found


def lookups(rows: Rows) -> Rows:
    return rows.where(rows["kind"] == Kind.LOOKUP)


def test_in_a_quiet_network_every_lookup_finds_all_there_is_to_find() -> None:
    rows = lookups(run(scenario(traffic=Traffic(lookups=500)), Chance(1)))
    assert list(rows) == list(LOOKUPS)
    assert rows.count == 500
    assert rows["success"].all()
    assert (rows["found_closest"] == 1).all()
    assert not rows["timeouts"].any()
    # Constant latency, nobody silent: every lookup takes whole round trips, of 0.1 s each.
    trips = rows["latency_s"] / 0.1
    assert np.allclose(trips, np.round(trips), atol=1e-6)
    assert trips.min() > 0.5


def test_one_seed_one_story() -> None:
    made = scenario(churn=CHURN)
    first, again, other = (run(made, Chance(seed)) for seed in (1, 1, 2))
    assert digest(first) == digest(again) != digest(other)


STORY = """
from simulations.chance import Chance
from simulations.laws import Weibull
from simulations.message import run
from simulations.scenario import Churn, Network, Scenario
from simulations.statistics import digest
churn = Churn(session=Weibull(3600.0, 0.6))
made = Scenario(duration=1800.0, network=Network(nodes=100), churn=churn)
print(digest(run(made, Chance(1))))
"""


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_the_story_is_the_same_in_every_process(hash_seed: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", STORY],
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ".", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == digest(run(scenario(churn=CHURN), Chance(1)))


def test_every_request_ends_answered_failed_or_abandoned() -> None:
    w = passed(scenario(churn=CHURN, duration=3600.0))
    w = w._replace(habits=w.habits._replace(churn=st.NEVER))
    under_way = len(w.calls) - int(w.tally[st.FREE_CALLS])
    ended = w.tally[st.ANSWERS] + w.tally[st.FAILURES] + w.tally[st.ABANDONED]
    assert w.tally[st.REQUESTS] == ended + under_way
    assert w.tally[st.FAILURES] > 0
    assert w.tally[st.ABANDONED] > 0


def test_only_who_answered_is_in_a_table() -> None:
    made = Scenario(
        duration=1800.0, network=Network(nodes=100, start="joined", latency=Constant(0.05))
    )
    rows = contacts(passed(made))
    assert len(rows) > 1000
    # Its round trip was measured, and it was 0.1 s for everybody who answered.
    assert np.allclose([row["rtt"] for _, row in rows], 0.1, atol=1e-5)


def test_an_old_contact_that_lives_is_never_put_out() -> None:
    made = scenario(churn=CHURN, duration=7200.0)
    w = make_world(made, Keeping(), Chance(1))
    before = {(n, int(w.nodes["id"][n]), int(row["id"])) for n, row in contacts(w)}
    w = pass_time(w, made.duration)
    alive = set(map(int, w.nodes["id"][w.nodes["alive"] == 1]))
    after = {(n, int(w.nodes["id"][n]), int(row["id"])) for n, row in contacts(w)}
    kept = {(n, own, other) for n, own, other in before if own in alive and other in alive}
    assert len(kept) > 300
    assert kept <= after


def test_tables_forget_the_dead_and_learn_the_new() -> None:
    outcome = simulate(scenario(churn=CHURN, duration=4 * 3600.0), Chance(1))
    stale = outcome.samples["stale_share"]
    assert stale[0] == 0
    assert 0.02 < stale[-12:].mean() < 0.25
    assert (outcome.samples["live"] == 100).all()
    assert outcome.samples["messages_per_node_s"][1:].min() > 0
    assert lookups(outcome.lookups)["success"].mean() > 0.99


def test_those_who_come_join() -> None:
    rows = run(scenario(churn=CHURN, duration=3600.0), Chance(1))
    joins = rows.where(rows["kind"] == Kind.JOIN)
    assert joins.count > 20
    assert joins["success"].mean() > 0.95


def test_the_dead_of_the_start_are_met_and_passed_by() -> None:
    made = Scenario(duration=600.0, network=Network(nodes=100, dead=0.3))
    rows = lookups(run(made, Chance(1)))
    assert rows["timeouts"].mean() > 1
    assert rows["found_closest"].mean() > 0.95


def test_loss_costs_requests_but_not_the_result() -> None:
    made = Scenario(duration=1800.0, network=Network(nodes=100, loss=0.05))
    quiet, lossy = (lookups(run(each, Chance(1))) for each in (scenario(), made))
    assert lossy["requests"].mean() > quiet["requests"].mean()
    # No request is sent twice: who is asked and not heard from is missing in the result.
    assert lossy["success"].mean() > 0.8


def test_behind_a_nat_one_asks_and_is_not_asked() -> None:
    made = Scenario(
        duration=3600.0,
        network=Network(nodes=200, nat=NatShares(restricted=0.3, symmetric=0.2)),
        churn=CHURN,
    )
    w = passed(made)
    hidden = w.nodes["nat"] > 0
    assert 0.35 < hidden.mean() < 0.65
    there = {int(each) for each in w.nodes["id"][(w.nodes["alive"] == 1) & hidden]}
    named = [int(row["id"]) in there for _, row in contacts(w)]
    assert np.mean(named) < 0.5  # those that just asked were let in, and fall silent
    assert w.tally[st.STANDING] == (~hidden).sum()


def test_who_is_away_comes_back_with_its_table() -> None:
    made = Scenario(
        duration=7200.0,
        network=Network(nodes=50),
        churn=Churn(session=Exponential(1800.0), absence=Exponential(1800.0)),
    )
    outcome = simulate(made, Chance(1))
    live = outcome.samples["live"]
    assert 30 < live.mean() < 70
    assert live.min() < live.max()
    assert lookups(outcome.lookups)["success"].mean() > 0.9


def test_sessions_as_measured() -> None:
    nodes = 40
    node = np.arange(nodes, dtype=np.uint32)
    start = np.where(node < 20, 0.0, 60.0 * node)
    trace = Trace(
        np.concatenate([node, node[:5]]),
        np.concatenate([start, np.full(5, 3000.0)]),
        np.concatenate([start + 1500.0, np.full(5, 4000.0)]),
    )
    w = passed(Scenario(duration=3500.0, network=Network(nodes=2), churn=Churn(trace=trace)))
    up = {int(n) for n in np.flatnonzero(w.nodes["alive"])}
    assert up == {n for n in range(nodes) if start[n] + 1500.0 > 3500.0} | set(range(5))


def test_the_pools_grow_as_they_must() -> None:
    made = scenario(nodes=60, duration=30.0, traffic=Traffic(lookups=60_000))
    w = make_world(made, Keeping(sample_every=0.2), Chance(1))
    sizes = len(w.rows), len(w.samples), len(w.ops)
    w = pass_time(w, made.duration)
    assert all(
        now > then
        for now, then in zip((len(w.rows), len(w.samples), len(w.ops)), sizes, strict=True)
    )
    free = w.free_calls[: w.tally[st.FREE_CALLS]]
    assert len(set(free.tolist())) == len(free)


def test_records_are_kept_while_somebody_cares() -> None:
    made = scenario(nodes=200, duration=4 * 3600.0, churn=CHURN)
    kept = Keeping(count=50, period=3600.0, reads=6.0, sample_every=600.0)
    outcome = simulate(made, Chance(1), kept)
    assert outcome.copies[1].mean() > 6
    gets = outcome.lookups.where(outcome.lookups["kind"] == Kind.GET)
    late = gets.where(gets["time_s"] > 3600.0)
    assert late.count > 100
    assert late["success"].mean() > 0.7
    puts = outcome.lookups.where(outcome.lookups["kind"] == Kind.PUT)
    assert puts["success"].all()


def test_holders_hand_a_record_on_that_nobody_publishes() -> None:
    life = {"record_lifetime": 3 * 3600.0}
    made = scenario(nodes=200, duration=6 * 3600.0, churn=CHURN, rules=Rules(switches=life))
    alone = simulate(made, Chance(1), Keeping(count=100, sample_every=1800.0))
    provided = simulate(made, Chance(1), Keeping(count=100, provided=True, sample_every=1800.0))
    assert provided.copies[-1].sum() == 0  # 45 minutes, and nobody renews them
    assert (alone.copies[-1] > 0).mean() > 0.9


def test_fixed_sessions_end_when_they_must() -> None:
    made = scenario(nodes=50, duration=900.0, churn=Churn(session=Fixed(1000.0)))
    outcome = simulate(made, Chance(1))
    assert 30 < outcome.departures <= 50
    assert outcome.ages.max() <= 1000.0


def test_progress_is_told() -> None:
    told: list[float] = []
    run(scenario(nodes=60, duration=600.0, traffic=Traffic(lookups=40_000)), Chance(1), told.append)
    assert told
    assert told == sorted(told)
    assert 0 < told[0] <= told[-1] == 600.0


@pytest.mark.parametrize(
    "fields",
    [
        {"codec": True},
        {"adversary": Adversary(behaviour=Choice(name="x"), share=0.1)},
        {"rules": Rules(paths=2)},
        {"rules": Rules(lookup=Choice(name="rounds"))},
        {"events": (Choice(name="failure"),)},
    ],
)
def test_what_this_fidelity_cannot_do_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="not known at fidelity 'message'"):
        run(scenario(**fields), Chance(1))


def test_memory_is_that_of_the_arrays() -> None:
    made = scenario(nodes=5000)
    w = make_world(made, Keeping(), Chance(1))
    arrays = sum(each.nbytes for each in w if isinstance(each, np.ndarray))
    assert memory(made) == pytest.approx(arrays, rel=0.2)


def test_tables_have_room_for_all_splits() -> None:
    w = passed(Scenario(duration=60.0, network=Network(nodes=5000, latency=LogNormal())))
    assert w.nodes["depth"].max() < depth(5000, w.rules.k)
    assert kernels.members(w, 0)
