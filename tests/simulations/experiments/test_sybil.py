"""Sybils: limits per subnet and paths hold them back, and theory says how far they get."""

from __future__ import annotations

import pytest

from simulations.errors import ConfigError
from simulations.rows import Rows
from simulations.statistics import digest
from simulations.theory.paths import clean_path
from simulations.theory.sybils import all_closest
from tests.sim_experiments import found, plotted, ran

SMALL = ("network.nodes=120", "traffic.lookups=120", "adversary.share=0.5")
TINY = ("network.nodes=60", "traffic.lookups=40", "adversary.share=0.3")
FEW = ("rules.k=2", "rules.alpha=2")


def test_limits_per_subnet_keep_them_out_of_tables_and_lookups() -> None:
    free = found("sybil", *SMALL, "settings.policy=free")
    limits = found("sybil", *SMALL, "settings.policy=limits")
    assert free["Sybils in tables"] == pytest.approx(0.5, abs=0.08), "as many as of all nodes"
    assert limits["Sybils in tables"] < 0.3
    assert limits["Sybils among the closest found"] < 0.6 * free["Sybils among the closest found"]
    assert limits["success"] >= free["success"]


def test_keys_from_addresses_do_not_stop_those_who_aim_at_nobody() -> None:
    bound = found("sybil", *SMALL, "settings.policy=bep42")
    assert bound["Sybils in tables"] == pytest.approx(0.5, abs=0.08)


def test_where_all_closest_are_sybils_nothing_helps_and_v9_says_how_often() -> None:
    """With k = 2 and half of all nodes that is every fourth lookup."""
    figures = found("sybil", *SMALL, *FEW, "traffic.lookups=400")
    expected = all_closest(60, 120, 2)
    assert figures["only Sybils closest (V9)"] == pytest.approx(expected)
    assert figures["only Sybils found"] >= expected - 0.08
    assert figures["success"] <= 1 - expected + 0.08


def test_paths_help_and_cost_requests() -> None:
    one = found("sybil", *SMALL, *FEW)
    four = found("sybil", *SMALL, *FEW, "rules.paths=4")
    assert four["success"] > one["success"] + 0.05
    assert four["requests"] > 1.5 * one["requests"]


def test_a_walk_with_memory_beats_single_chains() -> None:
    rows = ran("sybil", *SMALL)
    assert rows["success"].mean() > rows["v4"][0]
    assert 0 < rows["v4"][0] < 1
    most = clean_path(0.5, 1, [0, 1])
    assert clean_path(0.5, 1, [0, 0, 0, 1]) <= rows["v4"][0] <= most + 0.5


def test_without_sybils_all_is_well() -> None:
    figures = found("sybil", *TINY, "adversary.share=0")
    assert figures["success"] == figures["success of single chains (V4)"] == 1
    assert figures["Sybils in tables"] == figures["Sybils among the closest found"] == 0
    assert figures["only Sybils closest (V9)"] == 0


def test_one_seed_is_one_digest() -> None:
    one, again = (digest(ran("sybil", *TINY)) for _ in range(2))
    assert one == again != digest(ran("sybil", *TINY, seed=2))


def test_a_subnet_has_room_for_so_many() -> None:
    with pytest.raises(ConfigError, match=r"adversary\.subnets is 1, but 300 nodes need 2"):
        ran("sybil", "network.nodes=600", "adversary.subnets=1", "adversary.share=0.5")


def test_the_plot_is_against_the_share_with_a_curve_for_whatever_else_was_swept() -> None:
    parts = [
        ran("sybil", *TINY).having(**{"adversary.share": share, "rules.paths": paths})
        for share in (0.1, 0.3)
        for paths in (1, 4)
    ]
    left, right = plotted("sybil", Rows.joined(parts))
    assert left.get_xlabel() == "share of Sybils"
    assert left.get_ylabel() == "lookups that succeed"
    assert right.get_ylabel() == "share of Sybils in tables"
    assert [list(line.get_xdata()) for line in left.lines] == [[0.1, 0.3]] * 2  # type: ignore[arg-type]
    legend = left.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["paths = 1", "paths = 4"]


def test_a_single_point_is_a_mark() -> None:
    left, _ = plotted("sybil", ran("sybil", *TINY))
    (line,) = left.lines
    assert line.get_marker() == "o"
    assert left.get_legend() is None
