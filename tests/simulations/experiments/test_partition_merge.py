"""Partition and merge: a bridge lets strangers in, and nothing does without one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulations.statistics import digest
from tests.sim_experiments import figures, found, plotted, ran, rerun

SMALL = ("network.nodes=40", "duration=1800", "traffic.lookups=200", "churn.session.mean=600")
BRIDGE = 'events=[{ name = "bridge", at = 60, count = 5 }]'
SHORT = ("network.nodes=40", "duration=300", "traffic.lookups=60")
STRANGERS = "strangers in tables"


def test_a_bridge_merges_what_is_apart_without_one() -> None:
    apart, merged = (
        found("partition-merge", *SMALL, "events=[]"),
        found("partition-merge", *SMALL, BRIDGE),
    )
    assert apart[STRANGERS] == 0
    assert apart["success"] < 0.8, "half of the closest are over there"
    assert math.isnan(apart["half of it after"])
    # N_other / (N_own + N_other): what tables tend to that take in whoever answers.
    assert merged["strangers of all nodes"] == pytest.approx(0.5, abs=0.02)
    assert merged[STRANGERS] == pytest.approx(0.5, abs=0.12)
    assert 60 < merged["half of it after"] <= 1800
    assert merged["success"] > apart["success"] + 0.15


def test_a_network_at_rest_lets_fewer_in() -> None:
    rest = found("partition-merge", *SMALL, BRIDGE, "churn=false")
    merged = found("partition-merge", *SMALL, BRIDGE)
    assert rest[STRANGERS] < merged[STRANGERS] - 0.1


def test_a_cut_empties_tables_of_the_other_side() -> None:
    cut = 'events=[{ name = "partition", at = 60, until = 1800 }]'
    rows = ran("partition-merge", *SMALL, "network.parts=1", "churn=false", cut)
    time, strangers = rows["time_s"], rows["cross"]
    begun = strangers[(time > 60) & (time < 300)].mean()
    over = strangers[(time > 1500)].mean()
    assert strangers[time < 60].max() == 0, "one network yet"
    assert begun > 0.3
    assert over < 0.75 * begun


def test_one_seed_is_one_digest() -> None:
    one, again = digest(ran("partition-merge", *SHORT)), digest(rerun("partition-merge", *SHORT))
    assert one == again


def test_the_plot_shows_the_limit() -> None:
    rows = ran("partition-merge", *SHORT)
    left, right = plotted("partition-merge", rows)
    assert np.asarray(left.lines[-1].get_ydata())[0] == pytest.approx(0.5, abs=0.05)
    assert right.get_ylabel() == "closest of one's own found"
    nothing = rows.where(np.zeros(rows.count, bool))
    assert plotted("partition-merge", nothing)[0].get_xlabel()
    assert math.isnan(figures("partition-merge", nothing)["success"])


def test_both_sides_are_told() -> None:
    rows = ran("partition-merge", *SHORT)
    assert set(np.unique(rows["side"])) == {0, 1}
    assert set(np.unique(rows["own_success"])) <= {0, 1}
