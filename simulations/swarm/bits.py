"""Sets of pieces as bits, and the rarest of them counted without counters.

The rarest piece among one's neighbours is asked for millions of times a run. Counters per peer and
piece would be kept by one random write for each neighbour and piece that passes, 35 times as many
as there are transfers; and they are N x M of them. Instead the counts are made when they are asked
for, 64 pieces at a time: a *bit-sliced* counter holds the low bits of 64 counts in one word, the
next bits in another, and adds a neighbour's 64 bits with a full adder's five instructions.
The minimum is found from the top bit down.
"""

from __future__ import annotations

import numpy as np

from simulations.compiled import bit_length
from simulations.dice import unit
from simulations.swarm.arrays import LANES, NOBODY, PLANES, Array, Arrays
from simulations.swarm.lanes import count, ones
from simulations.swarm.machine import often

_ONE = np.uint64(1)
_NONE = np.uint64(0)
MOST_COUNTED = 2**PLANES - 1
"""Neighbours counted; of a larger crowd the first ones."""


@often
def draw(arrays: Arrays) -> float:
    """The next random number in [0, 1)."""
    knob = arrays.knobs[0]
    knob.thrown += 1
    return unit(knob.seed, knob.thrown)


@often
def has(bits: Array, piece: int) -> bool:
    """Whether ``piece`` is in the set."""
    return bool((bits[piece >> 6] >> np.uint64(piece & 63)) & _ONE)


@often
def add(bits: Array, piece: int) -> None:
    """Put ``piece`` into the set."""
    bits[piece >> 6] |= _ONE << np.uint64(piece & 63)


@often
def discard(bits: Array, piece: int) -> None:
    """Take ``piece`` out of the set."""
    bits[piece >> 6] &= ~(_ONE << np.uint64(piece & 63))


@often
def lowest(word: np.uint64) -> int:
    """The number of the lowest bit that is set."""
    return bit_length(word & (~word + _ONE)) - 1


@often
def offers(theirs: Array, ours: Array) -> bool:
    """Whether ``theirs`` has a piece that ``ours`` lacks."""
    for w in range(theirs.shape[0]):  # noqa: SIM110 - a generator would be an object
        if theirs[w] & ~ours[w]:
            return True
    return False


@often
def _least(have: Array) -> int:
    """Keep of the candidates (the last row) those with the least count; how many there are."""
    words, last = have.shape[1], have.shape[0] - 1
    wanted = have[last]
    for i in range(PLANES - 1, -1, -1):
        some = _NONE
        for w in range(words):
            some |= wanted[w] & ~have[last - PLANES + i, w]
        if some:
            for w in range(words):
                wanted[w] &= ~have[last - PLANES + i, w]
    left = 0
    for w in range(words):
        left += ones(wanted[w])
    return left


@often
def _nth(bits: Array, n: int) -> int:
    """The n-th piece of a set, from 0."""
    for w in range(bits.shape[0]):
        rest = bits[w]
        if n >= ones(rest):
            n -= ones(rest)
            continue
        for _ in range(n):
            rest &= rest - _ONE
        return w * 64 + lowest(rest)
    return NOBODY


@often
def choose(arrays: Arrays, v: int, u: int) -> int:
    """What ``v`` asks ``u`` for next: a piece that is rarest around ``v``; chance among equals."""
    have = arrays.have
    found = min(int(arrays.peers[v].degree), MOST_COUNTED) if arrays.knobs[0].rarest else 0
    if not _candidates(have, have[u], arrays.busy[v], arrays.near[v], found):
        return NOBODY
    left = _least(have)
    wanted = have[have.shape[0] - 1]
    begun = _begun(arrays, v, wanted)
    if begun >= 0:
        return begun
    return _nth(wanted, int(draw(arrays) * left))


@often
def _begun(arrays: Arrays, v: int, wanted: Array) -> int:
    """What of ``wanted`` is under way."""
    rest = arrays.peers[v].idle
    while rest:
        piece = int(arrays.parts[v, lowest(rest), 0].piece)
        if has(wanted, piece):
            return piece
        rest &= rest - _ONE
    return NOBODY


@often
def _candidates(have: Array, theirs: Array, busy: Array, near: Array, found: int) -> bool:
    """Pieces that one has and the other wants, into the last row, counted; whether there are."""
    any_of, last = _NONE, have.shape[0] - 1
    for first in range(0, have.shape[1], LANES):
        some = _NONE
        for w in range(first, first + LANES):
            have[last, w] = theirs[w] & ~busy[w]
            some |= have[last, w]
        if some:
            count(have, near, found, first)
        any_of |= some
    return bool(any_of)
