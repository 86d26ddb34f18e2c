"""A real browser at the gateway: its own page, and a site through it.

Needs Chromium (``INTEROP_CHROMIUM``; ``.ci/interop`` finds it). It runs without a window, without
its sandbox (that needs rights which containers lack), and asks nobody but the gateway.
"""

from __future__ import annotations

import os
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio

from dht.testing import Testnet
from tests.cdn_house import house, write
from tests.gateways import Door, opened
from tests.naming import NAME
from torrent.cdn.gateway.core.hosts import host_of
from torrent.cdn.gateway.core.route import mount_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CHROMIUM = os.environ.get("INTEROP_CHROMIUM", "")
pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not CHROMIUM, reason="INTEROP_CHROMIUM names no browser; see .ci/interop"),
]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1000,700",
    # Time for scripts, in the browser's own clock.
    "--virtual-time-budget=5000",
)
SITE = {
    "index.html": b"""<!doctype html><link rel=stylesheet href=style.css>
<h1 id=says>no script ran</h1><img id=i src=dot.svg>
<script type=module>
import {word} from "./word.mjs";
const data = await (await fetch("data.json")).json();
const part = await (await fetch("long.txt", {headers: {Range: "bytes=2-4"}})).text();
const size = getComputedStyle(says).fontSize;
says.textContent = [word, data.n, part, size, i.naturalWidth].join(" ");
</script>""",
    "style.css": b"h1 { font-size: 77px }",
    "word.mjs": b"export const word = 'hello';",
    "data.json": b'{"n": 5}',
    "long.txt": b"abcdefgh",
    "dot.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="31" height="9"></svg>',
    "docs/a & b.txt": b"plain <b>text</b>",
    "nosy.html": b"""<!doctype html><title>nosy</title><p id="out"></p><script type="module">
const ask = async (url) => {
  try { return (await fetch(url)).status; } catch (problem) { return "refused"; }
};
const other = await ask(`http://localhost:${location.port}/status.json`);
document.querySelector("#out").textContent = `root ${await ask("/dot.svg")} other ${other}`;
</script>""",
}


async def browse(url: str, home: Path, *more: str) -> str:
    """Open a page; the document as it is after its scripts."""
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={home}", *more, url]
    with trio.fail_after(60):
        done = await trio.run_process(command, capture_stdout=True, capture_stderr=True)
    return done.stdout.decode()


@asynccontextmanager
async def visited(tmp_path: Path) -> AsyncIterator[Door]:
    """A gateway to what another one publishes."""
    async with Testnet(12) as net, house(net, tmp_path / "p", 1) as publisher:
        await publisher.publish(write(tmp_path / "www", SITE))
        async with (
            house(net, tmp_path / "g", 5) as owner,
            opened(owner.session, owner.names, tmp_path / "g", owner.memory, only=[NAME]) as door,
        ):
            yield door


async def test_a_site_works_in_a_browser(tmp_path: Path) -> None:
    async with visited(tmp_path) as door:
        root = f"http://localhost:{door.address[1]}{mount_of(NAME)}"
        shown = await browse(f"{root}/", tmp_path / "c1", "--dump-dom")
        assert "hello 5 cde 77px 31" in shown
        listed = await browse(f"{root}/docs/", tmp_path / "c2", "--dump-dom")
        assert ">a &amp; b.txt</a>" in listed
        text = await browse(f"{root}/docs/a%20%26%20b.txt", tmp_path / "c3", "--dump-dom")
        assert "&lt;b&gt;text&lt;/b&gt;" in text


async def test_a_site_at_a_host_of_its_own_is_by_itself(tmp_path: Path) -> None:
    """Nobody told the browser where that host is; and below a path, all sites are one."""
    async with visited(tmp_path) as door:
        port = door.address[1]
        own = await browse(
            f"http://{host_of(NAME)}:{port}/nosy.html", tmp_path / "c1", "--dump-dom"
        )
        assert "root 200 other refused" in own
        shared = f"http://localhost:{port}{mount_of(NAME)}/nosy.html"
        assert "root 404 other 200" in await browse(shared, tmp_path / "c2", "--dump-dom")


async def test_the_page_shows_what_is_served(tmp_path: Path) -> None:
    """Drawn, and drawn again by its script: the policy lets it, and nothing else."""
    async with visited(tmp_path) as door:
        url = f"http://127.0.0.1:{door.address[1]}"
        await door.ask(f"{mount_of(NAME)}/long.txt")
        before = door.gateway.counts.requests[200]
        picture = tmp_path / "page.png"
        shown = await browse(f"{url}/", tmp_path / "c", "--dump-dom", f"--screenshot={picture}")
        assert re.search(r'<a href="/btpk/k51[^"]*~site/">site</a>', shown)
        assert "version 1" in shown
        # It asked again by itself at least once, and its table was put in the page.
        assert door.gateway.counts.requests[200] >= before + 2
        assert "does not answer" not in shown.partition("</style>")[2].partition("<main")[2]
        if where := os.environ.get("INTEROP_PICTURES"):
            await trio.Path(picture).rename(trio.Path(where) / "gateway.png")
