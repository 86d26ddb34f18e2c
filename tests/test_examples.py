"""The worked examples in examples/ show what they are about: with the idea and without it."""

from __future__ import annotations

from functools import cache

from simulations import config
from simulations.chance import Chance
from simulations.io import studies
from tests import readme


@cache
def ran(name: str, *sets: str) -> dict[str, float]:
    """The figures of one run of an example, with no sweep over it."""
    above = {**config.assigned(sets), "sweep": {}}
    study, library = studies.opened(str(readme.EXAMPLES / f"{name}.toml"), above)
    (point,) = study.points(library)
    rows = point.experiment.run(point.scenario, Chance(1))
    return {figure.name: figure.value for figure in point.experiment.summary(rows)}


def test_rounds_are_slower_where_contacts_are_dead_and_ask_fewer() -> None:
    rounds, shipped = ran("rounds"), ran("rounds", "rules.lookup=shipped")
    assert rounds["success"] == shipped["success"] == 1
    assert rounds["latency, median"] > 1.4 * shipped["latency, median"]
    assert rounds["requests"] < shipped["requests"]


def test_ghosts_cost_timeouts_and_whoever_misleads_does_not() -> None:
    few = ("network.nodes=100", "traffic.lookups=50", "adversary.share=0.1")
    ghosts, mislead = ran("ghosts", *few), ran("ghosts", *few, "adversary.behaviour=mislead")
    assert ghosts["timeouts"] > 3
    assert mislead["timeouts"] < 0.5
    assert ghosts["success"] == 1
