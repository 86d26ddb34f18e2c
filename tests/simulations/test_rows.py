"""Rows: columns of one length, in order, of the right types."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.rows import LOOKUPS, Kind, Rows


def some(count: int = 3) -> Rows:
    return Rows({name: np.arange(count) for name in LOOKUPS})


def test_columns_of_lookups_become_of_their_type() -> None:
    rows = some()
    assert {name: rows[name].dtype for name in rows} == {
        name: np.dtype(kind) for name, kind in LOOKUPS.items()
    }
    assert rows["success"].tolist() == [False, True, True]


def test_an_experiments_own_columns_stay_as_they_are() -> None:
    rows = Rows({"share": [0.1, 0.2], "name": ["a", "b"]})
    assert rows["share"].dtype == np.float64
    assert rows["name"].tolist() == ["a", "b"]


def test_it_is_a_mapping_of_its_columns() -> None:
    rows = some(5)
    assert list(rows) == list(LOOKUPS)
    assert len(rows) == len(LOOKUPS)
    assert rows.count == 5
    assert "5 of time_s, source" in repr(rows)


def test_no_columns_are_no_rows() -> None:
    assert Rows({}).count == 0


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"differ in length: {'a': 1, 'b': 2}"):
        Rows({"a": [1], "b": [1, 2]})


def test_tables_are_no_columns() -> None:
    with pytest.raises(ValueError, match="column 'a' has 2 dimensions"):
        Rows({"a": [[1, 2]]})


@given(st.lists(st.integers(min_value=0, max_value=9), max_size=5))
def test_joined_is_one_after_the_other(lengths: list[int]) -> None:
    joined = Rows.joined(some(length) for length in lengths)
    assert joined.count == sum(lengths)
    if lengths:
        expected = np.concatenate([np.arange(length) for length in lengths])
        assert np.array_equal(joined["hops"], expected)
        assert joined["hops"].dtype == np.uint16


def test_joining_different_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="columns differ"):
        Rows.joined([Rows({"a": [1]}), Rows({"b": [1]})])


def test_where_takes_a_mask_or_numbers() -> None:
    rows = Rows({"a": [5, 6, 7]})
    assert rows.where(rows["a"] > 5)["a"].tolist() == [6, 7]
    assert rows.where(np.array([2, 0]))["a"].tolist() == [7, 5]


def test_having_adds_columns_and_spreads_single_values() -> None:
    rows = Rows({"a": [1, 2]}).having(seed=3, b=[4, 5])
    assert list(rows) == ["a", "seed", "b"]
    assert rows["seed"].tolist() == [3, 3]
    assert rows["b"].tolist() == [4, 5]


def test_sorted_by_several_columns_leaves_ties_in_place() -> None:
    rows = Rows({"a": [2, 1, 2, 1], "b": [0, 9, 0, 3], "was": [0, 1, 2, 3]})
    assert rows.sorted("a", "b")["was"].tolist() == [3, 1, 0, 2]


def test_kinds_fit_their_column() -> None:
    assert max(Kind) <= np.iinfo(LOOKUPS["kind"]).max
