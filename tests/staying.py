"""Commands that stay: started, listened to line by line, and stopped by a signal."""

from __future__ import annotations

import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.dhtctl import PROGRAM, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 30.0
"""Seconds a test waits for what must come; only ever passed when it fails."""


class Staying:
    """A running command."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self) -> str:
        """The next line of its result."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def note(self) -> str:
        """The next line of what it says by the way."""
        assert self.process.stderr is not None
        return self.process.stderr.readline().rstrip("\n")

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Stop it; its exit code."""
        self.process.send_signal(how)
        return self.ended()

    def ended(self) -> int:
        """Wait until it ends by itself; its exit code."""
        return self.process.wait(timeout=PATIENCE)


@contextmanager
def started(state: Path, *words: str, **variables: str) -> Iterator[Staying]:
    """Start a command whose state lives under ``state``."""
    with subprocess.Popen(
        [*PROGRAM, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=state,
        env=environment(state, variables),
    ) as process:
        try:
            yield Staying(process)
        finally:
            process.kill()
