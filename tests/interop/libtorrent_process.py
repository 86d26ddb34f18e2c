"""A libtorrent peer in a process of its own, as an awaitable object; see ``libtorrent_peer``."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LONG_ENOUGH = 40.0
"""Seconds for any one thing asked of it."""


class LibtorrentPeer:
    """One session of libtorrent's on loopback."""

    def __init__(self, process: trio.Process, host: str) -> None:
        self._process = process
        self._rest = bytearray()
        self.host = host
        self.port = 0

    @property
    def endpoint(self) -> tuple[str, int]:
        """Where it listens."""
        return self.host, self.port

    async def ask(self, what: str, **job: Any) -> dict[str, Any]:
        """Have it do something; what it answers."""
        assert self._process.stdin is not None
        with trio.fail_after(LONG_ENOUGH):
            await self._process.stdin.send_all(json.dumps({"do": what, **job}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(await self._line())
        return answer

    async def add(self, source: Path | str, directory: Path) -> dict[str, Any]:
        """Add a torrent file, or a magnet link, and wait until its files are checked."""
        kind = "magnet" if isinstance(source, str) else "torrent"
        return await self.ask("add", **{kind: str(source)}, directory=str(directory))

    async def complete(self) -> None:
        """Wait until it has everything, in its files."""
        answer = await self.ask("wait", seconds=LONG_ENOUGH - 5)
        assert answer["complete"], answer
        assert (await self.ask("flush"))["flushed"]

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        while b"\n" not in self._rest:
            more = await self._process.stdout.receive_some()
            assert more, f"libtorrent's process ended with {self._process.poll()}"
            self._rest += more
        line, _, rest = bytes(self._rest).partition(b"\n")
        self._rest = bytearray(rest)
        return line


@asynccontextmanager
async def libtorrent_peer(
    host: str = "127.0.0.1", **settings: Any
) -> AsyncIterator[LibtorrentPeer]:
    """A peer of libtorrent's that listens on ``host``; ``settings`` go to its session."""
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(
            partial(
                trio.run_process,
                [sys.executable, "-m", "tests.interop.libtorrent_peer"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
        peer = LibtorrentPeer(process, host)
        peer.port = (await peer.ask("open", host=host, settings=settings))["port"]
        yield peer
        nursery.cancel_scope.cancel()
