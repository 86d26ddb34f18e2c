"""Results: rows of all runs, figures, comparisons, frames of others."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import simulations
from simulations.errors import MissingExtra, ResultError, RunFailed
from simulations.io import extras, files, results
from simulations.io.runs import INDEX
from simulations.rows import LOOKUPS
from simulations.statistics import t_interval
from tests.sim_studies import TOML, runner

if TYPE_CHECKING:
    from pathlib import Path

    from simulations.io.results import Results

SWEEP = 'sweep={"network.nodes" = [100, 900]}'


def ran(home: Path, *sets: str, out: str = "out") -> Results:
    runner(home, *sets, out=out).run()
    return results.load(home / out)


def test_rows_of_all_runs_with_their_seeds(tmp_path: Path) -> None:
    found = ran(tmp_path)
    assert found.rows.count == 120
    assert list(found.rows) == [*LOOKUPS, "seed"]
    assert np.unique(found.rows["seed"]).tolist() == [1, 2, 3]
    assert found.name == "hat"
    assert simulations.load(tmp_path / "out").digest == found.digest


def test_a_sweep_has_a_column_a_key(tmp_path: Path) -> None:
    found = ran(tmp_path, SWEEP, 'sweep={"network.nodes" = [100, 900], "churn.session" = '
                '[{law = "fixed", mean = 60}, {law = "exponential", mean = 60}]}')  # fmt: skip
    assert np.unique(found.rows["network.nodes"]).tolist() == [100, 900]
    assert '{"law": "fixed", "mean": 60}' in found.rows["churn.session"].tolist()


def test_figures_are_means_over_seeds_with_intervals(tmp_path: Path) -> None:
    found = ran(tmp_path)
    (hops,) = [line for line in found.summary() if line.name == "hops"]
    means = [rows["hops"].mean() for rows, _ in found.shards]
    assert hops.interval == t_interval(means)
    assert (hops.runs, hops.unit, hops.values) == (3, "", {})


def test_figures_of_a_sweep_are_told_apart(tmp_path: Path) -> None:
    found = [line for line in ran(tmp_path, SWEEP).summary() if line.name == "requests"]
    assert [line.values for line in found] == [{"network.nodes": 100}, {"network.nodes": 900}]
    assert found[1].interval.middle - found[0].interval.middle == pytest.approx(8, abs=1)


def test_a_single_file_is_results_too(tmp_path: Path) -> None:
    paths = runner(tmp_path).run()
    found = results.load(paths[2])
    assert (found.rows.count, found.facts[0]["seed"]) == (40, 3)


def test_without_an_index_all_shards_count(tmp_path: Path) -> None:
    whole = ran(tmp_path)
    (tmp_path / "out" / INDEX).unlink()
    (tmp_path / "out" / "stranger.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert results.load(tmp_path / "out").digest == whole.digest


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"shards": 3, "home": ""}'])
def test_a_broken_index_is_refused(tmp_path: Path, text: str) -> None:
    ran(tmp_path)
    (tmp_path / "out" / INDEX).write_text(text, encoding="utf-8")
    with pytest.raises(ResultError, match=r"run\.json is broken"):
        results.load(tmp_path / "out")


def test_no_results_are_refused(tmp_path: Path) -> None:
    for where in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ResultError, match="holds no results") as caught:
            results.load(where)
        assert "dhtctl sim run" in caught.value.hint


# Comparing.


def test_pairs_of_equal_seeds_are_compared_as_pairs(tmp_path: Path) -> None:
    one = ran(tmp_path)
    other = ran(tmp_path, "network.nodes=900", out="other")
    (requests,) = [each for each in one.compare(other) if each.name == "requests"]
    differences = [
        b["requests"].mean() - a["requests"].mean()
        for (a, _), (b, _) in zip(one.shards, other.shards, strict=True)
    ]
    assert requests.paired
    assert requests.change == t_interval(differences)
    assert requests.change.low > 0


def test_different_seeds_are_compared_as_strangers(tmp_path: Path) -> None:
    one = ran(tmp_path)
    other = ran(tmp_path, "seeds=5", "seed=9", out="other")
    (hops,) = [each for each in one.compare(other) if each.name == "hops"]
    assert not hops.paired
    assert hops.change.middle == pytest.approx(hops.other.middle - hops.one.middle)
    assert hops.change.half == pytest.approx(np.hypot(hops.one.half, hops.other.half))


def test_sweeps_over_the_same_points_are_compared_point_by_point(tmp_path: Path) -> None:
    points = "sweep={'network.nodes'=[100,900]}"
    one = ran(tmp_path, points)
    other = ran(tmp_path, points, "settings.count=80", out="other")
    requests = [each for each in one.compare(other) if each.name == "requests"]
    assert [each.values for each in requests] == [{"network.nodes": 100}, {"network.nodes": 900}]
    assert all(each.paired for each in requests)
    assert requests[0].one.high < requests[1].one.low, "each is of its own point"
    strangers = ran(tmp_path, "sweep={'network.nodes'=[100,500]}", out="strangers")
    assert all(not each.values for each in one.compare(strangers)), "compared as a whole"


def test_the_same_is_not_different(tmp_path: Path) -> None:
    one = ran(tmp_path)
    assert all(each.change.middle == 0 for each in one.compare(one))
    assert one.apart(one, "latency_s") == (0.0, 1.0)


def test_what_has_nothing_in_common_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = ran(tmp_path), ran(tmp_path)
    monkeypatch.setattr(other, "_figures", lambda runs: [[] for _ in runs])
    with pytest.raises(ResultError, match="no figure in common"):
        one.compare(other)


def test_a_summary_that_fails_is_blamed_on_its_author(tmp_path: Path) -> None:
    found = ran(tmp_path, "settings.fault=summary")
    with pytest.raises(RunFailed, match="summary fails: KeyError: 'no figure'"):
        found.summary()


# Frames of others.


class Frame(dict[str, Any]):
    """As much of a DataFrame as is used: columns by name."""

    def with_columns(self, column: Any) -> Frame:
        return Frame({**self, "cast": column})


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not installed here: their doors, as far as we walk through them."""
    monkeypatch.setattr(extras, "find_spec", lambda name: object())
    pandas, polars = ModuleType("pandas"), ModuleType("polars")

    class Categorical:
        from_codes = staticmethod(lambda codes, names: [names[code] for code in codes])

    pandas.DataFrame, pandas.Categorical = Frame, Categorical  # type: ignore[attr-defined]
    polars.DataFrame, polars.Enum = Frame, tuple  # type: ignore[attr-defined]

    class Column:
        def __init__(self, name: str) -> None:
            self.name = name

        def cast(self, kind: object) -> tuple[str, object]:
            return self.name, kind

    polars.col = Column  # type: ignore[attr-defined]
    xarray = ModuleType("xarray")
    xarray.Dataset = lambda columns, **more: (columns, more)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "xarray", xarray)
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    monkeypatch.setitem(sys.modules, "polars", polars)


@pytest.mark.usefixtures("frames")
def test_kinds_have_names_in_frames(tmp_path: Path) -> None:
    found = ran(tmp_path)
    assert set(found.to_pandas()["kind"]) == {"lookup"}
    assert len(found.to_pandas()["hops"]) == 120
    polars = found.to_polars()
    assert set(polars["kind"].tolist()) == {"lookup"}
    assert polars["cast"][0] == "kind"


@pytest.mark.usefixtures("frames")
def test_seeds_and_sweeps_are_coordinates(tmp_path: Path) -> None:
    found = ran(tmp_path)
    columns, more = found.to_xarray()
    assert set(columns) | set(more["coords"]) == set(found.rows)
    assert "seed" in more["coords"]
    assert set(columns["kind"][1].tolist()) == {"lookup"}
    assert more["attrs"] == {"experiment": "hat", "digest": found.digest}


@pytest.mark.usefixtures("frames")
def test_rows_without_kinds_are_frames_too(tmp_path: Path) -> None:
    rows = simulations.io.results.Rows({"a": [1, 2]})
    facts = {"seed": 1, "values": {}}
    found = results.Results([(rows, facts)], tmp_path)
    assert set(found.to_pandas()) == set(found.to_polars()) == {"a", "seed"}


def test_frames_that_are_not_installed_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ran(tmp_path)
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    for name in ("pandas", "polars", "xarray"):
        with pytest.raises(MissingExtra, match=f"this needs {name}") as caught:
            getattr(found, f"to_{name}")()
        assert caught.value.hint == f"pip install {name}"


def test_facts_without_rows_beside_them_do_not_count(tmp_path: Path) -> None:
    paths = runner(tmp_path, text=TOML).run()
    paths[0].unlink()
    found = results.load(tmp_path / "out")
    assert [facts["seed"] for facts in found.facts] == [2, 3]
    assert files.read_facts(paths[0]) is None
