"""NAT: who cannot be called gets into tables, unless it says so."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulations import registry
from simulations.errors import ConfigError
from simulations.statistics import digest
from tests.sim_experiments import found, plotted, point, ran, rerun

SMALL = ("network.nodes=120", "duration=900", "traffic.lookups=300")
POLLUTED = "unreachable in tables, at the end"
NOBODY = ("network.nat.restricted=0", "network.nat.symmetric=0")


def test_tables_fill_with_nodes_that_cannot_be_called_unless_they_say_so() -> None:
    silent = found("nat", *SMALL)
    honest = found("nat", *SMALL, "network.nat.client=true")
    public = found("nat", *SMALL, *NOBODY)
    assert silent[POLLUTED] > 0.02
    assert honest[POLLUTED] == public[POLLUTED] == 0
    assert silent["timeouts"] > honest["timeouts"] + 0.5
    assert silent["latency, median"] > honest["latency, median"]
    assert silent["success behind a NAT"] > 0.95, "calling out is what a NAT allows"
    assert math.isnan(public["success behind a NAT"])


def test_pollution_grows_with_time() -> None:
    rows = ran("nat", *SMALL)
    early, late = (
        rows["polluted"][part].mean() for part in (rows["time_s"] < 100, rows["time_s"] > 700)
    )
    assert early < late


def test_half_of_them_are_behind_one() -> None:
    rows = ran("nat", *SMALL)
    assert rows["behind"].mean() == pytest.approx(0.52, abs=0.15)


def test_one_seed_is_one_digest() -> None:
    short = ("network.nodes=60", "duration=60", "traffic.lookups=40")
    one, again = digest(ran("nat", *short)), digest(rerun("nat", *short))
    assert one == again


def test_the_plot_shows_pollution_from_nothing_up() -> None:
    rows = ran("nat", "network.nodes=60", "duration=60", "traffic.lookups=40")
    left, right = plotted("nat", rows)
    assert left.get_ylabel() == "unreachable share of tables"
    assert left.get_ylim()[0] == 0
    assert right.get_xlabel() == "latency (s)"
    assert len(np.asarray(left.lines[0].get_xdata())) == 20


def test_it_does_not_run_where_nobody_knows_nats() -> None:
    with pytest.raises(ConfigError, match="protocol or message"):
        point("nat", "fidelity=lookup")


def test_names_have_dashes_where_modules_have_underscores() -> None:
    names = registry.names("experiment")
    assert {"nat", "dead-nodes", "mixed-versions"} <= set(names)
    assert not any("_" in name for name in names)
    assert registry.find("experiment", "dead-nodes").brief()
