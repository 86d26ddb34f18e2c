"""Engines by name, and what they are asked before they start."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from simulations import engines
from simulations.chance import Chance
from simulations.errors import ConfigError
from simulations.rows import Rows
from simulations.scenario import Network, Scenario, Traffic


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A message engine that returns one row, and says nothing of memory."""
    made = ModuleType("simulations.message")
    made.run = lambda scenario, chance, progress: Rows({"hops": [chance.root]})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "simulations.message", made)
    return made


def test_an_engine_is_asked_by_its_name(stand_in: ModuleType) -> None:
    rows = engines.run("message", Scenario(), Chance(5))
    assert rows["hops"].tolist() == [5]


def test_an_engine_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="fidelity is 'masage'") as caught:
        engines.engine("masage")
    assert caught.value.hint == "did you mean 'message'?"


def test_memory_grows_with_nodes_and_with_lookups(stand_in: ModuleType) -> None:
    small = engines.memory("message", Scenario())
    large = engines.memory("message", Scenario(network=Network(nodes=1_000_000)))
    busy = engines.memory("message", Scenario(traffic=Traffic(lookups=10_000_000)))
    assert small > engines.OVERHEAD
    assert large - small > 999_000 * engines.BYTES_A_NODE["message"]
    assert busy - small > 600_000_000


def test_an_engine_may_know_better(stand_in: ModuleType) -> None:
    stand_in.memory = lambda scenario: scenario.network.nodes * 7  # type: ignore[attr-defined]
    assert engines.memory("message", Scenario()) == 7_000
