import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli import grammar, man
from cli.errors import ExitCode
from cli.options import OPTIONS
from tests.dhtctl import environment


def test_there_is_a_page_for_every_command() -> None:
    expected = {
        "-".join(("dhtctl", *command.path)) + ".1" for command in grammar.walk(grammar.commands())
    }
    assert set(man.pages()) == expected
    assert {"dhtctl.1", "dhtctl-put.1", "dhtctl-key-new.1"} <= expected


def test_pages_hold_what_the_help_holds() -> None:
    pages = man.pages()
    for command in grammar.walk(grammar.commands()):
        page = pages["-".join(("dhtctl", *command.path)) + ".1"].replace("\\-", "-")
        for word in (*command.options, *command.arguments):
            assert word.help in page
            for flag in word.flags:
                assert f"\\fB{flag}\\fR" in page
        for line, what in command.examples:
            assert line in page
            assert what in page


def test_the_top_page_has_exit_codes_and_environment() -> None:
    page = man.pages()["dhtctl.1"]
    for code in ExitCode:
        assert f"\\fB{int(code)}\\fR" in page
    for option in OPTIONS:
        assert option.variable in page


def test_text_is_not_taken_for_markup() -> None:
    command = grammar.Command(("x",), "a-b", ".dots\n\n'quotes \\ too", "x", (), (), (), ())
    page = man.page(command)
    assert "\n\\&'quotes \\e too\n" in page
    assert "a\\-b" in page


def test_writes_a_directory(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "cli.man"]
    subprocess.run([*words, tmp_path / "man1"], check=True, env=environment(tmp_path))
    assert {path.name for path in (tmp_path / "man1").iterdir()} == set(man.pages())
    wrong = subprocess.run(words, check=False, capture_output=True, env=environment(tmp_path))
    assert wrong.returncode == 1
    assert b"usage" in wrong.stderr


@pytest.mark.skipif(shutil.which("groff") is None, reason="there is no groff here")
@pytest.mark.parametrize("name", sorted(man.pages()))
def test_groff_has_nothing_to_complain(name: str) -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z"],
        input=man.pages()[name], check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr == ""
