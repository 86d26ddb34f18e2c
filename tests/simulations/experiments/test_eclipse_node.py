"""A node surrounded: with each defence and without."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulations.errors import ConfigError
from simulations.experiments.eclipse_node import recovery
from simulations.rows import Rows
from simulations.statistics import digest
from tests.sim_experiments import found, plotted, point, ran, rerun

NAME = "eclipse-node"
SMALL = (
    "network.nodes=100",
    "adversary.count=96",
    "adversary.subnets=6",
    "duration=480",
    "settings.restart=150",
    "settings.stop=300",
)
BEFORE = "hostile in its table, before the restart"
AFTER = "hostile in its table, after it"
FAIL = "lookups that fail, after it"


def attacked(defence: str) -> dict[str, float]:
    return found(NAME, *SMALL, f"settings.defence={defence}")


def test_without_defences_the_attacker_is_all_the_node_knows() -> None:
    none = attacked("none")
    assert none[BEFORE] > 0.95
    assert none["lookups that fail, before the restart"] > 0.8
    assert none[AFTER] > 0.5
    assert none["half captured after"] < 75, "half of the time until the restart"


def test_as_it_ships_the_node_stays_what_it_was() -> None:
    shipped = attacked("all")
    assert shipped[AFTER] < 0.45
    assert shipped[FAIL] < 0.1
    assert shipped["recovery"] < 60


def test_seniority_guards_until_the_restart_and_saved_contacts_beyond_it() -> None:
    lost, kept = attacked("seniority"), attacked("seniority+saved")
    assert lost[BEFORE] == kept[BEFORE] < 0.6
    assert lost["lookups that fail, before the restart"] < 0.2
    assert lost[AFTER] > 0.8 > kept[AFTER]
    assert kept[FAIL] < lost[FAIL]


def test_limits_leave_so_many_of_a_subnet() -> None:
    rows = ran(NAME, *SMALL, "settings.defence=limits+seniority")
    assert rows["captured"].max() < 0.6, "6 subnets hold 18 places"
    assert ran(NAME, *SMALL, "settings.defence=seniority")["captured"].max() > 0.9


def test_the_recovery_is_the_last_failure() -> None:
    rows = Rows({"time_s": [5.0, 15.0, 25.0, 35.0], "success": [False, True, False, True]})
    assert recovery(rows, 10) == 15
    assert recovery(rows, 30) == 0
    assert math.isnan(recovery(rows.where(np.arange(4) < 3), 10))


def test_one_seed_is_one_digest() -> None:
    one = digest(ran(NAME, *SMALL, "settings.defence=all"))
    assert digest(rerun(NAME, *SMALL, "settings.defence=all")) == one
    assert digest(rerun(NAME, *SMALL, "settings.defence=all", seed=2)) != one


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("settings.defence=limit", "there is no 'limit'"),
        ("settings.restart=700", "stop after it"),
        ("settings.every=0", "every above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(said: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        point(NAME, said)


def test_somebody_must_attack() -> None:
    with pytest.raises(ConfigError, match="somebody must attack"):
        rerun(NAME, *SMALL, "adversary.behaviour=none")


def test_the_plot_is_over_time() -> None:
    rows = ran(NAME, *SMALL, "settings.defence=all")
    left, right = plotted(NAME, rows)
    assert left.get_ylabel() == "attacker's share of its table"
    assert right.get_ylabel() == "lookups that succeed"
    assert left.get_xlabel() == "time (min)"
