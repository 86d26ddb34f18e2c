"""A directory, as it is at one moment, as a version that can be published.

What is published is a copy, on a shelf (:mod:`.shelf`), of which only what changed is new: people
edit their directory, and what was signed must stay what it was for as long as somebody may ask for
it. A file that an older version has is linked from there; others are copied, by the kernel and
without using room where the file system can (``copy_file_range``, reflinks).

The directory is hashed first, which tells what changed, and then the copy, which is what counts:
somebody may have been writing meanwhile, and then nothing is published.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from torrent.cdn.carrying import carry, shelf_of
from torrent.cdn.errors import SiteError
from torrent.core.metainfo import About, Metainfo, Version, read_metainfo
from torrent.io.faults import explained
from torrent.io.hashing import create
from torrent.io.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torrent.cdn.shelf import Shelf
    from torrent.core.metainfo import Info
    from torrent.io.disk import Disk

_AT_ONCE: Final = 1 << 30


class Snapshot(NamedTuple):
    """A version that is whole and verified.

    Attributes:
        metainfo: Its torrent.
        directory: Where a session seeds it from.
        looks: What its files look like from outside.
    """

    metainfo: Metainfo
    directory: Path
    looks: bytes

    @property
    def infohash(self) -> bytes:
        """What the name is to lead to."""
        return self.metainfo.info.infohashes[0]


async def take(
    disk: Disk,
    source: Path,
    shelf: Shelf,
    *,
    origin: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Snapshot:
    """Put what ``source`` holds on the shelf.

    Args:
        disk: Its threads hash.
        source: A directory.
        shelf: Where to.
        origin: A web seed.
        progress: Called with pieces hashed and pieces in all.

    Raises:
        SiteError: ``source`` is no directory, or was changed meanwhile.
        StorageError: Something cannot be read or written, or cannot be part of a torrent.
        MetainfoError: There is nothing in it, or too much.
    """
    await trio.to_thread.run_sync(_check_directory, source)
    about = About(web_seeds=(origin,) if origin else ())
    made = await create(disk, source, Version.HYBRID, about=about, progress=progress)
    metainfo = read_metainfo(made.metainfo)
    infohash = metainfo.info.infohashes[0]
    base = shelf.place(infohash)
    await trio.to_thread.run_sync(_fill, shelf, metainfo.info, made.directory, base)
    storage = Storage(disk, metainfo.info, base)
    await storage.open(create=False)
    good = await storage.check()
    await storage.close()
    if not good.full:
        # Or the next attempt would find it there, and take it for what it should be.
        await trio.to_thread.run_sync(shelf.discard, infohash)
        raise SiteError(f"{source} was changed while it was published: try again")
    await trio.to_thread.run_sync(shelf.note, infohash, metainfo)
    return Snapshot(metainfo, base, await storage.fingerprint())


def _check_directory(source: Path) -> None:
    if not source.is_dir():
        raise SiteError(f"{source} is no directory")


def _fill(shelf: Shelf, info: Info, source: Path, base: Path) -> None:
    """Link what older versions have, copy the rest."""
    with explained(base):
        base.mkdir(parents=True, exist_ok=True)
    carry(shelf_of(shelf.contents()), info, base)
    for file in info.files:
        if not file.pad:
            _bring(source.joinpath(*file.path.parts), base.joinpath(*file.path.parts))


def _bring(source: Path, target: Path) -> None:
    with explained(target):
        if os.path.lexists(target):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.symlink_to(os.readlink(source))  # noqa: PTH115 - as it is
            return
    with explained(source):
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    """Copy one file, under another name until it is whole."""
    beside = target.with_name(".part-of-a-copy")
    with source.open("rb") as whole, beside.open("wb") as part:
        while _copied(whole.fileno(), part.fileno()):
            pass
        os.fsync(part.fileno())
    beside.chmod(source.stat().st_mode & 0o777)
    beside.replace(target)


def _copied(source: int, target: int) -> int:
    """Copy some more; 0 at the end."""
    try:
        return os.copy_file_range(source, target, _AT_ONCE)
    except (OSError, AttributeError):  # Another file system, or not Linux.
        data = os.read(source, 1 << 20)
        return os.write(target, data)
