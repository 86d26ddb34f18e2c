"""What flows through a slot, and when others come to know.

Nine steps in ten a connection carries its share, and nothing else happens. To enter that in the
connection, at both its ends, in the piece and in the peer that gets it reads four records, which
lie anywhere in tens of megabytes: that took half of a run. So what passed is added up in the
uploader's slot, beside its other slots, and *booked* in those records when a chunk comes to its
end, or a turn. The other's choker *notes* what came when it reviews its slots.

That is the same only while nothing but the share decides how much passes, and nobody else gives to
the same chunk. Else :func:`let_flow` leaves the slot shut: it is served step by step.
"""

from __future__ import annotations

from simulations.compiled import fetch
from simulations.swarm.arrays import LANES, WIDE, Array, Arrays
from simulations.swarm.machine import inner, often

LEAST = 1e-9
"""Less than a byte of any piece: rounding."""
_NEAR, _LINE = 48, 16
"""How many neighbours are fetched ahead, most have fewer; how many of them share a line."""
_TOLD = 4 * LANES
SHUT = -1.0
"""The room of a slot that is served step by step."""


@often
def share_of(arrays: Arrays, u: int) -> float:
    """What each slot of ``u`` carries in a step."""
    peer = arrays.peers[u]
    return float(peer.up * arrays.knobs[0].step / max(peer.given, 1))


@often
def flow_on(arrays: Arrays, u: int) -> bool:
    """Let ``u`` upload for a step if nothing comes to its end by that; whether it did."""
    knob, share = arrays.knobs[0], share_of(arrays, u)
    for i in range(knob.slots):
        slot = arrays.slots[u, i]
        if slot.edge >= 0 and slot.moved + share > slot.room:
            return False
    for i in range(knob.slots):
        arrays.slots[u, i].moved += share  # Of a free slot nobody reads it.
    return True


@often
def book(arrays: Arrays, u: int, i: int) -> None:
    """Enter what passed through slot ``i`` of ``u``."""
    slot = arrays.slots[u, i]
    moved = slot.moved
    edge = arrays.edges[slot.edge]
    twin, v = arrays.edges[edge.twin], edge.peer
    twin.received += moved - slot.noted
    slot.moved = slot.noted = 0.0
    slot.room -= moved
    if moved > 0.0:
        arrays.parts[v, twin.entry, twin.chunk].got += moved
        if arrays.knobs[0].sent:
            arrays.asides[slot.edge].sent += moved
        arrays.peers[v].downloaded += moved
        arrays.peers[u].uploaded += moved


@inner
def book_given(arrays: Arrays, u: int) -> None:
    """Enter what ``u`` gave."""
    for i in range(arrays.knobs[0].slots):
        if arrays.slots[u, i].edge >= 0:
            book(arrays, u, i)


@often
def note(arrays: Arrays, f: int) -> None:
    """Tell the choker of whoever owns ``f`` what came on it."""
    edge = arrays.edges[f]
    slot = arrays.slots[edge.peer, edge.comes - 1]
    edge.received += slot.moved - slot.noted
    slot.noted = slot.moved


@inner
def watch(arrays: Arrays, v: int) -> None:
    """Serve all that comes to ``v`` step by step, for two may give to one chunk."""
    peer = arrays.peers[v]
    for f in range(peer.row, peer.row + peer.room):
        edge = arrays.edges[f]
        if edge.peer >= 0 and edge.comes:
            book(arrays, int(edge.peer), edge.comes - 1)
            arrays.slots[edge.peer, edge.comes - 1].room = SHUT


@often
def let_flow(arrays: Arrays, u: int, i: int) -> None:
    """Find out how much may pass through slot ``i`` of ``u`` before anything happens."""
    slot = arrays.slots[u, i]
    slot.room = SHUT
    edge = arrays.edges[slot.edge]
    twin, v = arrays.edges[edge.twin], edge.peer
    if twin.entry < 0 or twin.lying or arrays.peers[v].down < WIDE:
        return
    part = arrays.parts[v, twin.entry, twin.chunk]
    if part.source == u and not arrays.parts[v, twin.entry, 0].shared:
        slot.room = arrays.knobs[0].chunk - part.got - LEAST


# Who says some turns ahead what will be read waits for none of it. What was said may have changed
# when its turn comes; then it is read from afar, as all would be.


@often
def look_ahead(arrays: Arrays, u: int, link: int) -> None:
    """Fetch what serving ``u`` will read: of the chain of records the one with this number."""
    slots, edges, share = arrays.slots, arrays.edges, share_of(arrays, u)
    for i in range(arrays.knobs[0].slots):
        e = slots[u, i].edge
        if e < 0 or slots[u, i].moved + share <= slots[u, i].room:
            continue
        if link == 0:
            fetch(edges, e)
            _fetch_set(arrays.have, u)
        elif link == 1:
            fetch(edges, edges[e].twin)
            _look_at(arrays, edges[e].peer)
        elif edges[edges[e].twin].entry >= 0:
            twin = edges[edges[e].twin]
            fetch(arrays.parts, edges[e].peer, twin.entry, twin.chunk)


@often
def _look_at(arrays: Arrays, v: int) -> None:
    """Fetch what a choice of the next piece reads of ``v``."""
    fetch(arrays.peers, v)
    fetch(arrays.parts, v, 0, 0)
    fetch(arrays.lines, v, 1, 0)
    _fetch_set(arrays.busy, v)
    for j in range(0, _NEAR, _LINE):
        fetch(arrays.near, v, j)


@often
def _fetch_set(sets: Array, v: int) -> None:
    """Fetch a set of pieces; a processor does not need to be told of the rest of a large one."""
    for w in range(0, min(sets.shape[1], _TOLD), LANES):
        fetch(sets, v, w)


@often
def look_around(arrays: Arrays, u: int) -> None:
    """Fetch what the choker asks of each neighbour: they stand nowhere near one another."""
    peer = arrays.peers[u]
    for e in range(peer.row, peer.row + peer.room):
        edge = arrays.edges[e]
        if edge.peer >= 0:
            fetch(arrays.peers, edge.peer)
            if edge.gives:
                fetch(arrays.edges, edge.twin)
            if edge.comes:
                fetch(arrays.slots, edge.peer, edge.comes - 1)


@often
def look_on(arrays: Arrays, u: int) -> None:
    """Fetch what :func:`flow_on` reads."""
    fetch(arrays.peers, u)
    for i in range(0, arrays.knobs[0].slots, 2):
        fetch(arrays.slots, u, i)
