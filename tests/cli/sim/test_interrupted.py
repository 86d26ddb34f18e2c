"""``dhtctl sim`` that is stopped: by Ctrl-C or by the clock, and gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.dhtctl import PROGRAM, Done, environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.dhtctl import Dhtctl


def test_time_that_runs_out_keeps_what_was_done(dhtctl: Dhtctl, tmp_path: Path) -> None:
    done = dhtctl(
        "sim",
        "run",
        "hat.toml",
        "--workers",
        "1",
        "--timeout",
        "0.3",
        "--set",
        f"settings.stay={tmp_path / 'gate'}",
    )
    assert done.code == 4
    assert "time ran out after 0.3 s" in done.err
    assert "0 of 3 runs are finished, in out/hat" in done.err


def interrupted(home: Path, *words: str, when: Callable[[], bool]) -> Done:
    """Run it in a group of its own, and press Ctrl-C there once ``when`` holds."""
    process = subprocess.Popen(
        [*PROGRAM, "sim", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=home,
        env={**environment(home), "PYTHONPATH": str(Path(__file__).parents[3])},
        start_new_session=True,
    )
    while not when():
        assert process.poll() is None, process.communicate()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return Done(process.returncode, out, err)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_keeps_finished_seeds_and_the_same_command_goes_on(
    dhtctl: Dhtctl, tmp_path: Path, workers: str
) -> None:
    gate, out = tmp_path / "gate", tmp_path / "out" / "hat"
    first = ("run", "hat.toml", "--workers", workers)
    # Two seeds are done; of another study in the same place, none gets past its gate.
    assert dhtctl("sim", *first, "--seeds", "2").code == 0
    stay = (*first, "--set", f"settings.stay={gate}")
    done = interrupted(tmp_path, *stay, when=(tmp_path / "gate.begun").exists)
    assert done.code == 130
    assert done.out == ""
    assert done.err.splitlines()[0] == "error: interrupted", done.err
    assert "0 of 3 runs are finished, in out/hat" in done.err
    assert "hint: the same command goes on from there" in done.err
    assert "Traceback" not in done.err
    assert len(list(out.glob("*.parquet"))) == 2
    assert not list(out.glob(".part-*"))
    gate.touch()
    assert dhtctl("sim", *stay).code == 0
    assert dhtctl("sim", *first, "--json").objects[-1]["kept"] == 2
