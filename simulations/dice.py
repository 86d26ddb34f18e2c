"""Dice for compiled kernels: each throw is a function of where it is thrown, not of when.

A generator with a state would have to be handed along from throw to throw, and the order in which
threads come by would change who gets which number. Here a throw is ``splitmix64`` (Steele, Lea and
Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014) of *seed, place, counter*:
the finaliser is a bijection of 64 bits that passes BigCrush when it is fed a counter, which is
exactly how it is used. Nodes, lookups and epochs are places; so a run is the same however many
threads share it, and node 7 gets the same table whoever builds node 6.

All arguments and results are ``uint64``; the arithmetic wraps around.
"""

from __future__ import annotations

import numpy as np

from simulations.compiled import compiled

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2**64 over the golden ratio: the step between the counters of one sequence."""
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_UNIT = 1.0 / (1 << 53)
"""A double has 53 bits."""


@compiled
def mix(value: np.uint64) -> np.uint64:
    """Scatter ``value``: the finaliser of splitmix64."""
    value = (value ^ (value >> np.uint64(30))) * _FIRST
    value = (value ^ (value >> np.uint64(27))) * _SECOND
    return value ^ (value >> np.uint64(31))


@compiled
def place(seed: np.uint64, where: int) -> np.uint64:
    """Give the seed of ``where`` (a node, a lookup): its own sequence, unlike its neighbour's."""
    return mix(seed ^ mix(np.uint64(where) + GOLDEN))


@compiled
def word(seed: np.uint64, counter: int) -> np.uint64:
    """Throw 64 bits."""
    return mix(seed + np.uint64(counter + 1) * GOLDEN)


@compiled
def unit(seed: np.uint64, counter: int) -> float:
    """Throw a number of [0, 1)."""
    # Signed: to make a float of an unsigned integer takes a processor four steps more.
    return np.int64(word(seed, counter) >> np.uint64(11)) * _UNIT


@compiled
def below(bound: int, seed: np.uint64, counter: int) -> int:
    """Throw an integer of [0, bound); bounds are far below 2**53, so the bias is under 2**-29."""
    return int(unit(seed, counter) * bound)
