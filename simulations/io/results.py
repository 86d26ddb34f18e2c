"""Results, read back: rows of all runs, the figures that sum them up, and two of them compared."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulations import config
from simulations.errors import ResultError
from simulations.io import files
from simulations.io.extras import needed
from simulations.io.runs import INDEX
from simulations.io.studies import Library
from simulations.io.usercode import blamed
from simulations.registry import find
from simulations.rows import Kind, Rows
from simulations.statistics import Interval, digest, ks, t_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulations.experiment import Experiment, Figure

_KINDS: Final = [kind.name.lower() for kind in Kind]


@dataclass(frozen=True)
class Line:
    """One figure of one point of a sweep, over its seeds.

    Attributes:
        values: What the sweep set.
        name: What the figure is.
        unit: Its unit.
        interval: Its mean over the seeds, and the 95 % interval of it.
        runs: How many seeds.
    """

    values: Mapping[str, Any]
    name: str
    unit: str
    interval: Interval
    runs: int


@dataclass(frozen=True)
class Difference:
    """One figure of two results.

    Attributes:
        name: What it is.
        unit: Its unit.
        one: Its interval in the first.
        other: Its interval in the second.
        change: Second minus first; over pairs of equal seeds, if both have the same.
        paired: Whether it was.
        values: The point of the sweep, where both have the same points.
    """

    name: str
    unit: str
    one: Interval
    other: Interval
    change: Interval
    paired: bool
    values: Mapping[str, Any] = field(default_factory=dict)


class Results:
    """Runs of one study.

    Attributes:
        shards: Rows and facts of each run, in the order of the study.
        home: Where relative paths of the configuration begin.
    """

    def __init__(self, shards: Sequence[tuple[Rows, dict[str, Any]]], home: Path) -> None:
        self.shards = list(shards)
        self.home = home

    @property
    def rows(self) -> Rows:
        """All rows, with ``seed`` and a column for each key of the sweep."""
        return Rows.joined(
            rows.having(seed=facts["seed"], **_plain(facts["values"]))
            for rows, facts in self.shards
        )

    @property
    def facts(self) -> list[dict[str, Any]]:
        """Of each run: configuration, hash, seed, versions, digest."""
        return [facts for _, facts in self.shards]

    @property
    def name(self) -> str:
        """The experiment."""
        return str(self.shards[0][1]["experiment"])

    @property
    def digest(self) -> str:
        """64 hex digits, equal exactly if all rows are."""
        found = "".join(digest(rows) for rows, _ in self.shards)
        return hashlib.sha256(found.encode()).hexdigest()

    @property
    def codes(self) -> list[Path]:
        """The user's own files that they were made with."""
        return [self.home / path for path in config.codes(self.facts[0]["configuration"])]

    def experiment(self, facts: Mapping[str, Any] | None = None) -> Experiment:
        """The experiment as it was configured for a run (by default the first).

        Raises:
            ConfigError: It, or the user's code that has it, is not to be found.
        """
        table = (facts or self.facts[0])["configuration"]
        library = Library(self.home)
        for path in config.codes(table):
            library.code(path)
        find("experiment", str(table["experiment"]), "experiment")
        return config.point(table, {}, library).experiment

    def summary(self) -> list[Line]:
        """The experiment's figures, for each point of the sweep, over the seeds."""
        points: dict[str, list[tuple[Rows, dict[str, Any]]]] = {}
        for rows, facts in self.shards:
            points.setdefault(facts["hash"], []).append((rows, facts))
        return [line for runs in points.values() for line in self._lines(runs)]

    def _lines(self, runs: list[tuple[Rows, dict[str, Any]]]) -> list[Line]:
        facts = runs[0][1]
        tables = self._figures(runs)
        return [
            Line(
                facts["values"],
                first.name,
                first.unit,
                t_interval([t[i].value for t in tables]),
                len(runs),
            )
            for i, first in enumerate(tables[0])
        ]

    def _figures(self, runs: list[tuple[Rows, dict[str, Any]]]) -> list[list[Figure]]:
        experiment = self.experiment(runs[0][1])
        with blamed("summary", self.codes):
            return [experiment.summary(rows) for rows, _ in runs]

    def compare(self, other: Results) -> list[Difference]:
        """Each figure that both have: theirs minus ours.

        Sweeps over the same points are compared point by point; others as a whole.

        Raises:
            ResultError: They have no figure in common.
        """
        ours, theirs = self._points(), other._points()
        if len(ours) > 1 and ours.keys() == theirs.keys():
            return [
                replace(each, values=json.loads(point))
                for point, some in ours.items()
                for each in _differences(some, theirs[point])
            ]
        return _differences(self, other)

    def _points(self) -> dict[str, Results]:
        """The runs of each point of the sweep."""
        found: dict[str, list[tuple[Rows, dict[str, Any]]]] = {}
        for rows, facts in self.shards:
            point = json.dumps(facts["values"], sort_keys=True)
            found.setdefault(point, []).append((rows, facts))
        return {point: Results(shards, self.home) for point, shards in found.items()}

    def apart(self, other: Results, column: str) -> tuple[float, float]:
        """How far the distributions of a column are apart: Kolmogorov's distance, and its p."""
        return ks(self.rows[column], other.rows[column])

    def by_seed(self) -> dict[tuple[str, str], dict[Any, float]]:
        """Each figure, by name and unit, of each run, by its seed and point."""
        found: dict[tuple[str, str], dict[Any, float]] = {}
        for rows, facts in self.shards:
            run = (facts["seed_root"], facts["seed"], json.dumps(facts["values"], sort_keys=True))
            for figure in self._figures([(rows, facts)])[0]:
                found.setdefault((figure.name, figure.unit), {})[run] = figure.value
        return found

    def to_pandas(self) -> Any:
        """All rows as a pandas DataFrame; ``kind`` becomes a category.

        Raises:
            MissingExtra: pandas is not installed.
        """
        pandas = needed("pandas")
        frame = pandas.DataFrame(dict(self.rows))
        if "kind" in frame:
            frame["kind"] = pandas.Categorical.from_codes(frame["kind"], _KINDS)
        return frame

    def to_polars(self) -> Any:
        """All rows as a polars DataFrame; ``kind`` becomes an enum.

        Raises:
            MissingExtra: polars is not installed.
        """
        polars = needed("polars")
        frame = polars.DataFrame(self._named())
        return (
            frame.with_columns(polars.col("kind").cast(polars.Enum(_KINDS)))
            if "kind" in frame
            else frame
        )

    def to_xarray(self) -> Any:
        """All rows as an xarray Dataset along ``row``; seed and sweep are coordinates of it.

        Raises:
            MissingExtra: xarray is not installed.
        """
        xarray = needed("xarray")
        columns = {name: ("row", column) for name, column in self._named().items()}
        runs = {"seed", *(key for _, facts in self.shards for key in facts["values"])}
        return xarray.Dataset(
            {name: column for name, column in columns.items() if name not in runs},
            coords={name: column for name, column in columns.items() if name in runs},
            attrs={"experiment": self.name, "digest": self.digest},
        )

    def _named(self) -> dict[str, Any]:
        """The columns of all rows; what a row was for is a word."""
        columns = dict(self.rows)
        if "kind" in columns:
            columns["kind"] = np.array(_KINDS)[columns["kind"]]
        return columns


def load(path: str | Path) -> Results:
    """Read the results of a study from its directory, or of one run from its file.

    Of a study that was interrupted these are the runs that were finished.

    Raises:
        ResultError: There are none, or they cannot be read.
    """
    where = Path(path)
    if where.is_file():
        rows, facts = files.read_rows(where)
        return Results([(rows, facts)], Path(facts.get("home", where.absolute().parent)))
    paths, home = _indexed(where)
    shards = [files.read_rows(each) for each in paths]
    if not shards:
        raise ResultError(
            f"{where} holds no results", hint="make some: dhtctl sim run churn --out DIR"
        )
    return Results(shards, home)


def _indexed(where: Path) -> tuple[list[Path], Path]:
    """The shards that a directory's index names and that are there; without one, all."""
    try:
        index = json.loads((where / INDEX).read_text(encoding="utf-8"))
        named = [where / name for name in index["shards"]]
        return [path for path in named if path.is_file()], Path(index["home"])
    except FileNotFoundError:
        found = sorted(p for p in where.glob("*") if p.suffix in files.SUFFIXES)
        return [path for path in found if files.read_facts(path)], where.absolute()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultError(f"{where / INDEX} is broken: {error}") from error


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a sweep as columns can hold them: tables and lists as JSON."""
    return {
        key: value if isinstance(value, int | float | str) else json.dumps(value, sort_keys=True)
        for key, value in values.items()
    }


def _differences(one: Results, other: Results) -> list[Difference]:
    ours, theirs = one.by_seed(), other.by_seed()
    common = [key for key in ours if key in theirs]
    if not common:
        raise ResultError(f"{one.name} and {other.name} have no figure in common")
    return [_difference(key, ours[key], theirs[key]) for key in common]


def _difference(
    key: tuple[str, str], ours: Mapping[Any, float], theirs: Mapping[Any, float]
) -> Difference:
    one, other = t_interval(list(ours.values())), t_interval(list(theirs.values()))
    paired = set(ours) == set(theirs)
    if paired:
        # The same seeds share their chance: what differs is the difference of what was set.
        change = t_interval([theirs[run] - ours[run] for run in ours])
    else:
        middle = other.middle - one.middle
        half = float(np.hypot(one.half, other.half))
        change = Interval(middle, middle - half, middle + half)
    return Difference(*key, one, other, change, paired)
