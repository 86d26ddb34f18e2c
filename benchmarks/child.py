"""Processes that benchmarks start: each measured thing has one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import ExitStack


class Child:
    """A Python module run as a process; it speaks JSON lines and ends when its stdin does.

    ``inside`` is put ahead of the command: what runs it somewhere else.
    """

    def __init__(self, stack: ExitStack, *command: str, inside: tuple[str, ...] = ()) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        child = subprocess.Popen([*inside, sys.executable, "-m", *command], text=True, **pipes)
        self._child = stack.enter_context(child)
        assert self._child.stdin
        stack.callback(self._child.stdin.close)

    def say(self, message: object) -> None:
        """Send it a line."""
        assert self._child.stdin
        self._child.stdin.write(json.dumps(message) + "\n")
        self._child.stdin.flush()

    def hear(self) -> Any:
        """Wait for a line from it.

        Raises:
            RuntimeError: It ended instead.
        """
        assert self._child.stdout
        if line := self._child.stdout.readline():
            return json.loads(line)
        raise RuntimeError(f"{self._child.args!r} ended with {self._child.wait()}")

    def leave(self) -> None:
        """Tell it to end: nothing more will be said."""
        assert self._child.stdin
        self._child.stdin.close()

    def ask(self, message: object) -> Any:
        """Send it a line and wait for its answer."""
        self.say(message)
        return self.hear()

    def processor_time(self) -> float:
        """Seconds of processor time it has used, all threads together (Linux)."""
        fields = Path(f"/proc/{self._child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak(self) -> int:
        """The most bytes of memory it ever had resident (Linux)."""
        status = Path(f"/proc/{self._child.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def resident(self) -> int:
        """Bytes of memory it has resident (Linux)."""
        pages = int(Path(f"/proc/{self._child.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
