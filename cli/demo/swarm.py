"""A swarm: one node seeds a file, three fetch it, and no tracker knows of it.

Each is a session of the piece exchange as it ships, beside a node of the test network, in whose
neighbourhood it lives: it listens at its node's address, and all it ever learns of the others it
learns from the DHT, or from a peer that it found there.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from cli.demo.stage import Done
from cli.demo.trials import expect
from cli.tables import duration, rate, size
from torrent.core.metainfo import Magnet, read_metainfo
from torrent.io.disk import Disk
from torrent.io.hashing import create
from torrent.io.session import Session

if TYPE_CHECKING:
    from dht.node.node import Node
    from dht.testing import Testnet

SIZE: Final = 64 << 20
PATIENCE: Final = 30.0
"""Seconds that all of it may take."""
_LEECHERS: Final = 3
_NAME: Final = "film"
_POOL: Final = 16 << 20
"""Bytes of pieces that each may have in memory: four of them share this machine."""
UPLINK: Final = 24 << 20
"""Bytes a second that the seed may send: so few that it alone would need 8 s for all three."""


async def play(net: Testnet) -> Done:
    """Make a file, seed it, fetch it three times, compare, and tell how fast that was."""
    seeder, *leechers = net.rng.sample(net.nodes, min(1 + _LEECHERS, len(net.nodes)))
    with tempfile.TemporaryDirectory(prefix="dhtctl-demo-") as home:
        root = Path(home)
        content = net.rng.randbytes(SIZE)
        await trio.Path(root / _NAME).write_bytes(content)
        async with Disk() as disk:
            made = await create(disk, root / _NAME)
        async with AsyncExitStack() as stack:
            seed = await stack.enter_async_context(_session(seeder, UPLINK))
            torrent = await seed.add(made.metainfo, root, intact=True)
            # Announced by now, which is what those who look for it need.
            await seeder.provide(torrent.infohashes[0], seed.port, seed=True)
            sessions = [await stack.enter_async_context(_session(node)) for node in leechers]
            link = str(Magnet.of(read_metainfo(made.metainfo)))
            elapsed = await _fetched(sessions, link, root)
            relayed = torrent.statistics().uploaded
        await _compare(root, len(leechers), hashlib.sha256(content).digest())
    total = SIZE * len(leechers)
    return Done(
        f"{len(leechers)} fetch {size(SIZE)} each in {duration(elapsed)}: "
        f"{rate(total / elapsed)} in all,\n"
        f"            {100 - 100 * relayed // total} % of it from each other",
        facts={
            "size_bytes": SIZE,
            "leechers": len(leechers),
            "transfer_s": round(elapsed, 3),
            "bytes_per_s": round(total / elapsed),
            "seed_sent_bytes": relayed,
        },
    )


def _session(node: Node, upload: float = math.inf) -> Session:
    """The piece exchange beside a node."""
    here = ((str(node.addresses[0][0]), 0),)
    return Session(node=node, listen=here, same_host=True, pool=_POOL, upload=upload)


async def _fetched(sessions: list[Session], link: str, root: Path) -> float:
    """Let each fetch it; how many seconds the last one took, from the link to the disk."""
    begun = trio.current_time()
    async with trio.open_nursery() as nursery:
        for number, session in enumerate(sessions, 1):
            torrent = await session.add(link, root / str(number))
            nursery.start_soon(torrent.completed)
    return trio.current_time() - begun


async def _compare(root: Path, leechers: int, digest: bytes) -> None:
    """Insist that each has every byte."""
    for number in range(1, leechers + 1):
        got = await trio.Path(root / str(number) / _NAME).read_bytes()
        expect(hashlib.sha256(got).digest() == digest, "the file", got[:20])
