"""Real trackers on loopback, for a block's time: npm's bittorrent-tracker, Debian's opentracker."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import trio

from tests.interop.npm_node import installed_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LONG_ENOUGH = 20.0

OPENTRACKER = "127.0.0.2"
"""Not where the other one is: libtorrent remembers UDP trackers' connection ids by host alone."""


@asynccontextmanager
async def npm_tracker(known: bytes, directory: Path) -> AsyncIterator[dict[str, str]]:
    """bittorrent-tracker, which lists whatever is announced; its URLs by scheme."""
    installed = installed_at()
    if installed is None:
        pytest.skip("bittorrent-tracker is joined by `make interop`, which installs it")
    command = ["node", str(installed / "tracker.mjs")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    async with trio.open_nursery() as nursery:
        process = await nursery.start(partial(trio.run_process, command, **pipes))
        line = b""
        with trio.fail_after(LONG_ENOUGH):
            while b"\n" not in line:
                line += await process.stdout.receive_some()
        yield {kind: f"{kind}://127.0.0.1:{p}/announce" for kind, p in json.loads(line).items()}
        await process.stdin.aclose()


@asynccontextmanager
async def opentracker(known: bytes, directory: Path) -> AsyncIterator[dict[str, str]]:
    """opentracker; Debian's build only lists the torrents of a file."""
    program = os.environ.get("INTEROP_OPENTRACKER")
    if program is None:
        pytest.skip("opentracker is joined by `make interop`, where it is installed")
    furnish(directory, known)
    port = free_port()
    options = ["-i", OPENTRACKER, "-p", str(port), "-P", str(port), "-w", "known", "-d", "."]
    run = partial(trio.run_process, [program, *options], cwd=directory, check=False)
    async with trio.open_nursery() as nursery:
        process = await nursery.start(run)
        await listing(port, known)
        yield {kind: f"{kind}://{OPENTRACKER}:{port}/announce" for kind in ("http", "udp")}
        process.kill()


def furnish(directory: Path, known: bytes) -> None:
    """Write the file; root's opentracker reads it as nobody, locked into the directory."""
    for place in (directory, *directory.parents[:3]):
        place.chmod(place.stat().st_mode | 0o055)
    (directory / "known").write_text(known.hex() + "\n")


def free_port() -> int:
    """A port of TCP that is free now."""
    with socket.socket() as sock:
        sock.bind((OPENTRACKER, 0))
        port: int = sock.getsockname()[1]
        return port


async def listing(port: int, known: bytes) -> None:
    """Until opentracker lists the torrent: it reads its file after it has begun to answer."""
    query = f"info_hash={quote(known)}&peer_id={'x' * 20}&port=1&left=0&event="
    for _ in range(500):  # it tells nobody when it is ready
        if b"interval" in await get(port, f"/announce?{query}started"):
            await get(port, f"/announce?{query}stopped")
            return
        await trio.sleep(0.02)
    raise AssertionError("opentracker does not list the torrent of its file")


async def get(port: int, target: str) -> bytes:
    """What is answered to a plain request; nothing if nobody is there."""
    try:
        stream = await trio.open_tcp_stream(OPENTRACKER, port)
    except OSError:
        return b""
    async with stream:
        await stream.send_all(f"GET {target} HTTP/1.0\r\n\r\n".encode())
        return b"".join([chunk async for chunk in stream])
