"""The arrays of a compiled swarm: one record a peer, one a connection, one a piece under way.

Records, not columns: a transfer touches six fields of one connection, which here share a cache
line. Records are 32 bytes, or whole lines of 64, and begin where lines do: there are tens of
megabytes of them, and who reads one waits for memory. All sizes are fixed before the run, so its
memory is known before it starts.

Amounts are *pieces* (1.0 is a piece), rates pieces a second, times seconds.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

NOBODY: Final = -1
"""No peer, no connection, no piece. A banned peer b is kept in its place as ``-2 - b``."""

AWAY: Final = 0
LEECH: Final = 1
SEED: Final = 2
GONE: Final = 3

HONEST: Final = 0
ORIGIN: Final = 1
FREE_RIDER: Final = 2
LIAR: Final = 3

LINE: Final = 64
"""Bytes of a line of the cache."""

PEER: Final = np.dtype(
    {
        "names": [
            # What each step reads: the first line of the cache.
            *("row", "room"),  # where its connections begin; how many there can be, bans included
            "up",
            "budget",  # what its downlink has left in this step
            *("count", "opened"),  # pieces that passed; pieces under way
            "fetches",  # connections on which something comes
            "unserved",  # of these, not yet served in this step
            "given",  # slots in use
            "limit",  # how many neighbours it accepts
            "phase",  # the step of a round in which it chokes
            *("degree", "wanted"),  # how many neighbours it has, and looks for
            *("state", "role"),
            *("policy", "super"),  # how it chokes while it fetches; whether it super-seeds
            # What each piece changes: the second.
            "taken",  # of its places for pieces under way, as bits
            "idle",  # of these, where nobody is asked for some part
            "down",
            *("uploaded", "downloaded"),
            "leaves",
            "place",  # where it stands among those present
            *(
                "bans",
                "falsely",
            ),  # by how many it was banned; whom it banned though they were honest
            # The rest.
            "wasted",
            "arrival",
            "patience",  # leaves unfinished after this
            "stay",  # leaves this long after it finished
            "completion",
            "left",
        ],
        "formats": [
            *("i4", "i4", "f8", "f8", *["i4"] * 9, "u1", "u1", "u1", "u1"),
            *("u8", "u8", *["f8"] * 4, *["i4"] * 3),
            *["f8"] * 6,
        ],
        "itemsize": 3 * LINE,
    },
    align=True,
)

EDGE: Final = np.dtype(
    [
        ("peer", "i4"),  # who is at the other end
        ("twin", "i4"),  # the same connection in the other's row
        ("began", "i4"),  # the step in which the turn began
        ("served", "i4"),  # in which the last turn ended; in which they met, if there was none
        ("received", "f4"),  # by the owner, in this round
        ("received_before", "f4"),  # in the last
        ("entry", "i1"),  # what the owner fetches here: which open piece,
        ("chunk", "i1"),  # and which part of it
        ("gives", "u1"),  # the slot of the owner's that the other has, from 1 on; 0: it is choked
        ("comes", "u1"),  # the slot of the other's that the owner has
        ("paid", "u1"),  # for what it sent
        ("known", "u1"),  # it had a turn before
        ("lying", "u1"),  # what comes here now is false
        ("trust", "i1"),  # points of a sender (libtorrent's scale)
    ],
    align=True,
)

ASIDE: Final = np.dtype(
    [
        ("sent", "f4"),  # in this round
        ("sent_before", "f4"),
        ("fake", "f4"),  # false blocks, not yet found out
        ("offer", "i4"),  # super-seeding: the piece shown last
    ]
)
"""What few rules look at of a connection."""

SLOT: Final = np.dtype(
    [
        ("room", "f8"),  # what may pass before anything happens; below 0: it is served
        ("moved", "f8"),  # what passed and is not booked yet (:mod:`simulations.swarm.flowing`)
        ("noted", "f8"),  # of this, what the other's choker knows of
        ("edge", "i4"),  # the connection that is unchoked
    ],
    align=True,
)

PART: Final = np.dtype(
    [
        ("got", "f8"),  # of the chunk
        # Of the open piece; in the record of its first chunk.
        ("piece", "i4"),
        ("owner", "i4"),  # the only peer it is fetched from, if it failed before
        # Of the chunk.
        ("holder", "i4"),  # the connection on which it is fetched
        ("source", "i4"),  # who sent the last part
        ("liar", "i4"),  # who sent false blocks of it
        # Of the open piece.
        ("left", "i1"),  # chunks not here
        ("free", "i1"),  # of these, asked of nobody
        ("mixed", "u1"),  # some chunk came from several
        ("shared", "u1"),  # some chunk is asked of several (the endgame)
    ],
    align=True,
)

RANK: Final = np.dtype([("rate", "f8"), ("edge", "i4")], align=True)

SUSPECT: Final = np.dtype([("piece", "i4"), ("liar", "i4")], align=True)

PIECE: Final = np.dtype(
    [
        ("copies", "i8"),  # among honest peers
        ("shown", "i8"),  # how often super-seeds showed it
    ]
)

KNOBS: Final = np.dtype(
    [
        ("seed", "u8"),
        ("thrown", "i8"),  # how often the dice were
        ("now", "f8"),
        ("step", "f8"),
        ("chunk", "f8"),  # of a piece
        ("block", "f8"),  # of a piece
        ("lie", "f8"),  # chance that a liar's chunk is false
        ("peers", "i4"),
        ("pieces", "i4"),
        ("slots", "i4"),
        ("trust", "i4"),  # of these, optimistic
        ("sent", "i4"),  # whether anybody asks what was sent
        ("round", "i4"),  # steps
        ("turn", "i4"),  # steps of an optimistic unchoke
        ("seed_turn", "i4"),
        ("seed_policy", "i4"),
        ("whole", "i4"),  # whether a seed's turn ends with a piece
        ("leaves", "i4"),  # whether each block has a hash
        ("ban", "i4"),
        ("rarest", "i4"),  # or random
        ("here", "i4"),  # how many are present
        ("fresh", "i4"),  # how many pieces passed in this step
        ("unfinished", "i4"),  # how many are to finish yet
        ("next", "i4"),  # who arrives next
        ("spent", "i8"),  # steps done
        ("moved", "i8"),  # pieces that passed
    ],
    align=True,
)


class Arrays(NamedTuple):
    """A swarm, as its kernels see it."""

    knobs: Array
    peers: Array
    lines: Array
    """[peers, lines, bytes]: ``peers`` by lines of the cache, to be fetched ahead"""
    edges: Array
    asides: Array
    """Beside ``edges``"""
    slots: Array
    """[peers, slots]: what flows out"""
    have: Array
    """[peers, words]: what others see; below, scratch for counters"""
    busy: Array
    """[peers, words]: what need not be asked for: here, or under way"""
    parts: Array
    """[peers, entries, chunks]: what is under way"""
    suspects: Array
    """[peers, memory]: proofs kept"""
    pieces: Array
    ranks: Array
    """Scratch: who sent something to whoever reviews its slots"""
    near: Array
    """[peers, most counted]: neighbours, and then a peer that has nothing"""
    lists: Array
    """Who is present; peers by arrival; peers and pieces that passed in this step; who is served"""


HERE, ORDER, FRESH_PEER, FRESH_PIECE, DUE = range(5)
"""The rows of ``lists``."""

MOST_OPEN: Final = 48
"""Pieces under way at one peer: more than it has neighbours that unchoke it at once."""
SUSPECTS: Final = 64
"""Failed pieces remembered at one peer, as in :mod:`torrent.core.culprits`."""
FRESH: Final = 4
"""Pieces a peer that pass in one step, on average; beyond, uplinks idle until the next."""
PLANES: Final = 6
"""Bits of a count of neighbours."""
LANES: Final = 8
"""Words counted at once: 512 bits."""
WIDE: Final = 1e12
"""Pieces a second, from which on a downlink is never the limit."""
SEVEN: Final = 7
"""Neighbours that are counted at once; 63 is a multiple."""


def allocate(
    peers: int, pieces: int, rooms: Array, *, slots: int, chunks: int, liars: bool
) -> Arrays:
    """Empty arrays: ``rooms[v]`` connections for peer v."""
    words = -(-pieces // (64 * LANES)) * LANES
    rows = np.zeros(peers + 1, np.int64)
    np.cumsum(rooms, out=rows[1:])
    people = _records(peers, PEER)
    people["row"], people["room"] = rows[:-1], rooms
    people["completion"] = people["left"] = people["leaves"] = np.inf
    edges = _records(int(rows[-1]), EDGE)
    for field in ("peer", "twin", "entry", "chunk"):
        edges[field] = NOBODY
    parts = _records((peers, MOST_OPEN, chunks), PART)
    parts["piece"] = NOBODY
    suspects = _records((peers, SUSPECTS if liars else 1), SUSPECT)
    suspects["piece"] = NOBODY
    given = _records((peers, slots), SLOT)
    given["edge"] = NOBODY
    near = _zeros((peers, 2**PLANES), np.int32)
    near[:] = peers
    return Arrays(
        knobs=_records(1, KNOBS),
        peers=people,
        lines=people.view(np.ndarray).view(np.uint8).reshape(peers, -1, LINE),
        edges=edges,
        asides=_records(int(rows[-1]), ASIDE),
        slots=given,
        have=_zeros((peers + PLANES + 2, words), np.uint64),
        busy=_zeros((peers, words), np.uint64),
        parts=parts,
        suspects=suspects,
        pieces=_records(pieces, PIECE),
        ranks=_records(int(np.max(rooms)), RANK),
        near=near,
        lists=np.zeros((5, peers * FRESH + MOST_OPEN), np.int32),
    )


def _zeros(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Zeros that begin where a line of the cache does."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    octets = np.zeros(size + LINE, np.uint8)
    first = -octets.ctypes.data % LINE
    return octets[first : first + size].view(dtype).reshape(shape)


def _records(shape: int | tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    return _zeros(shape, dtype).view(np.recarray)
