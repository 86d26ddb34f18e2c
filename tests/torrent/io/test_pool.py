"""The pool never gives more than it has, never one buffer twice, and forgets nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.io.pool import Buffers

MIB = 1024 * 1024


def test_a_buffer_is_as_long_as_asked_and_comes_back() -> None:
    pool = Buffers(4 * MIB)
    first = pool.acquire(700_000)
    assert first is not None
    assert len(first) == 700_000
    assert pool.used == MIB
    owner = first.obj
    pool.release(first)
    assert pool.used == 0
    again = pool.acquire(MIB)
    assert again is not None
    assert again.obj is owner, "recycled"


def test_an_empty_pool_says_so() -> None:
    pool = Buffers(4 * MIB)
    out = [pool.acquire(MIB) for _ in range(5)]
    assert [buffer is None for buffer in out] == [False] * 4 + [True]
    assert pool.refused == 1
    pool.release(out[1])  # type: ignore[arg-type]
    assert pool.acquire(MIB) is not None


def test_what_is_kept_of_other_sizes_makes_room() -> None:
    pool = Buffers(4 * MIB)
    small = [pool.acquire(16384) for _ in range(256)]
    assert pool.acquire(16384) is None
    for buffer in small:
        assert buffer is not None
        pool.release(buffer)
    assert all(pool.acquire(MIB) for _ in range(4))


def test_one_large_piece_is_possible_in_any_pool() -> None:
    pool = Buffers(MIB)
    others = [pool.acquire(MIB // 8) for _ in range(8)]
    assert all(others)
    large = pool.acquire(64 * MIB)
    assert large is not None
    assert pool.acquire(64 * MIB) is None, "one at a time"
    pool.release(large)
    assert pool.acquire(64 * MIB) is not None


def test_a_double_release_is_a_mistake() -> None:
    pool = Buffers(MIB)
    buffer = pool.acquire(16384)
    assert buffer is not None
    pool.release(buffer)
    with pytest.raises(ValueError, match="released before"):
        pool.release(buffer)
    with pytest.raises(ValueError, match="does not come from this pool"):
        pool.release(memoryview(bytearray(16384)))


def test_trimming_lets_go_of_idle_memory() -> None:
    pool = Buffers(4 * MIB)
    buffer = pool.acquire(MIB)
    assert buffer is not None
    owner = buffer.obj
    pool.release(buffer)
    pool.trim()
    again = pool.acquire(MIB)
    assert again is not None
    assert again.obj is not owner


@given(st.lists(st.one_of(st.integers(1, MIB), st.none()), max_size=60))
def test_what_is_in_use_is_counted_and_bounded(steps: list[int | None]) -> None:
    """Numbers acquire so many bytes, None releases the oldest."""
    pool = Buffers(2 * MIB)
    out: list[memoryview] = []
    for step in steps:
        if step is None:
            if out:
                pool.release(out.pop(0))
        elif buffer := pool.acquire(step):
            assert all(buffer.obj is not other.obj for other in out)
            out.append(buffer)
    rooms = sorted(len(buffer.obj) for buffer in out)  # type: ignore[arg-type]
    assert pool.used in {sum(rooms), sum(rooms) - (rooms or [0])[-1]}
    assert pool.used <= pool.limit
    for buffer in out:
        pool.release(buffer)
    assert pool.used == 0
