"""Tables of plain text, and the words for times and sizes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.tables import aligned, duration, size, span

WORDS = st.text(st.characters(codec="ascii", exclude_categories=["C", "Z"]), min_size=1)
ROWS = st.lists(st.lists(WORDS, min_size=1, max_size=4), min_size=1)


def test_numbers_stand_at_the_right() -> None:
    assert aligned([["one", "1"], ["three", "333"]]) == ["one      1", "three  333"]


def test_words_stand_at_the_left() -> None:
    assert aligned([["a", "b", "c"], ["aa", "bb", "cc"]], left=3) == ["a   b   c", "aa  bb  cc"]


def test_no_rows_are_no_lines() -> None:
    assert aligned([]) == []


@given(ROWS, st.integers(0, 4))
def test_cells_survive_and_columns_hold(rows: list[list[str]], left: int) -> None:
    lines = aligned(rows, left=left)
    assert [line.split() for line in lines] == rows
    assert all(line == line.rstrip() for line in lines)
    full = [line for line, row in zip(lines, rows, strict=True) if len(row) == max(map(len, rows))]
    if left == 0:
        assert len({len(line) for line in full}) == 1


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0, "0.0 ms"),
        (0.00432, "4.3 ms"),
        (0.9994, "999.4 ms"),
        (0.9995, "1.0 s"),
        (119.9, "119.9 s"),
        (120, "2 min"),
        (7200, "2 h"),
        (172_800, "2 d"),
        (math.nan, "-"),
    ],
)
def test_times_have_the_unit_people_use(seconds: float, told: str) -> None:
    assert duration(seconds) == told


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.2, "0 s"), (4.4, "4 s"), (119, "119 s"), (3500, "58 min")]
)
def test_a_span_has_no_fractions(seconds: float, told: str) -> None:
    assert span(seconds) == told


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (2**20, "1.0 MiB"),
        (3 * 2**29, "1.5 GiB"),
        (5 * 2**40, "5120.0 GiB"),
    ],
)
def test_sizes_have_the_unit_people_use(number: int, told: str) -> None:
    assert size(number) == told
