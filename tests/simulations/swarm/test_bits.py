"""Bit-sliced counters against numpy that counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from simulations.swarm.arrays import Arrays, allocate
from simulations.swarm.bits import choose

PEERS = 70


# Not kept on disk: what is kept is known by this file, and would outlive a change in the kernel.
@njit(_nrt=False)
def chosen(arrays: Arrays, v: int, u: int) -> int:
    return choose(arrays, v, u)


def packed(table: Any) -> Any:
    """Rows of truths as rows of words."""
    wide = np.zeros((len(table), -(-table.shape[1] // 512) * 512), bool)
    wide[:, : table.shape[1]] = table
    return np.packbits(wide, axis=1, bitorder="little").view(np.uint64)


@settings(deadline=None, max_examples=150)
@given(
    seed=st.integers(0, 2**32),
    pieces=st.integers(1, 200),
    neighbours=st.integers(0, PEERS - 2),
    density=st.floats(0.02, 0.98),
)
def test_the_rarest_is_what_counting_says(
    seed: int, pieces: int, neighbours: int, density: float
) -> None:
    rng = np.random.default_rng(seed)
    have = rng.random((PEERS, pieces)) < density
    busy = rng.random(pieces) < 0.3
    arrays = allocate(PEERS, pieces, np.full(PEERS, 2), slots=1, chunks=1, liars=False)
    arrays.knobs["seed"], arrays.knobs["rarest"] = seed, 1
    arrays.have[:PEERS] = packed(have)
    arrays.busy[0] = packed(busy[None])[0]
    near = rng.permutation(np.arange(1, PEERS))[:neighbours]
    counted = near[: arrays.near.shape[1]]
    arrays.near[0, : len(counted)] = counted
    arrays.peers["degree"][0] = neighbours
    wanted = have[1] & ~busy
    found = chosen(arrays, 0, 1)
    if not wanted.any():
        assert found == -1
        return
    counts = have[counted].sum(axis=0)
    assert wanted[found]
    assert counts[found] == counts[wanted].min()


def test_equals_are_equally_likely() -> None:
    arrays = allocate(2, 130, np.full(2, 2), slots=1, chunks=1, liars=False)
    arrays.knobs["rarest"] = 1
    arrays.have[1] = packed(np.ones((1, 130), bool))[0]
    found = np.bincount([chosen(arrays, 0, 1) for _ in range(13_000)], minlength=130)
    assert found.min() > 50
    assert found.max() < 160
