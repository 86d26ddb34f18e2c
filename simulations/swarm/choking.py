"""Whom a peer uploads to, by the rules of :mod:`torrent.core.choker` and by others.

*Tit-for-tat* (BEP 3): the slots but one for those who sent most in the last two rounds, one on
trust, for thirty seconds, three times likelier for newcomers. Slots that nobody paid for go by luck
as well. A seed serves *turns*, in the order of waiting. For comparison: whoever takes *fastest*
(what seeds of BEP 3 did, and what a free rider likes), and a *lottery* drawn anew each round.
"""

from __future__ import annotations

from simulations.compiled import fetch
from simulations.swarm.arrays import LEECH, NOBODY, SEED, Arrays
from simulations.swarm.bits import draw, offers
from simulations.swarm.fetching import release
from simulations.swarm.machine import inner

TIT_FOR_TAT = 0
FASTEST = 1
TURNS = 2
LOTTERY = 3
_CHOSEN = 2
OVER = 3
"""``paid``, where it is neither yes nor no."""
_NEW_WEIGHT = 3.0


@inner
def wants(arrays: Arrays, e: int) -> bool:
    """Whether the peer at the other end of ``e`` would ask its owner for something."""
    edge = arrays.edges[e]
    v = int(edge.peer)
    peer = arrays.peers[v]
    if peer.state != LEECH:
        return False
    twin = arrays.edges[edge.twin]
    if twin.entry >= 0:
        return True
    theirs = arrays.have[twin.peer]
    if peer.count + peer.opened == arrays.knobs[0].pieces:
        return offers(theirs, arrays.have[v])
    return offers(theirs, arrays.busy[v])


@inner
def end_turn(arrays: Arrays, e: int) -> None:
    """Choke the peer at ``e``."""
    edge = arrays.edges[e]
    u = int(arrays.edges[edge.twin].peer)
    edge.gives = edge.paid = 0
    edge.served = arrays.knobs[0].now
    arrays.peers[u].given -= 1
    for i in range(arrays.slots.shape[1]):
        if arrays.slots[u, i] == e:
            arrays.slots[u, i] = NOBODY
    release(arrays, int(edge.twin), int(edge.peer))


@inner
def _give(arrays: Arrays, u: int, e: int, paid: int) -> None:
    """Unchoke the peer at ``e``; there must be a free slot."""
    edge = arrays.edges[e]
    edge.gives, edge.paid = 1, paid
    edge.began = arrays.knobs[0].now
    edge.turns += 1
    arrays.peers[u].given += 1
    for i in range(arrays.slots.shape[1]):
        if arrays.slots[u, i] < 0:
            arrays.slots[u, i] = e
            break


@inner
def _look_around(arrays: Arrays, u: int) -> None:
    """Fetch what is asked of each neighbour: they stand nowhere near one another."""
    peer = arrays.peers[u]
    for e in range(peer.row, peer.row + peer.room):
        edge = arrays.edges[e]
        if edge.peer >= 0:
            fetch(arrays.edges, edge.twin)
            fetch(arrays.peers, edge.peer)


@inner
def rechoke(arrays: Arrays, u: int) -> None:
    """The review every ten seconds."""
    peer, knob = arrays.peers[u], arrays.knobs[0]
    _look_around(arrays, u)
    policy = int(peer.policy) if peer.state == LEECH else int(knob.seed_policy)
    for i in range(knob.slots):
        e = int(arrays.slots[u, i])
        if e >= 0 and not wants(arrays, e):
            end_turn(arrays, e)
    if policy <= FASTEST:
        _pay(arrays, u, policy)
    else:
        _rotate(arrays, u, knob.round * knob.step if policy == LOTTERY else knob.seed_turn)
    for e in range(peer.row, peer.row + peer.room):
        edge = arrays.edges[e]
        edge.received_before, edge.received = edge.received, 0.0
        edge.sent_before, edge.sent = edge.sent, 0.0
    fill(arrays, u)


@inner
def _rate(arrays: Arrays, e: int, policy: int) -> float:
    """What the peer at ``e`` is paid for: the sum of two rounds."""
    edge = arrays.edges[e]
    if policy == FASTEST:
        return float(edge.sent + edge.sent_before)
    return float(edge.received + edge.received_before)


@inner
def _best(arrays: Arrays, u: int, policy: int) -> int:
    """Who of those not yet chosen sent most, if anything; who is paid already among equals."""
    peer, best, most = arrays.peers[u], NOBODY, 0.0
    for e in range(peer.row, peer.row + peer.room):
        edge = arrays.edges[e]
        if edge.peer < 0 or edge.paid == _CHOSEN:
            continue
        rate = _rate(arrays, e, policy)
        if (rate > most or (rate == most and rate > 0 and edge.paid)) and wants(arrays, e):
            best, most = e, rate
    return best


@inner
def _pay(arrays: Arrays, u: int, policy: int) -> None:
    """Slots for who sends most, and an end to trust that had its time."""
    knob, peer = arrays.knobs[0], arrays.peers[u]
    for _ in range(knob.slots - knob.trust):
        e = _best(arrays, u, policy)
        if e < 0:
            break
        arrays.edges[e].paid = _CHOSEN
    for i in range(knob.slots):
        e = int(arrays.slots[u, i])
        if e < 0 or arrays.edges[e].paid == _CHOSEN:
            continue
        if arrays.edges[e].paid or knob.now - arrays.edges[e].began >= knob.turn:
            end_turn(arrays, e)
    for e in range(peer.row, peer.row + peer.room):
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
        e = int(arrays.slots[u, i])
        if e < 0 or arrays.edges[e].paid:
            continue
        if oldest < 0 or arrays.edges[e].began < arrays.edges[oldest].began:
            oldest = e
    end_turn(arrays, oldest)


@inner
def _rotate(arrays: Arrays, u: int, turn: float) -> None:
    """An end to turns that lasted long enough, as far as others wait."""
    peer, knob, waiting = arrays.peers[u], arrays.knobs[0], 0
    for e in range(peer.row, peer.row + peer.room):
        edge = arrays.edges[e]
        if edge.peer >= 0 and not edge.gives and wants(arrays, e):
            waiting += 1
    for i in range(knob.slots):
        e = int(arrays.slots[u, i])
        if e >= 0 and waiting > 0 and knob.now - arrays.edges[e].began >= turn:
            waiting -= 1
            if knob.whole:
                arrays.edges[e].paid = OVER
            else:
                end_turn(arrays, e)


@inner
def fill(arrays: Arrays, u: int) -> None:
    """Give free slots to who waits."""
    peer, knob = arrays.peers[u], arrays.knobs[0]
    turns = peer.state == SEED and knob.seed_policy == TURNS
    if peer.given < knob.slots:
        _look_around(arrays, u)
    while peer.given < knob.slots:
        best, most = NOBODY, -1.0
        for e in range(peer.row, peer.row + peer.room):
            edge = arrays.edges[e]
            if edge.peer < 0 or edge.gives or not wants(arrays, e):
                continue
            claim = _waited(arrays, e) if turns else _luck(arrays, e)
            if claim > most:
                best, most = e, claim
        if best < 0:
            break
        _give(arrays, u, best, 0)


@inner
def _waited(arrays: Arrays, e: int) -> float:
    """A seed's rank: who waited longest; chance among equals."""
    knob = arrays.knobs[0]
    return float(knob.now - arrays.edges[e].served + draw(arrays) * 1e-3 * knob.step)


@inner
def _luck(arrays: Arrays, e: int) -> float:
    """A leech's rank: chance, three times better for newcomers, nil for who just had it."""
    edge = arrays.edges[e]
    if edge.turns == 0:
        return float(draw(arrays) ** (1.0 / _NEW_WEIGHT))
    if edge.served == arrays.knobs[0].now:
        return 0.0
    return draw(arrays)
