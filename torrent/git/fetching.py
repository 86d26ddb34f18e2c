"""Manifests and packs come from peers: torrents like any other, but of one file each.

What is asked for was signed; what comes is hashed, piece by piece, before it is written. A manifest
is read only if its torrent is one file of a size that a manifest may have, which is looked at
before a byte of it is fetched. Packs need no metadata from anybody, since the manifest has it.

Whoever has the manifest has the packs, too, as a rule: its peers are tried first, before the DHT
has said who else there is.

Packs come in the order of their pieces, and git indexes what is verified while the rest is on its
way: it reads a pack from front to back, and takes longer over that than a good network does.

A fetch that was interrupted, by death too, goes on where it was: what lies there is hashed and not
fetched again.
"""

from __future__ import annotations

import os
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import trio

from torrent.core.metainfo import Magnet, Metainfo
from torrent.git.core.manifest import MAX_SIZE, Manifest, decode
from torrent.git.errors import ManifestError
from torrent.git.quarantine import Arriving
from torrent.io.faults import explained

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from torrent.cdn.name import Version
    from torrent.core.metainfo import Info
    from torrent.git.core.manifest import Generation
    from torrent.git.store import Store
    from torrent.io.session import Session
    from torrent.io.torrent import Torrent


class Fetcher:
    """Fetches what a name leads to into a directory.

    Args:
        session: Exchanges pieces.
        directory: Where things lie while they come.
        store: Has some of it, perhaps: what this machine publishes or mirrors.
        told: Called with each torrent that is being fetched.
    """

    def __init__(
        self,
        session: Session,
        directory: Path,
        store: Store,
        told: Callable[[Torrent], None] = lambda _: None,
    ) -> None:
        self._session = session
        self._directory = directory
        self._store = store
        self._told = told
        self._peers: tuple[tuple[str, int], ...] = ()

    async def manifest(self, version: Version) -> Manifest:
        """The manifest that a version of a name leads to.

        Raises:
            ManifestError: It leads to something else.
            TorrentError: The disk refused.
        """
        known = await trio.to_thread.run_sync(self._store.manifest, version.infohash)
        if known is not None:
            return known
        place = self._directory / version.infohash.hex()
        found, torrent = await read_manifest(self._session, version, place, self._told)
        self._peers = torrent.sharing.neighbours
        await self._session.remove(torrent)
        return found

    @asynccontextmanager
    async def packs(self, generations: Sequence[Generation]) -> AsyncIterator[list[Arriving]]:
        """Fetch these packs, all at once; each can be read from its beginning while it comes.

        Raises:
            TorrentError: The disk refused; waiting for more of them raises it too.
        """
        await trio.to_thread.run_sync(self._borrow, generations)
        torrents: list[Torrent] = []
        async with AsyncExitStack() as stack:
            stack.push_async_callback(let_go, self._session, torrents)
            for each in generations:
                source, peers = source_of(each), self._peers
                torrents.append(
                    await self._session.add(
                        source, self._directory, kept=False, sequential=True, peers=peers
                    )
                )
                self._told(torrents[-1])
            yield [
                Arriving(each, self._directory / each.file, partial(_reached, torrent, each.length))
                for each, torrent in zip(generations, torrents, strict=True)
            ]

    def _borrow(self, generations: Sequence[Generation]) -> None:
        """Take what this machine has; it is hashed like anything else."""
        with explained(self._directory):
            self._directory.mkdir(parents=True, exist_ok=True)
            for each in generations:
                if self._store.metainfo(each) is not None:
                    with suppress(OSError):  # It is there already, or lies on another disk.
                        os.link(self._store.pack(each), self._directory / each.file)


async def _reached(torrent: Torrent, length: int, at: int) -> int:
    """Wait until more than ``at`` bytes of a torrent's one file are verified; how many are."""
    await torrent.ready()
    info = await torrent.metadata()
    piece = at // info.piece_length
    await torrent.has(piece)
    while piece < info.piece_count and piece in torrent.have:
        piece += 1
    return min(piece * info.piece_length, length)


async def let_go(session: Session, torrents: Sequence[Torrent]) -> None:
    """Remove torrents from a session, cancelled or not."""
    with trio.CancelScope(shield=True):
        await trio.lowlevel.checkpoint()
        for torrent in torrents:
            await session.remove(torrent)


@asynccontextmanager
async def kept_if_whole(session: Session, torrents: Sequence[Torrent]) -> AsyncIterator[None]:
    """Let torrents go if the block does not end well: what was added to them in it, too."""
    async with AsyncExitStack() as stack:
        stack.push_async_callback(let_go, session, torrents)
        yield
        stack.pop_all()


def source_of(generation: Generation) -> Metainfo | Magnet:
    """What a session is to be asked for: of several pieces, peers must say the hashes first."""
    info = generation.info
    return Magnet.of(Metainfo(info)) if info.missing_layers else Metainfo(info)


async def read_manifest(
    session: Session, version: Version, place: Path, told: Callable[[Torrent], None]
) -> tuple[Manifest, Torrent]:
    """Fetch a manifest into a directory and read it; its torrent is left at work.

    Raises:
        ManifestError: The version leads to something else.
        TorrentError: The disk refused.
    """
    torrent = await session.add(version.link, place, select=manifest_file, kept=False)
    told(torrent)
    async with kept_if_whole(session, [torrent]):
        info = _checked(await torrent.metadata())
        await torrent.completed()
        path = trio.Path(place.joinpath(*info.files[0].path.parts))
        return decode(await path.read_bytes()), torrent


def _checked(info: Info) -> Info:
    """What may be a manifest, or an error."""
    if not manifest_file(info):
        raise ManifestError("it", "the name leads to a torrent that is no repository")
    return info


def manifest_file(info: Info) -> tuple[int, ...]:
    """The one file of a torrent that may be a manifest, as an index: 0, or nothing.

    A stranger made the torrent: it may consist of padding, or begin with it.
    """
    files = [index for index, file in enumerate(info.files) if not file.pad]
    return (0,) if files == [0] and 0 < info.files[0].length <= MAX_SIZE else ()
