"""Comparing files on disk with their torrent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cli.errors import CommandError
from cli.evidence import count
from torrent.io.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cli.output import Output
    from torrent.core.bitfield import Bitfield
    from torrent.core.metainfo import Info
    from torrent.io.disk import Disk

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with one file.

    Attributes:
        index: Which.
        path: Where it lies, or should.
        missing: It is not there at all.
        bad: The pieces that touch it and are not what they should be.
        pieces: How many touch it.
    """

    index: int
    path: Path
    missing: bool
    bad: tuple[int, ...]
    pieces: int

    def __str__(self) -> str:
        if self.missing:
            return f"{self.path}: missing"
        return f"{self.path}: {len(self.bad)} of {count(self.pieces, 'piece')} bad ({self._which})"

    @property
    def _which(self) -> str:
        shown = ranges(self.bad)
        more = f", and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
        return ", ".join(shown[:_SHOWN]) + more

    def facts(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "index": self.index,
            "path": str(self.path),
            "missing": self.missing,
            "bad_pieces": list(self.bad),
            "pieces": self.pieces,
        }


def ranges(numbers: Iterable[int]) -> list[str]:
    """Ascending numbers as people write them: '4', '7-9'."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return [f"{first}" if first == last else f"{first}-{last}" for first, last in runs]


async def check(out: Output, disk: Disk, info: Info, directory: Path) -> tuple[Storage, Bitfield]:
    """Hash all pieces of a torrent whose files are in ``directory``; which are good.

    The storage is closed.

    Raises:
        StorageError: A file cannot be read.
        CommandError: There is nothing that it could be compared with.
    """
    missing = () if info.is_v1 else info.missing_layers
    if missing:
        raise CommandError(
            f"{info.name} cannot be checked: the torrent has no piece layer (BEP 52) of "
            f"{count(len(missing), 'file')}",
            hint="peers have it: fetch its magnet link to where the data is, then verify that",
        )
    storage = Storage(disk, info, directory)
    with out.progress(f"checking {info.name}") as progress:
        await storage.open(create=False)
        good = await storage.check(
            progress=lambda done: progress.update("pieces", done, info.piece_count)
        )
    await storage.close()
    return storage, good


def damages(info: Info, directory: Path, good: Bitfield) -> list[Damage]:
    """What is wrong with which files, in their order."""
    found = []
    for index, file in enumerate(info.files):
        if file.pad or file.symlink is not None:
            continue
        path = directory / str(file.path)
        missing = not path.exists()
        touching = range(0)
        if file.length:
            last = (file.offset + file.length - 1) // info.piece_length
            touching = range(file.offset // info.piece_length, last + 1)
        bad = tuple(piece for piece in touching if piece not in good)
        if bad or missing:
            found.append(Damage(index, path, missing, bad, len(touching)))
    return found
