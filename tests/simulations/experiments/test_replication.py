"""Replication: holders that hand records on keep them alive; without, theory says how they go."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulations.errors import ConfigError
from simulations.experiments.replication import ReplicationSettings
from simulations.statistics import digest
from tests.sim_experiments import figures, found, plotted, ran, rerun

NEVER = "rules.switches.replicate_every=1e9"
SMALL = ("network.nodes=40", "duration=7200", "rules.k=3", "settings.records=30")
HASTY = ("churn.session.mean=3600", "settings.every=1800")


def test_repair_keeps_what_theory_says_is_lost_without() -> None:
    kept = found("replication", *SMALL, *HASTY, "rules.switches.replicate_every=600")
    left = found("replication", *SMALL, *HASTY, NEVER)
    # V5: three copies, two mean sessions: each is lost with (1 - exp(-2))**3 = 0.647.
    lost = (1 - math.exp(-2)) ** 3
    sigma = math.sqrt(lost * (1 - lost) / 30)
    assert 1 - left["survived"] == pytest.approx(lost, abs=4 * sigma)
    assert kept["survived"] > left["survived"] + 0.3
    assert kept["copies, median"] > left["copies, median"]


def test_an_owner_that_publishes_again_keeps_it_as_well() -> None:
    left = found("replication", *SMALL, *HASTY, NEVER)
    kept = found("replication", *SMALL, *HASTY, NEVER, "settings.republish=1800")
    assert kept["survived"] > left["survived"] + 0.3
    assert kept["to be found"] > left["to be found"] + 0.3


def test_where_nobody_leaves_all_copies_stay() -> None:
    rows = ran("replication", *SMALL, "settings.every=1800", "churn=false", NEVER)
    told = figures("replication", rows)
    assert told["survived"] == told["to be found"] == 1
    assert told["copies at the start"] == told["copies, median"] == 3
    assert told["first holders left"] == 3
    # An owner does not store at itself, even if it is one of the closest.
    assert told["first holders among the k closest"] > 2.7
    assert sorted(set(rows["time_s"])) == [1800, 3600, 5400, 7200]
    assert rows.count == 4 * 30


def test_parts_are_no_more_than_the_whole() -> None:
    rows = ran("replication", *SMALL, *HASTY)
    assert (rows["closest"] <= rows["copies"]).all()
    assert (rows["first"] <= rows["copies"]).all()
    assert (rows["first_closest"] <= np.minimum(rows["first"], rows["closest"])).all()
    assert rows["closest"].max() <= 3


def test_one_seed_is_one_digest() -> None:
    one, again = (
        digest(ran("replication", *SMALL, *HASTY)),
        digest(rerun("replication", *SMALL, *HASTY)),
    )
    assert one == again
    assert one != digest(ran("replication", *SMALL, *HASTY, seed=2))


def test_the_plot_has_survival_and_quartiles_in_hours() -> None:
    left, right = plotted("replication", ran("replication", *SMALL, *HASTY, NEVER))
    assert (left.get_xlabel(), left.get_ylabel()) == ("time (h)", "share of records alive")
    assert right.get_ylabel() == "live copies, quartiles"
    assert list(np.asarray(left.lines[0].get_xdata())) == [0.5, 1.0, 1.5, 2.0]
    assert len(right.collections) == 1
    assert left.get_legend() is None


def test_a_sweep_has_a_legend() -> None:
    rows = ran("replication", *SMALL, *HASTY, NEVER)
    both = rows.having(**{"rules.k": (np.arange(rows.count) % 30 < 15).astype(int)})
    left, _ = plotted("replication", both)
    assert left.get_legend() is not None


def test_of_nothing_there_are_no_figures() -> None:
    rows = ran("replication", "network.nodes=20", "duration=60")
    assert rows.count == 0
    assert math.isnan(figures("replication", rows)["survived"])
    assert plotted("replication", rows)[0].get_xlabel()


@pytest.mark.parametrize(
    ("fields", "which"),
    [({"records": 0}, "records"), ({"republish": -1.0}, "republish"), ({"every": 0.0}, "every")],
)
def test_settings_that_make_no_sense(fields: dict[str, float], which: str) -> None:
    with pytest.raises(ConfigError, match=which):
        ReplicationSettings(**fields)  # type: ignore[arg-type]
