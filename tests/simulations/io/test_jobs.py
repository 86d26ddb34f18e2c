"""A job: plain data that travels, and reports that do not flood."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

from simulations.io import files, jobs
from simulations.io.jobs import perform
from simulations.statistics import digest
from tests.sim_studies import runner

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_job_is_plain_data(tmp_path: Path) -> None:
    for job in runner(tmp_path).jobs:
        assert pickle.loads(pickle.dumps(job)) == job


def test_its_shard_carries_the_digest_of_its_rows(tmp_path: Path) -> None:
    (job, *_) = runner(tmp_path).jobs
    assert not job.done
    assert perform(job) == job.path
    assert job.done
    rows, facts = files.read_rows(tmp_path / job.path)
    assert facts["digest"] == digest(rows)
    assert facts["rows"] == rows.count
    assert facts["elapsed_s"] >= 0


def test_a_job_done_twice_is_the_same(tmp_path: Path) -> None:
    (job, *_) = runner(tmp_path).jobs
    first = files.read_facts(tmp_path / perform(job))
    second = files.read_facts(tmp_path / perform(job))
    assert first is not None
    assert second is not None
    assert first["digest"] == second["digest"]


def test_reports_are_passed_on_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 0.05, 0.1, 0.25, 0.3, 0.5])
    monkeypatch.setattr(jobs.time, "monotonic", lambda: next(now))
    told: list[tuple[int, float]] = []
    pass_on = jobs._seldom(7, lambda *said: told.append(said))
    assert pass_on is not None
    for seconds in range(6):
        pass_on(float(seconds))
    assert told == [(7, 0.0), (7, 3.0), (7, 5.0)]


def test_who_wants_no_reports_gets_none() -> None:
    assert jobs._seldom(0, None) is None
