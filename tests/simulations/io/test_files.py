"""Files of rows: what goes in comes out, whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.errors import MissingExtra, ResultError
from simulations.io import extras, files
from simulations.rows import LOOKUPS, Rows
from simulations.statistics import digest
from tests.sim_studies import drawn

if TYPE_CHECKING:
    from pathlib import Path

FACTS = {"seed": 3, "hash": "0f", "configuration": {"network": {"nodes": 7}}, "umlaut": "ü"}
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
COLUMNS = st.lists(st.tuples(NUMBERS, st.integers(-(2**62), 2**62)), max_size=20)


def some() -> Rows:
    rows = drawn(np.random.default_rng(1), 50, 100.0, 1000)
    return rows.having(share=np.linspace(0, 1, 50), name=np.array(["a", "ö b,c"] * 25))


@pytest.mark.parametrize("suffix", files.SUFFIXES)
def test_what_goes_in_comes_out(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "deep" / f"rows{suffix}"
    files.write_rows(path, some(), FACTS)
    rows, facts = files.read_rows(path)
    assert facts == FACTS
    assert list(rows) == list(some())
    assert {name: rows[name].dtype for name in LOOKUPS} == {
        name: np.dtype(kind) for name, kind in LOOKUPS.items()
    }
    assert digest(rows) == digest(some())
    assert files.read_facts(path) == FACTS


@pytest.mark.parametrize("suffix", files.SUFFIXES)
@settings(max_examples=40)
@given(pairs=COLUMNS)
def test_every_number_survives(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, pairs: list[tuple[float, int]]
) -> None:
    if not pairs:
        pairs = [(0.5, 1)]
    path = tmp_path_factory.getbasetemp() / f"numbers{suffix}"
    real, whole = np.array([r for r, _ in pairs]), np.array([w for _, w in pairs])
    files.write_rows(path, Rows({"real": real, "whole": whole, "time_s": real}), {})
    rows, _ = files.read_rows(path)
    assert rows["real"].tolist() == real.tolist()
    assert rows["whole"].tolist() == whole.tolist()
    assert rows["time_s"].tolist() == real.tolist()


@pytest.mark.parametrize("suffix", files.SUFFIXES)
def test_no_rows_are_rows_too(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"none{suffix}"
    files.write_rows(path, Rows({name: [] for name in LOOKUPS}), {})
    rows, facts = files.read_rows(path)
    assert rows.count == 0
    assert list(rows) == list(LOOKUPS)
    assert facts == {}


@pytest.mark.parametrize("suffix", files.SUFFIXES)
def test_the_same_rows_are_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    one, other = tmp_path / f"one{suffix}", tmp_path / f"other{suffix}"
    files.write_rows(one, some(), FACTS)
    files.write_rows(other, some(), FACTS)
    assert digest(files.read_rows(one)[0]) == digest(files.read_rows(other)[0])


@pytest.mark.parametrize("suffix", files.SUFFIXES)
@pytest.mark.parametrize("cut", [0, 1, 40, 400])
def test_a_broken_file_is_refused(tmp_path: Path, suffix: str, cut: int) -> None:
    path = tmp_path / f"rows{suffix}"
    files.write_rows(path, some(), FACTS)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    with pytest.raises(ResultError, match=rf"rows\{suffix} is broken, or no file of results"):
        files.read_rows(path)
    if suffix != ".csv" or cut < 40:
        assert files.read_facts(path) is None


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "# {}\na,b\n1\n", "# {x}\na\n1\n", "# {}\n"])
def test_a_csv_that_is_not_ours_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ResultError, match="is broken, or no file of results"):
        files.read_rows(path)


def test_files_that_are_not_there_or_of_no_format(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"no\.npz cannot be read"):
        files.read_rows(tmp_path / "no.npz")
    with pytest.raises(ResultError, match=r"x\.doc is no file of results"):
        files.read_rows(tmp_path / "x.doc")
    with pytest.raises(ResultError, match=r"results are not written as '\.doc'"):
        files.write_rows(tmp_path / "x.doc", some(), {})
    assert files.read_facts(tmp_path / "no.npz") is None
    assert files.read_facts(tmp_path / "x.doc") is None


def test_a_parquet_of_somebody_else_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"a": [1]}), tmp_path / "x.parquet")
    with pytest.raises(ResultError, match="is broken, or no file of results"):
        files.read_rows(tmp_path / "x.parquet")


def test_writing_replaces_as_a_whole_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "x"
    files.write(path, b"one")
    files.write(path, b"two")
    assert path.read_bytes() == b"two"
    assert [each.name for each in tmp_path.iterdir()] == ["x"]


def test_an_interrupted_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    files.write(path, b"one")

    def interrupted(self: Path, data: bytes) -> int:
        with self.open("wb") as half:
            half.write(data[:1])
        raise KeyboardInterrupt

    monkeypatch.setattr(type(path), "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.write(path, b"two")
    monkeypatch.undo()
    assert path.read_bytes() == b"one"
    assert [each.name for each in tmp_path.iterdir()] == ["x"]


def test_where_nothing_can_be_written_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ResultError, match="cannot be written: "):
        files.write(tmp_path / "file" / "x", b"")


def test_without_pyarrow_it_is_npz(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert files.best_suffix() == ".parquet"

    def absent(name: str, *_: Any) -> None:
        return None

    monkeypatch.setattr(extras, "find_spec", absent)
    assert files.best_suffix() == ".npz"
    with pytest.raises(MissingExtra, match="this needs pyarrow"):
        files.write_rows(tmp_path / "x.parquet", some(), {})
    assert not list(tmp_path.iterdir())
