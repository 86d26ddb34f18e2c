"""Counting the replicas of what is published from a state directory, for as long as one stays."""

from __future__ import annotations

from random import SystemRandom
from typing import TYPE_CHECKING, Final

import trio

from torrent.cdn.memory import Memory
from torrent.cdn.replicas import EVERY, Held, Replicas
from torrent.cdn.shelf import Shelf
from torrent.git.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from cli.context import Context
    from dht.node.node import Node
    from torrent.cdn.memory import Site
    from torrent.cdn.name import Name
    from torrent.core.metainfo import Info
    from torrent.io.session import Session

_SOON: Final = 30.0
"""Seconds between looks as long as there are fewer than are wanted: a new one is soon noticed."""


def shelf_of(state: Path, name: Name, memory: Memory) -> Shelf:
    """Where the published versions of a name lie."""
    return Shelf(state / "sites" / name.key.hex(), name, memory)


async def count_replicas(context: Context, node: Node, session: Session) -> None:
    """Challenge the volunteers of every site that wants replicas, until cancelled."""
    memory = await trio.to_thread.run_sync(Memory.open, context.settings.state)
    with memory:
        replicas = Replicas(node, memory, SystemRandom(), ours=session.addresses)
        while True:
            satisfied = True
            for site in await trio.to_thread.run_sync(memory.sites):
                if site.replicas:
                    satisfied &= await _look(context, replicas, memory, site)
            await trio.sleep(EVERY if satisfied else _SOON)


def challenged(state: Path, name: Name, memory: Memory) -> Info | None:
    """What somebody must have of the newest version, to count.

    Of a repository it is the largest pack, not the manifest: a copy of that proves little.
    """
    found = next((info for info, _ in shelf_of(state, name, memory).contents()), None)
    if found is not None:
        return found
    store = Store(state, name, memory)
    for version in store.versions.versions():
        manifest = store.manifest(version.infohash)
        if manifest is not None and manifest.generations:
            largest = max(manifest.generations, key=lambda each: each.length)
            metainfo = store.metainfo(largest)
            return None if metainfo is None else metainfo.info
    return None


async def _look(context: Context, replicas: Replicas, memory: Memory, site: Site) -> bool:
    """Look at one site; whether it has as many replicas as it should."""
    info = await trio.to_thread.run_sync(challenged, context.settings.state, site.name, memory)
    if info is None:
        return True
    before = await trio.to_thread.run_sync(memory.volunteers, site.name)
    after = await replicas.look(Held(site.name, info))
    counted = sum(each.counts for each in after)
    if counted != sum(each.counts for each in before):
        context.out.note(
            f"{site.name}: {counted} of {site.replicas} replicas",
            "replicas",
            name=str(site.name),
            replicas=counted,
            wanted=site.replicas,
        )
    return counted >= site.replicas
