"""Throws inside the kernel: one sequence for each thing that a study may change alone.

Dice are a function of seed and counter (:mod:`simulations.dice`). Sessions are thrown by place and
life, so that a node lives equally long whatever rules it follows: two runs that differ in a rule
meet the same churn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulations import dice
from simulations.message.parts import part
from simulations.message.state import SESSIONS

if TYPE_CHECKING:
    from simulations.message.state import World

LAST_BITS = np.uint64(64)


@part
def unit(w: World, stream: int) -> float:
    """The next number of [0, 1) of a stream."""
    w.thrown[stream] += 1
    return dice.unit(w.seeds[stream], w.thrown[stream])


@part
def below(w: World, stream: int, bound: int) -> int:
    """The next integer of [0, bound) of a stream."""
    return min(int(unit(w, stream) * bound), bound - 1)


@part
def word(w: World, stream: int) -> int:
    """The next 64 bits of a stream."""
    w.thrown[stream] += 1
    return dice.word(w.seeds[stream], w.thrown[stream])  # type: ignore[return-value]


@part
def exponential(w: World, stream: int, rate: float) -> float:
    """The next waiting time of a process without memory, of ``rate`` events a second."""
    return -np.log1p(-unit(w, stream)) / rate if rate > 0.0 else np.inf


@part
def of_life(w: World, n: int, what: int) -> int:
    """64 bits that belong to the life that node ``n`` leads now: its id, its session."""
    seed = dice.place(w.seeds[SESSIONS], n)
    return dice.word(seed, 4 * w.nodes[n].lives + what)  # type: ignore[return-value]


@part
def draw_sharing(own: int, length: int, drawn: int) -> int:
    """An id that shares exactly ``length`` leading bits with ``own``; the rest as in ``drawn``."""
    if length >= 63:  # noqa: PLR2004 - of 64 bits, one is left at most
        return own ^ np.uint64(length == 63)  # type: ignore[return-value] # noqa: PLR2004
    free = np.uint64(64 - length)
    low = (np.uint64(1) << (free - np.uint64(1))) - np.uint64(1)
    return (own ^ (low + np.uint64(1))) ^ (drawn & low)  # type: ignore[return-value]


@part
def draw_under(own: int, length: int, drawn: int) -> int:
    """An id whose first ``length`` bits are those of ``own``, the rest as in ``drawn``."""
    if length == 0:
        return drawn
    low = (np.uint64(1) << np.uint64(64 - length)) - np.uint64(1)
    return (own & ~low) | (drawn & low)  # type: ignore[return-value]
