"""``dhtctl serve`` from outside: a publisher, a gateway, and a browser's requests."""

from __future__ import annotations

import json
import signal
import socket
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from cli.verbs.sites import size, web_address
from tests.cdn_house import write
from tests.running import Staying

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dhtctl import Dhtctl


def get(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as reply:
        return reply.status, {k.lower(): v for k, v in reply.headers.items()}, reply.read()


def test_a_site_in_a_browser(tmp_path: Path, doors: str) -> None:
    for home in ("p", "g"):
        (tmp_path / home).mkdir()
    write(tmp_path / "p", {"blog/index.html": b"<h1>hello</h1>"})
    publishing = ("publish", "blog", "--origin", "http://127.0.0.1:9/")
    with Staying(tmp_path / "p", *publishing, DHTCTL_BOOTSTRAP=doors) as publisher:
        name = publisher.line()
        publisher.told(".torrent should be ")
        publisher.told("stays and serves it")
        words = ("serve", "--listen", "127.0.0.1:0", "--pin", name, "--json")
        with Staying(tmp_path / "g", *words, DHTCTL_BOOTSTRAP=doors) as gateway:
            told = gateway.object()
            assert told["type"] == "serving"
            site = told["sites"][name]
            assert site.startswith(told["url"])
            status, headers, body = get(site)
            assert (status, body) == (200, b"<h1>hello</h1>")
            assert headers["content-type"] == "text/html; charset=utf-8"
            host = urlsplit(told["hosts"][name]).netloc
            assert get(told["url"], Host=host)[2] == b"<h1>hello</h1>"
            publisher.stop(signal.SIGKILL)
            assert get(site)[2] == b"<h1>hello</h1>"
            [row] = json.loads(get(f"{told['url']}status.json")[2])["served"]
            assert (row["name"], row["seq"], row["title"]) == (name, 1, "blog")
            assert b"blog" in get(told["url"])[2]
            assert b"dhtctl_gateway_torrents 1\n" in get(f"{told['url']}metrics")[2]
            assert gateway.stop(signal.SIGINT) == 0
        # What it fetched is there in the next run, with nobody else alive.
        with Staying(tmp_path / "g", *words, DHTCTL_BOOTSTRAP=doors) as gateway:
            assert get(gateway.object()["sites"][name])[2] == b"<h1>hello</h1>"


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("serve", "--listen", "8080x"), 2, "is not HOST:PORT"),
        (("serve", "--listen", ":99"), 2, "is not HOST:PORT"),
        (("serve", "--cache-size", "big"), 2, "is not a size"),
        (("serve", "nonsense"), 2, "not an address"),
        (("serve", "--origin", "http://x/"), 2, "no NAME says what it has"),
    ],
)
def test_what_makes_no_sense(inside: Dhtctl, words: Any, code: int, why: str) -> None:
    done = inside(*words, DHTCTL_BOOTSTRAP="127.0.0.1:9")
    assert (done.code, why in done.err) == (code, True), done.err


def test_a_port_that_is_taken(inside: Dhtctl) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = inside("serve", "--listen", f"127.0.0.1:{port}", DHTCTL_BOOTSTRAP="127.0.0.1:9")
    assert (done.code, "name another with --listen" in done.err) == (1, True)


def test_words() -> None:
    assert web_address("8080") == ("127.0.0.1", 8080)
    assert web_address("[::1]:0") == ("::1", 0)
    assert [size(text) for text in ("5", "10GB", "1GiB", "1.5 mb", "2K")] == [
        5,
        10_000_000_000,
        1 << 30,
        1_500_000,
        2000,
    ]
