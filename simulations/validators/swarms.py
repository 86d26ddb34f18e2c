"""Swarms against V7, V8 and V10: :mod:`simulations.theory.swarms`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from simulations.laws import Exponential
from simulations.swarm import run
from simulations.swarm.results import fetching, least_makespan, makespan
from simulations.swarm.settings import (
    Access,
    Arrivals,
    Content,
    Misfits,
    Origin,
    Rules,
    SwarmSettings,
)
from simulations.theory.swarms import attempts, piece_bound, steady_state
from simulations.validation import Check, Sense

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulations.chance import Chance
    from simulations.rows import Rows

SOURCES: Final = {
    "V7": "Mundinger, Weber & Weiss 2008; Kumar & Ross 2006",
    "V8": "Qiu & Srikant 2004",
    "V10": "derived",
}
UP: Final = 131_072.0
DOWN: Final = 1.6 * UP
"""The downlink of V8's example: c = 1.6 µ."""


def checks(chance: Chance) -> Iterator[Check]:
    """A crowd, a steady stream, and liars."""
    yield from _limits(chance.stream("limits"))
    yield from _steady(chance.stream("steady"))
    yield from _poison(chance.stream("poison"))


def _limits(chance: Chance) -> Iterator[Check]:
    """V7: no run beats the bound, and a good one comes near it."""
    worlds = {
        "1,000 peers, 400 pieces, source 4x": (1000, 400, 4 * UP, 0.10),
        "1,000 peers, 1,000 pieces, equal source": (1000, 1000, UP, 0.15),
        "100 peers, 100 pieces, equal source": (100, 100, UP, 0.60),
    }
    for name, (peers, pieces, source, near) in worlds.items():
        swarm = SwarmSettings(peers=peers, content=Content(pieces=pieces), origin=Origin(up=source))
        rows = run(swarm, chance.stream(name))
        bound, took = least_makespan(swarm, rows), makespan(rows)
        yield _check(f"V7 makespan over the limit, {name}", 1.0, took / bound, 1e-9, "at least")
        yield _check(f"V7 the limit is near, {name}", 1 + near, took / bound, 0.0, "at most")
    yield _check("V7 M + floor(log2 N), M = 1,000, N = 1,000", 1009, piece_bound(1000, 1000), 0)


def _steady(chance: Chance) -> Iterator[Check]:
    """V8: peers come at random, fetch, and stay as seeds for a while."""
    pieces, rate, mean = 400, 1.0, 200.0
    content = Content(pieces=pieces, piece_bytes=math.ceil(UP / 0.00125 / pieces))
    swarm = SwarmSettings(
        peers=6000,
        content=content,
        access=(Access(up=UP, down=DOWN),),
        origin=Origin(up=UP),
        arrivals=Arrivals(rate=rate, seeding=Exponential(mean)),
    )
    rows = fetching(run(swarm, chance))
    theory = steady_state(rate, UP / content.size, DOWN / content.size, leaving=1 / mean)
    begin, end = 2000.0, 6000 / rate
    leeches = _present(rows, "arrival_s", "completion_s", begin, end)
    seeds = _present(rows, "completion_s", "left_s", begin, end)
    came = (rows["arrival_s"] > begin) & (rows["arrival_s"] < end - 1000)
    took = float((rows["completion_s"] - rows["arrival_s"])[came].mean())
    # Arrivals are chance: what came, not what was to be expected, is what theory is asked about.
    scale = float(((rows["arrival_s"] > begin) & (rows["arrival_s"] < end)).sum())
    scale /= (end - begin) * rate
    yield _check("V8 time to fetch", theory.time, took, 0.05, "relative", "s")
    yield _check("V8 leeches", theory.leeches * scale, leeches, 0.05)
    yield _check("V8 seeds", theory.seeds * scale, seeds, 0.05)


def _present(rows: Rows, since: str, until: str, begin: float, end: float) -> float:
    """How many were there, on average, between ``begin`` and ``end``."""
    stop = np.minimum(np.nan_to_num(rows[until], nan=np.inf), end)
    start = np.maximum(np.nan_to_num(rows[since], nan=np.inf), begin)
    return float(np.maximum(stop - start, 0).sum() / (end - begin))


def _poison(chance: Chance) -> Iterator[Check]:
    """V10: a piece of four parts fails if one is false.

    Here whoever serves lies now and then, so that parts are independent.
    """
    lie, sources = 0.1, 4
    swarm = SwarmSettings(
        peers=500,
        content=Content(pieces=100, sources=sources),
        origin=Origin(up=1.0),
        misfits=Misfits(liars=0.2, free_riders=0.8, lie=lie),
        rules=Rules(ban="never"),
    )
    rows = fetching(run(swarm, chance))
    tries = 1 + float(rows["wasted"].sum()) / (rows.count * swarm.content.size)
    name = "V10 downloads a piece; one part in ten is false, four parts"
    yield _check(name, attempts(lie, sources), tries, 0.02)


def _check(
    name: str,
    expected: float,
    obtained: float,
    off: float,
    sense: Sense = "relative",
    unit: str = "",
) -> Check:
    return Check(
        name=name,
        expected=expected,
        obtained=obtained,
        tolerance=off,
        sense=sense,
        unit=unit,
        source=SOURCES[name[:3].strip()],
    )
