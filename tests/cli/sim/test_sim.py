"""``dhtctl sim``, as a user types it: figures, files, and one clear line for every mistake."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from cli.actions import sim
from cli.errors import CommandError, UsageError
from simulations import errors
from simulations.io import extras, memory
from simulations.registry import names
from simulations.validation import Check
from tests.sim_studies import TOML

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from simulations.chance import Chance
    from tests.dhtctl import Dhtctl


def ran(dhtctl: Dhtctl, *words: str) -> list[dict[str, Any]]:
    done = dhtctl("sim", *words, "--json")
    assert done.code == 0, done.err
    return done.objects


RUN = ("run", "hat.toml", "--workers", "1")


# Looking.


def test_list_names_all_with_what_they_show(dhtctl: Dhtctl) -> None:
    done = dhtctl("sim", "list")
    assert done.code == 0
    assert "churn How well, and how fast, lookups do" in " ".join(done.out.split())
    listed = {each["name"]: each for each in ran(dhtctl, "list")}
    assert listed["churn"]["fidelities"] == ["protocol", "message", "lookup"]
    assert all(each["about"] for each in listed.values())


def test_show_prints_toml_that_runs(dhtctl: Dhtctl, tmp_path: Path) -> None:
    done = dhtctl("sim", "show", "churn")
    assert done.out.startswith("# How well, and how fast")
    assert "# spans = 24" in done.out
    (tmp_path / "mine.toml").write_text(done.out, encoding="utf-8")
    shown, again = ran(dhtctl, "show", "churn")[0], ran(dhtctl, "show", "mine.toml")[0]
    assert {**again["configuration"], "settings": {}} == {**shown["configuration"], "settings": {}}
    assert shown["settings"] == {"spans": 24}


@pytest.mark.parametrize("name", names("experiment"))
def test_what_show_prints_is_toml_that_tells_each_setting(dhtctl: Dhtctl, name: str) -> None:
    done = dhtctl("sim", "show", name)
    tomllib.loads(done.out)
    (shown,) = ran(dhtctl, "show", name)
    for setting in shown["settings"]:
        assert f"#     {setting}: " in done.out


def test_show_knows_a_file_of_yours(dhtctl: Dhtctl) -> None:
    (shown,) = ran(dhtctl, "show", "hat.toml")
    assert shown["about"].startswith("Lookups from a hat.")
    assert shown["settings"]["count"] == 40


# Running.


def test_run_prints_figures_a_plot_and_a_digest(dhtctl: Dhtctl, tmp_path: Path) -> None:
    done = dhtctl("sim", *RUN)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].split() == ["figure", "mean", "±", "95", "%", "unit"]
    assert lines[-3] == "plot    out/hat/hat.png, out/hat/hat.svg"
    assert lines[-2].startswith("digest  ")
    assert lines[-1] == "rows    out/hat (120 in 3 runs)"
    assert "hat, protocol: 3 runs of 10 min" in done.err
    for name in ("hat.png", "hat.svg", "run.json"):
        assert (tmp_path / "out" / "hat" / name).stat().st_size > 100


def test_run_as_json(dhtctl: Dhtctl) -> None:
    found = ran(dhtctl, *RUN, "--seeds", "2", "--out", "x")
    figures = [each for each in found if each["type"] == "figure"]
    assert {"name", "unit", "mean", "low", "high", "runs", "values"} <= set(figures[0])
    assert figures[0]["runs"] == 2
    (plot,) = [each for each in found if each["type"] == "plot"]
    assert plot["svg"] == "x/hat.svg"
    (run,) = [each for each in found if each["type"] == "run"]
    assert (run["rows"], run["runs"], run["kept"]) == (80, 2, 0)
    assert len(run["digest"]) == 64


def digest(found: list[dict[str, Any]]) -> str:
    return str(next(each["digest"] for each in found if each["type"] == "run"))


def test_the_same_command_has_the_same_digest_and_another_seed_another(dhtctl: Dhtctl) -> None:
    digests = [
        digest(ran(dhtctl, *RUN, "--out", out, *more))
        for out, more in (("a", ()), ("b", ()), ("c", ("--seed", "5")))
    ]
    assert digests[0] == digests[1] != digests[2]


def test_a_second_run_keeps_what_is_there(dhtctl: Dhtctl) -> None:
    dhtctl("sim", *RUN)
    done = dhtctl("sim", *RUN, "--seeds", "4")
    assert "3 runs of 4 had been done before" in done.err
    assert ran(dhtctl, *RUN)[-1]["kept"] == 3


def test_values_are_set_from_the_command_line(dhtctl: Dhtctl, tmp_path: Path) -> None:
    words = ("--set", "settings.count=7", "--set", "network.latency.model=plane")
    assert ran(dhtctl, *RUN, *words, "--fidelity", "message")[-1]["rows"] == 21
    index = json.loads((tmp_path / "out" / "hat" / "run.json").read_text())
    assert index["configuration"]["network"]["latency"] == {"model": "plane"}
    assert index["configuration"]["fidelity"] == "message"


def test_one_seed_has_figures_without_intervals(dhtctl: Dhtctl) -> None:
    done = dhtctl("sim", *RUN, "--seeds", "1")
    assert done.out.splitlines()[1].split() == ["lookups", "40", "-"]
    figure = ran(dhtctl, *RUN, "--seeds", "1")[0]
    assert (figure["mean"], figure["low"]) == (40, None)


@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_rows_in_other_formats(dhtctl: Dhtctl, tmp_path: Path, kind: str) -> None:
    same = digest(ran(dhtctl, *RUN, "--out", "a"))
    assert digest(ran(dhtctl, *RUN, "--out", "b", "--format", kind)) == same
    assert len(list((tmp_path / "b").glob(f"*.{kind}"))) == 3


def test_a_sweep_prints_a_table_a_point(dhtctl: Dhtctl) -> None:
    words = (
        "sweep",
        "hat.toml",
        "network.nodes=100,900",
        "rules.policy=mainline",
        "--workers",
        "1",
    )
    done = dhtctl("sim", *words)
    assert done.code == 0
    assert "network.nodes = 100, rules.policy = mainline\nfigure" in done.out
    assert "network.nodes = 900" in done.out
    values = {json.dumps(each.get("values")) for each in ran(dhtctl, *words)}
    assert '{"network.nodes": 900, "rules.policy": "mainline"}' in values


def test_times_are_swept_with_their_units(dhtctl: Dhtctl) -> None:
    found = ran(dhtctl, "sweep", "hat.toml", "duration=1 min,2 min", "--workers", "1")
    assert {each["values"]["duration"] for each in found if each["type"] == "figure"} == {
        "1 min",
        "2 min",
    }


def test_without_matplotlib_there_is_a_warning_and_figures(
    dhtctl: Dhtctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda n: None if n == "matplotlib" else real(n))
    done = dhtctl("sim", *RUN)
    assert done.code == 0
    assert "warning: no plot: matplotlib is not installed" in done.err
    assert "digest" in done.out


# Plotting and comparing.


def test_plot_draws_again(dhtctl: Dhtctl, tmp_path: Path) -> None:
    dhtctl("sim", *RUN)
    first = (tmp_path / "out" / "hat" / "hat.svg").read_bytes()
    (tmp_path / "out" / "hat" / "hat.svg").unlink()
    (drawn,) = ran(dhtctl, "plot", "out/hat")
    assert drawn["svg"] == "out/hat/hat.svg"
    assert (tmp_path / "out" / "hat" / "hat.svg").read_bytes() == first
    assert ran(dhtctl, "plot", "out/hat", "-o", "figure3")[0]["png"] == "figure3.png"
    shard = next((tmp_path / "out" / "hat").glob("*.parquet"))
    assert ran(dhtctl, "plot", str(shard))[0]["png"] == str(shard.parent / "hat.png")


def test_compare_marks_what_differs(dhtctl: Dhtctl) -> None:
    dhtctl("sim", *RUN, "--out", "a")
    dhtctl("sim", *RUN, "--out", "b", "--set", "network.nodes=900")
    done = dhtctl("sim", "compare", "a", "b")
    assert done.code == 0
    rows = {line.split("  ")[0]: line for line in done.out.splitlines()}
    assert rows["requests"].endswith("*")
    assert not rows["hops"].endswith("*")
    assert "differences of pairs of equal seeds" in done.out
    assert "requests: Kolmogorov's distance" in done.out
    found = {each.get("name"): each for each in ran(dhtctl, "compare", "a", "b")}
    assert found["requests"]["differs"]
    assert found["requests"]["change_low"] > 0


def test_compare_tells_the_points_of_a_sweep_apart(dhtctl: Dhtctl) -> None:
    for out in ("a", "b"):
        dhtctl("sim", *RUN, "--out", out, "--set", "sweep={'network.nodes'=[100,900]}")
    lines = dhtctl("sim", "compare", "a", "b").out.splitlines()
    assert "network.nodes = 100" in lines
    assert "network.nodes = 900" in lines
    found = [each for each in ran(dhtctl, "compare", "a", "b") if each.get("name") == "hops"]
    assert [each["values"] for each in found] == [{"network.nodes": 100}, {"network.nodes": 900}]


def test_compare_says_when_they_are_the_same(dhtctl: Dhtctl) -> None:
    dhtctl("sim", *RUN, "--out", "a")
    assert "they are the same, row by row" in dhtctl("sim", "compare", "a", "a").err


# Validating.


def test_validate_prints_each_check_and_its_verdict(dhtctl: Dhtctl) -> None:
    done = dhtctl("sim", "validate", "laws")
    assert done.code == 0
    assert done.out.splitlines()[0].endswith("expected     obtained  tolerance")
    assert done.out.count("pass") == 4
    assert "all 4 checks passed" in done.err
    found = ran(dhtctl, "validate", "laws")
    assert all(each["passed"] and each["sense"] == "relative" for each in found)


def test_a_check_that_fails_fails_the_command(
    dhtctl: Dhtctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def checks(chance: Chance) -> Iterator[Check]:
        yield Check(name="one", expected=1.0, obtained=1.0, tolerance=0.0)
        yield Check(name="two", expected=1.0, obtained=2.0, tolerance=0.5, sense="at most")

    monkeypatch.setattr("simulations.validators.laws.checks", checks)
    done = dhtctl("sim", "validate", "laws")
    assert done.code == 1
    assert "FAIL" in done.out
    assert "error: 1 of 2 checks failed" in done.err


# What is refused: one line, exit 2, nothing half-written.


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["run", "chrun"], "there is no experiment called 'chrun'"),
        (["run", "no.toml"], "no.toml cannot be read"),
        ([*RUN, "--set", "network.ndes=3"], "unknown key 'network.ndes'"),
        ([*RUN, "--set", "netwrk.nodes=3"], "unknown key 'netwrk'"),
        ([*RUN, "--set", "settings.cuont=3"], "unknown key 'settings.cuont'"),
        ([*RUN, "--set", "network.nodes=1"], "network.nodes is 1"),
        ([*RUN, "--set", "network.nodes=many"], "network.nodes is 'many'"),
        ([*RUN, "--set", "churn.session.law=weibul"], "there is no law called 'weibul'"),
        ([*RUN, "--set", "churn.trace=gone.csv"], "gone.csv: cannot be read"),
        ([*RUN, "--set", "churn.trace=bad.csv"], "bad.csv, line 3: start is 'x'"),
        ([*RUN, "--set", "nonsense"], "'nonsense' sets nothing"),
        (["run", "bad.toml"], "bad.toml is no TOML"),
        (["sweep", "hat.toml", "nonsense"], "'nonsense' sweeps nothing"),
        (["sweep", "hat.toml", "network.nodes=100,1"], "network.nodes is 1"),
        (["validate", "lwas"], "nothing is called 'lwas' here"),
        ([*RUN, "--dask", "nowhere"], "no Dask scheduler answers at 'nowhere'"),
    ],
)
def test_what_is_refused(dhtctl: Dhtctl, tmp_path: Path, words: list[str], fault: str) -> None:
    (tmp_path / "bad.csv").write_text("node,start,end\na,0,5\nb,x,3\n", encoding="utf-8")
    (tmp_path / "bad.toml").write_text("a = = 1", encoding="utf-8")
    if "--dask" in words:
        pytest.importorskip("distributed")
    done = dhtctl("sim", *words)
    assert (done.code, done.out.count("digest")) == (2, 0)
    first, *rest = done.err.splitlines()
    assert first.startswith("error: ")
    assert fault in first
    assert all(line.startswith("hint: ") for line in rest)
    assert not list(tmp_path.glob("out/**/*.parquet"))
    assert not list(tmp_path.glob("out/**/.part-*"))


def test_too_little_memory_is_refused_before_anything_is_written(
    dhtctl: Dhtctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 50_000)
    done = dhtctl("sim", *RUN)
    assert done.code == 2
    assert done.err.startswith("error: this needs about 0.0 GiB of memory")
    assert not (tmp_path / "out").exists()


def test_a_missing_extra_is_one_line_with_the_command(
    dhtctl: Dhtctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    for words in (["list"], ["run", "churn"], ["validate"]):
        done = dhtctl("sim", *words)
        assert done.code == 2
        assert done.err == (
            "error: this needs numpy, which is not installed\nhint: pip install 'dhtctl[sim]'\n"
        )


def test_nothing_of_it_is_imported_for_help_or_for_other_verbs() -> None:
    program = (
        "import sys\nfrom cli.main import main\n"
        "try: main(['sim', 'run', '--help'])\nexcept SystemExit: pass\n"
        "main(['config', 'path'])\n"
        "found = {'numpy', 'numba', 'simulations', 'matplotlib'} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("words", "fault", "code"),
    [
        (["plot", "nowhere"], "nowhere holds no results", 1),
        (["compare", "nowhere", "nowhere"], "nowhere holds no results", 1),
        ([*RUN, "--set", "settings.fault=run"], "seed 1 fails: ZeroDivisionError: no hat", 1),
        ([*RUN, "--set", "settings.fault=plot"], "plot fails: TypeError: no pencil", 1),
        (["run"], "the following arguments are required", 2),
        (["run", "churn", "--workers", "0"], "'0' is not a whole number from 1", 2),
    ],
)
def test_what_fails(dhtctl: Dhtctl, words: list[str], fault: str, code: int) -> None:
    done = dhtctl("sim", *words)
    assert done.code == code
    (error,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert fault in error


def test_errors_as_json(dhtctl: Dhtctl) -> None:
    (error,) = dhtctl("sim", "run", "chrun", "--json").complaints
    assert (error["type"], error["exit_code"]) == ("error", 2)
    assert error["hint"] == "did you mean 'churn'?"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.ConfigError("x"), UsageError),
        (errors.TraceError("a", 1, "x"), UsageError),
        (errors.MissingExtra("x"), UsageError),
        (errors.TooBig("x"), UsageError),
        (errors.ResultError("x"), CommandError),
        (errors.RunFailed("x"), CommandError),
    ],
    ids=lambda each: getattr(each, "__name__", type(each).__name__),
)
def test_whose_fault_it_is(error: errors.SimulationError, kind: type[CommandError]) -> None:
    assert type(sim.translated(error)) is kind


@pytest.mark.slow
def test_the_node_s_own_code_runs_in_it(dhtctl: Dhtctl) -> None:
    """The churn experiment on engines of ``dht.core``: small, twice, in one and two processes."""
    words = ("run", "churn", "--fidelity", "protocol", "--seeds", "2")
    small = ("--set", "network.nodes=40", "--set", "duration=120", "--set", "traffic.rate=60")
    one = ran(dhtctl, *words, *small, "--workers", "1", "--out", "one")
    two = ran(dhtctl, *words, *small, "--workers", "2", "--out", "two")
    assert digest(one) == digest(two)
    figures = {each["name"]: each["mean"] for each in one if each["type"] == "figure"}
    assert figures["lookups"] > 20
    assert figures["found of the k closest"] > 0.8


def test_its_toml_is_that_of_the_helpers() -> None:
    assert "hat" in TOML
