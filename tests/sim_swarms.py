"""Small swarms for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulations.chance import Chance
from simulations.swarm import run
from simulations.swarm.settings import (
    Access,
    Arrivals,
    Content,
    Misfits,
    Origin,
    Rules,
    SwarmSettings,
)

if TYPE_CHECKING:
    from simulations.rows import Rows

UP = 131_072.0
PIECE = 65_536


def settings(peers: int = 40, pieces: int = 40, **parts: object) -> SwarmSettings:
    """A swarm of small pieces; ``content__sources=4`` sets a field of a part."""
    made: dict[str, dict[str, object]] = {
        "content": {"pieces": pieces, "piece_bytes": PIECE},
        "origin": {"up": 2 * UP},
        "arrivals": {},
        "rules": {},
        "misfits": {},
    }
    plain = {key: value for key, value in parts.items() if "__" not in key}
    for key, value in parts.items():
        part, _, name = key.partition("__")
        if name:
            made[part][name] = value
    return SwarmSettings(
        peers=peers,
        content=Content(**made["content"]),  # type: ignore[arg-type]
        origin=Origin(**made["origin"]),  # type: ignore[arg-type]
        arrivals=Arrivals(**made["arrivals"]),  # type: ignore[arg-type]
        rules=Rules(**made["rules"]),  # type: ignore[arg-type]
        misfits=Misfits(**made["misfits"]),  # type: ignore[arg-type]
        **{"step": 0.25, "horizon": 3600.0, **plain},  # type: ignore[arg-type]
    )


def swarmed(seed: int = 1, fidelity: str = "message", **how: object) -> tuple[SwarmSettings, Rows]:
    """Run one."""
    swarm = settings(**how)  # type: ignore[arg-type]
    return swarm, run(swarm, Chance(seed), fidelity=fidelity)  # type: ignore[arg-type]


__all__ = ["PIECE", "UP", "Access", "settings", "swarmed"]
