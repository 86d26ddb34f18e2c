"""Rows in files: Parquet, npz or CSV, each with what it takes to know where they came from.

The facts of a run (configuration, seed, versions) travel inside the file: Parquet's metadata, an
entry of the npz, the first line of a CSV after ``#``. A million rows are 15 MB as Parquet (zstd),
13 MB as npz, 47 MB as CSV.

A file is written beside its place and then renamed: it is there whole or not at all.
"""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulations.errors import ResultError
from simulations.io.extras import has, needed
from simulations.rows import LOOKUPS, Rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SUFFIXES: Final = (".parquet", ".npz", ".csv")
PART: Final = ".part-"
"""How names of unfinished files begin."""
_FACTS: Final = "simulations"
"""Where in a file the facts lie."""
_BROKEN: Final = (ValueError, KeyError, TypeError, StopIteration, EOFError, zipfile.BadZipFile)
"""What the readers of broken files raise; pyarrow's errors are values'."""


def best_suffix() -> str:
    """The best format that this installation can write."""
    return ".parquet" if has("pyarrow") else ".npz"


def write(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path``, whole or not at all.

    Raises:
        ResultError: It cannot be written there.
    """
    part = path.with_name(f"{PART}{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise ResultError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        # Nothing is left behind: neither by an error, nor by Ctrl-C in the middle.
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write_rows(path: Path, rows: Rows, facts: Mapping[str, Any]) -> None:
    """Write rows in the format that the suffix names.

    Raises:
        ResultError: There is no such format, or it cannot be written there.
        MissingExtra: It is Parquet, and pyarrow is not installed.
    """
    writer = _WRITERS.get(path.suffix)
    if writer is None:
        raise ResultError(
            f"{path}: results are not written as {path.suffix or 'a file without suffix'!r}",
            hint=f"one of {', '.join(SUFFIXES)}",
        )
    write(path, writer(rows, json.dumps(dict(facts), sort_keys=True)))


def read_rows(path: Path) -> tuple[Rows, dict[str, Any]]:
    """Rows and facts of a file.

    Raises:
        ResultError: It is none of ours, or broken.
        MissingExtra: It is Parquet, and pyarrow is not installed.
    """
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise ResultError(f"{path} is no file of results", hint=f"one of {', '.join(SUFFIXES)}")
    try:
        columns, text = reader(path)
        return Rows(columns), dict(json.loads(text))
    except OSError as error:
        raise ResultError(f"{path} cannot be read: {error.strerror or error}") from error
    except _BROKEN as error:
        raise ResultError(f"{path} is broken, or no file of results: {error}") from error


def read_facts(path: Path) -> dict[str, Any] | None:
    """The facts of a file, if it is one of ours and whole as far as a glance tells."""
    glance = _GLANCES.get(path.suffix)
    try:
        return None if glance is None else dict(json.loads(glance(path)))
    except (OSError, *_BROKEN):
        return None


def _to_parquet(rows: Rows, facts: str) -> bytes:
    arrow, parquet = needed("pyarrow"), needed("pyarrow.parquet")
    table = arrow.table({name: arrow.array(column) for name, column in rows.items()})
    table = table.replace_schema_metadata({_FACTS: facts})
    sink = io.BytesIO()
    parquet.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _from_parquet(path: Path) -> tuple[dict[str, Any], str]:
    parquet = needed("pyarrow.parquet")
    # As bytes: pyarrow's own errors for files that are not there differ by system.
    table = parquet.read_table(io.BytesIO(path.read_bytes()))
    columns = {name: _column(table[name].to_numpy()) for name in table.column_names}
    return columns, (table.schema.metadata or {})[_FACTS.encode()].decode()


def _column(values: np.ndarray) -> np.ndarray:
    """Text comes back from Parquet as objects; we know it as text of fixed width."""
    return values.astype(str) if values.dtype.kind == "O" else values


def _to_npz(rows: Rows, facts: str) -> bytes:
    sink = io.BytesIO()
    np.savez_compressed(sink, **{_FACTS: np.array(facts)}, **{f"c_{k}": v for k, v in rows.items()})  # type: ignore[arg-type]
    return sink.getvalue()


def _from_npz(path: Path) -> tuple[dict[str, Any], str]:
    with path.open("rb") as source, np.load(source, allow_pickle=False) as archive:
        columns = {name[2:]: archive[name] for name in archive.files if name != _FACTS}
        return columns, str(archive[_FACTS])


def _to_csv(rows: Rows, facts: str) -> bytes:
    sink = io.StringIO(newline="")
    sink.write(f"# {facts}\n")
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(rows)
    # repr keeps every digit of a float, and no more.
    columns = [_texts(column) for column in rows.values()]
    writer.writerows(zip(*columns, strict=True))
    return sink.getvalue().encode()


def _texts(column: np.ndarray) -> Iterator[str]:
    if column.dtype.kind == "b":
        return (str(int(value)) for value in column)
    if column.dtype == np.float32:
        return (str(value) for value in column)
    return (value if isinstance(value, str) else repr(value) for value in column.tolist())


def _from_csv(path: Path) -> tuple[dict[str, Any], str]:
    with path.open(encoding="utf-8", newline="") as source:
        facts = next(source)
        if not facts.startswith("# {"):
            raise ValueError("its first line does not say where it came from")
        reader = csv.reader(source)
        names = next(reader)
        lines = list(reader)
    columns = zip(*lines, strict=True) if lines else ([] for _ in names)
    return {n: _guessed(n, list(c)) for n, c in zip(names, columns, strict=True)}, facts[2:]


def _guessed(name: str, texts: list[str]) -> np.ndarray:
    """A column of its known type, or the narrowest that fits: whole numbers, numbers, text."""
    known = LOOKUPS.get(name)
    if known == "?":
        return np.array([text == "1" for text in texts])
    if known:
        return np.array([float(text) for text in texts]).astype(known)
    for kind in (np.int64, np.float64):
        with suppress(ValueError):
            return np.array([kind(text) for text in texts])
    return np.array(texts)


def _parquet_facts(path: Path) -> str:
    schema = needed("pyarrow.parquet").read_schema(path)
    return str((schema.metadata or {})[_FACTS.encode()].decode())


def _npz_facts(path: Path) -> str:
    with path.open("rb") as source, np.load(source, allow_pickle=False) as archive:
        return str(archive[_FACTS])


def _csv_facts(path: Path) -> str:
    with path.open(encoding="utf-8") as source:
        return next(source)[2:]


_GLANCES: Final = {".parquet": _parquet_facts, ".npz": _npz_facts, ".csv": _csv_facts}
_WRITERS: Final = {".parquet": _to_parquet, ".npz": _to_npz, ".csv": _to_csv}
_READERS: Final = {".parquet": _from_parquet, ".npz": _from_npz, ".csv": _from_csv}
