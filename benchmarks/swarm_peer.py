"""One of our peers in a process of its own, driven by the same JSON lines as libtorrent's.

Run as ``python -m benchmarks.swarm_peer``; see :mod:`tests.interop.libtorrent_peer` for what it is
told. It is the whole session with its defaults, but no sources of peers other than those it is
given and those that peers name to each other: as its rival.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import trio

from torrent.io.session import Session

if TYPE_CHECKING:
    from torrent.io.torrent import Torrent


class Peer:
    """One session with one torrent."""

    def __init__(self, host: str) -> None:
        self.session = Session(listen=((host, 0),), trackers=False, web_seeds=False)
        self.torrent: Torrent
        self.since = time.monotonic()

    async def add(self, job: dict[str, Any]) -> dict[str, Any]:
        """Take part in a torrent; answers when its files are open."""
        self.torrent = await self.session.add(job["torrent"], job["directory"])
        await self.torrent.opened()
        return {}

    async def connect(self, job: dict[str, Any]) -> dict[str, Any]:
        """Tell it of peers."""
        self.since = time.monotonic()
        self.torrent.add_peers([(host, port) for host, port in job["peers"]])
        await trio.lowlevel.checkpoint()
        return {}

    async def wait(self, job: dict[str, Any]) -> dict[str, Any]:
        """Wait until it is complete."""
        with trio.move_on_after(job["seconds"]):
            await self.torrent.completed()
            return {"complete": True, "seconds": time.monotonic() - self.since}
        return {"complete": False}

    async def status(self, _job: dict[str, Any]) -> dict[str, Any]:
        """What it has moved."""
        await trio.lowlevel.checkpoint()
        now = self.torrent.statistics()
        figures = {name: getattr(now, name) for name in ("uploaded", "downloaded", "wasted")}
        return {"torrents": [figures]}


async def serve() -> None:
    """Do what stdin says until it ends."""
    lines = trio.wrap_file(sys.stdin)
    opening = json.loads(await lines.readline())
    peer = Peer(opening["host"])
    async with peer.session:
        print(json.dumps({"port": peer.session.port}), flush=True)
        async for line in lines:
            job = json.loads(line)
            print(json.dumps(await getattr(peer, job.pop("do"))(job)), flush=True)


if __name__ == "__main__":
    trio.run(serve)
