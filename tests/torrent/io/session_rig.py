"""A download to be killed: ``session_rig.py TORRENT STATE DIRECTORY PORT``.

A whole session that takes up what the state remembers, or begins. It prints a line when it has
looked at its files, one with the time for each piece that is verified and on disk, and one when
all is; on a pipe that outlives it.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from torrent.core.effects import Completed, Passed
from torrent.io.session import Session

if TYPE_CHECKING:
    from torrent.io.torrent import Torrent


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


async def taken_up(session: Session, metainfo: str, directory: str) -> Torrent:
    for torrent in await session.restore():
        return torrent
    return await session.add(Path(metainfo), directory)


async def run(metainfo: str, state: str, directory: str, port: str) -> None:
    async with Session(listen=(("127.0.0.1", 0),), state=Path(state), same_host=True) as session:
        torrent = await taken_up(session, metainfo, directory)
        events = torrent.events()
        await torrent.ready()
        say(f"began {session.port} {len(torrent.have)}")
        if torrent.complete:
            say("complete")
        torrent.add_peers([("127.0.0.1", int(port))])
        async for event in events:
            if isinstance(event, Passed):
                say(f"{event.piece} {time.monotonic()}")
            elif isinstance(event, Completed):
                say("complete")


if __name__ == "__main__":
    trio.run(run, *sys.argv[1:])
