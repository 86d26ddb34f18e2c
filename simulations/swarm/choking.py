"""Whom a peer uploads to, by the rules of :mod:`torrent.core.choker` and by others.

*Tit-for-tat* (BEP 3): the slots but one for those who sent most in the last two rounds, one on
trust, for thirty seconds, three times likelier for newcomers. Slots that nobody paid for go by luck
as well. A seed serves *turns*, in the order of waiting. For comparison: whoever takes *fastest*
(what seeds of BEP 3 did, and what a free rider likes), and a *lottery* drawn anew each round.
"""

from __future__ import annotations

from simulations.swarm.arrays import LEECH, NOBODY, SEED, Arrays
from simulations.swarm.bits import draw, offers
from simulations.swarm.fetching import release
from simulations.swarm.flowing import SHUT, book, book_given, look_around, note
from simulations.swarm.machine import inner, often

TIT_FOR_TAT = 0
FASTEST = 1
TURNS = 2
LOTTERY = 3
_CHOSEN = 2
OVER = 3
"""``paid``, where it is neither yes nor no."""
_EVEN = 1e-5
"""Pieces of difference between two rates that are equal, but for rounding."""


@often
def wants(arrays: Arrays, u: int, e: int) -> bool:
    """Whether the peer at the other end of ``e`` would ask its owner ``u`` for something."""
    edge = arrays.edges[e]
    v = int(edge.peer)
    peer = arrays.peers[v]
    if peer.state != LEECH:
        return False
    if edge.gives and arrays.edges[edge.twin].entry >= 0:
        return True
    theirs = arrays.have[u]
    if peer.count + peer.opened == arrays.knobs[0].pieces:
        return offers(theirs, arrays.have[v])
    return offers(theirs, arrays.busy[v])


@inner
def end_turn(arrays: Arrays, e: int) -> None:
    """Choke the peer at ``e``."""
    edge = arrays.edges[e]
    u, i = int(arrays.edges[edge.twin].peer), edge.gives - 1
    book(arrays, u, i)
    arrays.slots[u, i].edge = NOBODY
    edge.gives = edge.paid = arrays.edges[edge.twin].comes = 0
    edge.served = arrays.knobs[0].spent
    arrays.peers[u].given -= 1
    release(arrays, int(edge.twin), int(edge.peer))


@often
def _give(arrays: Arrays, u: int, e: int, paid: int) -> None:
    """Unchoke the peer at ``e``; there must be a free slot."""
    edge, i = arrays.edges[e], 0
    while arrays.slots[u, i].edge >= 0:
        i += 1
    slot = arrays.slots[u, i]
    slot.edge, slot.room, slot.moved, slot.noted = e, SHUT, 0.0, 0.0
    edge.gives = arrays.edges[edge.twin].comes = i + 1
    edge.paid, edge.known = paid, 1
    edge.began = arrays.knobs[0].spent
    arrays.peers[u].given += 1


@often
def rechoke(arrays: Arrays, u: int) -> None:
    """The review every ten seconds; :func:`fill` is to follow."""
    peer, knob = arrays.peers[u], arrays.knobs[0]
    policy = int(peer.policy) if peer.state == LEECH else int(knob.seed_policy)
    if policy == FASTEST:
        book_given(arrays, u)
    look_around(arrays, u)
    ranked = _review(arrays, u, policy)
    for i in range(knob.slots):
        e = int(arrays.slots[u, i].edge)
        if e >= 0 and not wants(arrays, u, e):
            end_turn(arrays, e)
    if policy <= FASTEST:
        _pay(arrays, u, ranked)
    else:
        _rotate(arrays, u, knob.round if policy == LOTTERY else knob.seed_turn)


@often
def _review(arrays: Arrays, u: int, policy: int) -> int:
    """Look at each connection once, and rank those that are to be paid for something; how many."""
    peer, ranked = arrays.peers[u], 0
    for e in range(peer.row, peer.row + peer.room):
        edge = arrays.edges[e]
        if edge.peer < 0:
            continue
        if edge.comes:
            note(arrays, e)
        rate = _rate(arrays, e, policy)
        if rate > _EVEN:
            arrays.ranks[ranked].rate = rate
            arrays.ranks[ranked].edge = e
            ranked += 1
    return ranked


@often
def _rate(arrays: Arrays, e: int, policy: int) -> float:
    """What the peer at ``e`` is paid for, the sum of two rounds; the next round begins."""
    edge = arrays.edges[e]
    rate = float(edge.received + edge.received_before)
    edge.received_before, edge.received = edge.received, 0.0
    if policy == FASTEST:
        aside = arrays.asides[e]
        rate = float(aside.sent + aside.sent_before)
        aside.sent_before, aside.sent = aside.sent, 0.0
    return rate


@often
def _best(arrays: Arrays, u: int, ranked: int) -> int:
    """Who of those not yet chosen sent most; who is paid already among equals."""
    best, most = NOBODY, 0.0
    for j in range(ranked):
        rank = arrays.ranks[j]
        edge = arrays.edges[rank.edge]
        if edge.paid == _CHOSEN or rank.rate <= most - _EVEN:
            continue
        if (rank.rate > most + _EVEN or edge.paid) and wants(arrays, u, rank.edge):
            best, most = rank.edge, rank.rate
    return best


@often
def _pay(arrays: Arrays, u: int, ranked: int) -> None:
    """Slots for who sends most, and an end to trust that had its time."""
    knob, peer = arrays.knobs[0], arrays.peers[u]
    for _ in range(knob.slots - knob.trust):
        e = int(_best(arrays, u, ranked))
        if e < 0:
            break
        arrays.edges[e].paid = _CHOSEN
    for i in range(knob.slots):
        e = int(arrays.slots[u, i].edge)
        if e < 0 or arrays.edges[e].paid == _CHOSEN:
            continue
        if arrays.edges[e].paid or knob.spent - arrays.edges[e].began >= knob.turn:
            end_turn(arrays, e)
    for j in range(ranked):
        e = int(arrays.ranks[j].edge)
        if arrays.edges[e].paid != _CHOSEN:
            continue
        if not arrays.edges[e].gives:
            if peer.given == knob.slots:
                _end_trust(arrays, u)
            _give(arrays, u, e, 1)
        arrays.edges[e].paid = 1


@inner
def _end_trust(arrays: Arrays, u: int) -> None:
    """Take the slot that was given on trust first."""
    oldest = NOBODY
    for i in range(arrays.knobs[0].slots):
        e = int(arrays.slots[u, i].edge)
        if e < 0 or arrays.edges[e].paid:
            continue
        if oldest < 0 or arrays.edges[e].began < arrays.edges[oldest].began:
            oldest = e
    end_turn(arrays, oldest)


@inner
def _rotate(arrays: Arrays, u: int, turn: int) -> None:
    """An end to turns that lasted long enough, as far as others wait."""
    peer, knob, waiting = arrays.peers[u], arrays.knobs[0], 0
    for e in range(peer.row, peer.row + peer.room):
        edge = arrays.edges[e]
        if edge.peer >= 0 and not edge.gives and wants(arrays, u, e):
            waiting += 1
    for i in range(knob.slots):
        e = int(arrays.slots[u, i].edge)
        if e >= 0 and waiting > 0 and knob.spent - arrays.edges[e].began >= turn:
            waiting -= 1
            if knob.whole:
                arrays.edges[e].paid = OVER
            else:
                end_turn(arrays, e)


@often
def fill(arrays: Arrays, u: int) -> None:
    """Give free slots to who waits."""
    peer, knob = arrays.peers[u], arrays.knobs[0]
    turns = peer.state == SEED and knob.seed_policy == TURNS
    while peer.given < knob.slots:
        best, most = NOBODY, -1.0
        for e in range(peer.row, peer.row + peer.room):
            edge = arrays.edges[e]
            if edge.peer < 0 or edge.gives:
                continue
            claim = _waited(arrays, e) if turns else _luck(arrays, e)
            if claim > most and wants(arrays, u, e):
                best, most = e, claim
        if best < 0:
            break
        _give(arrays, u, best, 0)


@often
def _waited(arrays: Arrays, e: int) -> float:
    """A seed's rank: who waited longest; chance among equals."""
    return float(arrays.knobs[0].spent - arrays.edges[e].served + 0.5 * draw(arrays))


@often
def _luck(arrays: Arrays, e: int) -> float:
    """A leech's rank: chance, three times better for newcomers, nil for who just had it."""
    edge = arrays.edges[e]
    if not edge.known:
        return float(max(draw(arrays), draw(arrays), draw(arrays)))
    if edge.served == arrays.knobs[0].spent:
        return 0.0
    return draw(arrays)
