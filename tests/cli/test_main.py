"""The program from outside: help, exit codes, streams."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from cli.errors import ExitCode
from cli.main import main
from tests.dhtctl import PROGRAM, Dhtctl, environment

VERBS = (
    *("put", "get", "provide", "forget", "find", "lookup", "ping", "key", "node", "status"),
    *("scrape", "sample", "doctor", "testnet", "demo", "config", "completion"),
)


def test_help_names_every_verb_and_every_exit_code(dhtctl: Dhtctl) -> None:
    done = dhtctl("--help")
    assert (done.code, done.err) == (0, "")
    for verb in VERBS:
        assert f"\n    {verb} " in done.out
    for code in ExitCode:
        assert f"{int(code):>5}  {code.meaning}" in done.out


def unmeasured(tmp_path: Path) -> dict[str, str]:
    """An environment in which coverage does not follow into the child: it costs and imports."""
    clean = environment(tmp_path)
    return {name: value for name, value in clean.items() if not name.startswith("COV")}


def test_help_costs_little(tmp_path: Path) -> None:
    """Its CPU time, so that a busy machine does not fail the test."""

    def spent() -> float:
        pid = os.spawnve(
            os.P_NOWAIT, sys.executable, [sys.executable, "-c", SILENT_HELP], unmeasured(tmp_path)
        )
        _, status, used = os.wait4(pid, 0)
        assert status == 0
        return used.ru_utime + used.ru_stime

    assert min(spent() for _ in range(5)) < 0.2


SILENT_HELP = """
import os, sys
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
sys.argv = ["dhtctl", "--help"]
from cli.__main__ import entry
entry()
"""


def test_help_imports_little(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from cli import parser\n"
        "parser.build().format_help()\n"
        "print('\\n'.join(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True, capture_output=True, text=True, env=unmeasured(tmp_path),
    )  # fmt: skip
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    heavy = {"trio", "rich", "numpy", "cid", "multihash", "cryptography", "platformdirs", "sqlite3"}
    heavy |= {"json", "dataclasses", "pathlib", "tomllib", "logging", "dht", "bencode2"}
    assert not imported & heavy


def test_a_verb_has_help_with_examples(dhtctl: Dhtctl) -> None:
    done = dhtctl("put", "--help")
    assert done.code == 0
    assert done.out.partition("\nexamples:\n")[2].count("dhtctl put") == 2


def test_version(dhtctl: Dhtctl) -> None:
    try:
        expected = metadata.version("dhtctl")
    except metadata.PackageNotFoundError:
        expected = "(not installed)"
    done = dhtctl("--version")
    assert (done.code, done.out) == (0, f"dhtctl {expected}\n")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "required: COMMAND"),
        (["puut"], "invalid choice: 'puut'"),
        (["put"], "FILE --value is required"),
        (["put", "a", "--value", "b"], "not allowed with"),
        (["put", "--min", "0", "x"], "argument --min: '0' is not a whole number from 1"),
        (["put", "--min", "1" * 20, "x"], "is not a whole number from 1"),
        (["put", "--cas", "one", "x"], "argument --cas: 'one' is not a whole number from 0"),
        (["put", "--seq", "-1", "x"], "--seq"),
        (["get"], "required: KEY|NAME"),
        (["get", "x", "--as", "thing"], "invalid choice: 'thing'"),
        (["find", "x", "--cou", "3"], "unrecognized arguments"),
        (["key"], "required: WHAT"),
        (["completion", "tcsh"], "invalid choice: 'tcsh'"),
        (["--network", "arpanet", "status"], "invalid choice: 'arpanet'"),
        (["status", "--timeout", "soon"], "--timeout: 'soon' does not do"),
        (["testnet", "--loss", "1.5"], "argument --loss: '1.5' is not a number from 0 to 1"),
        (["testnet", "--loss", "much"], "'much' is not a number from 0 to 1"),
        (["testnet", "--loss", "nan"], "'nan' is not a number from 0 to 1"),
        (["forget"], "KEY|NAME --all is required"),
    ],
)
def test_usage_errors(capsys: pytest.CaptureFixture[str], words: list[str], why: str) -> None:
    code = main(words)
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert why in err
    assert "\nhint: " in err


def test_usage_errors_are_json_when_json_was_asked_for(dhtctl: Dhtctl) -> None:
    for done in (dhtctl("--json"), dhtctl("put", "--json"), dhtctl("put", DHTCTL_JSON="yes")):
        (complaint,) = done.complaints
        assert complaint["type"] == "error"
        assert (complaint["code"], complaint["exit_code"], done.code) == ("usage", 2, 2)
        assert complaint["message"]
        assert complaint["hint"].startswith("see `dhtctl")


def test_global_options_stand_before_or_after(dhtctl: Dhtctl) -> None:
    before = dhtctl("--json", "config", "path")
    assert before.objects[0]["type"] == "config_path"
    assert before == dhtctl("config", "--json", "path") == dhtctl("config", "path", "--json")


def test_ends_quietly_when_nobody_reads(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "config", "show"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(tmp_path),
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()
    _, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (0, b"")


def test_help_ends_quietly_when_nobody_reads(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [*PROGRAM, "--help"],
        check=False, stdout=writer, stderr=subprocess.PIPE, env=environment(tmp_path),
    )  # fmt: skip
    os.close(writer)
    assert (process.returncode, process.stderr) == (0, b"")


def test_text_that_the_terminal_cannot_show_is_escaped(dhtctl: Dhtctl) -> None:
    done = dhtctl("config", "show", DHTCTL_STATE="/tmp/käse", PYTHONIOENCODING="ascii")
    assert done.code == 0
    assert "k\\xe4se" in done.out


INTERRUPTING = """
import runpy, signal, sys
class Finder:
    def find_spec(self, name, *_):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Finder())
sys.argv = ["dhtctl", "get", "00" * 20, "--bootstrap", ""]
runpy.run_module("cli", run_name="__main__")
"""


@pytest.mark.parametrize(
    "module",
    [
        *("cli.main", "argparse", "cli.parser", "cli.verbs.running", "cli.session", "cli.output"),
        *("cli.keys", "cli.loop", "trio", "cli.network", "dht.node.node"),
    ],
)
def test_an_interrupt_while_it_still_imports_is_no_traceback(tmp_path: Path, module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTING.format(module=module)],
        check=False, capture_output=True, text=True, env=unmeasured(tmp_path),
    )  # fmt: skip
    assert done.returncode == 130
    assert done.stderr in ("", "error: interrupted\n")


def test_an_interrupt_at_its_very_end_is_silent(tmp_path: Path) -> None:
    script = (
        "import atexit, runpy, signal, sys\n"
        "atexit.register(signal.raise_signal, signal.SIGINT)\n"
        "sys.argv = ['dhtctl', 'config', 'path']\n"
        "runpy.run_module('cli', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=False, capture_output=True, text=True, env=unmeasured(tmp_path),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, "")


def test_who_may_not_be_interrupted_is_not(tmp_path: Path) -> None:
    """``nohup``, and shells that start a job in the background, let SIGINT be ignored."""
    code = "import signal, cli.__main__; signal.raise_signal(signal.SIGINT); print('here')"
    done = subprocess.run(
        ["sh", "-c", f"trap '' INT; {sys.executable} -c \"{code}\""],
        check=False, capture_output=True, text=True, env=unmeasured(tmp_path),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "here\n", "")


MISTAKES = [
    ("get", "zzz"),
    ("find", "zzz"),
    ("scrape", "zzz"),
    ("lookup", "zzz"),
    ("sample", "zzz"),
    ("forget", "zzz"),
    ("provide", "zzz"),
    ("provide", "00" * 20, "--port", "70000"),
    ("ping", "here:x"),
    ("put", "/no/such/file"),
    ("put", "--value", "x", "--salt", "y"),
    ("put", "--value", "x", "--name", "nobody"),
    ("put", "--value", "x" * 2000),
    ("node", "--listen", "here"),
]


@pytest.mark.parametrize("words", MISTAKES, ids=lambda words: " ".join(words)[:30])
def test_a_mistake_on_this_machine_does_not_wait_for_the_network(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Neither trio nor the node is imported for it; that is most of the time it could take."""
    script = (
        "import sys\n"
        "from cli import main\n"
        f"code = main.main({words!r})\n"
        "print(code, *{'trio', 'dht.node.node', 'dht.core.engine'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True, capture_output=True, text=True, env=unmeasured(tmp_path), cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout.strip() in ("1", "2")
    assert done.stderr.startswith("error: ")


def test_interrupted(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from cli import main, session\n"
        "def run(args): raise KeyboardInterrupt\n"
        "session.run = run\n"
        "sys.exit(main.main(['status']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=False, capture_output=True, text=True, env=environment(tmp_path),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, "error: interrupted\n")


@pytest.mark.parametrize("how", ["| true", ">/dev/full", ">&-", "2>/dev/full", "2>&-"])
def test_output_that_goes_nowhere_is_no_traceback(how: str, tmp_path: Path) -> None:
    """Nobody listens on port 9: the verb fails for that, whatever becomes of its output."""
    where = {**os.environ, "DHTCTL_BOOTSTRAP": "127.0.0.1:9", "DHTCTL_STATE": str(tmp_path)}
    for verb in ("status", "get 0123456789012345678901234567890123456789 --as key --timeout 0.2"):
        command = f"{sys.executable} -m cli {verb} {how}"
        done = subprocess.run(
            ["bash", "-c", command],
            check=False,
            env=where,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert "Traceback" not in done.stderr
