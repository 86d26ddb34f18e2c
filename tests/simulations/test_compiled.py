from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simulations import compiled as door
from simulations.compiled import (
    SOURCES,
    WORKERS,
    bit_length,
    compiled,
    fetch,
    inner,
    parallel,
    prange,
    prefetch,
    stamp,
    take,
    use_threads,
)

if TYPE_CHECKING:
    from pathlib import Path


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
def look(records: Any, where: int) -> Any:
    fetch(records, where)
    return records[where]


@inner
def work(turns: Any, made: Any) -> None:
    number = take(turns)
    while number < len(made):
        made[number] += number
        number = take(turns)


@parallel
def shared(turns: Any, made: Any) -> None:
    for _ in prange(WORKERS):
        work(turns, made)


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


def test_fetch_changes_nothing() -> None:
    records = np.arange(5)
    assert look(records, 3) == look.py_func(records, 3) == 3


def test_turns_are_taken_once_each_whoever_takes_them() -> None:
    use_threads(2)
    made = np.zeros(5000, np.int64)
    shared(np.zeros(1, np.int64), made)
    assert made.tolist() == list(range(5000))
    turns = np.zeros(1, np.int64)
    assert [take(turns) for _ in range(3)] == [0, 1, 2]


def test_a_stamp_changes_with_any_source(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("1")
    (tmp_path / "two.py").write_text("2")
    (tmp_path / "no.txt").write_text("3")
    before = stamp([tmp_path])
    assert [name for name, _, _ in before] == ["one.py", "two.py"]
    assert stamp([tmp_path]) == before
    os.utime(tmp_path / "two.py", ns=(1, 1))
    assert stamp([tmp_path]) != before
    assert {"compiled.py", "dice.py", "patient.py", "lookup.py"} <= {name for name, _, _ in SOURCES}


def test_code_on_disk_is_renewed_when_another_file_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel that calls one of another file is stale when that is changed."""

    def made() -> Any:
        kernel: Any = compiled(bits.py_func)
        assert kernel(np.uint64(5)) == 3
        return kernel.stats

    monkeypatch.setattr(door.numba.config, "CACHE_DIR", str(tmp_path))
    assert (sum(made().cache_misses.values()), sum(made().cache_hits.values())) == (1, 1)
    monkeypatch.setattr(door, "SOURCES", (*SOURCES, ("another.py", 1, 1)))
    assert (sum(made().cache_misses.values()), sum(made().cache_hits.values())) == (1, 1)


@pytest.mark.parametrize("threads", [1, 2, 1000])
def test_parallel_loops_do_all_turns_with_any_number_of_threads(threads: int) -> None:
    use_threads(threads)
    made = np.zeros(1000, np.int64)
    squares(made)
    assert made.tolist() == [index * index for index in range(1000)]


def test_division_by_zero_is_infinite_as_in_numpy() -> None:
    assert ratio(1.0, 0.0) == np.inf
