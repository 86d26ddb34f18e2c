"""Exit codes, and the errors that end a command with one.

An error says whose fault it is (through its class and code), what was achieved nevertheless, and
what to do next. Scripts branch on the code, people read the message and the hint.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar


class ExitCode(IntEnum):
    """What the shell is told. Codes are a contract: they are never renumbered."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    NO_NETWORK = 4
    PARTIAL = 5
    INTEGRITY = 6
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """One line for help and manual."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "the request failed",
    ExitCode.USAGE: "the command line or the configuration is wrong",
    ExitCode.NOT_FOUND: "not found, after a complete lookup",
    ExitCode.NO_NETWORK: "no network, or time ran out",
    ExitCode.PARTIAL: "partial: fewer copies than --min asked for",
    ExitCode.INTEGRITY: "what was received is not what was asked for",
    ExitCode.INTERRUPTED: "interrupted",
}


class CommandError(Exception):
    """A command ends without its result.

    Attributes:
        message: What went wrong, one sentence without a full stop.
        achieved: What was done all the same: 'asked 37 nodes, 31 answered'.
        hint: What to do next.
        facts: Further members of the JSON object, with units in their names.
    """

    code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(self, message: str, *, achieved: str = "", hint: str = "", **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.achieved = achieved
        self.hint = hint
        self.facts = facts


class UsageError(CommandError):
    """The user's words make no sense."""

    code = ExitCode.USAGE


class AbsentError(CommandError):
    """All who should have it were asked, and none has it."""

    code = ExitCode.NOT_FOUND


class UnreachableError(CommandError):
    """Nobody answers, or too slowly."""

    code = ExitCode.NO_NETWORK


class PartialError(CommandError):
    """Some of it was done, less than was asked for."""

    code = ExitCode.PARTIAL


class IntegrityError(CommandError):
    """Somebody sent, or the disk holds, what its name does not stand for."""

    code = ExitCode.INTEGRITY


class StoppedError(CommandError):
    """The user, or the system, ended it."""

    code = ExitCode.INTERRUPTED
