"""Running a study: here, in processes, interrupted, resumed; always the same rows."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from simulations.errors import RunFailed, TooBig
from simulations.io import files, memory, results, runs, versions
from simulations.io.runs import INDEX, Runner, Standing
from simulations.io.workers import Given
from tests.sim_studies import runner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def shards(where: Path) -> list[str]:
    return sorted(path.name for path in where.iterdir() if path.suffix in files.SUFFIXES)


def test_each_seed_is_a_shard_with_its_facts(tmp_path: Path) -> None:
    made = runner(tmp_path)
    paths = made.run()
    assert [path.name for path in paths] == shards(tmp_path / "out")
    rows, facts = files.read_rows(paths[1])
    assert rows.count == 40
    assert (facts["seed"], facts["seed_root"], facts["experiment"]) == (2, 1, "hat")
    assert facts["hash"] == made.points[0].hash
    assert facts["code"] == versions.code()
    assert facts["packages"] == versions.packages()
    assert facts["configuration"]["network"] == {"nodes": 100}


def test_one_process_or_three_draw_the_same(tmp_path: Path) -> None:
    runner(tmp_path, out="one").run(1)
    runner(tmp_path, out="three").run(3)
    one, three = results.load(tmp_path / "one"), results.load(tmp_path / "three")
    assert one.digest == three.digest
    assert shards(tmp_path / "one") == shards(tmp_path / "three")


def test_other_roots_and_other_seeds_draw_otherwise(tmp_path: Path) -> None:
    runner(tmp_path).run()
    runner(tmp_path, "seed=2", out="other").run()
    digests = [
        facts["digest"]
        for name in ("out", "other")
        for facts in results.load(tmp_path / name).facts
    ]
    assert len(set(digests)) == 6


def test_points_of_a_sweep_share_their_chance(tmp_path: Path) -> None:
    sets = ("sweep={'settings.spans' = [3, 4]}",)
    runner(tmp_path, *sets).run()
    found = results.load(tmp_path / "out").facts
    assert len(found) == 6
    assert [f["digest"] for f in found[:3]] == [f["digest"] for f in found[3:]]


def test_what_is_done_is_not_redone(tmp_path: Path) -> None:
    paths = runner(tmp_path).run()
    before = [path.stat().st_mtime_ns for path in paths]
    again = runner(tmp_path, "seeds=4")
    assert again.run()[:3] == paths
    assert [path.stat().st_mtime_ns for path in paths] == before
    assert (again.standing.kept, again.standing.done, again.standing.jobs) == (3, 4, 4)


def test_what_other_code_has_made_is_redone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner(tmp_path).run()
    monkeypatch.setattr(versions, "code", lambda: "0+changed")
    again = runner(tmp_path)
    again.run()
    assert again.standing.kept == 0
    assert {facts["code"] for facts in results.load(tmp_path / "out").facts} == {"0+changed"}


def test_a_broken_shard_is_redone(tmp_path: Path) -> None:
    paths = runner(tmp_path).run()
    paths[0].write_bytes(b"PAR1")
    again = runner(tmp_path)
    again.run()
    assert again.standing.kept == 2
    assert files.read_facts(paths[0]) is not None


def test_other_settings_lie_beside_and_the_index_says_which_count(tmp_path: Path) -> None:
    runner(tmp_path).run()
    runner(tmp_path, "network.nodes=50").run()
    assert len(shards(tmp_path / "out")) == 6
    assert {
        f["configuration"]["network"]["nodes"] for f in results.load(tmp_path / "out").facts
    } == {50}
    back = runner(tmp_path)
    back.run()
    assert back.standing.kept == 3


def test_it_says_how_it_stands(tmp_path: Path) -> None:
    made = runner(tmp_path)
    seen: list[tuple[int, float, float]] = []
    made.watch = lambda now: seen.append((now.done, now.simulated, now.duration))
    made.run()
    assert seen[0] == (0, 0.0, 1800.0)
    assert seen[-1] == (3, 1800.0, 1800.0)
    assert (0, 300.0, 1800.0) in seen  # in the middle of the first run
    assert sorted(seen) == seen


def test_processes_say_how_they_stand(tmp_path: Path) -> None:
    made = runner(tmp_path)
    made.run(2)
    assert made.standing.simulated == 1800.0
    assert made.standing.done == 3


def test_the_rest_is_reckoned_from_what_this_call_did() -> None:
    standing = Standing(4, 2, 3, duration=400.0, simulated=300.0, elapsed=10.0, resumed=200.0)
    assert standing.remaining == 10.0
    assert Standing(4, 2, 2, 400.0, 200.0, 10.0, resumed=200.0).remaining is None


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_run_keeps_what_was_done_and_says_why(tmp_path: Path, workers: int) -> None:
    runner(tmp_path, "seeds=1").run()
    kept = shards(tmp_path / "out")
    failing = runner(tmp_path, "settings.fault=run")
    with pytest.raises(RunFailed, match=r"seed \d fails: ZeroDivisionError: no hat") as caught:
        failing.run(workers)
    assert "hat.py, line" in caught.value.hint
    assert shards(tmp_path / "out") == kept


def test_an_interrupt_keeps_what_was_finished_and_the_rest_comes_later(tmp_path: Path) -> None:
    made = runner(tmp_path)

    def stop(now: Standing) -> None:
        if now.done == 2:
            raise KeyboardInterrupt

    made.watch = stop
    with pytest.raises(KeyboardInterrupt):
        made.run()
    assert len(shards(tmp_path / "out")) == 2
    assert len(results.load(tmp_path / "out").shards) == 2
    again = runner(tmp_path)
    again.run()
    assert again.standing.kept == 2
    whole = results.load(tmp_path / "out").digest
    runner(tmp_path, out="fresh").run()
    assert results.load(tmp_path / "fresh").digest == whole


def test_an_interrupt_ends_processes_that_are_still_at_it(tmp_path: Path) -> None:
    """The runs wait for a file that never comes: only their end ends them."""
    gate = tmp_path / "gate"
    made = runner(tmp_path, f"settings.stay={gate}")

    def stop(now: Standing) -> None:
        if (tmp_path / "gate.begun").exists() and now.simulated > 0:
            raise KeyboardInterrupt

    made.watch = stop
    with pytest.raises(KeyboardInterrupt):
        made.run(2)
    assert shards(tmp_path / "out") == []
    assert [path.name for path in (tmp_path / "out").iterdir()] == [INDEX]


def test_half_written_files_of_the_killed_are_swept_up(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f"{files.PART}99-x.parquet").write_bytes(b"half")
    runner(tmp_path).run()
    assert not list((tmp_path / "out").glob(f"{files.PART}*"))


def test_any_executor_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from concurrent.futures import ThreadPoolExecutor

    @contextmanager
    def crew(*_: object, **__: object) -> Iterator[Given]:
        with ThreadPoolExecutor(2) as pool:
            yield Given(pool)

    monkeypatch.setattr(runs, "crew", crew)
    runner(tmp_path).run()
    monkeypatch.undo()
    runner(tmp_path, out="one").run()
    assert results.load(tmp_path / "out").digest == results.load(tmp_path / "one").digest


@pytest.mark.parametrize("suffix", files.SUFFIXES)
def test_every_format_holds_the_same(tmp_path: Path, suffix: str) -> None:
    runner(tmp_path).run()
    runner(tmp_path, out="other", suffix=suffix).run()
    assert results.load(tmp_path / "other").digest == results.load(tmp_path / "out").digest


def test_the_index_names_the_shards(tmp_path: Path) -> None:
    made: Runner = runner(tmp_path)
    made.run()
    index = json.loads((tmp_path / "out" / INDEX).read_text())
    assert index["shards"] == shards(tmp_path / "out")
    assert (index["experiment"], index["home"]) == ("hat", str(tmp_path))


def test_too_little_memory_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 150_000)
    made = runner(tmp_path)  # 100,000 bytes a run, says the experiment
    made.fits(1)
    with pytest.raises(TooBig, match="this needs about"):
        made.fits(2)
    assert not (tmp_path / "out").exists()


def test_more_workers_than_runs_need_no_more_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 350_000)
    runner(tmp_path).fits(64)
