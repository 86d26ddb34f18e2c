"""Liars: seen through where records prove themselves, believed where they do not."""

from __future__ import annotations

import pytest

from simulations.statistics import digest
from simulations.theory.sybils import all_closest
from tests.sim_experiments import found, plotted, ran

NAME = "poison-records"
SMALL = ("network.nodes=100", "traffic.lookups=100", "adversary.share=0.3")
OPEN = "rules.switches.records=open"


@pytest.mark.parametrize("paths", [1, 4])
def test_what_proves_itself_is_never_wrong_and_what_does_not_is(paths: int) -> None:
    signed = found(NAME, *SMALL, f"rules.paths={paths}")
    few = ("traffic.lookups=200", "adversary.share=0.08")
    opened = found(NAME, *SMALL, *few, OPEN)
    assert signed["wrong values"] == 0
    assert signed["right values"] > 0.95
    assert opened["wrong values"] > 0.02
    assert opened["right values"] < signed["right values"]


def test_where_nothing_proves_itself_liars_keep_writers_from_writing() -> None:
    assert found(NAME, *SMALL, OPEN)["puts that fail"] > 0.8
    assert found(NAME, *SMALL)["puts that fail"] == 0


def test_without_liars_open_records_are_fine() -> None:
    opened = found(NAME, *SMALL, OPEN, "adversary.share=0")
    assert opened["wrong values"] == opened["failed"] == opened["only liars hold it (V9)"] == 0


def test_v9_is_beside_it() -> None:
    figures = found(NAME, *SMALL)
    assert figures["only liars hold it (V9)"] == pytest.approx(all_closest(30, 100, 8))


def test_one_seed_is_one_digest() -> None:
    one, again = (digest(ran(NAME, *SMALL)) for _ in range(2))
    assert one == again != digest(ran(NAME, *SMALL, seed=2))


def test_the_plot_is_against_the_share_of_liars() -> None:
    left, right = plotted(NAME, ran(NAME, *SMALL))
    assert left.get_xlabel() == right.get_xlabel() == "share of liars"
    assert left.get_ylabel() == "reads of a wrong value"
    assert right.get_ylabel() == "reads that fail"
