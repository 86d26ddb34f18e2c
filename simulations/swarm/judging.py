"""When a piece is whole, and who is to blame if it is false: :mod:`torrent.core.culprits` in short.

v1 has one hash a piece: among the senders of one that fails, nothing says who lied. *Digests* of
its blocks are remembered until it passes, and then name the liars (smart ban); the only sender of a
false piece is named at once. *Points* are what clients without digests do: two off for whoever
sent a part of a false piece, one for a true one, a ban at -7, and honest peers among them. v2 has a
hash a block: the block itself names its sender, and no more than it is lost.
"""

from __future__ import annotations

import numpy as np

from simulations.swarm.arrays import FRESH_PEER, FRESH_PIECE, LIAR, NOBODY, Arrays
from simulations.swarm.bits import MOST_COUNTED, discard
from simulations.swarm.choking import end_turn
from simulations.swarm.fetching import release
from simulations.swarm.machine import inner, often

NEVER = 0
POINTS = 1
DIGESTS = 2
_ONE = np.uint64(1)
_GOOD, _FAILED, _MOST, _DISTRUST = 1, -2, 8, -7


@often
def judge(arrays: Arrays, v: int, k: int) -> None:
    """The open piece ``k`` of ``v`` is whole: is it true?"""
    peer, piece, false = arrays.peers[v], int(arrays.parts[v, k, 0].piece), False
    for c in range(arrays.parts.shape[2]):
        false = false or arrays.parts[v, k, c].liar >= 0
    arrays.parts[v, k, 0].piece = NOBODY
    peer.opened -= 1
    peer.taken &= ~(_ONE << np.uint64(k))
    if false:
        peer.wasted += 1.0
        discard(arrays.busy[v], piece)
        if arrays.knobs[0].ban != NEVER:
            _blame(arrays, v, k, piece)
        return
    knob = arrays.knobs[0]
    arrays.lists[FRESH_PEER, knob.fresh] = v
    arrays.lists[FRESH_PIECE, knob.fresh] = piece
    knob.fresh += 1
    peer.count += 1
    if arrays.suspects.shape[1] > 1:
        _clear(arrays, v, k, piece)


@inner
def _sole(arrays: Arrays, v: int, k: int) -> int:
    """Who sent all of a piece, if one did."""
    source = int(arrays.parts[v, k, 0].source)
    for c in range(arrays.parts.shape[2]):
        if arrays.parts[v, k, c].source != source:
            return NOBODY
    return NOBODY if arrays.parts[v, k, 0].mixed else source


@inner
def _blame(arrays: Arrays, v: int, k: int, piece: int) -> None:
    """A piece was false."""
    sole = _sole(arrays, v, k)
    if sole >= 0:
        ban(arrays, v, sole)
        return
    for c in range(arrays.parts.shape[2]):
        chunk = arrays.parts[v, k, c]
        if arrays.knobs[0].ban == POINTS:
            _rate(arrays, v, int(chunk.source), _FAILED)
        elif chunk.liar >= 0:
            _remember(arrays, v, piece, int(chunk.liar))
    if arrays.knobs[0].ban == POINTS:
        _remember(arrays, v, piece, NOBODY)


@inner
def _remember(arrays: Arrays, v: int, piece: int, liar: int) -> None:
    """Keep the proof until the piece passes; a full memory forgets what chance hits."""
    suspects, free = arrays.suspects[v], NOBODY
    for i in range(suspects.shape[0]):
        if suspects[i].piece == piece and suspects[i].liar == liar:
            return
        if suspects[i].piece < 0:
            free = i
    if free < 0:
        free = piece % suspects.shape[0]
    suspects[free].piece, suspects[free].liar = piece, liar


@inner
def _clear(arrays: Arrays, v: int, k: int, piece: int) -> None:
    """A piece was true: whoever sent another one lied."""
    suspects = arrays.suspects[v]
    for i in range(suspects.shape[0]):
        if suspects[i].piece == piece:
            suspects[i].piece = NOBODY
            if suspects[i].liar >= 0:
                ban(arrays, v, int(suspects[i].liar))
    if arrays.knobs[0].ban == POINTS:
        for c in range(arrays.parts.shape[2]):
            _rate(arrays, v, int(arrays.parts[v, k, c].source), _GOOD)


@inner
def _find(arrays: Arrays, v: int, u: int) -> int:
    """The connection of ``v`` to ``u``, or -1."""
    peer = arrays.peers[v]
    for f in range(peer.row, peer.row + peer.room):
        if arrays.edges[f].peer == u:
            return f
    return NOBODY


@inner
def _rate(arrays: Arrays, v: int, u: int, change: int) -> None:
    """Give or take points, and ban who has none left."""
    f = _find(arrays, v, u)
    if f < 0:
        return
    edge = arrays.edges[f]
    edge.trust = min(edge.trust + change, _MOST)
    if edge.trust <= _DISTRUST:
        ban(arrays, v, u)


@inner
def ban(arrays: Arrays, v: int, u: int) -> None:
    """``v`` hangs up on ``u``, and never meets it again."""
    f = _find(arrays, v, u)
    if f < 0:
        return
    arrays.peers[u].bans += 1
    if arrays.peers[u].role != LIAR:
        arrays.peers[v].falsely += 1
    sever(arrays, f)
    arrays.edges[f].peer = -2 - u


@inner
def sever(arrays: Arrays, e: int) -> None:
    """End a connection."""
    edge = arrays.edges[e]
    twin = arrays.edges[edge.twin]
    if edge.gives:
        end_turn(arrays, e)
    if edge.comes:
        end_turn(arrays, int(edge.twin))
    release(arrays, e, int(twin.peer))
    release(arrays, int(edge.twin), int(edge.peer))
    _forget(arrays, int(edge.peer), int(twin.peer))
    _forget(arrays, int(twin.peer), int(edge.peer))
    edge.peer = twin.peer = NOBODY


@inner
def _forget(arrays: Arrays, u: int, v: int) -> None:
    """Count ``v`` no longer among the neighbours of ``u``; the last takes its place."""
    near, peer = arrays.near[u], arrays.peers[u]
    peer.degree -= 1
    last = min(int(peer.degree), MOST_COUNTED - 1)
    for j in range(MOST_COUNTED):
        if near[j] == v:
            near[j] = near[last]
            near[last] = arrays.peers.shape[0]
            break
