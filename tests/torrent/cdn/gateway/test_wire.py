"""What goes over the wire: many requests on one connection in any portions, and words of attackers.

Each answer is compared with the bytes cut by hand, and read by h11, whose work it is to be strict.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
import trio

from tests.cdn_house import write
from tests.gateways import Door, alone
from tests.torrent_samples import noise

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SITE = {"a.bin": noise(100_000, 1), "b.bin": noise(70_001, 2), "c.txt": b"c", "empty": b""}
REQUESTS = 150


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with alone(tmp_path) as door:
        yield door


@pytest.fixture
async def root(door: Door, tmp_path: Path) -> str:
    return (await door.share(write(tmp_path / "www", SITE)))[1]


def drawn(rng: Random, root: str) -> tuple[str, str, str, int, bytes]:
    """A request: its method, path and range, and the status and body that it should get."""
    name = rng.choice([*SITE, "missing"])
    data, method = SITE.get(name), rng.choice(["GET", "GET", "GET", "HEAD"])
    path = f"{root}/{name}"
    if data is None:
        return method, path, "", 404, b""
    kind = rng.randrange(4) if method == "GET" and data else 0
    first, length = rng.randrange(len(data) + 1), rng.randrange(1, 80_000)
    match kind:
        case 1 if first < len(data):
            return method, path, f"{first}-{first + length - 1}", 206, data[first : first + length]
        case 2:
            return method, path, f"-{length}", 206, data[-length:]
        case 3:
            return method, path, f"{len(data)}-", 416, b""
    return method, path, "", 200, data if method == "GET" else b""


@pytest.mark.parametrize("seed", range(3))
async def test_any_requests_in_any_portions(door: Door, root: str, seed: int) -> None:
    """Written all at once, a byte here and a kilobyte there; answered one after the other."""
    rng = Random(seed)
    asked = [drawn(rng, root) for _ in range(REQUESTS)]
    words = b"".join(
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n".encode()
        + (f"Range: bytes={part}\r\n".encode() if part else b"")
        + b"\r\n" * rng.choice([1, 1, 2])
        for method, path, part, _, _ in asked
    )
    visitor = await door.visitor()

    async def send() -> None:
        at = 0
        while at < len(words):
            end = at + rng.choice([1, 7, 100, 1000, 20_000])
            await visitor.stream.send_all(words[at:end])
            at = end

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        for method, _, _, status, data in asked:
            reply = await visitor.answered(method)
            assert reply.status == status
            if status in (200, 206):
                assert reply.body == data
            elif method == "HEAD":
                assert not reply.body


GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
HIDDEN = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "words",
    [
        GET + b"Content-Length : 44\r\n\r\n",
        GET + b"Content-Length: 44\r\nContent-Length: 0\r\n\r\n",
        GET + b"Content-Length: +44\r\n\r\n",
        GET + b"Content-Length: 0x2c\r\n\r\n",
        GET + b"Content-Length: 44, 0\r\n\r\n",
        GET + b"Transfer-Encoding: xchunked\r\n\r\n",
        GET + b"Transfer-Encoding: chunked, identity\r\n\r\n",
        GET + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        GET + b"Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n",
        GET + b"Transfer-Encoding: chunked\r\n\r\n2c;x\r\n",
        GET + b"Content-Length: 44\r\n\r\n",
        GET + b"X\r\n\r\n",
        GET + b": x\r\n\r\n",
        GET + b"X: a\rContent-Length: 44\r\n\r\n",
        GET + b"X: a\x00b\r\n\r\n",
        GET + b"Host: evil.example\r\n\r\n",
        b" " + GET + b"\r\n",
        b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /\x0bHTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_what_another_server_may_read_otherwise_ends_the_line(
    door: Door, words: bytes
) -> None:
    """One refusal, and nothing of what follows is a request: no smuggling past a proxy."""
    answer = await (await door.visitor()).raw(words + HIDDEN)
    assert answer.startswith(
        (b"HTTP/1.1 400 ", b"HTTP/1.1 405 ", b"HTTP/1.1 413 ", b"HTTP/1.1 501 ")
    )
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"\r\nConnection: close\r\n" in answer
    assert b"dhtctl_gateway" not in answer


@pytest.mark.parametrize(
    "words",
    [
        GET.replace(b"\r\n", b"\n") + b"\n",
        b"\r\n\r\n" + GET + b"\r\n",
        GET.replace(b"localhost", b"LOCALHOST:80") + b"\r\n",
        GET.replace(b"Host:", b"hOST:\t") + b"\r\n",
        GET.replace(b" / ", b" http://localhost/ ") + b"\r\n",
        GET.replace(b" / ", b" http://localhost ").replace(b": localhost", b": evil.example")
        + b"\r\n",
        GET + b"Content-Length: 0\r\n\r\n",
        GET + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        GET + b"Expect: 100-continue\r\n\r\n",
        GET + b"X: " + b"y" * 15_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_unusual_and_right_is_answered_and_so_is_the_next(
    door: Door, words: bytes
) -> None:
    last = HIDDEN[:-2] + b"Connection: close\r\n\r\n"
    answer = await (await door.visitor()).raw(words + last)
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert answer.endswith(b"\n")
    assert b"dhtctl_gateway_requests_total" in answer
