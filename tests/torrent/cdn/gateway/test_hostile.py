"""Visitors who mean no good, and publishers who do not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from tests.cdn_house import write
from tests.gateways import Door, alone
from tests.torrent_samples import noise
from tests.waiting import until
from torrent.cdn.gateway import server
from torrent.cdn.gateway.core.asked import GET, Asked
from torrent.cdn.gateway.front import front
from torrent.cdn.gateway.gateway import Gateway
from torrent.cdn.gateway.resources import of_bytes
from torrent.cdn.name import Name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.gateways import Visitor
    from torrent.cdn.gateway.resources import Resource

SITE = {"index.html": b"<h1>one</h1>", "film.mp4": noise(3_000_000)}


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with alone(tmp_path, connections=8) as door:
        yield door


@pytest.fixture
async def root(door: Door, tmp_path: Path) -> str:
    (tmp_path / "secret").write_text("secret")
    return (await door.share(write(tmp_path / "www", SITE)))[1]


@pytest.mark.parametrize(
    "path",
    [
        "../secret",
        "../../secret",
        "%2e%2e/secret",
        "..%2fsecret",
        "..%5csecret",
        "./index.html",
        "%2e/index.html",
        "a/../index.html",
        "/index.html",
        "index.html%00.png",
        "%ff",
    ],
)
async def test_no_path_leaves_the_site(door: Door, root: str, path: str) -> None:
    visitor = await door.visitor()
    request = f"GET {root}/{path} HTTP/1.0\r\nHost: localhost\r\n\r\n"
    answer = await visitor.raw(request.encode())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"secret" not in answer


async def test_other_hosts_get_nothing(door: Door, root: str) -> None:
    for path in (f"{root}/index.html", "/", "/metrics", "/status.json"):
        assert (await door.ask(path, headers={"Host": "evil.example"})).status == 421
        assert (await door.ask(path)).status == 200


async def test_ten_thousand_ranges(door: Door, root: str) -> None:
    """Too many bytes for a head; what fits is ignored: nobody gets a file a thousand times."""
    ranges = "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 20_000, 2))
    visitor = await door.visitor()
    request = f"GET {root}/film.mp4 HTTP/1.1\r\nHost: localhost\r\nRange: {ranges}\r\n\r\n"
    assert (await visitor.raw(request.encode())).startswith(b"HTTP/1.1 431 ")
    some = "bytes=" + ",".join("0-" for _ in range(1000))
    reply = await door.ask(f"{root}/film.mp4", Range=some)
    assert (reply.status, len(reply.body)) == (200, 3_000_000)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000, 431),
        (b"GET /" + b"x" * 100_000, 431),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"X: y\r\n" * 3000, 431),
        (b"\x00" * 5000 + b"\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 99, 405),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ],
)
async def test_what_is_no_request_is_answered_and_hung_up_on(
    door: Door, request_: bytes, status: int
) -> None:
    visitor = await door.visitor()
    answer = await visitor.raw(request_)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert (await door.ask("/status.json")).status == 200


async def test_slow_visitors_are_cut_off(
    door: Door, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose request does not come, and who does not take the answer."""
    monkeypatch.setattr(server, "HEAD_TIME", 0.2)
    monkeypatch.setattr(server, "STALLED", 0.2)
    dripping, deaf = await door.visitor(), await door.visitor()
    await dripping.stream.send_all(b"GET / HTTP/1.1\r\nHost: loc")
    requests = f"GET {root}/film.mp4 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20
    await deaf.stream.send_all(requests.encode())
    await until(lambda: not door.gateway.server.connections)
    assert (await door.ask("/status.json")).status == 200


async def test_a_crowd_is_let_in_by_turns(door: Door) -> None:
    """There is room for eight; who waits for nothing makes room for who comes."""
    for _ in range(20):
        assert (await (await door.visitor()).ask("/status.json")).status == 200
    assert door.gateway.server.connections <= 8


async def test_a_crowd_of_slow_ones_keeps_nobody_out(door: Door, root: str) -> None:
    """There is room for eight: sixty with half a request, and eight who take nothing."""
    for _ in range(60):
        await (await door.visitor()).stream.send_all(b"GET / HTTP/1.1\r\nHost: loc")
    for _ in range(20):
        assert (await door.ask(f"{root}/index.html")).status == 200
    assert door.gateway.server.connections <= 9


async def test_who_takes_nothing_makes_room(
    door: Door, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "DEAF", 0.0)
    request = f"GET {root}/film.mp4 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    for _ in range(8):
        deaf = await door.visitor()
        await deaf.stream.send_all(request * 20)
        await deaf.stream.receive_some(1)
    for _ in range(20):
        assert (await door.ask(f"{root}/index.html")).status == 200


async def test_who_waits_for_us_stays(door: Door) -> None:
    """All eight places are taken by those, so whoever else comes is turned away."""
    found, waiting = trio.Event(), 0

    async def provider(rest: str, asked: Asked) -> Resource:
        nonlocal waiting
        waiting += 1
        await found.wait()
        return of_bytes(rest.encode(), "text/plain")

    door.gateway.provide("/slow/", provider)
    replies: list[bytes] = []

    async def visit(number: int) -> None:
        replies.append((await door.ask(f"/slow/{number}")).body)

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(visit, number)
        await until(lambda: waiting == 8)
        turned = await (await door.visitor()).raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert turned == b""
        found.set()
    assert sorted(replies) == [b"%d" % number for number in range(8)]


async def test_what_was_changed_on_disk_does_not_leave(
    door: Door, root: str, tmp_path: Path
) -> None:
    """Not even within the second: visitors cannot verify, so the file is looked at each time."""
    path = tmp_path / "www" / "film.mp4"
    assert (await door.ask(f"{root}/film.mp4")).body == SITE["film.mp4"]
    with path.open("r+b") as file:
        file.seek(1_500_000)
        file.write(b"false")
    os.utime(path, ns=(1, 1))
    with trio.move_on_after(1):
        visitor = await door.visitor()
        answer = b""
        await visitor.stream.send_all(
            f"GET {root}/film.mp4 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        )
        async for chunk in visitor.stream:
            answer += chunk
    body = answer.partition(b"\r\n\r\n")[2]
    assert SITE["film.mp4"].startswith(body)
    assert len(body) < 1_500_000


async def test_bad_rules_are_told(door: Door, tmp_path: Path) -> None:
    _, root = await door.share(write(tmp_path / "bad", {"_redirects": b"/a\n", "x": b"x"}))
    assert (await door.ask(f"{root}/x")).status == 200
    reply = await door.ask(f"{root}/y")
    assert (reply.status, b"line 1" in reply.body) == (500, True)
    _, root = await door.share(write(tmp_path / "big", {"_redirects": bytes(70_000), "x": b"x"}))
    assert (await door.ask(f"{root}/y")).status == 500
    _, root = await door.share(
        write(tmp_path / "good", {"_redirects": b"/a/* /x 410\n/b /x\n", "x": b"x"})
    )
    assert (await door.ask(f"{root}/a/b")).status == 410
    moved = await door.ask(f"{root}/b")
    assert (moved.status, moved["location"]) == (301, f"{root}/x")


async def test_the_end_of_one_request_is_not_remembered_as_another(door: Door, root: str) -> None:
    """What comes in two parts must not decide what is answered to somebody else's words."""
    words = f"GET {root}/film.mp4 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    for _ in range(3):  # What is remembered lasts to the end of the second.
        liar, visitor = await door.visitor(), await door.visitor()
        await liar.stream.send_all(f"GET {root}/index.html HTTP/1.1\r\nX: ".encode())
        await trio.testing.wait_all_tasks_blocked(0.05)
        await liar.stream.send_all(words)
        assert b"<h1>one" in await _until(liar, b"</h1>")
        await visitor.stream.send_all(words)
        assert b"\r\nContent-Length: 3000000\r\n" in await _until(visitor, b"\r\n\r\n")


async def _until(visitor: Visitor, end: bytes) -> bytes:
    found = b""
    with trio.fail_after(10):
        while end not in found:
            found += await visitor.stream.receive_some(1 << 16)
    return found


async def test_a_salt_that_is_no_text_is_shown(door: Door) -> None:
    """Links may lead to any name, and its salt is any bytes; the page is there all the same."""
    odd = Name(bytes(range(32)), b"\xff<b>")
    library, names = door.gateway.library, door.gateway.names
    shown = front(Gateway(library, names, only=[odd]), Asked(GET, "/", {}))
    page = await shown.read(0, shown.kind.size)
    assert "\N{REPLACEMENT CHARACTER}&lt;b&gt;</a>" in page.decode()


async def test_a_request_with_two_lengths_is_the_last(door: Door) -> None:
    """What a proxy takes for its body must not be a request to us."""
    fields = b"Host: localhost\r\nContent-Length: 44\r\nTransfer-Encoding: chunked\r\n\r\n"
    hidden = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = await (await door.visitor()).raw(
        b"GET / HTTP/1.1\r\n" + fields + b"0\r\n\r\n" + hidden
    )
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
