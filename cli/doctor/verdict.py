"""What a check found: how bad it is, what it means, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Grade(Enum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """It works, but not as well as it could."""
    FAIL = "fail"
    """It keeps something from working."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a check.

    Attributes:
        grade: How bad it is.
        text: What was found.
        todo: What to do about it; nothing if all is well.
        facts: The same for programs.
    """

    grade: Grade
    text: str
    todo: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def ok(text: str, **facts: Any) -> Verdict:
    """All is well."""
    return Verdict(Grade.OK, text, facts=facts)


def warn(text: str, todo: str, **facts: Any) -> Verdict:
    """It could be better."""
    return Verdict(Grade.WARN, text, todo, facts)


def fail(text: str, todo: str, **facts: Any) -> Verdict:
    """It does not work."""
    return Verdict(Grade.FAIL, text, todo, facts)
