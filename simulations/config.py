"""A study as it is written down: TOML in, checked points out.

    experiment = "churn"      # whose question it is
    fidelity = "message"      # how faithfully it is computed
    seeds = 10                # how often, each time with other chance
    seed = 1                  # the root of all chance
    code = ["mine.py"]        # files of yours that register classes

    [network]                 # and all other parts of a Scenario
    nodes = 10_000

    [churn.session]
    law = "weibull"
    mean = "2 h"
    shape = 0.6

    [settings]                # the experiment's own

    [sweep]                   # every combination of these is a point
    "rules.alpha" = [1, 3, 5]
    "churn.session.mean" = ["10 min", "1 h"]

What a file leaves out, the experiment's own file says. Every point is decoded, and so checked,
before the first one runs.

**The hash of a point** is over all that can change its rows but the seed: experiment, fidelity,
scenario, settings, the files it names by their contents. ``threads`` is left out: it changes none.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import tomllib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from simulations.decoding import TAGS, Files, Table, decode, encoded
from simulations.errors import ConfigError
from simulations.registry import find, nearest
from simulations.scenario import FIDELITIES, Scenario

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulations.experiment import Experiment

OWN: Final = ("experiment", "fidelity", "seeds", "seed", "code", "settings", "sweep")
"""The keys that are no part of a scenario."""
MOST_SEEDS: Final = 100_000
MOST_POINTS: Final = 100_000
_HASH: Final = 16
"""Hex digits of a hash: two of a million points share one once in 10^7 studies."""


@dataclass(frozen=True)
class Point:
    """One world to be run with each seed.

    Attributes:
        values: What the sweep set, by key.
        scenario: The world.
        experiment: The question, with settings and fidelity.
        hash: Names all of it.
    """

    values: Mapping[str, Any]
    scenario: Scenario
    experiment: Experiment
    hash: str


@dataclass(frozen=True)
class Study:
    """A configuration, read.

    Attributes:
        table: All of it, as TOML has it, with defaults and overrides.
        name: The experiment.
        seeds: The numbers of the runs; each is a child of the root.
        root: The root of all chance.
    """

    table: Table
    name: str
    seeds: range
    root: int

    def points(self, files: Files) -> list[Point]:
        """Every combination of the sweep, checked.

        Raises:
            ConfigError: One is impossible.
        """
        return [point(overlaid(self.table, nested(v)), v, files) for v in swept(self.table)]


def parse(text: str, where: str) -> dict[str, Any]:
    """Read TOML.

    Raises:
        ConfigError: It is none; the message says where.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is no TOML: {error}") from error


def study(table: Table) -> Study:
    """Check what is not part of a point.

    Raises:
        ConfigError: Something is missing, or impossible.
    """
    if "experiment" not in table:
        raise ConfigError("experiment is missing", hint='say experiment = "churn", for instance')
    known = [*OWN, *(f for f in Scenario.__dataclass_fields__)]
    for key in table:
        if key not in known:
            raise ConfigError(f"unknown key {key!r}", hint=nearest(key, known))
    count = _whole(table.get("seeds", 10), "seeds", 1, MOST_SEEDS)
    root = _whole(table.get("seed", 1), "seed", 0, 2**63)
    return Study(table, str(table["experiment"]), range(1, count + 1), root)


def point(table: Table, values: Mapping[str, Any], files: Files) -> Point:
    """Make one point of a table, of which the sweep is over.

    Raises:
        ConfigError: Something is unknown, missing or impossible.
    """
    loaded = [files.code(path) for path in codes(table)]  # first: it may register the rest
    kind: type[Experiment] = find("experiment", str(table["experiment"]), "experiment")
    fidelity = table.get("fidelity", kind.fidelities[0])
    if fidelity not in kind.fidelities:
        raise ConfigError(
            f"fidelity is {fidelity!r}, but {table['experiment']} runs at "
            f"{' or '.join(kind.fidelities)}",
            hint="" if fidelity in FIDELITIES else nearest(str(fidelity), FIDELITIES),
        )
    world = {key: value for key, value in table.items() if key not in OWN}
    scenario = decode(Scenario, world, "", files)
    settings: Any = decode(kind.Settings, table.get("settings", {}), "settings", files)
    what = [
        table["experiment"],
        fidelity,
        encoded(replace(scenario, threads=1)),
        encoded(settings),
        loaded,
    ]
    text = json.dumps(what, sort_keys=True)
    hashed = hashlib.sha256(text.encode()).hexdigest()[:_HASH]
    return Point(values, scenario, kind(settings, fidelity), hashed)


def codes(table: Table) -> list[str]:
    """The user's own files that a table names.

    Raises:
        ConfigError: They are no list of paths.
    """
    said = table.get("code", [])
    paths = [said] if isinstance(said, str) else said
    if not (isinstance(paths, list) and all(isinstance(path, str) for path in paths)):
        raise ConfigError(f"code is {said!r}, but must be a path or a list of paths")
    return paths


def swept(table: Table) -> list[dict[str, Any]]:
    """What each point of the sweep sets; one point that sets nothing, if there is no sweep.

    Raises:
        ConfigError: It is no table of lists, or makes too many points.
    """
    sweep = table.get("sweep", {})
    if not isinstance(sweep, dict):
        raise ConfigError(f"sweep is {sweep!r}, but must be a table of lists")
    total = 1
    for key, values in sweep.items():
        if not isinstance(values, list) or not values:
            raise ConfigError(f"sweep.{key!r} is {values!r}, but must be a list of values")
        total *= len(values)
    if total > MOST_POINTS:
        raise ConfigError(f"the sweep has {total:,} points, more than {MOST_POINTS:,}")
    return [dict(zip(sweep, each, strict=True)) for each in itertools.product(*sweep.values())]


def assigned(words: Iterable[str]) -> dict[str, Any]:
    """Read ``a.b=c``, as ``--set`` takes it: ``c`` is TOML, or else a text.

    Raises:
        ConfigError: One has no ``=``.
    """
    table: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not (equals and key.strip()):
            raise ConfigError(f"{word!r} sets nothing", hint="say key=value: network.nodes=5000")
        table = overlaid(table, nested({key.strip(): literal(text.strip())}))
    return table


def literal(text: str) -> Any:
    """A value of TOML; what is none is a text, so that quotes may be left out."""
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """``{"a.b": 1}`` as ``{"a": {"b": 1}}``."""
    table: dict[str, Any] = {}
    for key, value in values.items():
        *path, last = key.split(".")
        inner: dict[str, Any] = {last: value}
        for step in reversed(path):
            inner = {step: inner}
        table = overlaid(table, inner)
    return table


def overlaid(below: Table, above: Table) -> dict[str, Any]:
    """``below`` with what ``above`` says, table by table.

    Where a tag changes (another law, another model) the rest of the table belongs to what is gone,
    except for the mean, which all laws have.
    """
    changed = any(tag in below and tag in above and below[tag] != above[tag] for tag in TAGS)
    kept = {k: v for k, v in below.items() if not changed or k == "mean"}
    made = copy.deepcopy(kept)
    for key, value in above.items():
        old = made.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        # A sweep is said whole: another one's keys have nothing to do with ours.
        made[key] = overlaid(old, value) if both and key != "sweep" else copy.deepcopy(value)  # type: ignore[arg-type]
    return made


def _whole(value: Any, where: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigError(
            f"{where} is {value!r}, but must be a whole number from {least} to {most}"
        )
    return value
