"""Runs the commands of README.md, and says what they print: ``python -m tests.readme`` rewrites it.

Other pages are named: ``python -m tests.readme docs/PAGE.md``; they find examples/ at hand.

Fenced blocks of these kinds are run, in their order, in one shell (and so build on each other):

* ``console``: commands after ``$``, each followed by what it prints.
* ``console any``: the same, where the output depends on the machine.
* ``console stays``: a command that stays; its block has the lines that it prints at first.
* ``python``: a program, in a process of its own.

``sh`` blocks are not run. What joins a network joins the one that ``testnet`` started.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING, Self

from tests.dhtctl import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

README = Path(__file__).parent.parent / "README.md"
EXAMPLES = README.with_name("examples")
JOIN = "export DHTCTL_BOOTSTRAP="
PATIENCE = 60.0
DONE = "@@done"
_BLOCK = re.compile(r"^```(console|python|sh)( any| stays)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARIES = (
    (re.compile(r"\b(?:[0-9a-f]{40}|[0-9a-f]{64})\b"), "KEY"),
    (re.compile(r"\bk51\w+"), "NAME"),
    (re.compile(r"\b(baf[a-z2-7]+)"), "CID"),
    (re.compile(r"-?\d+(\.\d+)?( ?(µs|ms|s|min|h|d|KiB|MiB|GiB|bytes?))?\b"), "N"),
    (re.compile(r"\b(node|request|contact|record|provider|promise|peer|seed)s?\b"), r"\1"),
    (re.compile(r"/\S*"), "PATH"),
    (re.compile(r"\s+"), " "),
)


@dataclass
class Command:
    """A command and what it prints."""

    line: str
    output: list[str] = field(default_factory=list)


@dataclass
class Block:
    """A fenced block."""

    kind: str
    how: str
    text: str

    @property
    def commands(self) -> list[Command]:
        found: list[Command] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append(Command(line[2:]))
            else:
                found[-1].output.append(line)
        return found


def blocks(text: str) -> list[Block]:
    return [Block(kind, how.strip(), inner) for kind, how, inner in _BLOCK.findall(text)]


def gist(line: str) -> str:
    """What of a line is the same in every run."""
    for pattern, instead in _VARIES:
        line = pattern.sub(instead, line)
    return line.strip()


class Shell:
    """A shell with ``dhtctl`` in its path, and the processes started beside it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        (home / "bin").mkdir()
        for called, module in (("dhtctl", "cli"), ("git-remote-dht", "cli.git")):
            program = home / "bin" / called
            program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {module} "$@"\n')
            program.chmod(0o755)
        path = f"{home / 'bin'}:{os.environ['PATH']}"
        # On a slow machine there would be lines of progress.
        variables = {"PATH": path, "DHTCTL_BOOTSTRAP": "", "DHTCTL_NO_PROGRESS": "1"}
        self._environment = environment(home, variables)
        self._bash = self._start("bash", "--norc")
        self._lines = _lines(self._bash)
        self._beside: list[subprocess.Popen[str]] = []
        self._join = JOIN

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self._beside, self._bash):
            process.terminate()
            process.communicate(timeout=PATIENCE)

    def run(self, block: Block) -> Iterator[Command]:
        """Run the commands of a block; what they print this time."""
        for command in block.commands:
            if block.how == "stays":
                yield self._stay(command)
            else:
                yield self._do(command)

    def python(self, block: Block) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", block.text],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._home,
            env=self._environment,
            timeout=PATIENCE,
        )

    def _start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self._home,
            env=self._environment,
        )

    def _stay(self, command: Command) -> Command:
        process = self._start("bash", "-c", f"exec {command.line}")
        self._beside.append(process)
        lines = _lines(process)
        output = [lines.get(timeout=PATIENCE) for _ in command.output]
        for line in output:
            if line.strip().startswith(JOIN):
                self._join = line.strip()
                self._environment["DHTCTL_BOOTSTRAP"] = self._join.removeprefix(JOIN)
        return Command(command.line, output)

    def _do(self, command: Command) -> Command:
        line = self._join if command.line.startswith(JOIN) else command.line
        assert self._bash.stdin is not None
        self._bash.stdin.write(f"{{ {line}; }} 2>&1 </dev/null; echo {DONE} $?\n")
        self._bash.stdin.flush()
        output: list[str] = []
        while not (said := self._lines.get(timeout=PATIENCE)).startswith(DONE):
            output.append(said)
        assert said.split()[1] == "0", f"{line} ended with {said.split()[1]}: {output}"
        return Command(line, output)


def _lines(process: subprocess.Popen[str]) -> Queue[str]:
    found: Queue[str] = Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            found.put(line.rstrip("\n"))

    threading.Thread(target=read, daemon=True).start()
    return found


def give_examples(home: Path) -> None:
    for path in EXAMPLES.glob("*.*"):
        shutil.copy(path, home)


def rewritten(text: str) -> str:
    """The README with what its commands print now."""
    with tempfile.TemporaryDirectory() as home, Shell(Path(home)) as shell:
        give_examples(Path(home))

        def renewed(match: re.Match[str]) -> str:
            block = Block(match[1], (match[2] or "").strip(), match[3])
            if block.kind != "console":
                return match[0]
            lines = []
            for command in shell.run(block):
                shown = [line.replace(home, "/home/you") for line in command.output]
                lines += [f"$ {command.line}", *shown]
            return f"```console{match[2] or ''}\n" + "\n".join(lines) + "\n```"

        return _BLOCK.sub(renewed, text)


if __name__ == "__main__":
    page = Path(sys.argv[1]) if sys.argv[1:] else README
    page.write_text(rewritten(page.read_text(encoding="utf-8")), encoding="utf-8")
