import io
import json
import os
import pty
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.errors import AbsentError, CommandError, ExitCode, UsageError
from cli.output import Output, cleaned
from cli.progress import Bar, Lines, Silence


class Screen(io.TextIOWrapper):
    """A stream in memory that may claim to be a terminal."""

    def __init__(self, *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    @property
    def text(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode()


class Printed:
    """A printer whose streams can be looked at."""

    def __init__(self, *, terminal: bool = False, **how: Any) -> None:
        self.stdout, self.stderr = Screen(terminal=terminal), Screen(terminal=terminal)
        how = {"environment": {}, **how}
        self.output = Output(stdout=self.stdout, stderr=self.stderr, **how)

    @property
    def out(self) -> str:
        return self.stdout.text

    @property
    def err(self) -> str:
        return self.stderr.text


def test_results_go_to_stdout_alone() -> None:
    printed = Printed()
    printed.output.result("key", "k51...", address="k51...")
    assert (printed.out, printed.err) == ("k51...\n", "")


def test_results_as_json() -> None:
    printed = Printed(json=True)
    printed.output.result("pong", "12 ms", rtt_s=0.012, name="käse\x9b")
    assert printed.out.isascii()
    assert json.loads(printed.out) == {"type": "pong", "rtt_s": 0.012, "name": "käse\x9b"}


def test_json_has_no_nan() -> None:
    with pytest.raises(ValueError, match="JSON"):
        Printed(json=True).output.result("x", "", rtt_s=float("nan"))


def test_talk_goes_to_stderr() -> None:
    printed = Printed()
    printed.output.note("joining")
    printed.output.warn("the clock is off", hint="set it", offset_s=3)
    printed.output.log("info", "dht.node", "ready")
    expected = "joining\nwarning: the clock is off\nhint: set it\ninfo dht.node: ready\n"
    assert (printed.out, printed.err) == ("", expected)


def test_talk_as_json() -> None:
    printed = Printed(json=True)
    printed.output.note("joining", kind="joined", nodes=3)
    printed.output.warn("the clock is off", hint="set it", offset_s=3)
    printed.output.warn("so what")
    printed.output.log("info", "dht.node", "ready")
    assert [json.loads(line) for line in printed.err.splitlines()] == [
        {"type": "joined", "message": "joining", "nodes": 3},
        {"type": "warning", "message": "the clock is off", "hint": "set it", "offset_s": 3},
        {"type": "warning", "message": "so what"},
        {"type": "log", "message": "ready", "level": "info", "source": "dht.node"},
    ]


def test_quiet_keeps_what_matters() -> None:
    printed = Printed(quiet=True)
    printed.output.note("joining")
    printed.output.warn("the clock is off")
    printed.output.error(CommandError("no"))
    assert printed.err == "warning: the clock is off\nerror: no\n"


def test_errors_say_what_was_achieved_and_what_to_do() -> None:
    error = AbsentError("nobody has it", achieved="asked 37 nodes", hint="wait", asked=37)
    printed = Printed()
    printed.output.error(error)
    assert printed.err == "error: nobody has it\n  asked 37 nodes\nhint: wait\n"
    printed = Printed(json=True)
    printed.output.error(error)
    assert json.loads(printed.err) == {
        "type": "error",
        "message": "nobody has it",
        "code": "not_found",
        "exit_code": 3,
        "achieved": "asked 37 nodes",
        "hint": "wait",
        "asked": 37,
    }


def test_codes() -> None:
    assert [int(code) for code in ExitCode] == [0, 1, 2, 3, 4, 5, 6, 130]
    assert len({code.meaning for code in ExitCode}) == 8
    assert (CommandError.code, UsageError.code) == (ExitCode.FAILED, ExitCode.USAGE)


def test_strangers_cannot_steer_the_terminal() -> None:
    evil = "\x1b[2Jhello\x07\x9b31m\u202e"
    printed = Printed(terminal=True)
    printed.output.result("x", evil)
    printed.output.note(evil)
    printed.output.warn(evil, hint=evil)
    printed.output.error(CommandError(evil, achieved=evil, hint=evil))
    printed.output.log("info", "x", evil)
    for ours in ("\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[0m"):
        assert ours in printed.err
    plain = printed.err
    for ours in ("\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[0m"):
        plain = plain.replace(ours, "")
    for text in (plain, printed.out):
        assert not set(text) & set("\x1b\x07\x9b\u202e")
        assert "hello" in text


def test_cleaned_keeps_lines_and_tabs() -> None:
    assert cleaned("a\tb\nkäse") == "a\tb\nkäse"
    assert cleaned("a\rb\0") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_none_is_wanted(environment: dict[str, str]) -> None:
    printed = Printed(terminal=True, environment=environment)
    printed.output.error(CommandError("no", hint="yes"))
    assert printed.err == "error: no\nhint: yes\n"


def test_data_goes_out_byte_by_byte() -> None:
    printed = Printed()
    printed.output.data(bytes(range(256)))
    assert isinstance(printed.stdout.buffer, io.BytesIO)
    assert printed.stdout.buffer.getvalue() == bytes(range(256))


def test_binary_is_not_thrown_at_a_terminal() -> None:
    printed = Printed(terminal=True)
    printed.output.data("käse\n\ttext\r\n".encode())
    for binary in (b"\xff", b"\x1b[2J"):
        with pytest.raises(CommandError, match="is binary") as caught:
            printed.output.data(binary)
        assert caught.value.facts == {"size_bytes": len(binary)}


@given(st.text(), st.text(), st.text())
def test_whatever_strangers_write(message: str, achieved: str, hint: str) -> None:
    """For programs nothing is lost, in one line; for people nothing acts on the terminal."""
    error = CommandError(message, achieved=achieved, hint=hint)
    for_programs = Printed(json=True)
    for_programs.output.error(error)
    (line,) = for_programs.err.splitlines()
    told = json.loads(line)
    assert told["message"] == message
    assert (told.get("achieved", ""), told.get("hint", "")) == (achieved, hint)
    for_people = io.StringIO()
    Output(stdout=io.StringIO(), stderr=for_people, environment={}).error(error)
    assert all(char.isprintable() or char in "\n\t" for char in for_people.getvalue())


@given(st.binary(max_size=200))
def test_data_is_never_changed(data: bytes) -> None:
    printed = Printed()
    printed.output.data(data)
    assert isinstance(printed.stdout.buffer, io.BytesIO)
    assert printed.stdout.buffer.getvalue() == data


# Which kind of progress.


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ({}, Lines),
        ({"terminal": True}, Bar),
        ({"terminal": True, "quiet": True}, Silence),
        ({"terminal": True, "json": True}, Lines),
        ({"terminal": True, "verbose": 1}, Lines),
        ({"terminal": True, "environment": {"NO_COLOR": "1"}}, Lines),
        ({"terminal": True, "environment": {"DHTCTL_NO_PROGRESS": "1"}}, Silence),
        ({"quiet": True}, Silence),
    ],
    ids=range(8),
)
def test_progress_suits_the_reader(how: dict[str, Any], kind: type) -> None:
    printed = Printed(**how)
    with printed.output.progress("asking") as progress:
        assert isinstance(progress, kind)
        progress.update("3 nodes", 3, 10)
    assert printed.out == ""


@pytest.fixture
def terminal() -> Iterator[tuple[int, Any]]:
    """A real terminal: what is read at one end, and a stream that writes to the other."""
    reader, writer = pty.openpty()
    with os.fdopen(writer, "w") as stream:
        yield reader, stream
    os.close(reader)


def test_a_bar_makes_room_for_results_and_vanishes(
    terminal: tuple[int, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, stream = terminal
    monkeypatch.setenv("TERM", "xterm")
    environment = {"TERM": "xterm", "COLUMNS": "100"}
    output = Output(stdout=stream, stderr=stream, environment=environment)
    with output.progress("asking") as progress:
        progress.update("3 nodes", 3, 10)
        output.result("key", "k51...")
        output.note("a note")
    output.result("key", "the end")
    raw = b""
    while not raw.endswith(b"the end\r\n"):
        raw += os.read(reader, 65536)
    shown = raw.decode()
    assert "asking" in shown
    for text in ("k51...", "a note", "the end"):
        # Each stands at the start of a line that was wiped before.
        before, _, after = shown.partition(text)
        assert before.endswith(("\x1b[2K", "\r", "\n", "\x1b[?25h")), before[-40:]
        assert after.startswith("\r\n")
    assert "asking" not in shown.partition("the end")[0].rpartition("\x1b[2K")[2]
