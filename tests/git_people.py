"""Who has a state directory and uses stock git, whose helper is ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests import git_house as house
from tests.dhtctl import dhtctl_inside, environment
from tests.running import Staying

SCRIPTS = str(Path(sys.executable).parent)


class Somebody:
    """Who has a state directory, and uses git."""

    def __init__(self, home: Path, doors: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.doors = doors
        self.dhtctl = dhtctl_inside(home)

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([SCRIPTS, os.environ["PATH"]])
        extra = {"DHTCTL_BOOTSTRAP": self.doors, "PATH": path}
        return house.environment(environment(self.home, extra))

    def start(
        self, *words: str, where: Path | None = None, patience: str = "10"
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["git", *words],
            cwd=where or self.home,
            env=self.environment() | {"DHTCTL_PATIENCE": patience},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def attempt(self, *words: str, **how: Any) -> tuple[int, str]:
        with self.start(*words, **how) as process:
            said, _ = process.communicate(timeout=60)
        return process.returncode, said.decode()

    def git(self, *words: str, **how: Any) -> str:
        code, said = self.attempt(*words, **how)
        assert code == 0, said
        return said

    def publish(self, what: str, **more: str) -> str:
        done = self.dhtctl("git", "publish", what, DHTCTL_BOOTSTRAP=self.doors, **more)
        assert done.code == 0, done.err
        return done.out.strip()

    def staying(self, *words: str) -> Staying:
        return Staying(self.home, *words, DHTCTL_BOOTSTRAP=self.doors)
