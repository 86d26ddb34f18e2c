"""What each defence does about Sybils around a key: with it and without."""

from __future__ import annotations

import pytest

from simulations.rows import Rows
from simulations.statistics import digest
from tests.sim_experiments import figures, found, plotted, ran, rerun

NAME = "eclipse-defences"
SMALL = ("network.nodes=160", "traffic.lookups=24", "duration=30", "adversary.count=12")


def under(defence: str, *more: str) -> dict[str, float]:
    return found(NAME, *SMALL, f"settings.defence={defence}", *more)


@pytest.mark.parametrize("defence", ["none", "paths"])
def test_more_sybils_than_holders_deny_everything_whatever_the_paths(defence: str) -> None:
    assert under(defence)["denied"] == 1
    assert under(defence)["honest copies"] == 0


@pytest.mark.parametrize("defence", ["limits", "bep42", "region", "all"])
def test_what_makes_addresses_cost_or_stores_widely_holds(defence: str) -> None:
    assert under(defence)["denied"] < 0.25
    assert under(defence)["honest copies"] >= 4


def test_a_few_are_enough_where_lookups_stop_early() -> None:
    few = "adversary.count=5"
    assert under("early stop", few)["denied"] > under("none", few)["denied"]


def test_what_they_cost() -> None:
    bare, wide, paths = under("none"), under("region"), under("paths")
    assert wide["requests of a put"] > 3 * bare["requests of a put"]
    assert wide["time of a put"] > 2 * bare["time of a put"]
    assert paths["requests of a get"] > bare["requests of a get"]


def test_one_seed_is_one_digest() -> None:
    sets = (*SMALL, "settings.defence=all")
    assert digest(ran(NAME, *sets)) == digest(rerun(NAME, *sets))


def test_its_plot_tells_defences_apart() -> None:
    said = ("none", "limits")
    parts = [
        ran(NAME, *SMALL, f"settings.defence={each}").having(
            **{"settings.defence": each, "adversary.behaviour": "sybil", "adversary.count": 12}
        )
        for each in said
    ]
    passive, active = plotted(NAME, Rows.joined(parts))
    assert passive.get_title() == "passive"
    assert passive.get_legend_handles_labels()[1] == ["defence = none", "defence = limits"]
    assert len(active.lines) == 0 or all(len(line.get_xdata()) == 0 for line in active.lines)
    assert figures(NAME, parts[0])["gets"] > 10
