"""A compiled run from settings to rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from simulations.swarm.arrays import (
    FREE_RIDER,
    HONEST,
    MOST_OPEN,
    ORDER,
    ORIGIN,
    WIDE,
    Arrays,
    allocate,
)
from simulations.swarm.engine import arrive, book_all, choke, commit, depart, transfer
from simulations.swarm.people import People, people
from simulations.swarm.results import transfers
from simulations.swarm.settings import BANS, CHOKES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from simulations.chance import Chance
    from simulations.rows import Rows
    from simulations.swarm.settings import SwarmSettings

ROUND: Final = 10.0
OPTIMISTIC_TURN: Final = 30.0
SEED_TURN: Final = 30.0
"""Seconds, all three as in :mod:`torrent.core.choker`."""
MOST_BANNED: Final = 256
"""Banned peers that keep a place in a peer's row: more than a tracker names in an hour."""
REPORT: Final = 64
"""Steps between two reports of progress."""


def compiled_run(
    swarm: SwarmSettings, chance: Chance, progress: Callable[[float], None] | None = None
) -> Rows:
    """Run a swarm on arrays, until everybody has finished or gone, or the horizon is reached."""
    who = people(swarm, chance)
    arrays = prepared(swarm, who, chance)
    knob = arrays.knobs[0]
    while knob.unfinished > 0 and knob.now < swarm.horizon:
        step(arrays)
        if progress is not None and knob.spent % REPORT == 0:
            progress(float(knob.now))
    if progress is not None:
        progress(swarm.horizon)
    book_all(arrays)
    return _rows(swarm, who, arrays)


def step(arrays: Arrays) -> None:
    """One step of time.

    Each part is a kernel by itself: together they would take a minute to compile, and what is
    called five times a step costs nothing.
    """
    arrive(arrays)
    choke(arrays)
    transfer(arrays)
    commit(arrays)
    depart(arrays)


def prepared(swarm: SwarmSettings, who: People, chance: Chance) -> Arrays:
    """The arrays of a swarm in which nobody has come yet."""
    rules, content = swarm.rules, swarm.content
    wanted = np.full(who.total, rules.neighbours)
    limit = np.full(who.total, rules.most_neighbours)
    if swarm.misfits.view:
        wanted[who.role == FREE_RIDER] = swarm.misfits.view
        limit[who.role == FREE_RIDER] = max(swarm.misfits.view, rules.most_neighbours)
    liars = swarm.misfits.liars > 0
    room = limit + min(MOST_BANNED, who.total) * liars
    sources = content.sources
    arrays = allocate(
        who.total, content.pieces, room, slots=rules.slots, chunks=sources, liars=liars
    )
    _seat(swarm, who, arrays, wanted, limit)
    arrays.lists[ORDER, : who.total] = np.argsort(who.arrival, kind="stable")
    knobs = {
        "seed": chance.stream("kernel").word(),
        "step": swarm.step,
        "chunk": 1 / sources,
        "block": content.block_bytes / content.piece_bytes,
        "lie": swarm.misfits.lie,
        "peers": who.total,
        "pieces": content.pieces,
        "slots": rules.slots,
        "trust": rules.optimistic,
        "round": max(1, round(ROUND / swarm.step)),
        "turn": max(1, round(OPTIMISTIC_TURN / swarm.step)),
        "seed_turn": max(1, round(SEED_TURN / swarm.step)),
        "sent": "fastest" in {rules.choke, rules.seed_choke},
        "seed_policy": CHOKES.index(rules.seed_choke),
        "whole": rules.whole,
        "leaves": content.hashes == "v2",
        "ban": BANS.index(rules.ban),
        "rarest": rules.rarest,
        "unfinished": int(((who.role == HONEST) | (who.role == FREE_RIDER)).sum()),
    }
    for name, value in knobs.items():
        arrays.knobs[name] = value
    return arrays


def _seat(
    swarm: SwarmSettings,
    who: People,
    arrays: Arrays,
    wanted: NDArray[np.int64],
    limit: NDArray[np.int64],
) -> None:
    peers, piece = arrays.peers, swarm.content.piece_bytes
    peers["role"], peers["arrival"] = who.role, who.arrival
    peers["patience"], peers["stay"] = who.patience, who.stay
    peers["wanted"], peers["limit"] = wanted, limit
    peers["up"], peers["down"] = who.up / piece, np.minimum(who.down / piece, WIDE)
    peers["policy"] = CHOKES.index(swarm.rules.choke)
    peers["super"] = (who.role == ORIGIN) & swarm.origin.super_seeding


def _rows(swarm: SwarmSettings, who: People, arrays: Arrays) -> Rows:
    peers, piece = arrays.peers, float(swarm.content.piece_bytes)
    completed = np.array(peers["completion"])
    completed[np.isinf(completed)] = np.nan
    columns = {
        "completion_s": completed,
        "left_s": peers["left"],
        "uploaded": peers["uploaded"] * piece,
        "downloaded": peers["downloaded"] * piece,
        "wasted": peers["wasted"] * piece,
        "banned": peers["bans"],
        "false_bans": peers["falsely"],
    }
    return transfers(who, columns)


def memory(swarm: SwarmSettings) -> int:
    """About how many bytes a run needs."""
    rules, content = swarm.rules, swarm.content
    count = swarm.peers + swarm.origin.count
    row = rules.most_neighbours + MOST_BANNED * (swarm.misfits.liars > 0)
    view = max(0, swarm.misfits.view - rules.most_neighbours) * swarm.misfits.free_riders
    parts = MOST_OPEN * content.sources * 32
    return int(count * ((row + view) * 48 + parts + rules.slots * 32 + content.pieces / 4 + 800))
