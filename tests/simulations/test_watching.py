"""Remarks: columns of ours on the lookups of an engine."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from simulations import watching
from simulations.chance import Chance
from simulations.rows import LOOKUPS, Kind, Rows
from simulations.scenario import Network, Traffic
from tests.sim_worlds import made, scenario

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import pytest

    from dht.core.effects import Evidence
    from simulations.experiment import Figure
    from simulations.protocol import Run
    from simulations.protocol.node import Node
    from simulations.protocol.traffic import Errand


def parity(run: Run, node: Node, errand: Errand, evidence: Evidence) -> float:
    assert errand.kind is Kind.LOOKUP
    assert run.world.nodes[node.index] is node
    return node.index % 2


class Odd(watching.Watched):
    """Whether who asks is odd."""

    remarks: ClassVar[tuple[watching.Remark, ...]] = (parity,)

    def summary(self, rows: Rows) -> list[Figure]:
        return watching.cost(watching.lookups(rows))

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        raise AssertionError


def small(**fields: Any) -> Any:
    return scenario(network=Network(nodes=40), traffic=Traffic(lookups=30), **fields)


def test_a_remark_is_a_column_beside_those_of_the_engine() -> None:
    rows = Odd().run(small(), Chance(1))
    assert list(rows) == [*LOOKUPS, "parity"]
    assert (rows["parity"] == rows["source"] % 2).all()


def test_who_watches_changes_nothing() -> None:
    watched = Odd().run(small(), Chance(1))
    plain = made(network=Network(nodes=40), traffic=Traffic(lookups=30)).finish()
    for name in plain:
        assert (plain[name] == watched[name]).all()


def test_where_nobody_can_be_asked_the_column_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Odd().run(small(), Chance(1))
    plain = Rows({name: rows[name] for name in LOOKUPS})
    monkeypatch.setattr("simulations.engines.run", lambda *_: plain)
    blind = Odd(fidelity="lookup").run(small(), Chance(1))
    assert list(blind) == [*LOOKUPS, "parity"]
    assert np.isnan(blind["parity"]).all()


def test_shares_of_a_table() -> None:
    run = made(network=Network(nodes=40, dead=0.25), traffic=Traffic(rate=0))
    node = next(node for node in run.world.nodes if node.alive)
    assert node.engine is not None
    keys = {contact.key for contact in node.engine.table.contacts()}
    dead = [each for each in run.world.nodes if each.key in keys and not each.alive]
    assert watching.table_share(run, node, watching.gone) == len(dead) / len(keys) > 0
    silent = next(node for node in run.world.nodes if not node.alive)
    assert math.isnan(watching.table_share(run, silent, watching.gone))
    assert watching.gone(None)


def test_means_are_over_what_is_known() -> None:
    assert watching.mean_of(np.array([1.0, math.nan, 3.0])) == 2
    assert watching.mean_of(np.array([True, False])) == 0.5
    assert math.isnan(watching.mean_of(np.array([math.nan])))
    assert math.isnan(watching.mean_of(np.array([], bool)))


def test_the_end_is_the_last_fifth() -> None:
    rows = Rows({"time_s": [0.0, 50.0, 100.0]})
    assert watching.latest(rows) == 80
    assert watching.latest(rows.where(np.zeros(3, bool))) == 0
