"""Nothing that was acknowledged is lost to kill -9, whenever it comes."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import dht
from dht.core.keys import Key
from dht.node.database import FILE
from dht.node.state import State

RIG = Path(__file__).with_name("crash_rig.py")
KILLS = 50
PATIENCE = 90.0
"""Seconds for a run that takes about five; only a deadlock reaches this."""


def crashed(home: Path, seed: int) -> dict[str, Any]:
    """Kill ``KILLS`` times over ``home``; what the rig found."""
    rig = subprocess.Popen(
        [sys.executable, str(RIG), str(home), str(KILLS), str(seed)],
        env={**os.environ, "PYTHONPATH": str(Path(dht.__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    try:
        said, complaints = rig.communicate(timeout=PATIENCE)
    finally:
        # Whatever happened, none of its writers goes on: they share its process group.
        with suppress(ProcessLookupError):
            os.killpg(rig.pid, signal.SIGKILL)
    assert rig.returncode == 0, complaints
    report: dict[str, Any] = json.loads(said)
    return report


@pytest.mark.parametrize("seed", [1, 2])
def test_fifty_kills_lose_nothing_acknowledged(tmp_path: Path, seed: int) -> None:
    home = tmp_path / "state"
    report = crashed(home, seed)
    assert report["wrong"] == []
    # The rig had something to lose, and lost writers of it.
    assert report["writers"] >= KILLS
    assert len(report["promised"]) >= KILLS
    assert len(report["withdrawn"]) >= 5
    assert report["named"] >= 5
    # The rig's own looking is not all there is: SQLite's verdict, and ours, from outside.
    outside = sqlite3.connect(home / FILE)
    assert outside.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert outside.execute("PRAGMA foreign_key_check").fetchall() == []
    outside.close()
    with State.open(home) as state:
        standing = {promise.key for promise in state.promises()}
        assert standing.issuperset(map(Key, report["promised"]))
        assert standing.isdisjoint(map(Key, report["withdrawn"]))
        # More than was said is fine: a writer may be killed between the commit and the saying.
        assert (state.last_seq("mainline", Key(1)) or 0) >= report["named"]
    assert not list(home.glob("*damaged*"))
