"""Files that two versions have in common: taken over from the one that is here.

A v2 torrent names each file by the root of its hash tree (BEP 52), whatever it is called, wherever
it lies in the torrent, and however long the pieces are. So a file of a new version whose root and
length were in an old one *is* that file, and need not be moved over the network again.

It is taken over as a hard link, which costs no room, or a copy where the file system has none.
Nothing is believed because of it: the new version's torrent hashes all that it finds. Should the
old file be damaged, that shows; it is fetched, and written into the file that both versions share,
which is right for both, since it is what the root of both stands for.

Only files with a root are carried: of a v1 torrent, nothing says that two files are the same.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from torrent.io.faults import explained

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from torrent.core.metainfo import File, Info

_Identity: TypeAlias = tuple[bytes, int, bool]


def identity(file: File) -> _Identity | None:
    """What makes a file what it is; ``None`` if it cannot be told, or is not worth it.

    Whether it may be run is part of it: a link shares that with the file.
    """
    if file.pieces_root is None or file.pad or file.symlink is not None or not file.length:
        return None
    return file.pieces_root, file.length, file.executable


def shelf_of(versions: Iterable[tuple[Info, Path]]) -> dict[_Identity, Path]:
    """Where the files of versions lie; of several that are the same, the first."""
    found: dict[_Identity, Path] = {}
    for info, base in versions:
        for file in info.files:
            if (what := identity(file)) is not None:
                found.setdefault(what, base.joinpath(*file.path.parts))
    return found


def carry(shelf: dict[_Identity, Path], new: Info, base: Path) -> int:
    """Put what ``new`` has in common with older versions into ``base``; how many files. Blocks.

    What is there already stays. A file that is gone or no file any more is left to be fetched.

    Raises:
        StorageError: The disk refused.
    """
    return sum(
        _take(shelf[what], base, file.path.parts)
        for file in new.files
        if (what := identity(file)) is not None and what in shelf
    )


def _take(source: Path, base: Path, parts: tuple[str, ...]) -> bool:
    target = base.joinpath(*parts)
    with explained(target):
        if os.path.lexists(target) or not _is_file(source):
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError:  # Another file system, one without links, or too many of them.
            _copy(source, target)
    return True


def _copy(source: Path, target: Path) -> None:
    """Copy it under another name first: half a file must not look like one that was carried."""
    beside = target.with_name(f".{target.name[:200]}.part")
    with suppress(FileNotFoundError):
        beside.unlink()
    shutil.copy(source, beside, follow_symlinks=False)
    beside.replace(target)


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
