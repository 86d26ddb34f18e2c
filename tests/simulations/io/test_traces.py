"""Traces and matrices: three forms of one thing, and faults by line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.errors import TraceError
from simulations.io.traces import read_matrix, read_trace
from simulations.latency import SHORTEST

if TYPE_CHECKING:
    from pathlib import Path

    from simulations.scenario import Trace


def sessions(trace: Trace) -> list[tuple[int, float, float]]:
    return list(zip(trace.node.tolist(), trace.start.tolist(), trace.end.tolist(), strict=True))


def read(tmp_path: Path, text: str, name: str = "trace.csv") -> Trace:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_trace(path)


EXPECTED = [(0, 0.0, 30.0), (1, 10.0, 20.0), (1, 25.0, 40.0)]


@pytest.mark.parametrize(
    "text",
    [
        "node,start,end\na,100,130\nb,110,120\nb,125,140\n",
        "node,start,end\n\nb,125,140\nb,110,120\n\na,100,130\n",
        "End, Node, extra, Start\n130,a,x,100\n120,b,y,110\n140,b,,125\n",
        'node,start,end\n"a",1e2,130.0\nb,110,120\nb,125,140',
        "node,start,end\na,1970-01-01T00:01:40,1970-01-01 00:02:10Z\nb,110,120\nb,125,140\n",
    ],
    ids=["plain", "any order", "any columns", "any numbers", "dates"],
)
def test_csv(tmp_path: Path, text: str) -> None:
    trace = read(tmp_path, text)
    assert sessions(trace) == EXPECTED
    assert trace.nodes == 2
    assert trace.path.endswith("trace.csv")
    assert (trace.node.dtype, trace.start.dtype) == (np.uint32, np.float64)


def test_oversims_lines(tmp_path: Path) -> None:
    """The form of OverSim's dht.trace: churn, and traffic that is passed over."""
    text = "# a comment\n100 1 JOIN\n110 2 join\n111 2 PUT key value\n120 2 LEAVE\n"
    text += "125 2 JOIN\n126 1 GET key\n130 1 LEAVE\n140 2 LEAVE\n"
    assert sessions(read(tmp_path, text, "dht.trace")) == EXPECTED


def test_who_never_leaves_stays_beyond_all_that_happens(tmp_path: Path) -> None:
    text = "0 1 JOIN\n5 2 JOIN\n9 2 LEAVE\n"
    assert sessions(read(tmp_path, text, "dht.trace")) == [(0, 0.0, 10.0), (1, 5.0, 9.0)]


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    columns = {"node": ["a", "b", "b"], "start": [100, 110, 125], "end": [130.0, 120.0, 140.0]}
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    assert sessions(read_trace(tmp_path / "t.parquet")) == EXPECTED


def test_parquet_with_dates(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    zero = datetime(2026, 1, 1, tzinfo=UTC)
    late = zero + timedelta(seconds=60)
    columns = {"node": [7], "start": [zero], "end": [late]}
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    assert sessions(read_trace(tmp_path / "t.parquet")) == [(0, 0.0, 60.0)]


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        ("", 0, "holds no sessions"),
        ("\n\n", 0, "holds no sessions"),
        ("node,start,end\n", 0, "holds no sessions"),
        ("node,begin,end\na,1,2\n", 1, "there is no column 'start'"),
        ("\nnode;start,end\n", 2, "there is no column 'node'"),
        ("node,start,end\na,1,2\na,3\n", 3, "2 values, but 3 columns"),
        ("node,start,end\n\na,x,2\n", 3, "start is 'x', neither seconds nor a date"),
        ("node,start,end\na,1,nan\n", 2, "end is nan, which is no time"),
        ("node,start,end\na,1,inf\n", 2, "end is inf, which is no time"),
        ("node,start,end\nb,0,9\na,5,5\n", 3, "node a ends at 5, not after 5"),
        ("node,start,end\na,5,4\n", 2, "node a ends at 4, not after 5"),
        ("node,start,end\na,0,10\nb,0,1\na,9,12\n", 4, "two sessions of node a overlap"),
        ("0 1 JOIN\n1 1 JOIN\n", 2, "node 1 joins, but is there already"),
        ("0 1 LEAVE\n", 1, "node 1 leaves, but was not there"),
        ("5 1 JOIN\n4 2 JOIN\n", 2, "time goes back, from 5 to 4"),
        ("0 1 JION\n", 1, "there is no command 'JION'"),
        ("0 1\n", 1, "'0 1' is no `time node COMMAND`"),
        ("x 1 JOIN\n", 1, "time is 'x', neither seconds nor a date"),
        ("0 1 JOIN\n5 DISCONNECT_NODETYPES 1 2\n", 2, "there is no command '1'"),
        ("0 1 JOIN\n5 0 DISCONNECT_NODETYPES\n", 2, "DISCONNECT_NODETYPES is no churn"),
    ],
)
def test_a_broken_trace_names_the_line_and_the_fault(
    tmp_path: Path, text: str, line: int, fault: str
) -> None:
    with pytest.raises(TraceError) as caught:
        read(tmp_path, text)
    assert caught.value.line == line
    assert caught.value.message.endswith(fault) or f": {fault}" in caught.value.message


def test_files_that_are_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"no\.csv: cannot be read: No such file"):
        read_trace(tmp_path / "no.csv")
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TraceError, match="is no text"):
        read_trace(tmp_path / "x.csv")
    (tmp_path / "x.parquet").write_bytes(b"PAR")
    with pytest.raises(TraceError, match="is no Parquet"):
        read_trace(tmp_path / "x.parquet")


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"node": [1], "start": [0.0]}, "there is no column 'end'"),
        ({"node": [1], "start": [0.0], "end": [None]}, "line 1: end is None, which is no time"),
        ({"node": [1], "start": ["x"], "end": [1.0]}, "line 1: start is 'x', which is no time"),
    ],
)
def test_a_broken_parquet_names_its_row(
    tmp_path: Path, columns: dict[str, list[object]], fault: str
) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(TraceError, match=fault):
        read_trace(tmp_path / "t.parquet")


NODES = st.integers(0, 5)
GAPS = st.lists(st.tuples(NODES, st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=20)


@given(gaps=GAPS)
def test_csv_and_oversim_say_the_same(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[tuple[int, int, int]]
) -> None:
    """Any sessions, one after the other for each node, written in both forms."""
    home = tmp_path_factory.getbasetemp()
    clock: dict[int, int] = {}
    made = []
    for node, away, stay in gaps:
        start = clock.get(node, 0) + away
        clock[node] = start + stay
        made.append((node, start, start + stay))
    lines = [f"{node},{start},{end}" for node, start, end in made]
    events = [(start, 1, node, "JOIN") for node, start, _ in made]
    events += [(end, 0, node, "LEAVE") for node, _, end in made]
    (home / "a.csv").write_text("\n".join(["node,start,end", *lines]), encoding="utf-8")
    told = "\n".join(f"{time} {node} {command}" for time, _, node, command in sorted(events))
    (home / "a.trace").write_text(told, encoding="utf-8")
    one, other = read_trace(home / "a.csv"), read_trace(home / "a.trace")
    first = min(start for _, start, _ in made)
    assert sorted(one.start.tolist()) == sorted(start - first for _, start, _ in made)
    assert one.start.tolist() == other.start.tolist()
    assert sorted(one.end.tolist()) == sorted(other.end.tolist())
    assert one.nodes == other.nodes == len(clock)


# Matrices.


def matrix(tmp_path: Path, text: str) -> list[list[float]]:
    path = tmp_path / "king"
    path.write_text(text, encoding="utf-8")
    found = read_matrix(path)
    assert found.path == str(path)
    rows: list[list[float]] = found.places.tolist()
    return rows


@pytest.mark.parametrize("text", ["0,20\n40,0\n", "0 20\n\n40 0", "# king\n0, 20\n40\t0\n"])
def test_a_matrix_is_of_round_trips_in_milliseconds(tmp_path: Path, text: str) -> None:
    expected = [[SHORTEST, 0.01], [0.02, SHORTEST]]
    assert matrix(tmp_path, text) == [pytest.approx(row) for row in expected]


def test_or_of_one_way_delays_if_it_says_so(tmp_path: Path) -> None:
    assert matrix(tmp_path, "# one-way\n0 20\n40 0\n")[0][1] == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "king: holds no delays"),
        ("# one-way\n", "king: holds no delays"),
        ("0 1\n1\n", "line 2: 1 delays in a row, but there are 2 rows"),
        ("0 x\n1 0\n", "line 1: 'x' is no number"),
        ("0 -1\n1 0\n", "a delay that is no number above 0"),
        ("0 nan\n1 0\n", "a delay that is no number above 0"),
    ],
)
def test_a_broken_matrix_names_the_fault(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(TraceError, match=fault):
        matrix(tmp_path, text)


def test_a_matrix_has_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulations.io.traces.MOST_SITES", 2)
    with pytest.raises(TraceError, match="has 3 sites, more than 2"):
        matrix(tmp_path, "0\n0\n0\n")
