"""What a peer asks for on a connection, and giving it up again.

As :mod:`torrent.core.picker` does: the rarest first; among equals what is begun; and in the endgame
what others are asked for already. Pieces are split into chunks that are asked of different peers;
with one chunk a piece comes from one peer, unless it was choked halfway. *What came stays*: a chunk
left half done by a choke is finished by whoever gives next. To drop it doubles the time a swarm
takes. To finish it before anything else (BEP 3's strict priority) costs, too: a source that is
asked for the ends of pieces that everybody has spends a fifth of its uplink on them.
"""

from __future__ import annotations

import numpy as np

from simulations.swarm.arrays import LIAR, MOST_OPEN, NOBODY, Arrays
from simulations.swarm.bits import add, choose, discard, draw, has, lowest
from simulations.swarm.flowing import watch
from simulations.swarm.machine import inner, often

_FEW = 2
_ONE = np.uint64(1)


@inner
def pick(arrays: Arrays, f: int, v: int, u: int) -> bool:
    """Find work for ``f``, the connection of ``v`` to ``u``; whether there is any."""
    if arrays.peers[u].super:
        return _shown(arrays, f, v, u)
    piece = choose(arrays, v, u)
    if piece >= 0 and _take(arrays, f, v, u, piece):
        return True
    peer = arrays.peers[v]
    if peer.count + peer.opened == arrays.knobs[0].pieces:
        return _join(arrays, f, v, u)
    return False


@often
def _take(arrays: Arrays, f: int, v: int, u: int, piece: int) -> bool:
    """Ask for a part of ``piece``: go on with what is begun, or begin it if there is room."""
    k = _entry(arrays, v, piece)
    if k < 0:
        k = _begin(arrays, v, u, piece)
    if k < 0:
        return False
    _ask(arrays, f, v, u, k)
    return True


@often
def _entry(arrays: Arrays, v: int, piece: int) -> int:
    """Where ``piece`` is under way, with something to ask for; -1 if it is not."""
    rest = arrays.peers[v].idle
    while rest:
        if arrays.parts[v, lowest(rest), 0].piece == piece:
            return lowest(rest)
        rest &= rest - _ONE
    return NOBODY


@often
def _begin(arrays: Arrays, v: int, u: int, piece: int) -> int:
    """Open a piece; -1 if too many are.

    One that failed is fetched from a single peer, which lies again, or brings the proof.
    """
    parts, peer = arrays.parts.shape[2], arrays.peers[v]
    if peer.opened == MOST_OPEN:
        return NOBODY
    k = lowest(~peer.taken)
    peer.taken |= _ONE << np.uint64(k)
    peer.idle |= _ONE << np.uint64(k)
    entry = arrays.parts[v, k, 0]
    entry.piece, entry.left, entry.free = piece, parts, parts
    entry.mixed = entry.shared = 0
    entry.owner = u if _suspected(arrays, v, piece) else NOBODY
    for c in range(parts):
        chunk = arrays.parts[v, k, c]
        chunk.got = 0.0
        chunk.holder = chunk.source = chunk.liar = NOBODY
    peer.opened += 1
    return k


@inner
def _suspected(arrays: Arrays, v: int, piece: int) -> bool:
    """Whether ``piece`` failed before."""
    suspects = arrays.suspects[v]
    if suspects.shape[0] == 1:
        return False  # Nobody lies here.
    for i in range(suspects.shape[0]):  # noqa: SIM110 - a generator would be an object
        if suspects[i].piece == piece:
            return True
    return False


@often
def _ask(arrays: Arrays, f: int, v: int, u: int, k: int) -> None:
    """Ask on ``f`` for a chunk of an open piece that nobody is asked for."""
    size, best, most = arrays.knobs[0].chunk, NOBODY, -1.0
    for c in range(arrays.parts.shape[2]):
        chunk = arrays.parts[v, k, c]
        if chunk.holder < 0 and most < chunk.got < size:
            best, most = c, chunk.got
    entry = arrays.parts[v, k, 0]
    arrays.parts[v, k, best].holder = f
    entry.free -= 1
    if entry.free == 0:
        arrays.peers[v].idle &= ~(_ONE << np.uint64(k))
    if entry.owner >= 0:
        entry.owner = u
    if entry.free == 0 or entry.owner >= 0:
        add(arrays.busy[v], entry.piece)
    _fetch(arrays, f, v, u, k, best)


@often
def _fetch(arrays: Arrays, f: int, v: int, u: int, k: int, c: int) -> None:
    edge, knob = arrays.edges[f], arrays.knobs[0]
    edge.entry, edge.chunk, edge.lying = k, c, 0
    if arrays.peers[u].role == LIAR:
        edge.lying = draw(arrays) < knob.lie
        arrays.asides[f].fake = 0.0
    arrays.peers[v].fetches += 1
    arrays.peers[v].unserved += 1


@inner
def _join(arrays: Arrays, f: int, v: int, u: int) -> bool:
    """The endgame: help with the chunk that is farthest from its end.

    Two peers asked for the rest of a chunk send different blocks of it, as long as the one who
    asks cancels in time: what both send anyway is not counted here.
    """
    watch(arrays, v)
    have, best, part, least = arrays.have[u], NOBODY, NOBODY, 1.0
    for k in range(MOST_OPEN):
        entry = arrays.parts[v, k, 0]
        if entry.piece < 0 or 0 <= entry.owner != u or not has(have, entry.piece):
            continue
        for c in range(arrays.parts.shape[2]):
            chunk = arrays.parts[v, k, c]
            if chunk.holder >= 0 and chunk.got < least:
                best, part, least = k, c, chunk.got
    if best < 0:
        return False
    arrays.parts[v, best, 0].shared = 1
    _fetch(arrays, f, v, u, best, part)
    return True


@inner
def _shown(arrays: Arrays, f: int, v: int, u: int) -> bool:
    """Super-seeding (BEP 16): ``u`` shows each peer one piece, the next when others have that.

    Of the pieces that ``v`` lacks it shows what it showed least often.
    """
    aside = arrays.asides[arrays.edges[f].twin]
    offer = int(aside.offer)
    if offer >= 0 and not has(arrays.have[v], offer):
        return not has(arrays.busy[v], offer) and _take(arrays, f, v, u, offer)
    if offer >= 0 and not _passed_on(arrays, v, u, offer):
        return False
    piece = _seldom(arrays, v)
    if piece < 0:
        return _join(arrays, f, v, u)
    aside.offer = piece
    arrays.pieces[piece].shown += 1
    return _take(arrays, f, v, u, piece)


@inner
def _passed_on(arrays: Arrays, v: int, u: int, piece: int) -> bool:
    """Whether a neighbour of ``u`` other than ``v`` has the piece, or nobody else is left."""
    peer, others = arrays.peers[u], 0
    for e in range(peer.row, peer.row + peer.room):
        w = arrays.edges[e].peer
        if w < 0 or w == v or arrays.peers[w].count == arrays.knobs[0].pieces:
            continue
        if has(arrays.have[w], piece):
            return True
        others += 1
    return others < _FEW


@inner
def _seldom(arrays: Arrays, v: int) -> int:
    """What super-seeds showed least often of what ``v`` lacks."""
    busy, shown, best, ties = arrays.busy[v], arrays.pieces, NOBODY, 0
    for piece in range(arrays.knobs[0].pieces):
        if has(busy, piece):
            continue
        if best < 0 or shown[piece].shown < shown[best].shown:
            best, ties = piece, 1
        elif shown[piece].shown == shown[best].shown:
            ties += 1
            if draw(arrays) * ties < 1.0:
                best = piece
    return best


@often
def release(arrays: Arrays, f: int, v: int) -> None:
    """Nothing more comes to ``v`` on ``f``; what came stays."""
    edge = arrays.edges[f]
    if edge.entry < 0:
        return
    k, c = int(edge.entry), int(edge.chunk)
    edge.entry = NOBODY
    arrays.peers[v].fetches -= 1
    entry, chunk = arrays.parts[v, k, 0], arrays.parts[v, k, c]
    if chunk.holder != f:
        return
    chunk.holder = _helper(arrays, v, k, c) if entry.shared else NOBODY
    if chunk.holder < 0:
        entry.free += 1
        arrays.peers[v].idle |= _ONE << np.uint64(k)
        discard(arrays.busy[v], entry.piece)


@inner
def _helper(arrays: Arrays, v: int, k: int, c: int) -> int:
    """Another connection on which the same chunk comes, or -1."""
    peer = arrays.peers[v]
    for f in range(peer.row, peer.row + peer.room):
        edge = arrays.edges[f]
        if edge.peer >= 0 and edge.entry == k and edge.chunk == c:
            return f
    return NOBODY
