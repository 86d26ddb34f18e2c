"""The file ``_redirects`` at the root of a site: what its owner wants said for which paths.

The syntax is Netlify's, as far as IPFS gateways understand it (specs.ipfs.tech,
"Web _redirects File Specification")::

    # from            to                    status
    /old.html         /new.html                       a redirect, 301
    /blog/:year/:day  /posts/:year-:day     302       placeholders, one element each
    /app/*            /app/index.html       200       a splat, the rest; 200 serves that file
    /gone/*           /410.html             410
    /feed             https://example.org/feed.xml    elsewhere

Rules are tried in order, and the first that matches counts. As with IPFS, a file that is there
wins: a rule is asked only for paths that lead to nothing. Paths are those below the site's root,
wherever that is served.

The file is a stranger's. It is bounded (64 KiB, as there), each rule is matched element by element
without any pattern that could take long, and a rule that makes no sense is an error which names
its line: a site whose rules are half obeyed would be a surprise for its owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from torrent.cdn.gateway.core.errors import Refused

MAX_SIZE: Final = 64 << 10
"""Bytes, as the specification says."""
MAX_RULES: Final = 1000
"""Each is compared with the path of a miss: a millisecond in all."""
MOVED: Final = frozenset({301, 302, 303, 307, 308})
SHOWN: Final = frozenset({200, 404, 410, 451})
"""Answered with the content of ``to``, which must be a file of the site."""
NAME: Final = ("_redirects",)
MAX_TARGET: Final = 8 << 10
"""Characters of a target when it is filled in. A placeholder can be in one thousands of times, and
what it stands for is up to who asks: unbounded, one line of a request would be a gigabyte."""
_SPLAT: Final = "*"
_FIELDS: Final = 3
_ELSEWHERE: Final = ("https://", "http://")


@dataclass(frozen=True, slots=True)
class Rule:
    """One line.

    Attributes:
        source: Elements of the path it is for.
        target: Where to, with placeholders in it.
        status: How.
    """

    source: tuple[str, ...]
    target: str
    status: int

    def match(self, path: tuple[str, ...]) -> str | None:
        """The target for a path, filled in; ``None`` if the rule is not for it.

        Raises:
            Refused: 500, the target would be too long.
        """
        source = self.source
        found: dict[str, str] = {}
        if source and source[-1] == _SPLAT:
            source = source[:-1]
            found["splat"] = "/".join(quote(part, safe="") for part in path[len(source) :])
            path = path[: len(source)]
        if len(path) != len(source):
            return None
        for wanted, part in zip(source, path, strict=True):
            if wanted.startswith(":"):
                found[wanted[1:]] = quote(part, safe="")
            elif wanted != part:
                return None
        return _filled(self.target, found)


def _filled(target: str, found: dict[str, str]) -> str:
    """Put what was matched into a target. The longest names first: ``:ab`` is not ``:a`` and b."""
    names = sorted(found, key=len, reverse=True)
    done, size, rest = [], 0, target
    while rest:
        before, colon, rest = rest.partition(":")
        name = next((name for name in names if colon and rest.startswith(name)), None)
        filled = before + (colon if name is None else found[name])
        size += len(filled)
        if size > MAX_TARGET:
            raise Refused(500, f"_redirects: a target becomes longer than {MAX_TARGET} characters")
        done.append(filled)
        rest = rest if name is None else rest[len(name) :]
    return "".join(done)


def read_redirects(data: bytes) -> tuple[Rule, ...]:
    """Read the file.

    Raises:
        Refused: 500, with the line at fault: it breaks the rules.
    """
    if len(data) > MAX_SIZE:
        raise Refused(500, f"_redirects has more than {MAX_SIZE} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Refused(500, "_redirects is not UTF-8") from None
    rules: list[Rule] = []
    for number, line in enumerate(text.split("\n"), 1):
        fields = line.partition("#")[0].split() if line.lstrip().startswith("#") else line.split()
        if fields:
            rules.append(_read(fields, number))
    if len(rules) > MAX_RULES:
        raise Refused(500, f"_redirects has {len(rules)} rules; {MAX_RULES} are read")
    return tuple(rules)


def _read(fields: list[str], number: int) -> Rule:
    def wrong(why: str) -> Refused:
        return Refused(500, f"_redirects, line {number}: {why}")

    if not 1 < len(fields) <= _FIELDS:
        raise wrong("a rule has a path, a target, and perhaps a status")
    source, target = fields[:2]
    status = fields[2] if len(fields) == _FIELDS else "301"
    if status not in map(str, MOVED | SHOWN):
        raise wrong(f"the status {status[:20]} is not one of {sorted(MOVED | SHOWN)}")
    if not source.startswith("/") or _SPLAT in source[:-1] or "//" in source:
        raise wrong("its path begins with /, and has * nowhere but as its last element")
    parts = tuple(filter(None, source.split("/")))
    if _SPLAT in source and parts[-1] != _SPLAT:
        raise wrong("* is an element by itself")
    _check_target(target, int(status), wrong)
    return Rule(parts, target, int(status))


def _check_target(target: str, status: int, wrong: object) -> None:
    """Refuse what leads nowhere we can send anybody."""
    assert callable(wrong)  # noqa: S101
    inside = target.startswith("/") and not target.startswith("//")
    if not inside and (status in SHOWN or not target.lower().startswith(_ELSEWHERE)):
        raise wrong("its target begins with /, or, of a redirect, with https://")
    if not all(0x21 <= ord(char) != 0x7F for char in target):  # noqa: PLR2004 - DEL
        raise wrong("its target has control characters")
