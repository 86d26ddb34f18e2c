"""Tables of plain text, aligned, for people and for ``awk``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_MINUTES_FROM: Final = 120
"""Seconds from which on a time is told in minutes."""


def aligned(rows: Sequence[Sequence[str]], *, left: int = 1, gap: str = "  ") -> list[str]:
    """Lay out ``rows`` in columns: the first ``left`` flush left, numbers after them flush right.

    A row that is shorter than the longest ends early; nothing is padded at the end of a line.
    """
    columns = max(map(len, rows), default=0)
    widths = [max(len(row[c]) for row in rows if c < len(row)) for c in range(columns)]
    return [
        gap.join(
            f"{cell:<{widths[c]}}" if c < left else f"{cell:>{widths[c]}}"
            for c, cell in enumerate(row)
        ).rstrip()
        for row in rows
    ]


def duration(seconds: float) -> str:
    """A time as people say it: '4.3 ms', '1.2 s', '5 min', '3 h', '2 d'."""
    if seconds != seconds:  # noqa: PLR0124 - not a number: nothing was measured
        return "-"
    for limit, unit, digits, name in (
        (0.9995, 1e-3, 1, "ms"),
        (_MINUTES_FROM, 1, 1, "s"),
        (7200, 60, 0, "min"),
        (172_800, 3600, 0, "h"),
    ):
        if seconds < limit:
            return f"{seconds / unit:.{digits}f} {name}"
    return f"{seconds / 86_400:.0f} d"


def span(seconds: float) -> str:
    """The same where fractions of a second are of no interest: '4 s', '5 min'."""
    return f"{seconds:.0f} s" if seconds < _MINUTES_FROM else duration(seconds)


def rate(number: float) -> str:
    """Bytes a second as people say it: '84 KiB/s'."""
    return f"{size(round(number))}/s"


def size(number: int) -> str:
    """A number of bytes as people say it: '300 bytes', '84 KiB', '1.5 MiB'."""
    if number < 1024:  # noqa: PLR2004
        return f"{number} bytes"
    for power, unit, digits in ((1, "KiB", 0), (2, "MiB", 1)):
        if number < 1024 ** (power + 1):
            return f"{number / 1024**power:.{digits}f} {unit}"
    return f"{number / 1024**3:.1f} GiB"
