"""Helpers that run a ``dhtctl`` which stays: until its line comes, and until a signal ends it.

Without ``DHTCTL_BOOTSTRAP`` it joins nobody.
"""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any, Self

from tests.dhtctl import PROGRAM, environment

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 30.0
"""Seconds for a line or an exit: two busy cores and coverage make everything slow."""


class Staying:
    """A running ``dhtctl``; its lines are read by threads, so that it never blocks on a pipe."""

    def __init__(self, state: Path, *words: str, **variables: str) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=state,
            env=environment(state, {"DHTCTL_BOOTSTRAP": ""} | variables),
        )
        self.out = _lines(self.process.stdout)
        self.err = _lines(self.process.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)

    @property
    def pid(self) -> int:
        return self.process.pid

    def line(self) -> str:
        """The next line of stdout."""
        return self.out.get(timeout=PATIENCE)

    def object(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.line())
        return found

    def told(self, word: str) -> str:
        """The next line of stderr that contains ``word``."""
        while True:
            line = self.err.get(timeout=PATIENCE)
            if word in line:
                return line

    def note(self) -> str:
        """The next line of stderr."""
        return self.err.get(timeout=PATIENCE)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it with a signal; its exit code."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait until it ends by itself; its exit code."""
        return self.process.wait(PATIENCE)

    def rest(self) -> tuple[list[str], list[str]]:
        """All lines that were not read yet, once it has ended."""
        self.process.wait(PATIENCE)
        return _all(self.out), _all(self.err)


def _lines(stream: Any) -> Queue[str]:
    found: Queue[str] = Queue()

    def read() -> None:
        with stream:
            for line in stream:
                found.put(line.rstrip("\n"))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    found.reader = reader  # type: ignore[attr-defined]
    return found


def _all(lines: Queue[str]) -> list[str]:
    lines.reader.join(PATIENCE)  # type: ignore[attr-defined]
    found = []
    while True:
        try:
            found.append(lines.get_nowait())
        except Empty:
            return found


def start_testnet(state: Path, nodes: int = 20) -> tuple[Staying, str]:
    """A running testnet and what to set ``DHTCTL_BOOTSTRAP`` to."""
    running = Staying(state, "testnet", "--nodes", str(nodes), "--json")
    return running, ",".join(running.object()["bootstrap"])
