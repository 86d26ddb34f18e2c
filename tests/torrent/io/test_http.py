"""The HTTP door against a real server that obeys, lies, stalls and redirects."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress
from typing import Any

import pytest

from tests.web import FAST, LIMIT, failing, get, server, tls_server
from torrent.io.http import HttpSettings


async def test_a_body_and_what_we_say_of_ourselves() -> None:
    heard: dict[str, str] = {}

    def answer(handler: Any) -> None:
        heard.update(handler.headers)
        handler.send(200, b"hello")

    with server(answer) as root:
        address = root.removeprefix("http://")
        assert await get(f"http://me:pass@{address}/announce?x=1") == b"hello"
    assert heard == {
        "Host": address,
        "User-Agent": "dhtctl",
        "Accept": "*/*",
        "Accept-Encoding": "gzip",
        "Authorization": "Basic bWU6cGFzcw==",
    }


async def test_a_server_of_ipv6() -> None:
    with server(lambda handler: handler.send(200, handler.headers["Host"].encode()), "::1") as root:
        assert await get(f"{root}/announce") == root.removeprefix("http://").encode()


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
async def test_compressed_bodies_are_read(kind: str) -> None:
    pack = gzip.compress if kind == "gzip" else zlib.compress
    body = pack(b"d1:a1:be")
    with server(lambda handler: handler.send(200, body, Content_Encoding=kind)) as root:
        assert await get(f"{root}/announce") == b"d1:a1:be"


async def test_a_bomb_costs_what_it_sends() -> None:
    body = gzip.compress(bytes(50 << 20))  # 50 kB of it
    with server(lambda handler: handler.send(200, body, Content_Encoding="gzip")) as root:
        problem = await failing(f"{root}/announce")
    assert str(problem) == "the server's answer is longer than 1000 bytes"


async def test_what_is_not_compressed_though_it_says_so() -> None:
    with server(lambda handler: handler.send(200, b"plain", Content_Encoding="gzip")) as root:
        assert "cannot be decompressed" in str(await failing(f"{root}/announce"))


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
async def test_bodies_are_bounded(size: int) -> None:
    with server(lambda handler: handler.send(200, bytes(size))) as root:
        if size == LIMIT:
            assert len(await get(f"{root}/announce")) == LIMIT
        else:
            assert "longer than 1000 bytes" in str(await failing(f"{root}/announce"))


async def test_a_status_is_a_failure_unless_the_body_is_a_dictionary() -> None:
    with server(lambda handler: handler.send(404, b"<html>")) as root:
        problem = await failing(f"{root}/announce")
    assert str(problem) == "the server at 127.0.0.1 answers with status 404"
    assert problem.final
    with server(lambda handler: handler.send(400, b"d14:failure reason1:xe")) as root:
        assert await get(f"{root}/announce") == b"d14:failure reason1:xe"


@pytest.mark.parametrize(
    ("status", "after", "final", "seconds"),
    [
        (503, "120", False, 120.0),
        (429, "5", False, 5.0),
        (503, "Fri, 31 Dec 1999 23:59:59 GMT", False, None),
        (503, "99999999", False, None),
        (410, "", True, None),
    ],
)
async def test_when_to_come_again(
    status: int,
    after: str,
    final: bool,  # noqa: FBT001
    seconds: float | None,
) -> None:
    with server(lambda handler: handler.send(status, b"", Retry_After=after)) as root:
        problem = await failing(f"{root}/announce")
    assert (problem.final, problem.retry_after) == (final, seconds)


def stalling(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "10")
    handler.end_headers()
    handler.wfile.write(b"12345")
    handler.rfile.read(1)  # until the client leaves


async def test_a_server_that_stalls() -> None:
    with server(stalling) as root:
        assert str(await failing(f"{root}/announce", FAST)) == "the server did not answer in time"
    with server(lambda handler: handler.rfile.read(1)) as root:
        assert str(await failing(f"{root}/announce", FAST)) == "the server did not answer in time"


def trickling(handler: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.connection.settimeout(0.02)
    with suppress(OSError):
        while True:
            handler.wfile.write(b"x")
            with suppress(TimeoutError):
                if not handler.connection.recv(1):
                    return


async def test_a_server_that_trickles_is_given_no_longer() -> None:
    settings = HttpSettings(read_timeout_s=0.5, total_timeout_s=0.5)
    with server(trickling) as root:
        problem = await failing(f"{root}/announce", settings)
    assert str(problem) == "the server did not answer in time"


async def test_a_server_that_hangs_up() -> None:
    def answer(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "10")
        handler.end_headers()
        handler.close_connection = True

    with server(answer) as root:
        assert "the server broke off" in str(await failing(f"{root}/announce"))


async def test_a_server_that_speaks_something_else() -> None:
    def answer(handler: Any) -> None:
        handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        handler.close_connection = True

    with server(answer) as root:
        assert "the server broke off" in str(await failing(f"{root}/announce"))


async def test_redirects_are_followed_a_few_times() -> None:
    def answer(handler: Any) -> None:
        left = int(handler.path.rpartition("/")[2])
        if left:
            handler.send(302, b"", Location=f"/announce/{left - 1}")
        else:
            handler.send(200, b"there")

    with server(answer) as root:
        assert await get(f"{root}/announce/5") == b"there"
        problem = await failing(f"{root}/announce/6")
    assert str(problem) == "the server redirects more than 5 times"
    assert problem.final


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("file:///etc/passwd", "scheme 'file'"),
        ("udp://127.0.0.1:5/announce", "not an HTTP URL"),
        ("http://[x/", "no URL"),
        ("http://a b/", "blanks"),
        ("/evil", "only asked for /announce"),
    ],
)
async def test_where_no_redirect_leads(location: str, why: str) -> None:
    with server(lambda handler: handler.send(302, b"", Location=location)) as root:
        problem = await failing(f"{root}/announce")
    assert why in str(problem)
    assert problem.final


async def test_a_redirect_to_nowhere_is_an_answer() -> None:
    with server(lambda handler: handler.send(302, b"d1:a1:be")) as root:
        assert await get(f"{root}/announce") == b"d1:a1:be"


async def test_a_certificate_that_nobody_signed(tmp_path: Any) -> None:
    with tls_server(tmp_path) as root:
        problem = await failing(f"{root}/announce")
        assert "certificate verify failed" in str(problem)
        trusting = HttpSettings(verify_tls=False)
        assert await get(f"{root}/announce", trusting) == b"secret"
