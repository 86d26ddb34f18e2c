"""Making torrents of files: what there is, and its hashes.

The files are read once, in runs of some mebibytes, by all threads of the disk; each chunk is hashed
for v1 and v2 while it is in the processor's cache. A hybrid costs two hashes and one read.

Files that change while they are hashed would make a torrent nobody can complete, so their sizes and
times are looked at before, at every read and after.
"""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import trio

from torrent.core.metainfo import About, SafePath, Source, Version, draft, unique
from torrent.core.metainfo.merkle import root as root_of
from torrent.errors import StorageError
from torrent.io.access import Access
from torrent.io.faults import explained
from torrent.io.files import status
from torrent.io.places import Places
from torrent.io.workers import RUN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torrent.core.metainfo import Layout
    from torrent.io.disk import Disk


class Created(NamedTuple):
    """A torrent that was made.

    Attributes:
        metainfo: The torrent file.
        directory: A :class:`~torrent.io.storage.Storage` here seeds it.
    """

    metainfo: bytes
    directory: Path


async def create(
    disk: Disk,
    path: str | os.PathLike[str],
    version: Version = Version.HYBRID,
    *,
    piece_length: int | None = None,
    about: About | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Created:
    """Make a torrent file of a file, or of a directory and all in it.

    Args:
        disk: Its threads hash.
        path: What to share.
        version: Who shall understand it.
        piece_length: A power of two from 16 KiB; chosen by size if not given.
        about: Trackers and the like.
        progress: Called with pieces hashed and pieces in all.

    Raises:
        StorageError: Something cannot be read, cannot be part of a torrent, or was changed.
        MetainfoError: There is nothing in it, or too much.
    """
    base, sources = await trio.to_thread.run_sync(scan, Path(path))
    if version is Version.V2 and len(sources) == 1:
        # BEP 52 has one form for a file and for a directory with one file, and readers take it
        # for the file.
        base = (base / str(sources[0].path)).parent
        sources = [replace(sources[0], path=SafePath.of(sources[0].path.parts[-1:]))]
    plan = draft(sources, version, piece_length)
    sha1s, roots = await hash_files(disk, plan, base, progress)
    return Created(plan.torrent(sha1s, roots, about or About()), base)


def scan(path: Path) -> tuple[Path, list[Source]]:
    """The directory that ``path`` is in, and the files below it, or itself. Blocks.

    Raises:
        StorageError: One cannot be read, or cannot be in a torrent under the name it has.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
    found = list(_walk(path, (path.name,), path.parent))
    for source, name in zip(found, unique([source.path for source in found]), strict=True):
        if source.path != name:
            raise StorageError(
                f"{path.parent / str(source.path)} has a name that differs from another's only in "
                "case, which some systems cannot tell apart: rename one of them"
            )
    return path.parent, found


def _walk(path: Path, parts: tuple[str, ...], base: Path) -> Iterator[Source]:
    with explained(path):
        kind = path.lstat()
        if stat.S_ISDIR(kind.st_mode):
            for name in sorted(os.listdir(path)):  # noqa: PTH208 - names are wanted, not paths
                yield from _walk(path / name, (*parts, name), base)
        elif stat.S_ISLNK(kind.st_mode):
            yield Source(_safe(path, parts), 0, symlink=_target(path, base, parts[0]))
        elif stat.S_ISREG(kind.st_mode):
            executable = bool(kind.st_mode & stat.S_IXUSR)
            yield Source(_safe(path, parts), kind.st_size, executable=executable)
        else:
            raise StorageError(f"{path} is no file, directory or link: leave it out")


def _safe(path: Path, parts: tuple[str, ...]) -> SafePath:
    name = SafePath.of(parts)
    if name.parts != parts:
        raise StorageError(
            f"{path} cannot have this name in a torrent, since not every system could make such a "
            f"file; it would be called {name}: rename it"
        )
    return name


def _target(path: Path, base: Path, name: str) -> SafePath:
    """Where a link leads, if that is inside the torrent (BEP 47)."""
    led = os.path.normpath(path.parent / os.readlink(path))  # noqa: PTH115
    inside = Path(os.path.relpath(led, base)).parts
    if inside[:1] != (name,) or inside[1:] == () or not os.path.lexists(led):
        raise StorageError(
            f"{path} is a symbolic link to {led}, which is not part of what you share: replace it "
            "by what it points to, or leave it out"
        )
    return _safe(path, inside)


async def hash_files(
    disk: Disk,
    plan: Layout,
    base: Path,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[bytes], list[bytes]]:
    """Hash the files of a draft, which lie below ``base``.

    Returns:
        For every piece its SHA-1 (none in v2), and the root of its tree (none in v1), as
        :meth:`~torrent.core.metainfo.Draft.torrent` takes them.

    Raises:
        StorageError: One cannot be read, or was changed meanwhile.
    """
    places = Places(plan)
    places.present[:] = b"\1" * len(plan.files)
    access = Access(disk, places, base)
    each: list[tuple[bytes, bytes]] = [(b"", b"")] * plan.piece_count
    portion = max(1, RUN // plan.piece_length)
    hashed = 0

    async def hash_run(start: int) -> None:
        nonlocal hashed
        run = range(start, min(start + portion, plan.piece_count))
        each[start : run.stop] = await disk.workers.run(partial(_hash_run, access, run))
        hashed += len(run)
        if progress:
            progress(hashed, plan.piece_count)

    try:
        await disk.workers.spread(range(0, plan.piece_count, portion), hash_run)
        await trio.to_thread.run_sync(_check_unchanged, access)
    finally:
        access.release()
    return (
        [whole for whole, _ in each] if plan.is_v1 else [],
        [root for _, root in each] if plan.is_v2 else [],
    )


def _hash_run(access: Access, pieces: range) -> list[tuple[bytes, bytes]]:
    found = []
    layout = access.places.info
    for piece in pieces:
        try:
            whole, leaves = access.hashes(piece)
        except EOFError:
            raise _changed(access, layout.file_at(piece)) from None
        found.append((whole, root_of(leaves, layout.leaf_width(piece)) if leaves else b""))
    return found


def _check_unchanged(access: Access) -> None:
    for index in access.watch.take_suspects():
        raise _changed(access, index)
    for index, file in enumerate(access.places.info.files):
        if file.length and not file.pad:
            there = status(access.root, file.path.parts)
            if there is None or there.st_size != file.length:
                raise _changed(access, index)


def _changed(access: Access, index: int) -> StorageError:
    return StorageError(
        f"{access.path(index)} was changed while it was hashed: wait until whoever writes to it is "
        "done, then create the torrent again"
    )
