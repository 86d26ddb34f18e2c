"""The completion scripts, sourced by the shells they are for (bash is always there)."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cli import grammar, shells
from tests.dhtctl import Dhtctl

DRIVER = """
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_dhtctl
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offered(directory: Path, *words: str) -> list[str]:
    """What bash offers for the last of ``words``."""
    script = shells.script("bash") + DRIVER
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", "dhtctl", *words],
        check=True, capture_output=True, text=True, cwd=directory,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


def names(command: grammar.Command) -> list[str]:
    return [below.path[-1] for below in command.commands]


def test_bash_offers_every_command(tmp_path: Path) -> None:
    top = grammar.commands()
    assert offered(tmp_path, "") == names(top)
    for command in top.commands:
        if command.commands:
            assert offered(tmp_path, *command.path, "") == names(command)


def test_bash_offers_every_option(tmp_path: Path) -> None:
    top = grammar.commands()
    anywhere = {flag for word in top.options for flag in word.flags if flag.startswith("--")}
    for command in grammar.walk(top):
        own = {flag for word in command.options for flag in word.flags if flag.startswith("--")}
        assert set(offered(tmp_path, *command.path, "--")) == own | anywhere


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["p"], ["put", "provide", "publish", "ping"]),
        (["key", "n"], ["new"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["find", "--as", ""], ["infohash", "key", "item", "cid"]),
        (["node", "--mode", "s"], ["server"]),
        (["node", "--mode", "=", "s"], ["server"]),
        (["node", "--mode", "="], ["auto", "server", "client"]),
        (["--network", ""], ["mainline"]),
        (["key", "--network", ""], ["mainline"]),
        (["--state", "key", "pu"], ["put", "publish"]),
        (["put", "--salt", "key", "--ke"], ["--keep"]),
        (["get", "--min-seq", ""], []),
        (["get", "x", ""], []),
        (["put", "no"], ["notes.txt"]),
        (["put", "--passphrase-file", "no"], ["notes.txt"]),
        (["--state", "d"], ["directory"]),
        (["get", "-o", ""], ["directory", "notes.txt"]),
    ],
)
def test_bash(tmp_path: Path, words: list[str], expected: list[str]) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / "directory").mkdir()
    assert sorted(offered(tmp_path, *words)) == sorted(expected)


FISH = """
source completion
complete -C"dhtctl $LINE"
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("p", {"put", "provide", "ping"}),
        ("key n", {"new"}),
        ("find --as ", {"infohash", "key", "item", "cid"}),
        ("completion ", {"bash", "zsh", "fish"}),
        ("--state key pu", {"put"}),
        ("put --js", {"--json"}),
    ],
)
@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish here")
def test_fish(tmp_path: Path, line: str, expected: set[str]) -> None:
    (tmp_path / "completion").write_text(shells.script("fish"))
    done = subprocess.run(
        ["fish", "--no-config", "-c", FISH],
        check=True, capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "LINE": line, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert {row.partition("\t")[0] for row in done.stdout.splitlines()} == expected


# Stand-ins for the functions of zsh's completion system, which print what they are told.
ZSH = """
compdef() { : }
_describe() { print -rl -- ${(@P)2} }
_files() { print -r -- files }
_message() { print -r -- message }
compadd() { shift; print -rl -- "$@" }
source completion
words=(dhtctl "$@")
CURRENT=$#words
_dhtctl
"""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["key", ""], {"new", "list", "show", "export", "import"}),
        (["find", "--as", ""], {"infohash", "key", "item", "cid"}),
        (["completion", ""], {"bash", "zsh", "fish"}),
        (["put", ""], {"files"}),
        (["put", "--min", ""], {"message"}),
        (["--state", ""], {"files"}),
    ],
)
@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh here")
def test_zsh(tmp_path: Path, words: list[str], expected: set[str]) -> None:
    (tmp_path / "completion").write_text(shells.script("zsh"))
    done = subprocess.run(
        ["zsh", "-f", "-c", ZSH, "zsh", *words],
        check=True, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert {row.partition(":")[0] for row in done.stdout.splitlines()} == expected


@pytest.mark.parametrize("shell", shells.SHELLS)
def test_scripts_mention_every_flag_of_every_command(shell: str) -> None:
    script = shells.script(shell)
    for command in grammar.walk(grammar.commands()):
        for word in command.options:
            for flag in word.flags:
                assert flag.lstrip("-") in script


@pytest.mark.parametrize("shell", shells.SHELLS)
def test_the_verb_prints_the_script(dhtctl: Dhtctl, shell: str) -> None:
    assert dhtctl("completion", shell).out == shells.script(shell)
    assert dhtctl("completion", shell, "--json").out == shells.script(shell)
