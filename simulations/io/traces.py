"""Measured sessions and delays, from files that others wrote.

**Sessions** come in three forms, told apart by what is in them; all become ``node, start, end``:

* CSV with the columns ``node,start,end`` (any order, more columns are passed over): seconds, or
  dates in ISO 8601; nodes may have any names.
* Parquet with the same columns.
* OverSim's trace churn: lines ``time node COMMAND``, of which ``JOIN`` and ``LEAVE`` count. ``PUT``
  and ``GET`` are traffic and passed over; commands that cut the network in two are refused, since
  to pass over them would change what was meant. A node that never leaves stays to the end.

Times are then counted from the first start, nodes numbered in the order of their first start.

**Delays** are a square of numbers, separated by commas or blanks: milliseconds of a *round trip*,
as the King data set and its kind have them, or one-way with a first line ``# one-way``.
"""

from __future__ import annotations

import csv
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulations.errors import ConfigError, TraceError
from simulations.io.extras import needed
from simulations.latency import Matrix
from simulations.scenario import Trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

COLUMNS: Final = ("node", "start", "end")
_COMMANDS: Final = frozenset({"JOIN", "LEAVE", "PUT", "GET"})
_REFUSED: Final = frozenset({"DISCONNECT_NODETYPES", "CONNECT_NODETYPES", "MERGE_BOOTSTRAPNODES"})
_WORDS: Final = 3
MOST_SITES: Final = 10_000
"""Sites of a matrix: 400 MB."""

Session = tuple[int, str, float, float]
"""Where it stands in the file, whose it is, from when, until when."""


def read_trace(path: Path) -> Trace:
    """Read sessions.

    Raises:
        TraceError: The file is broken; it says in which line, and how.
    """
    if path.suffix == ".parquet":
        return _made(path, _parquet(path))
    lines = _lines(path)
    first = next((line for _, line in lines if line.strip()), "")
    form = _csv if "," in first else _oversim
    return _made(path, form(path, lines))


def _lines(path: Path) -> list[tuple[int, str]]:
    """The lines that say something, with their numbers."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TraceError(str(path), 0, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TraceError(str(path), 0, "is no text") from error
    numbered = enumerate(text.splitlines(), 1)
    return [(number, line) for number, line in numbered if line.strip()]


def _csv(path: Path, lines: list[tuple[int, str]]) -> Iterator[Session]:
    numbers = [number for number, _ in lines]
    reader = csv.reader(line for _, line in lines)
    head = [name.strip().lower() for name in next(reader)]
    missing = [name for name in COLUMNS if name not in head]
    if missing:
        raise TraceError(
            str(path), numbers[0], f"there is no column {missing[0]!r}", hint="node,start,end"
        )
    at = [head.index(name) for name in COLUMNS]
    for number, row in zip(numbers[1:], reader, strict=False):
        if len(row) != len(head):
            raise TraceError(str(path), number, f"{len(row)} values, but {len(head)} columns")
        node, start, end = (row[column].strip() for column in at)
        yield number, node, _time(path, number, "start", start), _time(path, number, "end", end)


def _parquet(path: Path) -> Iterator[Session]:
    parquet, arrow = needed("pyarrow.parquet"), needed("pyarrow")
    try:
        table = parquet.read_table(path)
    except (OSError, arrow.ArrowException) as error:
        raise TraceError(str(path), 0, f"is no Parquet: {error}") from error
    for name in COLUMNS:
        if name not in table.column_names:
            raise TraceError(str(path), 0, f"there is no column {name!r}", hint="node,start,end")
    columns = (table[name].to_pylist() for name in COLUMNS)
    for row, (node, start, end) in enumerate(zip(*columns, strict=True), 1):
        times = (_number(path, row, "start", start), _number(path, row, "end", end))
        yield row, str(node), *times


def _oversim(path: Path, lines: list[tuple[int, str]]) -> Iterator[Session]:
    since: dict[str, tuple[int, float]] = {}
    now = -math.inf
    for number, line in lines:
        if line.lstrip().startswith("#"):
            continue
        then, node, command = _command(path, number, line)
        if then < now:
            raise TraceError(str(path), number, f"time goes back, from {now:g} to {then:g}")
        now = then
        if command == "JOIN":
            if node in since:
                raise TraceError(str(path), number, f"node {node} joins, but is there already")
            since[node] = number, now
        elif command == "LEAVE":
            if node not in since:
                raise TraceError(str(path), number, f"node {node} leaves, but was not there")
            joined, start = since.pop(node)
            yield joined, node, start, now
    for node, (number, start) in since.items():
        yield number, node, start, math.inf


def _command(path: Path, number: int, line: str) -> tuple[float, str, str]:
    """A line of OverSim's: when, who, what."""
    words = line.split()
    if len(words) < _WORDS:
        raise TraceError(str(path), number, f"{line.strip()!r} is no `time node COMMAND`")
    command = words[2].upper()
    if command in _REFUSED:
        raise TraceError(str(path), number, f"{command} is no churn: we cannot follow it")
    if command not in _COMMANDS:
        raise TraceError(str(path), number, f"there is no command {words[2]!r}")
    return _time(path, number, "time", words[0]), words[1], command


def _time(path: Path, number: int, what: str, text: str) -> float:
    """Seconds, or a date; a date without a zone is taken as UTC."""
    try:
        return _number(path, number, what, float(text))
    except ValueError:
        pass
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        fault = f"{what} is {text!r}, neither seconds nor a date"
        raise TraceError(str(path), number, fault) from None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _number(path: Path, number: int, what: str, value: Any) -> float:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise TraceError(str(path), number, f"{what} is {value!r}, which is no time")
    return float(value)


def _made(path: Path, sessions: Iterable[Session]) -> Trace:
    """Check, sort and number them."""
    ordered = sorted(sessions, key=lambda each: (each[2], each[3], each[1]))
    if not ordered:
        raise TraceError(str(path), 0, "holds no sessions")
    origin = ordered[0][2]
    finite = [end for _, _, _, end in ordered if end < math.inf]
    # Who never leaves stays beyond all that happens.
    last = max([*finite, ordered[-1][2]]) + 1.0
    numbers: dict[str, int] = {}
    until: dict[str, float] = {}
    for line, node, start, end in ordered:
        if end <= start:
            raise TraceError(str(path), line, f"node {node} ends at {end:g}, not after {start:g}")
        if start < until.get(node, -math.inf):
            raise TraceError(str(path), line, f"two sessions of node {node} overlap")
        until[node] = end
        numbers.setdefault(node, len(numbers))
    return Trace(
        np.array([numbers[node] for _, node, _, _ in ordered], np.uint32),
        np.array([start - origin for _, _, start, _ in ordered]),
        np.array([min(end, last) - origin for _, _, _, end in ordered]),
        str(path),
    )


def read_matrix(path: Path) -> Matrix:
    """Read delays.

    Raises:
        TraceError: The file is broken; it says in which line, and how.
    """
    lines = _lines(path)
    one_way = bool(lines) and lines[0][1].strip().lower().startswith("# one-way")
    kept = [(number, line) for number, line in lines if not line.lstrip().startswith("#")]
    if not kept:
        raise TraceError(str(path), 0, "holds no delays")
    if len(kept) > MOST_SITES:
        raise TraceError(str(path), 0, f"has {len(kept):,} sites, more than {MOST_SITES:,}")
    rows = [_delays(path, number, line, len(kept)) for number, line in kept]
    square = np.array(rows) / 1000 / (1 if one_way else 2)
    try:
        return Matrix.of(square.astype(np.float32), str(path))
    except ConfigError as error:
        raise TraceError(str(path), 0, error.message) from error


def _delays(path: Path, number: int, line: str, sites: int) -> list[float]:
    words = line.replace(",", " ").split()
    if len(words) != sites:
        raise TraceError(
            str(path), number, f"{len(words)} delays in a row, but there are {sites} rows"
        )
    found = []
    for word in words:
        try:
            found.append(float(word))
        except ValueError:
            raise TraceError(str(path), number, f"{word!r} is no number") from None
    return found
