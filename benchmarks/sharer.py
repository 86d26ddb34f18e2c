"""Our BitTorrent peer as a process: a whole session, a DHT node beside it, JSON lines between.

Run as ``python -m benchmarks.sharer``. It takes the same orders on stdin as
:mod:`tests.interop.libtorrent_peer`, as far as a transfer needs them, so that whoever measures
treats both alike:

``{"do": "open", "host": ..., "bootstrap": [[HOST, PORT], ...]}``
    Start node and session; answers with the session's port and the node's.
``{"do": "add", "torrent": PATH, "directory": DIR}``
    Add a torrent; answers when its files are made or checked.
``{"do": "connect", "peers": [[HOST, PORT], ...]}``
    Name peers; answers at once.
``{"do": "wait", "seconds": S}``
    Wait until it is complete.
``{"do": "flush"}``
    Nothing: what is complete has been written.
"""

from __future__ import annotations

import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from dht import Node
from torrent.io.session import Session

if TYPE_CHECKING:
    from torrent.io.torrent import Torrent


class Sharer:
    """One session of ours; see the module for what it can be told."""

    session: Session
    torrent: Torrent

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def open(self, job: dict[str, Any]) -> dict[str, Any]:
        """Start."""
        host, others = job["host"], tuple(map(tuple, job["bootstrap"]))
        node = await self._stack.enter_async_context(
            Node(listen=((host, 0),), bootstrap=others, mode="server")
        )
        listen = ((host, 0),)
        self.session = await self._stack.enter_async_context(
            Session(node=node, listen=listen, same_host=True)
        )
        return {"port": self.session.port, "node": node.addresses[0]}

    async def add(self, job: dict[str, Any]) -> dict[str, Any]:
        """Take the torrent and look at its files."""
        self.torrent = await self.session.add(Path(job["torrent"]), job["directory"])
        await self.torrent.ready()
        return {}

    async def connect(self, job: dict[str, Any]) -> dict[str, Any]:
        """Hear of peers."""
        self.torrent.add_peers([(host, port) for host, port in job["peers"]])
        await trio.lowlevel.checkpoint()
        return {}

    async def wait(self, job: dict[str, Any]) -> dict[str, Any]:
        """Wait for the end."""
        with trio.move_on_after(job["seconds"]):
            await self.torrent.completed()
        return {"complete": self.torrent.complete}

    async def flush(self, _job: dict[str, Any]) -> dict[str, Any]:
        """Be asked what libtorrent is asked, too."""
        await trio.lowlevel.checkpoint()
        return {"flushed": self.torrent.complete}


async def main() -> None:
    """Do what stdin says until it ends."""
    async with AsyncExitStack() as stack:
        sharer = Sharer(stack)
        while line := await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True):
            job = json.loads(line)
            print(json.dumps(await getattr(sharer, job.pop("do"))(job)), flush=True)


if __name__ == "__main__":
    trio.run(main)
