"""(n) Compiled swarms: how many pieces pass a second, and how near they come to the limit.

What a swarm has to beat is no other program but physics: the makespan is divided by the bound of
:func:`simulations.swarm.results.least_makespan`. The clock begins after compilation.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.report import Row
from simulations.chance import Chance
from simulations.swarm import run as simulate
from simulations.swarm.results import least_makespan, makespan
from simulations.swarm.settings import Content, Origin, SwarmSettings

UP = 131_072.0


@dataclass(frozen=True)
class World:
    """A flash crowd.

    Attributes:
        peers: How many come.
        pieces: Of how many pieces the content is.
        seconds: What it may take; 0: nothing is promised.
        near: What the makespan over the limit may be.
    """

    peers: int
    pieces: int
    seconds: float
    near: float


SMOKE = (World(50, 40, 0, 0),)
FULL = (World(1000, 400, 0, 1.1), World(10_000, 1000, 15, 1.05))
LARGE = World(100_000, 200, 0, 1.35)


def run(*, smoke: bool, large: bool = False) -> list[Row]:
    """A row for the speed of each world, and one for how near it came."""
    worlds = SMOKE if smoke else (*FULL, LARGE) if large else FULL
    simulate(_settings(World(10, 10, 0, 0)), Chance(1))  # compiles
    return [row for world in worlds for row in _measured(world)]


def _settings(world: World) -> SwarmSettings:
    return SwarmSettings(
        peers=world.peers, content=Content(pieces=world.pieces), origin=Origin(up=4 * UP)
    )


def _measured(world: World) -> list[Row]:
    swarm = _settings(world)
    began = time.perf_counter()
    rows = simulate(swarm, Chance(1))
    took = time.perf_counter() - began
    ratio = makespan(rows) / least_makespan(swarm, rows)
    passed = world.peers * world.pieces
    name = f"{world.peers:,} peers x {world.pieces:,} pieces"
    return [
        Row(
            what=f"{name}: wall",
            ours=f"{took:.1f} s, {passed / took / 1e3:,.0f} k pieces/s",
            demand=f"<= {world.seconds:.0f} s" if world.seconds else "",
            met=took <= world.seconds if world.seconds else None,
        ),
        Row(
            what=f"{name}: makespan",
            ours=f"{makespan(rows):,.0f} s simulated",
            beside=f"limit {least_makespan(swarm, rows):,.0f} s",
            ratio=f"{ratio:.3f}",
            demand=f"1 to {world.near:g}" if world.near else "",
            met=1 <= ratio <= world.near if world.near else None,
        ),
    ]
