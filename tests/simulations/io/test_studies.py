"""Studies by name or file, layer upon layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulations.errors import ConfigError, RunFailed, TraceError
from simulations.io import studies
from tests.sim_studies import TOML, opened, written

if TYPE_CHECKING:
    from pathlib import Path


def test_an_experiment_of_ours_by_its_name() -> None:
    study, _ = studies.opened("churn", {})
    assert study.name == "churn"
    assert study.table["network"]["nodes"] > 1


def test_a_file_with_code_beside_it(tmp_path: Path) -> None:
    study, library = opened(tmp_path)
    assert (study.name, len(study.seeds)) == ("hat", 3)
    assert library.home == tmp_path
    (point,) = study.points(library)
    assert point.scenario.duration == 600
    assert type(point.experiment).__name__ == "Hat"


def test_a_file_stands_on_the_experiments_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('experiment = "churn"\n[network]\nnodes = 77\n', encoding="utf-8")
    study, _ = studies.opened(str(path), {})
    assert study.table["network"]["nodes"] == 77
    assert study.table["network"]["loss"] == studies.defaults("churn")["network"]["loss"]
    assert study.table["churn"] == studies.defaults("churn")["churn"]


def test_what_is_set_stands_on_top(tmp_path: Path) -> None:
    study, library = opened(tmp_path, "network.nodes=5", "seeds=9", "settings.count=3")
    (point,) = study.points(library)
    assert point.scenario.network.nodes == 5
    assert point.experiment.settings.count == 3
    assert len(study.seeds) == 9


def test_files_are_relative_to_the_study_and_read_once(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("node,start,end\na,0,5\n", encoding="utf-8")
    (tmp_path / "m.txt").write_text("0 2\n2 0\n", encoding="utf-8")
    extra = '\n[network.latency]\nmodel = "matrix"\npath = "m.txt"\n[churn]\ntrace = "t.csv"\n'
    study, library = opened(tmp_path, text=TOML + extra)
    (point,) = study.points(library)
    assert point.scenario.churn is not None
    assert point.scenario.churn.trace is library.trace("t.csv")
    assert point.scenario.network.latency is library.matrix("m.txt")
    assert point.scenario.network.latency.delay(0, 1, 0.5) == pytest.approx(0.001)


def test_other_contents_of_a_trace_are_another_point(tmp_path: Path) -> None:
    hashes = set()
    for end in (5, 6):
        (tmp_path / "t.csv").write_text(f"node,start,end\na,0,{end}\n", encoding="utf-8")
        study, library = opened(tmp_path, text=TOML + '\n[churn]\ntrace = "t.csv"\n')
        hashes.add(study.points(library)[0].hash)
    assert len(hashes) == 2


def test_a_broken_trace_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("node,start,end\na,9,5\n", encoding="utf-8")
    study, library = opened(tmp_path, text=TOML + '\n[churn]\ntrace = "t.csv"\n')
    with pytest.raises(TraceError, match=r"t\.csv, line 2"):
        study.points(library)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.toml cannot be read: No such file"):
        studies.opened(str(tmp_path / "no.toml"), {})
    with pytest.raises(ConfigError, match="there is no experiment called 'chrun'"):
        studies.opened("chrun", {})
    path = tmp_path / "empty.toml"
    path.write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="experiment is missing"):
        studies.opened(str(path), {})


def test_what_is_no_text_or_no_toml(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xff")
    with pytest.raises(ConfigError, match="is no text"):
        studies.opened(str(path), {})
    path.write_text("a = ", encoding="utf-8")
    with pytest.raises(ConfigError, match="is no TOML"):
        studies.opened(str(path), {})


def test_code_that_fails_is_blamed(tmp_path: Path) -> None:
    path = written(tmp_path)
    (tmp_path / "hat.py").write_text("1 / 0", encoding="utf-8")
    with pytest.raises(RunFailed, match="ZeroDivisionError"):
        studies.opened(str(path), {})


def test_only_names_of_ours_have_a_file_beside_them() -> None:
    assert studies.source("churn")
    assert studies.source("../experiments/churn") is None
    assert studies.source("nothing") is None
    assert studies.defaults("nothing") == {"experiment": "nothing"}
