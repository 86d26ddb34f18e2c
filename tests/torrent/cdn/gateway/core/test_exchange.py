"""Requests out of bytes, and answers into bytes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.cdn.gateway.core.asked import Asked
from torrent.cdn.gateway.core.errors import Refused
from torrent.cdn.gateway.core.exchange import MAX_HEAD, Exchange
from torrent.cdn.gateway.core.planning import Kind, message, plan
from torrent.cdn.gateway.core.route import MAX_TARGET

GET = b"GET /x?y HTTP/1.1\r\nHost: localhost\r\nAccept: a\r\nAccept: b\r\n\r\n"
ASKED = Asked("GET", "/x?y", {"host": "localhost", "accept": "a, b"})
KIND = Kind(3, '"t"', "text/plain")


def given_(data: bytes) -> Exchange:
    exchange = Exchange()
    exchange.receive(data)
    return exchange


def answer(exchange: Exchange, asked: Asked) -> bytes:
    made = plan(asked, KIND)
    head = exchange.head(made, (("Date", "now"),), last=False)
    exchange.sent()
    return head


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"


def test_one_after_the_other() -> None:
    exchange = given_(GET + GET)
    for more in (True, False):
        assert not exchange.idle
        asked = exchange.next()
        assert asked == ASKED
        assert asked.path == "/x"
        assert exchange.drained is not more
        made = plan(asked, KIND)
        head = exchange.head(made, (("Date", "now"),), last=False)
        assert head.startswith(b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Type: text/plain\r\n")
        assert b"Content-Length: 3\r\n" in head
        assert exchange.answering
        assert not exchange.closing
        exchange.sent()
        assert not exchange.answering
    assert exchange.idle
    assert not exchange.over
    assert exchange.next() is None


@given(st.integers(1, len(GET) - 1))
def test_requests_come_in_any_portions(cut: int) -> None:
    exchange = given_(GET[:cut])
    assert exchange.next() is None
    exchange.receive(GET[cut:])
    assert exchange.next() == ASKED


@pytest.mark.parametrize("field", [b"Connection: close", b"Connection: Close, x"])
def test_the_visitor_may_hang_up(field: bytes) -> None:
    exchange = given_(GET[:-2] + field + b"\r\n\r\n")
    asked = exchange.next()
    assert asked is not None
    head = exchange.head(plan(asked, KIND), last=False)
    assert exchange.closing
    assert b"connection: close" in head.lower()
    exchange.sent()
    assert exchange.over


def test_http_1_0_is_one_request() -> None:
    exchange = given_(b"GET / HTTP/1.0\r\n\r\n")
    asked = exchange.next()
    assert asked == Asked("GET", "/", {})
    answer(exchange, asked)
    assert exchange.over


def test_the_end() -> None:
    with pytest.raises(EOFError):
        given_(b"").next()


def test_head_and_unchanged_have_no_body() -> None:
    exchange = given_(GET.replace(b"GET", b"HEAD", 1) + GET[:-2] + b'If-None-Match: "t"\r\n\r\n')
    head = exchange.next()
    assert head is not None
    assert b"Content-Length: 3\r\n" in answer(exchange, head)
    unchanged = exchange.next()
    assert unchanged is not None
    assert b"Content-Length" not in answer(exchange, unchanged)
    assert exchange.idle


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 405),
        (b"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 413),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", 413),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 200),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET x://y/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /" + b"a" * MAX_TARGET + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n" + CHUNKED, 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * MAX_HEAD, 431),
    ],
)
def test_what_is_not_taken(data: bytes, status: int) -> None:
    exchange = given_(data)
    if status == 200:
        assert exchange.next() is not None
        return
    with pytest.raises(Refused) as caught:
        exchange.next()
    assert caught.value.status == status
    made = message(ASKED, status, caught.value.why)
    head = exchange.head(made, last=True)
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection: close" in head


@pytest.mark.parametrize(
    ("target", "host", "path"),
    [
        ("/a", "x", "/a"),
        ("http://localhost:80/a/b?c", "localhost:80", "/a/b?c"),
        ("HTTPS://y", "y", "/"),
        ("http://y/", "y", "/"),
        ("http://y?a=/b", "y", "/?a=/b"),
        ("http:///a", "", "/a"),
        ("http://user@localhost/", "user@localhost", "/"),
        ("http://evil.example\\@localhost/a", "evil.example\\@localhost", "/a"),
    ],
)
def test_whole_urls_say_which_host_is_meant(target: str, host: str, path: str) -> None:
    """Whatever the field says (RFC 9112, section 3.2.2)."""
    asked = given_(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).next()
    assert asked == Asked("GET", path, {"host": host})


EMPTY = st.lists(st.sampled_from([b"\r\n", b"\n"]), max_size=3).map(b"".join)


@given(EMPTY, EMPTY, EMPTY, st.data())
def test_empty_lines_between_requests_are_skipped(
    before: bytes, between: bytes, after: bytes, data: st.DataObject
) -> None:
    """RFC 9112, section 2.2; in whatever portions they come."""
    words = before + GET + between + GET + after
    cuts = data.draw(st.lists(st.integers(0, len(words)), max_size=4).map(sorted))
    portions = [words[a:b] for a, b in itertools.pairwise([0, *cuts, len(words)])]
    exchange, found = Exchange(), 0
    for portion in filter(None, portions):
        exchange.receive(portion)
        while (asked := exchange.next()) is not None:
            assert asked == ASKED
            answer(exchange, asked)
            found += 1
    assert found == 2
    assert exchange.idle
    exchange.receive(b"")
    with pytest.raises(EOFError):
        exchange.next()


def test_who_ends_with_an_empty_line_has_ended() -> None:
    exchange = given_(GET)
    exchange.receive(b"\r\n")
    exchange.receive(b"")
    asked = exchange.next()
    assert asked is not None
    answer(exchange, asked)
    with pytest.raises(EOFError):
        exchange.next()


@pytest.mark.parametrize(
    ("accept", "json"),
    [
        (None, False),
        ("*/*", False),
        ("application/json", True),
        ("text/html,application/json", False),
    ],
)
def test_json_is_for_those_who_say_so(accept: str | None, *, json: bool) -> None:
    headers = {} if accept is None else {"accept": accept}
    assert Asked("GET", "/", headers).wants_json is json
