"""A step: each uplink is divided among those it serves, and what arrives is put in its place.

Shares are equal, as those of TCP streams through one bottleneck are, and nothing is left over that
somebody could take: a share that a full downlink cannot use goes to the next, and with a piece
complete in the middle of a step the rest of the share goes into the next piece. What passes in a
step can be given on from the next: never early, so that no run can beat what physics allows.
"""

from __future__ import annotations

from simulations.swarm.arrays import NOBODY, Arrays
from simulations.swarm.bits import discard
from simulations.swarm.choking import OVER, end_turn
from simulations.swarm.fetching import pick
from simulations.swarm.flowing import LEAST, book, let_flow
from simulations.swarm.judging import NEVER, ban, judge
from simulations.swarm.machine import inner, often

_TRIES = 2


@often
def serve(arrays: Arrays, u: int) -> None:
    """Upload for one step."""
    knob, peer = arrays.knobs[0], arrays.peers[u]
    budget = peer.up * knob.step
    i = int(knob.spent % knob.slots)  # Another one first each time.
    for _ in range(_TRIES):
        left = peer.given
        for _ in range(knob.slots):
            slot = arrays.slots[u, i]
            if slot.edge >= 0:
                share = budget / left
                if slot.moved + share <= slot.room:
                    slot.moved += share
                    budget -= share
                else:
                    budget -= _upload(arrays, u, i, share)
                left -= 1
            i = i + 1 if i + 1 < knob.slots else 0
        if budget < LEAST or peer.given == 0:
            break


@inner
def _upload(arrays: Arrays, u: int, i: int, share: float) -> float:
    """Send up to ``share`` through slot ``i``; how much it took.

    Who wants nothing more loses its turn.
    """
    book(arrays, u, i)
    e = int(arrays.slots[u, i].edge)
    edge = arrays.edges[e]
    f, v = int(edge.twin), int(edge.peer)
    twin, peer = arrays.edges[f], arrays.peers[v]
    if twin.entry < 0 and not pick(arrays, f, v, u):
        end_turn(arrays, e)
        return 0.0
    room = peer.budget / max(peer.unserved, 1)
    peer.unserved -= 1
    left = total = min(share, room)
    while left > LEAST and arrays.knobs[0].fresh < arrays.lists.shape[1]:
        if twin.entry < 0 and (edge.paid == OVER or not pick(arrays, f, v, u)):
            end_turn(arrays, e)
            break
        left -= _put(arrays, f, v, u, left)
        if twin.peer != u:
            break  # Banned.
    moved = total - left
    if arrays.knobs[0].sent:
        arrays.asides[e].sent += moved
    twin.received += moved
    peer.budget -= moved
    peer.downloaded += moved
    arrays.peers[u].uploaded += moved
    if edge.gives:
        let_flow(arrays, u, i)
    return float(moved)


@often
def _put(arrays: Arrays, f: int, v: int, u: int, most: float) -> float:
    """Add up to ``most`` to the chunk that comes on ``f``; how much fitted."""
    edge, knob = arrays.edges[f], arrays.knobs[0]
    k, c = int(edge.entry), int(edge.chunk)
    if edge.lying and knob.leaves:
        return _lie(arrays, f, v, u, most)
    entry, chunk = arrays.parts[v, k, 0], arrays.parts[v, k, c]
    amount = min(most, knob.chunk - chunk.got)
    chunk.got += amount
    if 0 <= chunk.source != u:
        entry.mixed = 1
    chunk.source = u
    if edge.lying:
        chunk.liar = u
    if knob.chunk - chunk.got < LEAST:
        chunk.got = knob.chunk
        _close(arrays, f, v, k, c)
    return float(amount)


@inner
def _lie(arrays: Arrays, f: int, v: int, u: int, most: float) -> float:
    """A false block where each block has its hash: it is lost, and its sender known."""
    knob, aside = arrays.knobs[0], arrays.asides[f]
    amount = min(most, knob.block - aside.fake)
    aside.fake += amount
    arrays.peers[v].wasted += amount
    if knob.block - aside.fake < LEAST:
        aside.fake = 0.0
        if knob.ban != NEVER:
            ban(arrays, v, u)
    return float(amount)


@often
def _close(arrays: Arrays, f: int, v: int, k: int, c: int) -> None:
    """A chunk is whole."""
    entry, peer = arrays.parts[v, k, 0], arrays.peers[v]
    arrays.parts[v, k, c].holder = NOBODY
    if entry.shared:
        for g in range(peer.row, peer.row + peer.room):
            edge = arrays.edges[g]
            if edge.peer >= 0 and edge.entry == k and edge.chunk == c:
                edge.entry = NOBODY
                peer.fetches -= 1
    else:
        arrays.edges[f].entry = NOBODY
        peer.fetches -= 1
    entry.left -= 1
    if entry.left == 0:
        judge(arrays, v, k)
    elif entry.owner >= 0:
        discard(arrays.busy[v], entry.piece)
