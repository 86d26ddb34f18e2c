"""aria2 on loopback, in a process of its own: it finds peers by trackers alone."""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ARIA2 = os.environ.get("INTEROP_ARIA2")

needs_aria2 = pytest.mark.skipif(
    ARIA2 is None, reason="aria2 is joined by `make interop`, in a namespace of its own"
)

OPTIONS = (
    "--no-conf=true",
    # Its UDP trackers only work with it; it knows nobody to ask.
    "--enable-dht=true",
    "--enable-dht6=false",
    "--bt-enable-lpd=false",
    "--enable-peer-exchange=false",
    "--disable-ipv6=true",
    "--interface=127.0.0.1",
    "--allow-overwrite=true",
    "--file-allocation=none",
    "--bt-min-crypto-level=plain",
    "--bt-require-crypto=false",
    "--bt-tracker-interval=1",
    "--seed-ratio=0",
    "--seed-time=10",
    "--check-integrity=true",
    "--summary-interval=0",
    "--console-log-level=warn",
)


def free_port() -> int:
    """A port that is free for TCP and for UDP now."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@asynccontextmanager
async def aria2(torrent: Path, directory: Path) -> AsyncIterator[trio.Process]:
    """aria2 at work on a torrent file, until the block ends; what is there already is checked."""
    assert ARIA2 is not None
    port = free_port()
    ports = (f"--listen-port={port}", f"--dht-listen-port={port}")
    known = f"--dht-file-path={torrent.with_suffix('.dat')}"
    command = [ARIA2, *OPTIONS, *ports, known, "-d", str(directory), str(torrent)]
    # Colours and a bar would be all it prints; what it refuses is worth reading.
    run = partial(trio.run_process, command, check=False, stdout=subprocess.DEVNULL)
    async with trio.open_nursery() as nursery:
        process = await nursery.start(run)
        yield process
        process.kill()
