"""A node of npm's bittorrent-dht on loopback: a Node.js process that is spoken to in JSON lines."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PEER = "peer.mjs"
LONG_ENOUGH = 20.0


def installed_at() -> Path | None:
    """Where `make interop` installed the package; None outside of it."""
    directory = os.environ.get("INTEROP_NPM")
    return Path(directory) if directory else None


needs_npm = pytest.mark.skipif(
    installed_at() is None, reason="bittorrent-dht is joined by `make interop`, which installs it"
)


@asynccontextmanager
async def npm_node(directory: Path, host: str) -> AsyncIterator[NpmNode]:
    """Run a node listening on ``host`` until the block ends."""
    async with trio.open_nursery() as nursery:
        command = ["node", str(directory / PEER), host]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = await nursery.start(partial(trio.run_process, command, **pipes))
        node = NpmNode(process)
        with trio.fail_after(LONG_ENOUGH):
            hello = await node.read()
        node.address = (hello["listening"]["address"], hello["listening"]["port"])
        yield node
        await process.stdin.aclose()  # which ends it


class NpmNode:
    """One running node; a request is answered before the next is sent."""

    address: tuple[str, int]

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._buffer = b""
        self._last = 0

    async def read(self) -> dict[str, Any]:
        """The next line it says."""
        assert self._process.stdout is not None
        while b"\n" not in self._buffer:
            data = await self._process.stdout.receive_some()
            if not data:
                raise EOFError("the node process has ended")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def ask(self, verb: str, **options: Any) -> dict[str, Any]:
        """Have it do ``verb``; its answer.

        Raises:
            RuntimeError: It says that it failed.
        """
        assert self._process.stdin is not None
        self._last += 1
        request = {"id": self._last, "verb": verb, **options}
        await self._process.stdin.send_all(json.dumps(request).encode() + b"\n")
        with trio.fail_after(LONG_ENOUGH):
            answer = await self.read()
        if "error" in answer:
            raise RuntimeError(answer["error"])
        assert answer.pop("id") == self._last
        return answer
