"""Deeds under trio: their codes, errors, deadlines and signals."""

import argparse
import io
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from cli import loop, session, settings
from cli.context import Context
from cli.errors import AbsentError, CommandError, ExitCode, StoppedError, UnreachableError
from cli.output import Output
from tests.dhtctl import environment


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def context(**given: Any) -> Context:
    resolved = settings.resolve({"state": "/nowhere", **given}, {"HOME": "/nowhere"})
    out = Output(stdout=io.StringIO(), stderr=io.StringIO(), verbose=resolved.verbose)
    return Context(argparse.Namespace(verb="x"), resolved, out)


async def give(code: ExitCode) -> ExitCode:
    await trio.lowlevel.checkpoint()
    return code


async def fail(error: BaseException, *others: BaseException) -> ExitCode:
    async def one(inner: BaseException) -> None:
        raise inner

    async with trio.open_nursery() as nursery:
        for other in (error, *others):
            nursery.start_soon(one, other)
    return ExitCode.DONE


async def wait() -> ExitCode:
    await trio.sleep_forever()
    return ExitCode.DONE


def test_gives_the_code_of_the_deed() -> None:
    assert loop.drive(give(ExitCode.PARTIAL), context()) is ExitCode.PARTIAL


def test_errors_come_out_of_their_groups() -> None:
    with pytest.raises(AbsentError, match="nobody"):
        loop.drive(fail(AbsentError("nobody has it")), context())
    with pytest.raises(CommandError):
        loop.drive(fail(AbsentError("one"), CommandError("two")), context())
    with pytest.raises(KeyboardInterrupt):
        loop.drive(fail(KeyboardInterrupt()), context())


def test_mistakes_of_our_own_keep_their_traceback() -> None:
    with pytest.raises(BaseExceptionGroup):
        loop.drive(fail(KeyError("bug")), context())
    with pytest.raises(BaseExceptionGroup):
        loop.drive(fail(KeyError("bug"), AbsentError("nobody")), context())


def test_time_runs_out() -> None:
    with pytest.raises(UnreachableError, match=r"time ran out after 0.01 s") as caught:
        loop.drive(wait(), context(timeout="0.01"))
    assert caught.value.facts == {"timeout_s": 0.01}
    assert caught.value.code == ExitCode.NO_NETWORK


def test_in_time_is_in_time() -> None:
    assert loop.drive(give(ExitCode.DONE), context(timeout="60")) is ExitCode.DONE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_the_deed_after_it_cleaned_up(number: signal.Signals) -> None:
    cleaned: list[bool] = []

    async def deed() -> ExitCode:
        try:
            signal.raise_signal(number)
            await trio.sleep_forever()
        finally:
            cleaned.append(True)
        return ExitCode.DONE

    with pytest.raises(StoppedError):
        loop.drive(deed(), context())
    assert cleaned == [True]


def test_some_verbs_normally_end_so() -> None:
    stopped = context()
    stopped.when_stopped = ExitCode.DONE

    async def deed() -> ExitCode:
        signal.raise_signal(signal.SIGTERM)
        await trio.sleep_forever()
        return ExitCode.FAILED

    assert loop.drive(deed(), stopped) is ExitCode.DONE


def test_the_second_interrupt_kills() -> None:
    async def deed() -> ExitCode:
        with trio.CancelScope(shield=True):
            signal.raise_signal(signal.SIGINT)
            while signal.getsignal(signal.SIGINT) is receiver():
                await trio.lowlevel.checkpoint()
            signal.raise_signal(signal.SIGINT)
            await trio.sleep_forever()
        return ExitCode.DONE

    handlers: list[Any] = []

    def receiver() -> Any:
        handlers.append(signal.getsignal(signal.SIGINT))
        return handlers[0]

    with pytest.raises(KeyboardInterrupt):
        loop.drive(deed(), context())


@pytest.mark.parametrize(
    ("verbose", "expected"),
    [
        (0, "warning dht.node: three\n"),
        (1, "info dht.node: two\nwarning dht.node: three\n"),
        (2, "debug dht.node: one\ninfo dht.node: two\nwarning dht.node: three\n"),
        (5, "debug dht.node: one\ninfo dht.node: two\nwarning dht.node: three\n"),
    ],
)
def test_the_log_goes_to_the_printer(verbose: int, expected: str) -> None:
    stderr = io.StringIO()
    logged = context(verbose=verbose)
    logged.out = Output(stdout=io.StringIO(), stderr=stderr)

    async def deed() -> ExitCode:
        log = logging.getLogger("dht.node")
        log.debug("one")
        log.info("two")
        log.warning("%s", "three")
        return await give(ExitCode.DONE)

    loop.drive(deed(), logged)
    assert stderr.getvalue() == expected


# The session around it.


class Deed:
    """A module with a deed."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome

    def run(self, _: Context) -> Any:
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


@pytest.mark.parametrize(
    ("outcome", "code", "complaint"),
    [
        (ExitCode.PARTIAL, 5, ""),
        (AbsentError("nobody has it", hint="wait"), 3, "error: nobody has it\nhint: wait\n"),
    ],
)
def test_a_session_ends_with_the_code_of_its_deed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outcome: Any,
    code: int,
    complaint: str,
) -> None:
    monkeypatch.setitem(sys.modules, "cli.actions.status", Deed(outcome))  # type: ignore[arg-type]
    assert session.run(argparse.Namespace(verb="status")) == code
    assert capsys.readouterr().err == complaint


def test_a_session_drives_coroutines(monkeypatch: pytest.MonkeyPatch) -> None:
    deed = Deed(give(ExitCode.INTEGRITY))
    monkeypatch.setitem(sys.modules, "cli.actions.status", deed)  # type: ignore[arg-type]
    assert session.run(argparse.Namespace(verb="status")) is ExitCode.INTEGRITY


def test_what_a_deed_lacks_is_not_mistaken_for_the_deed(tmp_path: Path) -> None:
    """A module that fails to import another is a mistake of ours, with its traceback."""
    script = (
        "import sys, argparse\n"
        "sys.modules['cli.keys'] = None\n"
        "from cli import session\n"
        "session.run(argparse.Namespace(verb='key', what='list'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=False, capture_output=True, text=True, env=environment(tmp_path),
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" in done.stderr
