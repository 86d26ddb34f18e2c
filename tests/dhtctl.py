"""Helpers that run ``dhtctl`` from outside, as a user does."""

import contextlib
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import cli
from cli.main import main
from dht.node.config import NETWORK
from dht.node.promises import StoredPromise
from dht.node.state import State

_STREAMS = ("stdin", "stdout", "stderr")

PROGRAM = (sys.executable, "-m", "cli")


@dataclass(frozen=True)
class Done:
    """What a finished command left behind."""

    code: int
    out: str
    err: str
    raw: bytes = b""
    """Standard output as it came, also where it is no text."""

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def complaints(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.err.splitlines()]


Dhtctl = Callable[..., Done]


def environment(state: Path, extra: Mapping[str, str] = {}) -> dict[str, str]:
    """An environment in which nothing of the machine's user is found."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DHTCTL_", "XDG_")) and name not in ("NO_COLOR", "TERM")
    }
    return kept | {
        "HOME": str(state),
        "DHTCTL_STATE": str(state / "state"),
        "PYTHONPATH": str(Path(cli.__file__).parent.parent),
        "COLUMNS": "80",
        **extra,
    }


def promises(home: Path) -> list[StoredPromise]:
    """What is promised by the ``dhtctl`` whose state lives under ``home``."""
    with State.open(home / "state") as state:
        return state.promises(NETWORK)


def dhtctl_in(state: Path) -> Dhtctl:
    """A ``dhtctl`` whose state lives under ``state``."""

    def run(*words: str, stdin: bytes = b"", **variables: str) -> Done:
        done = subprocess.run(
            [*PROGRAM, *words],
            input=stdin,
            capture_output=True,
            check=False,
            cwd=state,
            env=environment(state, variables),
            timeout=120,
        )
        text = done.stdout.decode(errors="backslashreplace")
        return Done(done.returncode, text, done.stderr.decode(), done.stdout)

    return run


def dhtctl_inside(state: Path) -> Dhtctl:
    """The same without a process of its own: as real, but for the half second of starting."""

    def run(*words: str, stdin: bytes = b"", **variables: str) -> Done:
        streams = {name: io.TextIOWrapper(io.BytesIO(), write_through=True) for name in _STREAMS}
        streams["stdin"].buffer.write(stdin)
        streams["stdin"].buffer.seek(0)
        log = logging.getLogger()
        handlers, level = list(log.handlers), log.level
        with (
            mock.patch.multiple(sys, **streams),
            mock.patch.dict(os.environ, environment(state, variables), clear=True),
            contextlib.chdir(state),
        ):
            try:
                code = main(words)
            finally:
                log.handlers[:] = handlers
                log.setLevel(level)
        raw, said = (streams[name].buffer.getvalue() for name in ("stdout", "stderr"))  # type: ignore[attr-defined]
        return Done(code, raw.decode(errors="backslashreplace"), said.decode(), raw)

    return run
