"""A gateway and its visitors, over real sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11
import pytest

from tests.cdn_house import write
from tests.gateways import Door, alone
from tests.torrent_samples import noise
from torrent.cdn.gateway.core.errors import Refused
from torrent.cdn.gateway.core.planning import FOREVER
from torrent.cdn.gateway.resources import Resource, of_bytes
from torrent.core.metainfo import Version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from torrent.cdn.gateway.core.asked import Asked

BIG = noise(5_000_000)
SITE = {
    "index.html": b"<h1>one</h1>",
    "style.css": b"h1 { color: red }",
    "film.mp4": BIG,
    "empty": b"",
    "docs/one.txt": b"one",
    "docs/<two> & three.txt": b"two",
}


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with alone(tmp_path) as door:
        yield door


@pytest.fixture
async def root(door: Door, tmp_path: Path) -> str:
    return (await door.share(write(tmp_path / "www", SITE)))[1]


async def test_files_have_the_right_fields(door: Door, root: str) -> None:
    visitor = await door.visitor()
    for name, media in {
        "index.html": "text/html; charset=utf-8",
        "style.css": "text/css; charset=utf-8",
        "film.mp4": "video/mp4",
        "empty": "application/octet-stream",
    }.items():
        reply = await visitor.ask(f"{root}/{name}")
        assert (reply.status, reply.body) == (200, SITE[name])
        assert reply["content-type"] == media
        assert reply["x-content-type-options"] == "nosniff"
        assert reply["cache-control"] == FOREVER
        assert reply["accept-ranges"] == "bytes"
        head = await visitor.ask(f"{root}/{name}", "HEAD")
        assert (head.status, head.body) == (200, b"")
        for field in ("content-length", "content-type", "etag"):
            assert head[field] == reply[field]


@pytest.mark.parametrize("version", list(Version)[:2])
async def test_what_a_visitor_has_is_not_sent_again(
    door: Door, tmp_path: Path, version: Version
) -> None:
    _, root = await door.share(write(tmp_path / "www", SITE), version=version)
    first = await door.ask(f"{root}/film.mp4")
    again = await door.ask(f"{root}/film.mp4", If_None_Match=first["etag"])
    assert (again.status, again.body, again["etag"]) == (304, b"", first["etag"])
    other = await door.ask(f"{root}/style.css", If_None_Match=first["etag"])
    assert (other.status, other.body) == (200, SITE["style.css"])
    failed = await door.ask(f"{root}/film.mp4", If_Match='"another"')
    assert failed.status == 412


async def test_parts_are_sent(door: Door, root: str) -> None:
    path = f"{root}/film.mp4"
    one = await door.ask(path, Range="bytes=1000000-3999999")
    assert (one.status, one["content-range"]) == (206, f"bytes 1000000-3999999/{len(BIG)}")
    assert one.body == BIG[1_000_000:4_000_000]
    last = await door.ask(path, Range="bytes=-5", If_Range=one["etag"])
    assert (last.status, last.body) == (206, BIG[-5:])
    stale = await door.ask(path, Range="bytes=-5", If_Range='"old"')
    assert (stale.status, stale.body) == (200, BIG)
    beyond = await door.ask(path, Range=f"bytes={len(BIG)}-")
    assert (beyond.status, beyond["content-range"]) == (416, f"bytes */{len(BIG)}")
    several = await door.ask(path, Range="bytes=0-9,4000000-4000009")
    assert several.status == 206
    boundary = several["content-type"].partition("boundary=")[2].encode()
    parts = several.body.split(b"\r\n--" + boundary)
    assert parts[1].endswith(b"\r\n\r\n" + BIG[:10])
    assert parts[2].endswith(b"\r\n\r\n" + BIG[4_000_000:4_000_010])
    assert parts[3] == b"--\r\n"


async def test_directories(door: Door, root: str) -> None:
    page = await door.ask(f"{root}/")
    assert page.body == SITE["index.html"]
    for path in (root, f"{root}/docs"):
        moved = await door.ask(path)
        assert (moved.status, moved["location"]) == (301, f"{path}/")
    listed = await door.ask(f"{root}/docs/")
    assert b"&lt;two&gt; &amp; three.txt" in listed.body
    assert b'href="./%3Ctwo%3E%20%26%20three.txt"' in listed.body
    assert "default-src 'none'" in listed["content-security-policy"]
    as_json = await door.ask(f"{root}/docs/", Accept="application/json")
    assert b'{"name": "one.txt", "type": "file", "size_bytes": 3}' in as_json.body


async def test_a_site_has_its_root_at_a_host_of_its_own(door: Door, root: str) -> None:
    """There the gateway's own paths are the site's, and lead nowhere else."""
    own = {"Host": f"{root.removeprefix('/btih/')}.localhost:8080"}
    assert (await door.ask("/", headers=own)).body == SITE["index.html"]
    assert (await door.ask("/style.css", headers=own))["cache-control"] == FOREVER
    moved = await door.ask("/docs", headers=own)
    assert (moved.status, moved["location"]) == (301, "/docs/")
    for path in ("/metrics", "/status.json", f"{root}/style.css"):
        assert (await door.ask(path, headers=own)).status == 404
        assert (await door.ask(path)).status == 200
    whole = await door.ask(f"http://{own['Host']}/docs/one.txt")
    assert whole.body == b"one"
    assert (await door.ask("http://evil.example/metrics")).status == 421
    page = await door.ask("/", Host=f"127.0.0.1:{door.address[1]}")
    link = f'href="http://{root.removeprefix("/btih/")}.localhost:{door.address[1]}/"'
    assert link.encode() in page.body


async def test_routes_of_others(door: Door) -> None:
    """The gateway does for them what it does for its own: conditions, ranges, HEAD, hosts."""
    bundle = of_bytes(b"# v2 git bundle\n", "application/x-git-bundle", caching=FOREVER)

    async def provider(rest: str, asked: Asked) -> Resource:
        if rest != "repo/list":
            raise Refused(404, "there is no such bundle")
        return bundle

    door.gateway.provide("/git/", provider)
    whole = await door.ask("/git/repo/list?x=y")
    assert (whole.status, whole.body) == (200, b"# v2 git bundle\n")
    assert whole["content-type"] == "application/x-git-bundle"
    part = await door.ask("/git/repo/list", Range="bytes=2-3", If_Range=whole["etag"])
    assert (part.status, part.body) == (206, b"v2")
    assert (await door.ask("/git/repo/list", If_None_Match=whole["etag"])).status == 304
    assert (await door.ask("/git/other")).status == 404
    assert (await door.ask("/git/repo/list", Host="evil.example")).status == 421
    for prefix in ("git", "/git", "git/"):
        with pytest.raises(ValueError, match="slash"):
            door.gateway.provide(prefix, provider)


async def test_a_fault_in_one_answer_hangs_up_on_one_visitor(
    door: Door, root: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def provider(rest: str, asked: Asked) -> Resource:
        raise ZeroDivisionError(rest)

    door.gateway.provide("/git/", provider)
    other = await door.visitor()
    with pytest.raises(h11.RemoteProtocolError):
        await door.ask("/git/x")
    assert (await other.ask(f"{root}/film.mp4")).status == 200
    assert "ZeroDivisionError" in caplog.text


async def test_the_short_cut_answers_as_the_general_way_does(door: Door, root: str) -> None:
    """The same bytes on new connections, and again and again on one: the same answer."""
    path, date = f"{root}/film.mp4", "date"
    for fields in ({}, {"Range": "bytes=5-70000"}, {"If-None-Match": "*"}, {"Range": "bytes=9-2"}):
        visitor = await door.visitor()
        replies = [await visitor.ask(path, headers=fields) for _ in range(4)]
        replies += [await door.ask(path, headers=fields) for _ in range(2)]
        for reply in replies:
            reply.headers.pop(date)
        assert all(reply == replies[0] for reply in replies)
