"""Dead nodes: they cost time, a larger k saves the lookups, and use sweeps them out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulations import watching
from simulations.errors import ConfigError
from simulations.statistics import digest
from tests.sim_experiments import figures, found, plotted, point, ran, rerun

SMALL = ("network.nodes=150", "duration=120", "traffic.lookups=150")
STALE = "dead contacts in tables"


def test_the_dead_cost_time_and_nothing_but_time() -> None:
    without, many = found("dead-nodes", *SMALL, "network.dead=0"), found("dead-nodes", *SMALL)
    assert without["timeouts"] == without[STALE] == 0
    assert many["timeouts"] > 2
    assert many["latency, median"] > 1.3 * without["latency, median"]
    assert many[STALE] == pytest.approx(0.3, abs=0.06), "the share that died is dead in tables"
    assert without["success"] == 1
    assert many["success"] > 0.98, "0.3**8 of the buckets are lost, no more (V11)"


def test_k_buys_success_and_pays_in_timeouts() -> None:
    few, many = (found("dead-nodes", *SMALL, "network.dead=0.6", f"rules.k={k}") for k in (2, 8))
    assert few["success"] < many["success"] - 0.1
    assert few["timeouts"] < many["timeouts"]


def test_use_and_upkeep_sweep_tables() -> None:
    rows = ran("dead-nodes", "network.nodes=60", "duration=1500", "traffic.lookups=200")
    time = rows["time_s"]
    early, late = (rows["stale"][part].mean() for part in (time < 200, time > 1300))
    assert late < early / 2


def test_one_seed_is_one_digest() -> None:
    short = ("network.nodes=60", "duration=60", "traffic.lookups=40")
    one, again = digest(ran("dead-nodes", *short)), digest(rerun("dead-nodes", *short))
    assert one == again
    assert one != digest(ran("dead-nodes", *short, seed=2))


def test_at_lookup_fidelity_nobody_can_be_asked_about_its_table() -> None:
    more = ("fidelity=lookup", "network.latency.model=constant", "network.loss=0")
    made = point("dead-nodes", *SMALL, *more)
    assert made.experiment.fidelity == "lookup"
    told = found("dead-nodes", *SMALL, *more)
    assert told["timeouts"] > 2
    assert math.isnan(told[STALE])


def test_the_plot_has_labels_and_units_and_a_curve_a_point() -> None:
    rows = ran("dead-nodes", "network.nodes=60", "duration=60", "traffic.lookups=40")
    both = rows.having(**{"network.dead": np.arange(rows.count) % 2})
    left, right = plotted("dead-nodes", both)
    assert left.get_xlabel() == "time (min)"
    assert left.get_ylabel() == "timeouts of a lookup"
    assert right.get_xlabel() == "latency (s)"
    assert len(left.lines) == len(right.lines) == 2
    assert left.get_legend() is not None


def test_of_nothing_there_are_no_figures_and_an_empty_plot() -> None:
    rows = ran("dead-nodes", "network.nodes=20", "duration=10", "traffic.rate=0")
    assert rows.count == 0
    assert math.isnan(figures("dead-nodes", rows)["success"])
    assert plotted("dead-nodes", rows)[1].get_xlim() == (0, 1)


def test_time_is_cut_into_one_part_at_least() -> None:
    with pytest.raises(ConfigError, match=r"settings\.spans"):
        watching.Spans(spans=0)
