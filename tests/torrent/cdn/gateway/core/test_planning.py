"""Answers to requests for what is there, against bytes cut by hand."""

from __future__ import annotations

from email.parser import BytesParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.cdn.gateway.core.asked import Asked
from torrent.cdn.gateway.core.planning import FOREVER, FRESH, Kind, Plan, message, plan
from torrent.cdn.gateway.core.ranges import Part, read_ranges

DATA = bytes(range(200))
KIND = Kind(len(DATA), '"tag"', "text/x", FOREVER, {"X-More": "1"})


def asked(method: str = "GET", **fields: str) -> Asked:
    return Asked(method, "/x", {name.replace("_", "-"): value for name, value in fields.items()})


def body(made: Plan) -> bytes:
    return b"".join(
        DATA[piece.begin : piece.end] if isinstance(piece, Part) else piece for piece in made.body
    )


def fields(made: Plan) -> dict[str, str]:
    assert len(dict(made.fields)) == len(made.fields)
    return dict(made.fields)


def test_the_whole() -> None:
    made = plan(asked(), KIND)
    assert (made.status, made.length, body(made)) == (200, 200, DATA)
    assert fields(made) == {
        "Content-Type": "text/x",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": FOREVER,
        "ETag": '"tag"',
        "X-More": "1",
        "Accept-Ranges": "bytes",
    }
    head = plan(asked("HEAD"), KIND)
    assert (head.fields, head.length, head.body) == (made.fields, made.length, ())


def test_nothing_to_send() -> None:
    made = plan(asked(), Kind(0, '"e"', "a/b"))
    assert (made.status, made.length, made.body) == (200, 0, ())
    assert fields(made)["Cache-Control"] == FRESH


@pytest.mark.parametrize(
    ("request_", "status", "length"),
    [
        (asked(if_none_match='"tag"'), 304, 0),
        (asked("HEAD", if_none_match='"tag"'), 304, 0),
        (asked(if_none_match='"tag"', range="bytes=0-1"), 304, 0),
        (asked(if_match='"x"'), 412, 18),
        (asked(range="bytes=1-3"), 206, 3),
        (asked("HEAD", range="bytes=1-3"), 200, 200),
        (asked(range="bytes=1-3", if_range='"tag"'), 206, 3),
        (asked(range="bytes=1-3", if_range='"x"'), 200, 200),
        (asked(range="bytes=200-"), 416, 17),
        (asked(range="nonsense"), 200, 200),
    ],
)
def test_conditions_and_ranges(request_: Asked, status: int, length: int) -> None:
    made = plan(request_, KIND)
    assert (made.status, made.length) == (status, length)
    if status == 206:
        assert fields(made)["Content-Range"] == "bytes 1-3/200"
        assert body(made) == DATA[1:4]
    if status == 416:
        assert fields(made)["Content-Range"] == "bytes */200"
    if status in (206, 304, 412):
        assert fields(made)["ETag"] == '"tag"'


def test_pages_of_errors_are_sent_whole() -> None:
    made = plan(asked(range="bytes=0-1", if_none_match='"tag"'), KIND, 404)
    assert (made.status, body(made)) == (404, DATA)
    assert "ETag" not in fields(made)


def test_messages() -> None:
    made = message(asked(), 404, "not here", (("Allow", "GET"),))
    assert (made.status, body(made)) == (404, b"not here\n")
    assert fields(made)["Cache-Control"] == "no-store"
    assert fields(made)["Allow"] == "GET"
    assert message(asked("HEAD"), 404, "not here").body == ()


@given(st.lists(st.tuples(st.integers(0, 250), st.integers(0, 40)), min_size=1, max_size=6))
def test_several_parts_are_read_by_any_reader_of_mime(pairs: list[tuple[int, int]]) -> None:
    wanted = "bytes=" + ",".join(f"{begin}-{begin + length}" for begin, length in pairs)
    made = plan(asked(range=wanted), KIND)
    parts = read_ranges(wanted, len(DATA))
    assert parts is not None
    if len(parts) < 2:
        assert made.status == (206 if parts else 416)
        return
    sent = body(made)
    assert len(sent) == made.length
    head = f"Content-Type: {fields(made)['Content-Type']}\r\n\r\n".encode()
    read: Any = BytesParser().parsebytes(head + sent)
    assert [part["Content-Range"] for part in read.get_payload()] == [
        part.content_range(len(DATA)) for part in parts
    ]
    assert all(part.get_content_type() == "text/x" for part in read.get_payload())
    boundary = fields(made)["Content-Type"].partition("boundary=")[2].encode()
    chunks = sent.split(b"\r\n--" + boundary)[1:-1]
    assert [chunk.partition(b"\r\n\r\n")[2] for chunk in chunks] == [
        DATA[part.begin : part.end] for part in parts
    ]
