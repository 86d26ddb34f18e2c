"""Scenarios: impossible worlds are refused where they are described."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from simulations.errors import ConfigError
from simulations.laws import Exponential, Fixed
from simulations.scenario import (
    FIDELITIES,
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


def test_a_scenario_needs_no_words() -> None:
    scenario = Scenario()
    assert scenario.network.nodes == 1000
    assert scenario.churn is None
    assert scenario.rules.lookup == Choice(name="shipped")
    assert scenario == Scenario()


IMPOSSIBLE: list[tuple[type, dict[str, Any], str]] = [
    (Scenario, {"duration": 0.0}, "duration is 0.0"),
    (Scenario, {"threads": 0}, "threads is 0"),
    (Network, {"nodes": 1}, "network.nodes is 1, but must be a number from 2"),
    (Network, {"nodes": 10**9}, "network.nodes is 1000000000"),
    (Network, {"dead": 1.5}, "network.dead is 1.5, but must be a share from 0 to 1"),
    (Network, {"dead": 1.0}, "nobody would answer"),
    (Network, {"loss": 1}, "nobody would answer"),
    (Network, {"loss": -0.1}, "network.loss is -0.1"),
    (Network, {"loss": math.nan}, "network.loss is nan"),
    (NatShares, {"restricted": 2}, "network.nat.restricted is 2"),
    (NatShares, {"symmetric": -1}, "network.nat.symmetric is -1"),
    (NatShares, {"restricted": 0.6, "symmetric": 0.6}, "restricted and symmetric is 1.2"),
    (Rules, {"k": 0}, "rules.k is 0, but must be a number from 1"),
    (Rules, {"alpha": -3}, "rules.alpha is -3"),
    (Rules, {"beta": 0}, "rules.beta is 0"),
    (Rules, {"paths": 0}, "rules.paths is 0"),
    (Rules, {"refresh": 0.0}, "rules.refresh is 0.0"),
    (Traffic, {"rate": -1}, "traffic.rate is -1"),
    (Traffic, {"rate": math.inf}, "traffic.rate is inf"),
    (Traffic, {"lookups": -1}, "traffic.lookups is -1"),
    (Traffic, {"warmup": -1}, "traffic.warmup is -1"),
    (Adversary, {"share": 1.01}, "adversary.share is 1.01"),
    (Adversary, {"count": -1}, "adversary.count is -1"),
]


@pytest.mark.parametrize(("what", "fields", "fault"), IMPOSSIBLE)
def test_what_cannot_be_is_refused_by_its_name(
    what: type, fields: dict[str, Any], fault: str
) -> None:
    with pytest.raises(ConfigError, match=fault):
        what(**fields)


def test_a_warmup_longer_than_the_run_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"traffic\.warmup is 60 s, but the run lasts 60 s"):
        Scenario(duration=60.0, traffic=Traffic(warmup=60.0))


def test_nodes_that_are_replaced_are_always_there() -> None:
    assert Churn().availability == 1.0


def test_availability_is_the_share_of_time_spent_up() -> None:
    churn = Churn(session=Fixed(30.0), absence=Exponential(90.0))
    assert churn.availability == 0.25


def test_a_trace_counts_its_nodes() -> None:
    empty = Trace(np.zeros(0, np.uint32), np.zeros(0), np.zeros(0))
    assert empty.nodes == 0
    three = Trace(np.array([0, 2], np.uint32), np.zeros(2), np.ones(2))
    assert three.nodes == 3


def test_there_are_three_fidelities() -> None:
    assert FIDELITIES == ("protocol", "message", "lookup")
