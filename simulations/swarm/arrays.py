"""The arrays of a compiled swarm: one record a peer, one a connection, one a piece under way.

Records, not columns: a transfer touches six fields of one connection, which here share a cache
line. All sizes are fixed before the run, so its memory is known before it starts.

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

PEER: Final = np.dtype(
    [
        # What each transfer reads: one line of the cache.
        ("row", "i8"),  # where its connections begin
        ("up", "f8"),
        ("budget", "f8"),  # what its downlink has left in this step
        ("uploaded", "f8"),
        ("downloaded", "f8"),
        ("count", "i4"),  # pieces that passed
        ("opened", "i4"),  # pieces under way
        ("fetches", "i4"),  # connections on which something comes
        ("unserved", "i4"),  # of these, not yet served in this step
        ("given", "i4"),  # slots in use
        ("state", "u1"),
        ("role", "u1"),
        ("policy", "u1"),  # how it chokes while it fetches
        ("super", "u1"),
        # The rest.
        ("room", "i4"),  # how many connections there can be, banned ones included
        ("wanted", "i4"),  # how many it looks for
        ("limit", "i4"),  # how many it accepts
        ("degree", "i4"),
        ("place", "i4"),  # where it stands among those present
        ("loose", "i4"),  # chunks under way that nobody is asked for
        ("phase", "i4"),  # the step of a round in which it chokes
        ("bans", "i4"),  # by how many it was banned
        ("falsely", "i4"),  # whom it banned though they were honest
        ("down", "f8"),
        ("arrival", "f8"),
        ("patience", "f8"),  # leaves unfinished after this
        ("stay", "f8"),  # leaves this long after it finished
        ("leaves", "f8"),
        ("completion", "f8"),
        ("left", "f8"),
        ("wasted", "f8"),
    ],
    align=True,
)

EDGE: Final = np.dtype(
    [
        ("peer", "i4"),  # who is at the other end
        ("twin", "i4"),  # the same connection in the other's row
        ("entry", "i4"),  # what the owner fetches here: which open piece,
        ("chunk", "i4"),  # and which part of it
        ("offer", "i4"),  # super-seeding: the piece shown last
        ("gives", "u1"),  # the owner unchokes the other
        ("paid", "u1"),  # for what it sent
        ("lying", "u1"),  # what comes here now is false
        ("trust", "i1"),  # points of a sender (libtorrent's scale)
        ("received", "f4"),  # by the owner, in this round
        ("received_before", "f4"),  # in the last
        ("sent", "f4"),
        ("sent_before", "f4"),
        ("fake", "f4"),  # false blocks, not yet found out
        ("began", "f8"),  # when the turn began
        ("served", "f8"),  # when the last turn ended; when they met, if there was none
        ("turns", "i4"),
    ],
    align=True,
)

PART: Final = np.dtype(
    [
        # Of the open piece; in the record of its first chunk.
        ("piece", "i4"),
        ("left", "i4"),  # chunks not here
        ("free", "i4"),  # of these, asked of nobody
        ("owner", "i4"),  # the only peer it is fetched from, if it failed before
        ("mixed", "u1"),  # some chunk came from several
        ("shared", "u1"),  # some chunk is asked of several (the endgame)
        # Of the chunk.
        ("got", "f8"),
        ("holder", "i4"),  # the connection on which it is fetched
        ("source", "i4"),  # who sent the last part
        ("liar", "i4"),  # who sent false blocks of it
    ],
    align=True,
)

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
        ("turn", "f8"),  # seconds of an optimistic unchoke
        ("seed_turn", "f8"),
        ("chunk", "f8"),  # of a piece
        ("block", "f8"),  # of a piece
        ("lie", "f8"),  # chance that a liar's chunk is false
        ("peers", "i4"),
        ("pieces", "i4"),
        ("slots", "i4"),
        ("trust", "i4"),  # of these, optimistic
        ("round", "i4"),  # steps
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
    edges: Array
    slots: Array
    """[peers, slots]: connections unchoked"""
    have: Array
    """[peers, words]: what others see; below, scratch for counters"""
    busy: Array
    """[peers, words]: what need not be asked for: here, or under way"""
    parts: Array
    """[peers, entries, chunks]: what is under way"""
    suspects: Array
    """[peers, memory]: proofs kept"""
    pieces: Array
    near: Array
    """[peers, most counted]: neighbours, and then a peer that has nothing"""
    lists: Array
    """Who is present; peers by arrival; peers and pieces that passed in this step"""


HERE, ORDER, FRESH_PEER, FRESH_PIECE = range(4)
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
    for field in ("peer", "twin", "entry", "chunk", "offer"):
        edges[field] = NOBODY
    parts = _records((peers, MOST_OPEN, chunks), PART)
    parts["piece"] = NOBODY
    suspects = _records((peers, SUSPECTS if liars else 1), SUSPECT)
    suspects["piece"] = NOBODY
    return Arrays(
        knobs=_records(1, KNOBS),
        peers=people,
        edges=edges,
        slots=np.full((peers, slots), NOBODY, np.int32),
        have=np.zeros((peers + PLANES + 2, words), np.uint64),
        busy=np.zeros((peers, words), np.uint64),
        parts=parts,
        suspects=suspects,
        pieces=_records(pieces, PIECE),
        near=np.full((peers, 2**PLANES - 1), peers, np.int32),
        lists=np.zeros((4, peers * FRESH + MOST_OPEN), np.int32),
    )


def _records(shape: int | tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    return np.zeros(shape, dtype).view(np.recarray)
