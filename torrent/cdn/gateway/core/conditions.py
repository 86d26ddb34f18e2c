"""Whether a visitor has it already (RFC 9110, section 13).

Everything served here has a strong entity tag made of its content's hash, and no modification
date: a date would be the publisher's claim or ours, and neither says that two copies are the same.
So conditions on dates are never met with 304, and ``If-Range`` with a date means the whole.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from torrent.cdn.gateway.core.asked import Asked

_TAG: Final = re.compile(r'[ \t]*(?P<weak>W/)?(?P<tag>"[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,|$)')
_EMPTY: Final = re.compile(r"[ \t]*,")


class Verdict(Enum):
    """What the conditions of a request come to."""

    SEND = auto()
    UNCHANGED = auto()
    FAILED = auto()


def judge(asked: Asked, etag: str) -> Verdict:
    """Evaluate ``If-Match`` and ``If-None-Match``, in this order (section 13.2.2).

    Args:
        asked: The request, a GET or HEAD.
        etag: The strong entity tag of what there is, with its quotes.
    """
    match = asked.header("if-match")
    if match is not None and not _lists(match, etag, strong=True):
        return Verdict.FAILED
    none = asked.header("if-none-match")
    if none is not None and _lists(none, etag, strong=False):
        return Verdict.UNCHANGED
    return Verdict.SEND


def ranges_apply(asked: Asked, etag: str) -> bool:
    """Whether ``If-Range`` lets a ``Range`` count: strong comparison (section 13.1.5)."""
    condition = asked.header("if-range")
    return condition is None or condition.strip(" \t") == etag


def _lists(field: str, etag: str, *, strong: bool) -> bool:
    """Whether a list of tags has ours; from where it is malformed on, it has nothing."""
    if field.strip(" \t") == "*":
        return True
    at = 0
    while at < len(field):
        if (empty := _EMPTY.match(field, at)) is not None:
            at = empty.end()
            continue
        found = _TAG.match(field, at)
        if found is None:
            return False
        if found["tag"] == etag and not (strong and found["weak"]):
            return True
        at = found.end()
    return False
