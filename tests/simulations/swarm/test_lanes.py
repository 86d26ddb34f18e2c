from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.compiled import compiled
from simulations.swarm.arrays import LANES, PLANES, SEVEN
from simulations.swarm.lanes import adder, count, ones

PEERS = 70


@compiled
def counted(have: Any, near: Any, found: int, w: int) -> None:
    count(have, near, found, w)


@compiled
def compiled_ones(word: Any) -> int:
    return ones(word)


@given(st.integers(0, 2**64 - 1))
def test_ones_are_counted_as_python_does(word: int) -> None:
    assert ones(np.uint64(word)) == compiled_ones(np.uint64(word)) == word.bit_count()


@given(st.integers(0, 1), st.integers(0, 1), st.integers(0, 1))
def test_an_adder_adds(a: int, b: int, c: int) -> None:
    total, carry = adder(a, b, c)
    assert total + 2 * carry == a + b + c


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(0, 2**PLANES - 1), st.sampled_from([0, LANES]))
def test_vectors_count_as_words_do_and_as_anybody_would(seed: int, found: int, first: int) -> None:
    rng = np.random.default_rng(seed)
    have = rng.integers(0, 2**64 - 1, (PEERS + PLANES + 2, 2 * LANES), np.uint64)
    have[PEERS] = 0  # who has nothing
    near = np.full(-(-found // SEVEN) * SEVEN, PEERS, np.int32)
    near[:found] = rng.permutation(PEERS)[:found]
    by_words, by_vectors = have.copy(), have.copy()
    count(by_words, near, found, first)
    counted(by_vectors, near, found, first)
    assert np.array_equal(by_words, by_vectors)
    assert np.array_equal(by_words[: PEERS + 1], have[: PEERS + 1]), "nobody's pieces change"
    planes = by_words[PEERS + 1 : -1, first : first + LANES]
    bits = np.unpackbits(planes.view(np.uint8), axis=1, bitorder="little")
    told = sum(bits[i].astype(int) << i for i in range(PLANES))
    theirs = have[near[:found], first : first + LANES]
    true = np.unpackbits(np.ascontiguousarray(theirs).view(np.uint8), axis=1, bitorder="little")
    assert np.array_equal(told, true.sum(axis=0))
