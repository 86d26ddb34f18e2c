"""Parts of a body (RFC 9110, section 14).

A range that cannot be satisfied is 416; a field that is malformed, of another unit, or asks for
more parts than anybody needs is ignored, as the RFC allows (14.2), and the whole is sent. So is
any part of nothing: no ``Content-Range`` can tell of bytes that are not there. Ranges that overlap
or touch are joined, so that nobody is sent the same bytes a thousand times because of one line
("range header denial of service", CVE-2011-3192).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MAX_RANGES: Final = 32
"""Ranges of one request that are read: players ask for one, PDF readers for a handful."""
_DIGITS: Final = 18
"""A number of more is beyond any body, and beyond what Python reads as one if it is long enough."""
_RANGE: Final = re.compile(r"([0-9]*)-([0-9]*)")


class Part(NamedTuple):
    """Some bytes of a body."""

    begin: int
    length: int

    @property
    def end(self) -> int:
        """The byte after the last."""
        return self.begin + self.length

    def content_range(self, size: int) -> str:
        """The field ``Content-Range`` (section 14.4)."""
        return f"bytes {self.begin}-{self.end - 1}/{size}"


def read_ranges(field: str, size: int) -> list[Part] | None:
    """Which parts of ``size`` bytes are asked for.

    Returns:
        In the order of the body, none overlapping or touching another; empty if none of them
        exists (416); ``None`` if the field is to be ignored.
    """
    unit, _, rest = field.partition("=")
    specs = [spec for each in rest.split(",") if (spec := each.strip(" \t"))]
    if unit.lower() != "bytes" or not specs or rest.count(",") >= MAX_RANGES or not size:
        return None
    found: list[Part] = []
    for spec in specs:
        part = _read(spec, size)
        if part is None:
            return None
        if part.length:
            found.append(part)
    return _joined(found)


def _read(spec: str, size: int) -> Part | None:
    """One range; of length 0 if it does not exist, ``None`` if it is malformed."""
    match = _RANGE.fullmatch(spec)
    if match is None or spec == "-":
        return None
    first, last = match.groups()
    if not first:
        length = min(_number(last), size)
        return Part(size - length, length)
    begin = _number(first)
    if last and _number(last) < begin:
        return None
    end = min(_number(last) + 1, size) if last else size
    return Part(begin, max(0, end - begin))


def _number(digits: str) -> int:
    """What digits say; of a number that no body reaches, one that none does either."""
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _DIGITS else 10**_DIGITS


def _joined(parts: list[Part]) -> list[Part]:
    joined: list[Part] = []
    for part in sorted(parts):
        if joined and part.begin <= joined[-1].end:
            before = joined.pop()
            part = Part(before.begin, max(before.end, part.end) - before.begin)  # noqa: PLW2901
        joined.append(part)
    return joined
