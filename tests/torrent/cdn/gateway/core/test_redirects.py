"""The rules of ``_redirects``, against a stupid reader of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.cdn.gateway.core.errors import Refused
from torrent.cdn.gateway.core.redirects import (
    MAX_RULES,
    MAX_SIZE,
    MAX_TARGET,
    Rule,
    read_redirects,
)

FILE = b"""
# a comment
/old.html   /new.html
/blog/:year/:day  /posts/:year-:day  302

/app/*  /app/index.html 200
/all/* https://example.org/:splat 307
/gone/* /410.html 410
/ /start 303
"""


def told(data: bytes, *path: str) -> tuple[str, int] | None:
    for rule in read_redirects(data):
        target = rule.match(path)
        if target is not None:
            return target, rule.status
    return None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("old.html", ("/new.html", 301)),
        ("old.html/x", None),
        ("blog/2026/11", ("/posts/2026-11", 302)),
        ("blog/2026", None),
        ("blog/a b/é", ("/posts/a%20b-%C3%A9", 302)),
        ("app", ("/app/index.html", 200)),
        ("app/x/y", ("/app/index.html", 200)),
        ("all/x/y z", ("https://example.org/x/y%20z", 307)),
        ("all", ("https://example.org/", 307)),
        ("gone/x", ("/410.html", 410)),
        ("", ("/start", 303)),
        ("nothing", None),
    ],
)
def test_rules(path: str, expected: tuple[str, int] | None) -> None:
    assert told(FILE, *filter(None, path.split("/"))) == expected


def test_the_first_rule_counts() -> None:
    assert told(b"/a/* /first\n/a/b /second", "a", "b") == ("/first", 301)


def test_what_was_matched_is_put_in_once() -> None:
    """Longest names first, nothing twice, and what looks like a placeholder stays."""
    assert told(b"/:a/:ab /x/:ab/:a/:c", "1", ":a") == ("/x/%3Aa/1/:c", 301)
    assert told(b"/x https://h:80/:", "x") == ("https://h:80/:", 301)


@pytest.mark.parametrize(
    "line",
    [
        "/a",
        "/a /b 301 x",
        "a /b",
        "/a b",
        "/a //evil.example",
        "/a ftp://x/",
        "/a javascript:alert(1)",
        "/a https://x/ 200",
        "/a https://x/ 404",
        "/a /b 304",
        "/a /b 999999999999999999999",
        "/a /b x",
        "/a*/b /c",
        "/*/b /c",
        "/a* /c",
        "/a//b /c",
        "/a /b\x01",
        "/a /b\x7f",
    ],
)
def test_senseless_lines_are_named(line: str) -> None:
    with pytest.raises(Refused, match="line 2") as caught:
        read_redirects(f"/x /y\n{line}\n".encode())
    assert caught.value.status == 500


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"/a /b\n" * (MAX_RULES + 1), "rules"),
        (b"#" * (MAX_SIZE + 1), "bytes"),
        (b"\xff", "UTF-8"),
    ],
)
def test_bounds(data: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        read_redirects(data)


PARTS = st.sampled_from(["a", "b", ":x", ":y", "c"])


@given(
    source=st.lists(PARTS, min_size=1, max_size=4),
    splat=st.booleans(),
    path=st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=5),
)
def test_matching_is_what_a_pattern_says(
    source: list[str], *, splat: bool, path: list[str]
) -> None:
    pattern = "".join("/[^/]+" if part.startswith(":") else f"/{part}" for part in source)
    pattern += "(/.*)?" if splat else ""
    rule = Rule((*source, *["*"] * splat), "/t", 301)
    expected = re.fullmatch(pattern, "".join(f"/{part}" for part in path)) is not None
    assert (rule.match(tuple(path)) is not None) is expected


def test_a_target_cannot_grow_without_bound() -> None:
    """A placeholder that is there thousands of times, and a visitor who says what it stands for."""
    many = b"/:a /" + b":a" * 30_000
    with pytest.raises(Refused, match="longer than") as refused:
        told(many, "!" * 8000)
    assert refused.value.status == 500
    most = "x" * (MAX_TARGET - 1)
    assert told(b"/:a /:a", most) == (f"/{most}", 301)
    with pytest.raises(Refused, match="longer than"):
        told(b"/:a /:a", most + "x")
