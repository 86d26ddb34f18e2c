"""Crews: here, in processes, on a real Dask cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from simulations.errors import ConfigError, MissingExtra, RunFailed
from simulations.io import extras, results, workers
from simulations.io.workers import Here, Processes, crew
from tests.sim_studies import runner

if TYPE_CHECKING:
    from pathlib import Path


def deaf(number: int, seconds: float) -> None:
    """Hears nothing."""


def test_one_worker_works_here(tmp_path: Path) -> None:
    told: list[tuple[int, float]] = []
    (job, *_) = runner(tmp_path).jobs
    with crew(1, lambda *said: told.append(said)) as hands:
        assert isinstance(hands, Here)
        assert hands.submit(job).result() == job.path
        assert hands.heard() == []
        hands.abandon()
    assert told == [(0, 300.0)]  # the second, at once after it, is too soon to be passed on
    assert job.done


def test_here_what_fails_is_raised_at_once(tmp_path: Path) -> None:
    (job, *_) = runner(tmp_path, "settings.fault=run").jobs
    with crew(1, deaf) as hands, pytest.raises(RunFailed):
        hands.submit(job)


def test_several_are_processes_that_tell_how_far_they_are(tmp_path: Path) -> None:
    jobs = runner(tmp_path).jobs
    with crew(2, deaf) as hands:
        assert isinstance(hands, Processes)
        futures = [hands.submit(job) for job in jobs]
        assert [future.result(60) for future in futures] == [job.path for job in jobs]
        heard: set[int] = set()
        while heard != {0, 1, 2}:  # what was put into a queue comes out of it, some time
            heard |= {number for number, _ in hands.heard()}
        assert 1 <= len(hands._pids) <= 2
    assert all(job.done for job in jobs)


def test_who_is_still_starting_is_ended_too(tmp_path: Path) -> None:
    jobs = runner(tmp_path).jobs[:2]
    with crew(2, deaf) as hands:
        assert isinstance(hands, Processes)
        for job in jobs:
            hands.submit(job)
        hands.abandon()
        assert len(hands._pids) == 2
    assert not any(job.done for job in jobs)


def test_in_processes_what_fails_comes_back_as_it_was(tmp_path: Path) -> None:
    (job, *_) = runner(tmp_path, "settings.fault=run").jobs
    with crew(2, deaf) as hands:
        error = hands.submit(job).exception(60)
    assert isinstance(error, RunFailed)
    assert "hat.py" in error.hint


# Dask.


def test_without_dask_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with (
        pytest.raises(MissingExtra, match="this needs distributed"),
        crew(1, deaf, dask="tcp://127.0.0.1:1"),
    ):
        pass


@pytest.fixture(scope="module")
def distributed() -> Any:
    return pytest.importorskip("distributed")


def test_where_no_scheduler_answers(distributed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "PATIENCE", 0.5)
    with (
        pytest.raises(ConfigError, match="no Dask scheduler answers at") as caught,
        crew(1, deaf, dask="tcp://127.0.0.1:9"),
    ):
        pass
    assert "dask scheduler" in caught.value.hint


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Dask's, about its own sockets and loops
def test_a_scheduler_and_two_workers_draw_the_same(distributed: Any, tmp_path: Path) -> None:
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        silence_logs=50,
    ) as cluster:
        made = runner(tmp_path, "seeds=4", out="dask")
        made.run(dask=cluster.scheduler_address)
        failing = runner(tmp_path, "settings.fault=run", out="failing")
        with pytest.raises(RunFailed, match="ZeroDivisionError: no hat"):
            failing.run(dask=cluster.scheduler_address)
    assert (made.standing.done, made.standing.kept) == (4, 0)
    runner(tmp_path, "seeds=4").run()
    found = [results.load(tmp_path / name).digest for name in ("dask", "out")]
    assert found[0] == found[1]
