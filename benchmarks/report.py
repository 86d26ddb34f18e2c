"""What benchmarks hand back, and the one table made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median, quantiles
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TITLE = ("what", "ours", "beside", "ratio", "demand", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        what: What was measured.
        ours: Our figure, with its unit.
        beside: The figure of whom we are compared with in the same run, with its name.
        ratio: Ours to theirs, so that it says the same on a faster machine.
        demand: What was promised, in words; empty if nothing was.
        met: Whether the promise was kept; None if none was made.
    """

    what: str
    ours: str
    beside: str = ""
    ratio: str = ""
    demand: str = ""
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """The line as shown."""
        verdict = {None: "", True: "ok", False: "MISSED"}[self.met]
        return (self.what, self.ours, self.beside, self.ratio, self.demand, verdict)

    def unjudged(self) -> Row:
        """The same, of a run too short to judge by."""
        return replace(self, demand="", met=None)


def table(title: str, rows: Iterable[Row]) -> str:
    """The rows under ``title``, in columns."""
    lines = [TITLE, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
    head, *body = shown
    return "\n".join(["", title, head, "-" * sum((*widths, 2 * len(widths) - 2)), *body])


@dataclass(frozen=True, slots=True)
class Timings:
    """How long each of several operations took, and what they cost in requests."""

    seconds: tuple[float, ...]
    requests: tuple[int, ...] = ()

    @property
    def p50(self) -> float:
        """The median."""
        return median(self.seconds)

    @property
    def p95(self) -> float:
        """Nineteen of twenty were faster."""
        return percentile(self.seconds, 95)

    @property
    def each(self) -> float:
        """Requests an operation, on average."""
        return sum(self.requests) / len(self.requests)

    def __str__(self) -> str:
        text = f"{ms(self.p50)} / {ms(self.p95)}"
        return f"{text}, {self.each:.1f} req" if self.requests else text


def percentile(values: Sequence[float], rank: int) -> float:
    """The ``rank``-th percentile of ``values``; of a single value, that value."""
    if len(values) == 1:
        return values[0]
    return quantiles(values, n=100, method="inclusive")[rank - 1]


def ms(seconds: float) -> str:
    """A duration in milliseconds, or in seconds when it is long."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.{1 if seconds >= 0.01 else 2}f} ms"
