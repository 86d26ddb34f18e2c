"""The gateway of (i), in a process of its own: serves a directory until its stdin ends.

Asked with ``{"directory": ..., "state": ...}`` it answers with its port and the path of the root.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import trio

from torrent.cdn.gateway.gateway import Gateway
from torrent.cdn.gateway.library import Library
from torrent.cdn.memory import Memory
from torrent.cdn.names import Names
from torrent.io.session import Session


async def serve() -> None:
    """Serve what the first line says."""
    job = json.loads(await trio.to_thread.run_sync(sys.stdin.readline))
    home = Path(job["state"])
    with Memory.open(home / "names") as memory:
        async with (
            Session(listen=(("127.0.0.1", 0),), state=home / "session") as session,
            Names(None, memory) as names,  # type: ignore[arg-type] - no name is asked for
            Library(session, home / "cache", memory) as library,
            trio.open_nursery() as nursery,
        ):
            torrent = await session.create(job["directory"])
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            await nursery.start(Gateway(library, names).run, listeners)
            port = listeners[0].socket.getsockname()[1]
            root = f"/btih/{torrent.infohashes[0].hex()}"
            print(json.dumps({"port": port, "root": root}), flush=True)
            await trio.to_thread.run_sync(sys.stdin.read)
            nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(serve)
