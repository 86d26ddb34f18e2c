"""Every command of the tutorial does what the tutorial says; its files are those of examples/."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

import pytest

from tests import readme
from tests.dhtctl import dhtctl_inside
from tests.readme import Command, gist

if TYPE_CHECKING:
    from pathlib import Path

PATH = readme.README.parent / "docs" / "tutorial-simulations.md"
TEXT = PATH.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["rounds.py", "rounds.toml"])
def test_the_files_it_shows_are_those_that_are_run(name: str) -> None:
    assert (readme.EXAMPLES / name).read_text(encoding="utf-8") in TEXT


def test_the_commands_print_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Here and now: processes would spend most of their time on starting.
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    readme.give_examples(tmp_path)
    dhtctl = dhtctl_inside(tmp_path)
    monkeypatch.chdir(tmp_path)

    def gists(lines: list[str]) -> list[str]:
        return sorted(filter(None, map(gist, lines)))  # notes and figures go their own ways

    def check(command: Command, how: str) -> None:
        program, *words = shlex.split(command.line)
        done = dhtctl(*words, DHTCTL_NO_PROGRESS="1")
        assert (program, done.code) == ("dhtctl", 0), done.err
        assert how == "any" or gists([*done.out.splitlines(), *done.err.splitlines()]) == gists(
            command.output
        )

    for block in readme.blocks(TEXT):
        if block.kind == "console":
            for command in block.commands:
                check(command, block.how)
        elif block.kind == "python":
            exec(block.text, {})
