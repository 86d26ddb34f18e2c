"""Somebody with a state directory, a node, a session and names: a publisher, or a mirror."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from tests.naming import KEY, NAME
from torrent.cdn.memory import Memory
from torrent.cdn.mirror import Mirror
from torrent.cdn.names import Names
from torrent.cdn.shelf import Shelf
from torrent.cdn.site import Snapshot, take
from torrent.io.disk import Disk
from torrent.io.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from dht.node.node import Node
    from dht.testing import Testnet
    from torrent.cdn.name import Version

PATIENCE = 60.0


@dataclass
class House:
    """What one participant has."""

    home: Path
    node: Node
    session: Session
    memory: Memory
    names: Names

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.home / "shelf", NAME, self.memory)

    async def snapshot(self, source: Path, **more: Any) -> Snapshot:
        async with Disk() as disk:
            return await take(disk, source, self.shelf, **more)

    async def publish(self, source: Path, **more: Any) -> Version:
        """Publish a directory and seed it."""
        made = await self.snapshot(source)
        torrent = await self.session.add(made.metainfo, made.directory, intact=True)
        await torrent.ready()
        version = await self.names.publish(KEY, NAME.salt, made.infohash, **more)
        self.shelf.add(version.seq, made.infohash)
        return version

    def mirror(self, **more: Any) -> Mirror:
        return Mirror(self.session, self.names, self.memory, NAME, self.home / "site", **more)

    async def follow(self, **more: Any) -> Version:
        """Adopt the newest version, once."""
        with trio.fail_after(PATIENCE):
            version = await self.names.resolve(NAME, fresh=True)
            await self.mirror(**more).adopt(version)
        return version

    def seen(self) -> dict[str, bytes]:
        """What a visitor of the mirror sees."""
        return tree(self.home / "site")


@asynccontextmanager
async def house(
    net: Testnet, home: Path, number: int, *, upload: float = math.inf, **more: Any
) -> AsyncIterator[House]:
    """One participant; ``number`` is its node of the network."""
    await trio.Path(home).mkdir(exist_ok=True)
    node = net.node(number)
    here = ((node.addresses[0][0], 0),)
    with Memory.open(home / "state") as memory:
        async with (
            Session(
                node=node, listen=here, state=home / "state", same_host=True, upload=upload
            ) as session,
            Names(node, memory, **more) as names,
        ):
            yield House(home, node, session, memory, names)


def write(root: Path, files: Mapping[str, bytes]) -> Path:
    """Make a directory hold these files."""
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def tree(root: Path) -> dict[str, bytes]:
    """All that can be seen below a directory."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
