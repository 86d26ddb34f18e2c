from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simulations.compiled import bit_length, compiled, parallel, prange, prefetch, use_threads


@compiled
def bits(value: int) -> int:
    return bit_length(value)


@compiled
def touch(rows: Any, first: Any, second: Any) -> Any:
    prefetch(rows, first, second)
    return rows[first, second, 0]


@parallel
def squares(made: Any) -> None:
    for index in prange(len(made)):
        made[index] = index * index


@compiled
def ratio(one: Any, other: Any) -> float:
    return one / other


@given(st.integers(0, 2**64 - 1))
@example(0)
@example(1)
@example(2**63)
@example(2**64 - 1)
def test_bit_length_is_that_of_python(value: int) -> None:
    assert bits(np.uint64(value)) == bits.py_func(np.uint64(value)) == value.bit_length()


def test_prefetch_changes_nothing() -> None:
    rows = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    before = rows.copy()
    assert touch(rows, 1, 2) == touch.py_func(rows, 1, 2) == 20
    assert (rows == before).all()


@pytest.mark.parametrize("threads", [1, 2, 1000])
def test_parallel_loops_do_all_turns_with_any_number_of_threads(threads: int) -> None:
    use_threads(threads)
    made = np.zeros(1000, np.int64)
    squares(made)
    assert made.tolist() == [index * index for index in range(1000)]


def test_division_by_zero_is_infinite_as_in_numpy() -> None:
    assert ratio(1.0, 0.0) == np.inf
