"""A thousand torrents seeded by one process: ``python -m benchmarks.seedboxes WHO DIRECTORY``.

``make`` lays out torrents whose files hold nothing but zeros, so that a thousand of them take no
disk, and yet every hash is true; ``ours`` and ``libtorrent`` take them up as a client does that was
closed in peace. Each speaks JSON lines and ends when stdin does.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import trio

from benchmarks.machine import pin
from torrent.core.metainfo import SafePath, Source, Version, draft

PIECE = 256 << 10
PIECES = 1000
FILES = 8
SIZE = PIECE * PIECES // FILES
HERE = (("127.0.0.1", 0),)
DHT = (("127.77.10.1", 0),)


def metainfo(number: int) -> bytes:
    """One torrent: eight files, a thousand pieces, as the average of trackers is."""
    names = [f"torrent {number:05d}/file {index}" for index in range(FILES)]
    plan = draft([Source(SafePath.of(n.split("/")), SIZE) for n in names], Version.V1, PIECE)
    return plan.torrent([hashlib.sha1(bytes(PIECE)).digest()] * PIECES, [])


def lay_out(root: Path, number: int) -> bytes:
    """Its files and its torrent file."""
    directory = root / "files" / f"torrent {number:05d}"
    directory.mkdir(parents=True)
    for index in range(FILES):
        with (directory / f"file {index}").open("wb") as file:
            file.truncate(SIZE)
    data = metainfo(number)
    (root / f"{number:05d}.torrent").write_bytes(data)
    return data


async def make(root: Path, count: int) -> None:
    """Lay out the torrents, seed them once, and leave in peace."""
    from torrent.io.session import Session

    async with Session(listen=HERE, state=root / "state") as session:
        for number in range(count):
            await session.add(lay_out(root, number), root / "files", intact=True)
        for torrent in session.torrents:
            await torrent.ready()
    say(made=count)


async def ours(root: Path, crowd: list[tuple[str, int]]) -> None:
    """Our session with its node, until stdin ends."""
    from dht import Node
    from torrent.io.session import Session

    bootstrap = tuple((host, port) for host, port in crowd[:20])
    async with Node(listen=DHT, bootstrap=bootstrap, state=root / "node", mode="server") as node:
        await node.wait_ready()
        began = time.monotonic()
        async with Session(listen=HERE, state=root / "state", node=node) as session:
            for torrent in await session.restore():
                await torrent.ready()
            seeding = sum(torrent.complete for torrent in session.torrents)
            say(seconds=time.monotonic() - began, seeding=seeding, port=session.port)
            await trio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)


def libtorrent(root: Path, crowd: list[tuple[str, int]]) -> None:
    """Libtorrent with the same, told that all of it is there."""
    import libtorrent as lt

    from tests.interop.libtorrent_peer import SETTINGS

    here = {"listen_interfaces": "127.77.11.1:0", "enable_dht": True, "dht_bootstrap_nodes": ""}
    limits = {"active_seeds": 10_000, "active_limit": 20_000, "connections_limit": 200}
    session = lt.session({**SETTINGS, **here, **limits})
    for address in crowd[:20]:
        session.add_dht_node(tuple(address))
    began = time.monotonic()
    for path in sorted(root.glob("*.torrent")):
        params = lt.load_torrent_file(str(path))
        params.save_path = str(root / "files")
        managed = lt.torrent_flags.auto_managed | lt.torrent_flags.paused
        params.flags = (params.flags & ~managed) | lt.torrent_flags.seed_mode
        session.add_torrent(params)
    while not all(handle.status().is_seeding for handle in session.get_torrents()):
        time.sleep(0.01)
    seconds = time.monotonic() - began
    say(seconds=seconds, seeding=len(session.get_torrents()), port=session.listen_port())
    sys.stdin.read()


def say(**fields: Any) -> None:
    """Print a JSON line."""
    print(json.dumps(fields), flush=True)


def main() -> None:
    """Be who the command line says."""
    pin(0)
    who, root = sys.argv[1], Path(sys.argv[2])
    told = json.loads(sys.stdin.readline())
    if who == "make":
        trio.run(make, root, told)
    elif who == "ours":
        trio.run(ours, root, told)
    else:
        libtorrent(root, told)


if __name__ == "__main__":
    main()
