from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.dice import below, mix, place, unit, word

WORDS = st.integers(0, 2**64 - 1)
MASK = 2**64 - 1


def splitmix64(state: int) -> int:
    """The stupid correct answer: Python's integers, cut to 64 bits."""
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB & MASK
    return state ^ (state >> 31)


@pytest.mark.parametrize(
    ("counter", "expected"),
    # The first outputs of splitmix64 seeded with 0 (Vigna, splitmix64.c; test vectors of many).
    [(0, 0xE220A8397B1DCDAF), (1, 0x6E789E6AA1B965F4), (2, 0x06C45D188009454F)],
)
def test_words_are_splitmix64(counter: int, expected: int) -> None:
    assert int(word(np.uint64(0), counter)) == expected


@given(WORDS)
def test_mix_is_the_finaliser(value: int) -> None:
    assert int(mix(np.uint64(value))) == splitmix64(value)


@given(WORDS, st.integers(0, 2**40))
def test_a_kernel_compiled_throws_what_it_throws_in_python(seed: int, counter: int) -> None:
    with np.errstate(over="ignore"):
        assert word.py_func(np.uint64(seed), counter) == word(np.uint64(seed), counter)
        assert place.py_func(np.uint64(seed), counter) == place(np.uint64(seed), counter)
        assert unit.py_func(np.uint64(seed), counter) == unit(np.uint64(seed), counter)
        assert below.py_func(7, np.uint64(seed), counter) == below(7, np.uint64(seed), counter)


@given(st.integers(1, 2**32), WORDS, st.integers(0, 100))
def test_throws_stay_below_their_bound(bound: int, seed: int, counter: int) -> None:
    assert 0 <= below(bound, np.uint64(seed), counter) < bound
    assert 0 <= unit(np.uint64(seed), counter) < 1


def test_places_have_sequences_of_their_own() -> None:
    firsts = {int(word(np.uint64(place(np.uint64(1), where)), 0)) for where in range(10_000)}
    assert len(firsts) == 10_000


def test_all_faces_are_as_likely() -> None:
    seed = np.uint64(place(np.uint64(5), 3))
    faces = np.bincount([below(6, seed, counter) for counter in range(60_000)], minlength=6)
    chi = ((faces - 10_000) ** 2 / 10_000).sum()
    assert chi < 20.5, "the 99.9th percentile of chi-squared with 5 degrees of freedom"
