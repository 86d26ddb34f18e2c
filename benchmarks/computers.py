"""Computers of a small internet (:mod:`benchmarks.netns`) on which people run ``dhtctl`` and git.

Each has a home directory of its own, thus keys, state and configuration of its own, and nothing of
the machine's user is found there. Commands are the installed ones, run as people run them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from benchmarks.netns import Place

DHTCTL: Final = (sys.executable, "-m", "cli", "--json")
PORT: Final = 6881
_ROOT: Final = Path(__file__).parents[1]
_PATIENCE: Final = 150.0
"""Seconds after which a command hangs, and the run has failed."""


@dataclass(frozen=True, slots=True)
class Computer:
    """One of them.

    Attributes:
        place: Where it is in the network.
        home: Where its user's files are.
        door: The address of the node through which it joins the DHT; empty for that node itself.
    """

    place: Place
    home: Path
    door: str

    @property
    def environment(self) -> dict[str, str]:
        """What its programs are told; git's helper is found where ``dhtctl`` is."""
        kept = ("LANG", "LC_ALL", "TMPDIR")
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(_ROOT),
            "HOME": str(self.home),
            "DHTCTL_STATE": str(self.home / "state"),
            "DHTCTL_BOOTSTRAP": self.door,
            "DHTCTL_LISTEN": f"{self.place.host}:0",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
        }

    def run(self, *command: str) -> str:
        """Run a command to its end; what it printed.

        Raises:
            RuntimeError: It failed.
        """
        self.home.mkdir(exist_ok=True, parents=True)
        done = subprocess.run(
            [*self.place.inside, *command],
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{command!r} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def answers(self, *words: str) -> list[dict[str, Any]]:
        """Run ``dhtctl`` to its end; the objects that it printed."""
        return [json.loads(line) for line in self.run(*DHTCTL, *words).splitlines()]

    def ask(self, *words: str) -> dict[str, Any]:
        """The same; the first of them."""
        return self.answers(*words)[0]

    def stay(self, stack: ExitStack, *words: str) -> dict[str, Any]:
        """Have ``dhtctl`` run until the stack is left; the first object that it printed."""
        return self.begin(stack, *words)()

    def begin(self, stack: ExitStack, *words: str) -> Callable[[], dict[str, Any]]:
        """The same, not waited for; what is returned waits.

        It raises ``RuntimeError`` if ``dhtctl`` ended instead of printing an object.
        """
        self.home.mkdir(exist_ok=True, parents=True)
        log = stack.enter_context((self.home / "log").open("a"))
        process = subprocess.Popen(
            [*self.place.inside, *DHTCTL, *words],
            env=self.environment,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
        assert process.stdout
        said = stack.enter_context(process.stdout)

        def first() -> dict[str, Any]:
            line = said.readline()
            if not line:
                raise RuntimeError(f"{words!r} ended: {(self.home / 'log').read_text()}")
            answer: dict[str, Any] = json.loads(line)
            return answer

        return first


def together(deed: Callable[[int], object], count: int) -> None:
    """Do something so many times at once.

    Raises:
        RuntimeError: One of them failed.
    """
    done = []

    def one(number: int) -> None:
        deed(number)
        done.append(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(done) < count:
        raise RuntimeError(f"{count - len(done)} of {count} failed")
