"""Experiments: what they say of themselves, and what they leave to the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulations import engines
from simulations.chance import Chance
from simulations.experiment import Experiment, Figure, NoSettings
from simulations.rows import Rows
from simulations.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


class Plain(Experiment):
    """What it asks.

    How it asks it.
    """

    fidelities = ("lookup", "protocol")

    def summary(self, rows: Rows) -> list[Figure]:
        return [Figure("rows", rows.count)]

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        pass


def test_its_docstring_is_what_it_says_of_itself() -> None:
    assert Plain.brief() == "What it asks."
    assert Plain.about() == "What it asks.\n\nHow it asks it."


def test_without_words_it_has_defaults() -> None:
    made = Plain()
    assert made.settings == NoSettings()
    assert made.fidelity == "lookup"
    assert Plain(None, "protocol").fidelity == "protocol"


def test_running_is_left_to_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def run(*words: object) -> Rows:
        asked.append(words)
        return Rows({})

    monkeypatch.setattr(engines, "run", run)
    monkeypatch.setattr(engines, "memory", lambda fidelity, scenario: 3)
    scenario, chance = Scenario(), Chance(1)
    assert Plain().run(scenario, chance).count == 0
    assert asked == [("lookup", scenario, chance, None)]
    assert Plain().memory(scenario) == 3
