"""The loop of a compiled swarm: who comes, whom they know, who goes, and the steps between.

A tracker names random peers. Each arrival looks for a number of neighbours and accepts more, and
whoever has lost too many asks again. Time goes in steps, in which rates are constant; they are
short against the time in which a piece passes from one peer to another, and a shorter step changes
the makespan by less than a percent (a test).
"""

from __future__ import annotations

import numpy as np

from simulations.compiled import fetch
from simulations.swarm.arrays import (
    DUE,
    FRESH_PEER,
    FRESH_PIECE,
    GONE,
    HERE,
    LEECH,
    LIAR,
    NOBODY,
    ORDER,
    ORIGIN,
    SEED,
    Arrays,
)
from simulations.swarm.bits import MOST_COUNTED, add, draw, has
from simulations.swarm.choking import fill, rechoke
from simulations.swarm.flowing import book_given, flow_on, look_ahead, look_on
from simulations.swarm.judging import sever
from simulations.swarm.machine import inner, kernel, often
from simulations.swarm.moving import serve

_FULL = np.uint64(0xFFFFFFFFFFFFFFFF)
_ONE = np.uint64(1)
_AHEAD = 4
"""Peers between two links of the chain that are fetched ahead: a miss takes as long as serving
some peers."""
_LINKS = 3
"""The chain: a connection; its other end and the peer there; the piece it gives to."""
_ASKED = 3
"""How often a peer looks for one more neighbour before it gives up for now."""


@inner
def _place(arrays: Arrays, u: int, v: int) -> int:
    """A free connection of ``u`` for ``v``; -1 if it has none, knows ``v``, or has banned it."""
    peer, free = arrays.peers[u], NOBODY
    if peer.degree >= peer.limit:
        return NOBODY
    for e in range(peer.row, peer.row + peer.room):
        known = arrays.edges[e].peer
        if known == v or known == -2 - v:
            return NOBODY
        if known == NOBODY and free < 0:
            free = e
    return free


@inner
def _meet(arrays: Arrays, u: int, v: int) -> None:
    """Connect two peers, if both can."""
    e = _place(arrays, u, v)
    f = _place(arrays, v, u) if e >= 0 else NOBODY
    if f < 0:
        return
    _link(arrays, e, f, v)
    _link(arrays, f, e, u)
    _note(arrays, u, v)
    _note(arrays, v, u)


@inner
def _note(arrays: Arrays, u: int, v: int) -> None:
    """Count ``v`` among the neighbours of ``u``."""
    peer = arrays.peers[u]
    if peer.degree < MOST_COUNTED:
        arrays.near[u, peer.degree] = v
    peer.degree += 1


@inner
def _link(arrays: Arrays, e: int, f: int, v: int) -> None:
    """Let ``e`` begin as a connection to ``v``."""
    edge = arrays.edges[e]
    edge.peer, edge.twin = v, f
    edge.entry = edge.chunk = NOBODY
    edge.gives = edge.comes = edge.paid = edge.known = edge.lying = edge.trust = 0
    edge.received = edge.received_before = 0.0
    edge.began = edge.served = arrays.knobs[0].spent
    aside = arrays.asides[e]
    aside.sent = aside.sent_before = aside.fake = 0.0
    aside.offer = NOBODY


@inner
def _seek(arrays: Arrays, v: int) -> None:
    """Ask the tracker for as many peers as are missing."""
    peer, knob = arrays.peers[v], arrays.knobs[0]
    for _ in range(_ASKED * (peer.wanted - peer.degree)):
        if peer.degree >= peer.wanted:
            break
        u = int(arrays.lists[HERE, int(draw(arrays) * knob.here)])
        if u != v and (peer.state == LEECH or arrays.peers[u].state == LEECH):
            _meet(arrays, v, u)


@inner
def _enter(arrays: Arrays, v: int) -> None:
    """A peer arrives."""
    peer, knob = arrays.peers[v], arrays.knobs[0]
    peer.place = knob.here
    arrays.lists[HERE, knob.here] = v
    knob.here += 1
    peer.leaves = knob.now + peer.patience
    peer.phase = int(draw(arrays) * knob.round)
    peer.state = LEECH
    if peer.role == ORIGIN or peer.role == LIAR:  # noqa: PLR1714
        peer.state = SEED
        for piece in range(knob.pieces):
            add(arrays.have[v], piece)
            add(arrays.busy[v], piece)
            if peer.role == ORIGIN:
                arrays.pieces[piece].copies += 1
        peer.count = knob.pieces


@kernel
def arrive(arrays: Arrays) -> None:
    """Let in who is due, and only then let them meet: a crowd that comes at once is mixed."""
    knob, first = arrays.knobs[0], arrays.knobs[0].next
    while knob.next < knob.peers:
        v = int(arrays.lists[ORDER, knob.next])
        if arrays.peers[v].arrival > knob.now:
            break
        _enter(arrays, v)
        knob.next += 1
    for i in range(first, knob.next):
        _seek(arrays, int(arrays.lists[ORDER, i]))


@inner
def _leave(arrays: Arrays, v: int, at: float) -> None:
    """A peer goes, finished or not."""
    peer, knob = arrays.peers[v], arrays.knobs[0]
    for e in range(peer.row, peer.row + peer.room):
        if arrays.edges[e].peer >= 0:
            sever(arrays, e)
    knob.here -= 1
    last = int(arrays.lists[HERE, knob.here])
    arrays.lists[HERE, peer.place] = last
    arrays.peers[last].place = peer.place
    if peer.state == LEECH:
        knob.unfinished -= 1
    peer.state = GONE
    peer.left = at
    if peer.role != LIAR:
        for piece in range(knob.pieces):
            if has(arrays.have[v], piece):
                arrays.pieces[piece].copies -= 1


@kernel
def commit(arrays: Arrays) -> None:
    """What passed in this step is seen by others from now on."""
    knob = arrays.knobs[0]
    for i in range(knob.fresh):
        v = int(arrays.lists[FRESH_PEER, i])
        piece = int(arrays.lists[FRESH_PIECE, i])
        add(arrays.have[v], piece)
        arrays.pieces[piece].copies += 1
        peer = arrays.peers[v]
        if peer.count == knob.pieces and peer.state == LEECH:
            peer.state = SEED
            peer.completion = knob.now
            peer.leaves = knob.now + peer.stay
            knob.unfinished -= 1
    knob.moved += knob.fresh
    knob.fresh = 0


@kernel
def depart(arrays: Arrays) -> None:
    """Those whose time is over go."""
    knob, i = arrays.knobs[0], 0
    while i < knob.here:
        v = int(arrays.lists[HERE, i])
        if arrays.peers[v].leaves <= knob.now:
            _leave(arrays, v, knob.now)  # Another stands in its place now.
        else:
            i += 1


@kernel
def choke(arrays: Arrays) -> None:
    """Begin a step: let each peer look after its neighbours and its slots."""
    knob = arrays.knobs[0]
    phase = knob.spent % knob.round
    for i in range(knob.here):
        _look_ahead(arrays, i + _AHEAD, phase)
        v = int(arrays.lists[HERE, i])
        peer = arrays.peers[v]
        if peer.phase == phase and 2 * peer.degree < peer.wanted:
            _seek(arrays, v)
        peer.budget = peer.down * knob.step
        if peer.count == 0 or peer.up == 0.0:
            continue
        if peer.phase == phase:
            rechoke(arrays, v)
        if peer.given < knob.slots:
            fill(arrays, v)
    for i in range(knob.here):
        peer = arrays.peers[int(arrays.lists[HERE, i])]
        peer.unserved = peer.fetches


@often
def _look_ahead(arrays: Arrays, i: int, phase: int) -> None:
    """Fetch the connections of whoever reviews them some turns from now."""
    if i < arrays.knobs[0].here:
        peer = arrays.peers[int(arrays.lists[HERE, i])]
        if peer.phase == phase:
            for e in range(peer.row, peer.row + peer.room, 2):
                fetch(arrays.edges, e)


@often
def _in_turn(arrays: Arrays, turn: int) -> int:
    """Who is present at a place of the circle."""
    here = int(arrays.knobs[0].here)
    while turn >= here:  # Once, mostly: to divide would take longer than all else here.
        turn -= here
    return int(arrays.lists[HERE, turn])


@kernel
def transfer(arrays: Arrays) -> None:
    """Let each peer upload for one step, another one first each time.

    First all those whose slots just flow on, then, in the same order, those where something ends.
    """
    knob, lists = arrays.knobs[0], arrays.lists
    first, due = int(draw(arrays) * knob.here), 0
    for i in range(knob.here):
        look_on(arrays, _in_turn(arrays, first + i + 2 * _AHEAD))
        v = _in_turn(arrays, first + i)
        if not flow_on(arrays, v):
            lists[DUE, due] = v
            due += 1
    for i in range(due):
        for k in range(_LINKS):
            if i + (_LINKS - k) * _AHEAD < due:
                look_ahead(arrays, int(lists[DUE, i + (_LINKS - k) * _AHEAD]), k)
        serve(arrays, int(lists[DUE, i]))
    knob.spent += 1
    knob.now = knob.spent * knob.step


@kernel
def book_all(arrays: Arrays) -> None:
    """Enter all that passed; who goes has done so."""
    for v in range(arrays.knobs[0].peers):
        book_given(arrays, v)
