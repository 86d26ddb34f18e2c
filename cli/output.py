"""The only printer.

Results go to stdout and nothing else does, so that ``K=$(dhtctl put notes.txt)`` works. Notes,
warnings, progress and errors go to stderr. With ``--json`` both streams carry one object per line,
each with a ``"type"``, names in snake_case and units in the names (``elapsed_s``, ``size_bytes``).

Everything a stranger may have written (the reason of a refusal, the text of an error) loses its
control characters on the way to people's terminals; values asked for go out byte by byte, except
that binary is not thrown at a terminal.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from typing import TextIO

    from cli.progress import Progress

_RED, _YELLOW, _CYAN, _PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[0m"
_ASIDE: Final = "  "


class Output:
    """Prints what a command has to say, in the form the user asked for."""

    def __init__(
        self,
        *,
        json: bool = False,
        quiet: bool = False,
        verbose: int = 0,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.json: Final = json
        self.quiet: Final = quiet
        self._verbose = verbose
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr
        self._environment = environment
        self._live: Progress | None = None
        dull = bool(environment.get("NO_COLOR")) or environment.get("TERM") == "dumb"
        self._bright = self._stderr.isatty() and not dull

    # Results.

    def result(self, kind: str, text: str, /, **facts: Any) -> None:
        """Print a result: ``text`` for people and pipes, ``facts`` as JSON of type ``kind``."""
        with self._paused(), _explained():
            line = _dump({"type": kind, **facts}) if self.json else cleaned(text)
            self._stdout.write(line + "\n")
            # At once: results of a search are worth having while it goes on.
            self._stdout.flush()

    def data(self, data: bytes) -> None:
        """Write a value as it is (only without ``--json``; verbs print an object otherwise).

        Raises:
            CommandError: It is binary and stdout is a terminal.
        """
        if self._stdout.isatty() and not _readable(data):
            raise CommandError(
                f"the value is binary, {len(data)} bytes, and stdout is a terminal",
                hint="send it to a file with > FILE, or use --json",
                size_bytes=len(data),
            )
        with self._paused(), _explained():
            self._stdout.flush()
            self._stdout.buffer.write(data)
            self._stdout.flush()

    # Talk.

    def note(self, text: str, kind: str = "note", **facts: Any) -> None:
        """Say something by the way; ``--quiet`` silences it."""
        if not self.quiet:
            self._say(kind, cleaned(text), text, facts)

    def warn(self, text: str, *, hint: str = "", **facts: Any) -> None:
        """Say something that the user had better know."""
        shown = f"{self._coloured(_YELLOW, 'warning:')} {cleaned(text)}" + self._hint(hint)
        self._say("warning", shown, text, {"hint": hint, **facts} if hint else facts)

    def error(self, error: CommandError) -> None:
        """Say why the command ends."""
        shown = f"{self._coloured(_RED, 'error:')} {cleaned(error.message)}"
        if error.achieved:
            shown += f"\n{_ASIDE}{cleaned(error.achieved)}"
        parts = {"achieved": error.achieved, "hint": error.hint}
        facts = {
            "code": error.code.name.lower(),
            "exit_code": int(error.code),
            **{name: part for name, part in parts.items() if part},
            **error.facts,
        }
        self._say("error", shown + self._hint(error.hint), error.message, facts)

    def log(self, level: str, source: str, text: str) -> None:
        """Pass on a line of the log."""
        self._say(
            "log", f"{level} {source}: {cleaned(text)}", text, {"level": level, "source": source}
        )

    # Progress.

    def progress(self, label: str) -> AbstractContextManager[Progress]:
        """Show that something is going on, while the block runs.

        A bar if a person watches; otherwise one plain line every ten seconds, so that silence
        never lasts longer; nothing with ``--quiet``.
        """
        module = import_module("cli.progress")
        made: Progress
        if self.quiet or self._environment.get("DHTCTL_NO_PROGRESS"):
            made = module.Silence()
        elif self._bright and not self.json and not self._verbose:
            made = module.Bar(label, self._stderr)
        else:
            made = module.Lines(label, lambda text: self._say("progress", cleaned(text), text, {}))
        return self._showing(made)

    @contextmanager
    def _showing(self, made: Progress) -> Iterator[Progress]:
        self._live = made
        try:
            with made:
                yield made
        finally:
            self._live = None

    def _paused(self) -> AbstractContextManager[None]:
        """Take the bar off the screen while something else is printed."""
        return self._live.paused() if self._live is not None else nullcontext()

    # How.

    def _say(self, kind: str, shown: str, message: str, facts: Mapping[str, Any]) -> None:
        line = _dump({"type": kind, "message": message, **facts}) if self.json else shown
        # Talk that nobody can hear (stderr closed, or its disk full) fails no command.
        with self._paused(), suppress(OSError, ValueError):
            self._stderr.write(line + "\n")
            self._stderr.flush()

    def _hint(self, hint: str) -> str:
        return f"\n{self._coloured(_CYAN, 'hint:')} {cleaned(hint)}" if hint else ""

    def _coloured(self, colour: str, word: str) -> str:
        return f"{colour}{word}{_PLAIN}" if self._bright else word


@contextmanager
def _explained() -> Iterator[None]:
    """Say in words that stdout cannot be written; a broken pipe is no error (see main)."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandError(f"stdout cannot be written: {error.strerror}") from error


def cleaned(text: str) -> str:
    """Replace what could steer a terminal; line ends and tabs stay."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )


def _dump(members: Mapping[str, Any]) -> str:
    """One line of JSON, in ASCII, so that neither a locale nor a terminal can get it wrong."""
    return json.dumps(members, allow_nan=False)


def _readable(data: bytes) -> bool:
    """Whether a terminal can show it."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(char.isprintable() or char in "\n\r\t" for char in text)
