"""Every command of README.md does what README.md says it does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from cli import grammar
from cli.errors import ExitCode
from tests import readme
from tests.readme import Block, Shell, gist

if TYPE_CHECKING:
    from pathlib import Path

TEXT = readme.README.read_text(encoding="utf-8")
BLOCKS = readme.blocks(TEXT)


@pytest.mark.slow
def test_the_commands_print_what_is_shown(tmp_path: Path) -> None:
    with Shell(tmp_path) as shell:
        for block in BLOCKS:
            if block.kind == "console":
                for shown, printed in zip(block.commands, shell.run(block), strict=True):
                    assert printed.output or not shown.output, f"{printed.line} printed nothing"
                    if block.how != "any":
                        assert _gists(printed.output) == _gists(shown.output), printed.line
            elif block.kind == "python":
                done = shell.python(block)
                assert (done.returncode, done.stderr) == (0, "")


def _gists(lines: list[str]) -> list[str]:
    return [gist(line) for line in lines]


def test_every_verb_is_shown() -> None:
    shown = {word for block in BLOCKS for word in re.findall(r"\bdhtctl (\w+)", block.text)}
    assert {command.path[0] for command in grammar.commands().commands} <= shown


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"\bmake ([a-z-]+)", TEXT))
    makefile = readme.README.with_name("Makefile").read_text(encoding="utf-8")
    rules = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert {"demo", "test", "live"} <= targets <= rules


def test_the_exit_codes_are_those_of_the_program() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", TEXT, re.MULTILINE)
    assert [int(number) for number, _ in rows] == [int(code) for code in ExitCode]
    for code, (_, told) in zip(ExitCode, rows, strict=True):
        assert code.meaning.replace("`", "") in told.replace("`", "") or code is ExitCode.INTEGRITY


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^):]+)\)", TEXT):
        assert (readme.README.parent / target).exists(), target


# The reading of it.


def test_blocks_and_commands_are_told_apart() -> None:
    text = "```console any\n$ one\n1\n\n$ two\n```\n```sh\nnot run\n```\n```python\nx\n```\n"
    console, sh, python = readme.blocks(text)
    assert (console.kind, console.how, sh.kind, python.text) == ("console", "any", "sh", "x\n")
    assert [(c.line, c.output) for c in console.commands] == [("one", ["1", ""]), ("two", [])]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("asked 12 nodes, in 0.01 s", "asked 1 node, in 13 ms"),
        (f"id {'0f' * 20}", f"id {'a1' * 20}"),
        ("k51qzi5uqu5dg at 127.1.1.1:80", "k51abc at 127.2.3.1:9999"),
        ("a   b", "a b"),
    ],
)
def test_what_differs_from_run_to_run_is_no_difference(one: str, other: str) -> None:
    assert gist(one) == gist(other)


@pytest.mark.parametrize(
    ("one", "other"), [("8 copies", "error: 8"), ("ok  state", "fail  state"), ("x", "")]
)
def test_what_matters_is_a_difference(one: str, other: str) -> None:
    assert gist(one) != gist(other)


def test_a_command_that_fails_is_noticed(tmp_path: Path) -> None:
    with Shell(tmp_path) as shell, pytest.raises(AssertionError, match="ended with 3"):
        list(shell.run(Block("console", "", "$ (exit 3)\n")))


def test_the_shown_output_is_replaced(tmp_path: Path) -> None:
    text = "before\n```console\n$ echo new; pwd\nold\n```\nafter\n```sh\nrm -r /\n```\n"
    assert readme.rewritten(text) == (
        "before\n```console\n$ echo new; pwd\nnew\n/home/you\n```\nafter\n```sh\nrm -r /\n```\n"
    )
