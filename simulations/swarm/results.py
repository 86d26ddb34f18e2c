"""What a swarm has seen: one row a peer, and the figures that are read off them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulations.rows import Rows
from simulations.swarm.arrays import FREE_RIDER, HONEST, LIAR, ORIGIN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulations.swarm.people import People
    from simulations.swarm.settings import SwarmSettings

TRANSFERS: Final[dict[str, str]] = {
    "peer": "u4",
    "role": "u1",
    "arrival_s": "f8",
    "completion_s": "f8",
    "left_s": "f8",
    "up_bps": "f8",
    "down_bps": "f8",
    "uploaded": "f8",
    "downloaded": "f8",
    "wasted": "f8",
    "banned": "u4",
    "false_bans": "u4",
}
"""The columns of transfers, and numpy's names of their types.

================  ==================================================================================
``peer``          its number; origins come first
``role``          0 honest, 1 origin, 2 free rider, 3 liar
``arrival_s``     when it came
``completion_s``  when it had the last piece; NaN if never, or from the beginning
``left_s``        when it left; infinity if it was there at the end
``up_bps``        bytes a second out of its link
``down_bps``      bytes a second into it
``uploaded``      bytes of blocks that left it
``downloaded``    bytes of blocks that reached it, the wasted ones among them
``wasted``        bytes that it had to fetch again
``banned``        by how many peers it was banned
``false_bans``    how many honest peers it banned
================  ==================================================================================
"""


def transfers(people: People, columns: dict[str, NDArray[Any]]) -> Rows:
    """Rows of a run: what is known of the people, and ``columns`` for the rest."""
    known = {
        "peer": np.arange(people.total),
        "role": people.role,
        "arrival_s": people.arrival,
        "up_bps": people.up,
        "down_bps": people.down,
        **columns,
    }
    return Rows({name: known[name].astype(kind) for name, kind in TRANSFERS.items()})


def fetching(rows: Rows) -> Rows:
    """Those who came for the content: neither origins nor liars."""
    return rows.where((rows["role"] == HONEST) | (rows["role"] == FREE_RIDER))


def honest(rows: Rows) -> Rows:
    """Those who follow the rules."""
    return rows.where(rows["role"] == HONEST)


def makespan(rows: Rows) -> float:
    """When the last of them had everything; NaN if some never had."""
    ended = fetching(rows)["completion_s"]
    return float(ended.max()) if len(ended) else 0.0


def durations(rows: Rows) -> NDArray[Any]:
    """How long each fetched; NaN where it never finished."""
    spent: NDArray[Any] = rows["completion_s"] - rows["arrival_s"]
    return spent


def waste(rows: Rows) -> float:
    """The share of all that was downloaded that had to be fetched again."""
    total = float(rows["downloaded"].sum())
    return float(rows["wasted"].sum()) / total if total else 0.0


def least_makespan(swarm: SwarmSettings, rows: Rows) -> float:
    """V7: before this nobody can bring the content to all of a flash crowd, in seconds.

    Everything leaves the origin once; the slowest downlink takes it in; and all uplinks together
    carry it to everybody (Kumar and Ross 2006). Where all uplinks are equal, pieces make it
    stricter: the last one has to double its copies (Mundinger, Weber and Weiss 2008).
    """
    size, wanting = swarm.content.size, fetching(rows)
    origin = float(rows["up_bps"][rows["role"] == ORIGIN].sum())
    # A liar carries nothing to anybody, unless it tells the truth now and then.
    able = rows["role"] != LIAR if swarm.misfits.lie == 1 else rows["role"] >= 0
    total = float(rows["up_bps"][able].sum())
    bounds = [size / origin, size / float(wanting["down_bps"].min()), wanting.count * size / total]
    ups = np.unique(rows["up_bps"][able])
    if len(ups) == 1 and swarm.origin.count == 1 and able.all():
        piece = swarm.content.piece_bytes / float(ups[0])
        bounds.append((swarm.content.pieces + math.floor(math.log2(wanting.count))) * piece)
    return max(bounds)
