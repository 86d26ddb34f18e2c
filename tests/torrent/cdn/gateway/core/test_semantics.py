"""Answers against RFC 9110, read line by line: conditions (13.2.2), then ranges (14.2).

The oracle below is the RFC's own steps in the RFC's order, over what a request *means*; what a
request *says* is written from that. So neither reading nor deciding is shared with what it judges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from torrent.cdn.gateway.core.asked import GET, HEAD, Asked
from torrent.cdn.gateway.core.planning import Kind, Plan, plan
from torrent.cdn.gateway.core.ranges import MAX_RANGES, Part

OURS = "ours"
DATES = ("Sat, 29 Oct 1994 19:43:31 GMT", "Fri, 31 Dec 2099 23:59:59 GMT")


@dataclass(frozen=True)
class Tag:
    """An entity tag: what is between its quotes, and whether it is weak."""

    text: str
    weak: bool = False

    def __str__(self) -> str:
        return f'{"W/" * self.weak}"{self.text}"'


Tags: TypeAlias = "tuple[Tag, ...] | None"
"""A list of tags; empty: ``*``; ``None``: no such field."""
Spec: TypeAlias = tuple[int | None, int | None]
"""First and last byte; only a last one: so many from the end."""


@dataclass(frozen=True)
class Request:
    """What a request means."""

    method: str = GET
    match: Tags = None
    none_match: Tags = None
    since: str | None = None
    unmodified: str | None = None
    if_range: Tag | str | None = None
    ranges: tuple[Spec, ...] = ()

    def said(self) -> Asked:
        """The same as it is said."""
        fields = {
            "if-match": _listed(self.match),
            "if-none-match": _listed(self.none_match),
            "if-modified-since": self.since,
            "if-unmodified-since": self.unmodified,
            "if-range": None if self.if_range is None else str(self.if_range),
            "range": _ranges(self.ranges),
        }
        return Asked(self.method, "/", {k: v for k, v in fields.items() if v is not None})


def _listed(tags: Tags) -> str | None:
    return None if tags is None else ", ".join(map(str, tags)) or "*"


def _ranges(specs: tuple[Spec, ...]) -> str | None:
    def word(number: int | None) -> str:
        return "" if number is None else str(number)

    return "bytes=" + ", ".join(f"{word(a)}-{word(b)}" for a, b in specs) if specs else None


# The oracle.


def same(a: Tag, b: Tag, *, strong: bool) -> bool:
    """Section 8.8.3.2: the table of comparisons."""
    return a.text == b.text and not (strong and (a.weak or b.weak))


def status_of(request: Request, size: int) -> int:
    """Section 13.2.2, for a resource with a strong tag and without a date."""
    ours = Tag(OURS)
    # 1. "When recipient is the origin server and If-Match is present"
    if request.match is not None and not (
        request.match == () or any(same(tag, ours, strong=True) for tag in request.match)
    ):
        return 412
    # 2. If-Unmodified-Since: "MUST ignore if the resource does not have a modification date".
    # 3. "When If-None-Match is present": false "respond 304 (Not Modified)" to GET and HEAD.
    if request.none_match is not None and (
        request.none_match == () or any(same(tag, ours, strong=False) for tag in request.none_match)
    ):
        return 304
    # 4. If-Modified-Since: the same as 2.
    # 5. "When the method is GET and both Range and If-Range are present"
    if request.method != GET or not request.ranges:
        return 200
    if request.if_range is not None:
        is_tag = isinstance(request.if_range, Tag)
        if not is_tag or not same(request.if_range, ours, strong=True):  # type: ignore[arg-type]
            return 200
    # 14.2: an invalid set, or one of another unit, is ignored; so is any of an empty whole.
    if any(not _valid(spec) for spec in request.ranges) or not size:
        return 200
    return 206 if wanted(request, size) else 416


def _valid(spec: Spec) -> bool:
    """Section 14.1.1: "invalid if the last-pos value is less than its first-pos"."""
    first, last = spec
    return first is None or last is None or first <= last


def wanted(request: Request, size: int) -> set[int]:
    """The bytes that ranges select, one by one."""
    found: set[int] = set()
    for first, last in request.ranges:
        if first is None:
            found |= set(range(size)[max(0, size - (last or 0)) :])
        else:
            found |= {at for at in range(size) if at >= first and (last is None or at <= last)}
    return found


# What is judged.

TAGS = st.builds(Tag, st.sampled_from([OURS, "other", "", "a,b", "W/"]), st.booleans())
LISTS = st.none() | st.lists(TAGS, max_size=4).map(tuple)
NUMBERS = st.integers(0, 60)
SPECS = st.one_of(
    st.tuples(NUMBERS, NUMBERS), st.tuples(NUMBERS, st.none()), st.tuples(st.none(), NUMBERS)
)
REQUESTS = st.builds(
    Request,
    st.sampled_from([GET, GET, HEAD]),
    LISTS,
    LISTS,
    st.none() | st.sampled_from(DATES),
    st.none() | st.sampled_from(DATES),
    st.none() | TAGS | st.sampled_from(DATES),
    st.lists(SPECS, max_size=5).map(tuple),
)


def body(made: Plan, data: bytes) -> list[bytes]:
    """The parts of a body that are the resource's."""
    return [data[p.begin : p.end] for p in made.body if isinstance(p, Part)]


@given(REQUESTS, st.integers(0, 50))
@example(Request(match=(), none_match=(Tag("other"),), ranges=((0, 0),)), 5)
@example(Request(ranges=((None, 0),)), 5)
@example(Request(ranges=((3, 1), (0, 0))), 5)
def test_every_request_is_answered_as_the_rfc_says(request_: Request, size: int) -> None:
    data = bytes(range(size))
    made = plan(request_.said(), Kind(size, str(Tag(OURS)), "a/b"))
    fields = dict(made.fields)
    assert made.status == status_of(request_, size)
    assert (fields.get("ETag") == str(Tag(OURS))) == (made.status != 416)
    match made.status:
        case 200:
            assert made.length == size
            assert b"".join(body(made, data)) == (b"" if request_.method == HEAD else data)
        case 206:
            chosen = sorted(wanted(request_, size))
            assert b"".join(body(made, data)) == bytes(chosen)
            runs = sum(at - 1 not in chosen for at in chosen)
            assert len(body(made, data)) == runs
            assert ("Content-Range" in fields) == (runs == 1)
            assert fields["Content-Type"].startswith("multipart/") == (runs > 1)
        case 304:
            assert (made.length, made.body) == (0, ())
            assert "Content-Type" not in fields
        case 416:
            assert fields["Content-Range"] == f"bytes */{size}"


FIELDS = st.sampled_from(["if-match", "if-none-match", "if-range", "range", "if-modified-since"])
NOISE = st.text(st.sampled_from('"W/*, \t=-0123bytes\\é\x80'), max_size=30)


@given(st.dictionaries(FIELDS, NOISE, max_size=5), st.integers(0, 50))
def test_whatever_is_said_is_answered_with_what_is_there(said: dict[str, str], size: int) -> None:
    """Nonsense never adds a byte, and never is an error of ours."""
    made = plan(Asked(GET, "/", said), Kind(size, str(Tag(OURS)), "a/b"))
    assert made.status in (200, 206, 304, 412, 416)
    parts = [piece for piece in made.body if isinstance(piece, Part)]
    assert all(0 <= p.begin < p.end <= size for p in parts)
    assert sum(p.length for p in parts) <= size
    if made.status == 200:
        assert sum(p.length for p in parts) == size


@pytest.mark.parametrize("count", [MAX_RANGES, MAX_RANGES + 1])
def test_more_ranges_than_anybody_needs_are_none(count: int) -> None:
    request = Request(ranges=tuple((2 * n, 2 * n) for n in range(count)))
    made = plan(request.said(), Kind(1000, str(Tag(OURS)), "a/b"))
    assert made.status == (206 if count == MAX_RANGES else 200)


@given(st.sampled_from([404, 410, 451]), REQUESTS)
def test_no_condition_applies_to_the_page_of_an_error(status: int, request_: Request) -> None:
    """Section 13.2.1: "if the response without it would be other than a 2xx or 412"."""
    made = plan(request_.said(), Kind(9, str(Tag(OURS)), "a/b"), status)
    assert (made.status, made.length) == (status, 9)
