"""Settings that cannot be are refused, each by its name."""

from __future__ import annotations

import math

import pytest

from simulations.errors import ConfigError
from simulations.swarm.settings import Access, SwarmSettings
from tests.sim_swarms import settings

REFUSED = {
    "peers": {"peers": 0},
    "step": {"step": 0.0},
    "horizon": {"horizon": math.inf},
    "latency": {"latency": -1.0},
    "content.pieces": {"content__pieces": 0},
    "content.block_bytes": {"content__block_bytes": 0},
    "content.sources": {"content__sources": 40},
    "content.sources is 8": {"content__sources": 8},
    "origin.up": {"origin__up": 0.0},
    "origin.count": {"origin__count": -1},
    "arrivals.rate": {"arrivals__rate": -1.0},
    "rules.neighbours": {"rules__neighbours": 51},
    "rules.slots": {"rules__slots": 0},
    "rules.optimistic": {"rules__optimistic": 6},
    "rules.seed_choke": {"rules__seed_choke": "tit-for-tat"},
    "misfits.liars": {"misfits__liars": 1.5},
    "misfits: liars and free riders": {"misfits__liars": 0.6, "misfits__free_riders": 0.6},
    "misfits.view": {"misfits__view": -1},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        settings(**REFUSED[name])  # type: ignore[arg-type]


def test_kinds_of_links_are_whole_and_wide() -> None:
    with pytest.raises(ConfigError, match="add up"):
        SwarmSettings(access=(Access(share=0.5),))
    with pytest.raises(ConfigError, match=r"access\.down"):
        Access(down=0.0)
    with pytest.raises(ConfigError, match=r"access\.up"):
        Access(up=-1.0)
