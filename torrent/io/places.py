"""Where on disk each byte of piece space lies: in its file, in the part file, or nowhere.

A file that is not wanted is not created. But pieces of a v1 torrent run across the borders of
files, and to verify one, or to serve it, all of its bytes are needed. Those that belong to a file
which does not exist go to the *part file*, one hidden file for each torrent.

The part file needs no index, and so none that could be torn: for every file it has a region for the
bytes it shares pieces with its neighbours, the end of the piece it begins in and the beginning of
the piece it ends in, all regions in a row. Where a byte lies in it follows from the torrent alone,
whatever is selected. What is not in use is a hole and takes no room.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from torrent.core.metainfo import Info, Layout

PARTS: Final = -1
"""The part file, in the place of a file's index."""
PAD: Final = -2
"""Padding: zeros that are stored nowhere (BEP 47)."""
NOWHERE: Final = -3
"""In the midst of a file that was never wanted: no piece there is asked for, or can be kept."""


def parts_name(info: Info) -> str:
    """The part file's name: hidden, and of this torrent alone."""
    return f".{info.infohashes[0].hex()}.parts"


class Place(NamedTuple):
    """Some bytes on disk.

    Attributes:
        file: Index of the file, or :data:`PARTS`, :data:`PAD`, :data:`NOWHERE`.
        offset: Where in that file they begin.
        length: How many.
    """

    file: int
    offset: int
    length: int


class Region(NamedTuple):
    """Where the part file keeps the ends of one file: first ``head`` bytes, then ``tail``."""

    offset: int
    head: int
    tail: int


class Places:
    """Where the bytes of one torrent lie.

    Attributes:
        info: The torrent, or a draft of one.
        present: For every file, whether its bytes go into it (1) or into the part file (0).
    """

    def __init__(self, info: Layout, parts: str = "") -> None:
        """Begin with no file present; ``parts`` is what the part file is called."""
        self.info: Final = info
        self._parts: Final = (parts,)
        self.present: Final = bytearray(len(info.files))
        self._regions: list[Region] | None = None
        self._recent: dict[int, list[Place]] = {}

    def names(self, index: int) -> tuple[str, ...]:
        """The path of a file below the download directory; of the part file, too."""
        return self._parts if index == PARTS else self.info.files[index].path.parts

    def changed(self) -> None:
        """Say that ``present`` was changed."""
        self._recent.clear()

    @property
    def regions(self) -> list[Region]:
        """The part file's regions, by file; computed when first needed, which is seldom."""
        if self._regions is None:
            ends = [self._ends(index) for index in range(len(self.info.files))]
            starts = accumulate((head + tail for head, tail in ends), initial=0)
            self._regions = [Region(at, *end) for at, end in zip(starts, ends, strict=False)]
        return self._regions

    def piece(self, piece: int) -> list[Place]:
        """All of one piece, in order. The last few are remembered: blocks come in rows."""
        found = self._recent.get(piece)
        if found is None:
            if len(self._recent) >= 64:  # noqa: PLR2004 - some peers, each in its own piece
                self._recent.clear()
            size = self.info.piece_size(piece)
            spans = self.info.spans(piece * self.info.piece_length, size)
            found = self._recent[piece] = [self._place(*span) for span in spans]
        return found

    def within(self, piece: int, begin: int, length: int) -> list[Place]:
        """Some bytes of one piece, in order."""
        found = []
        for file, offset, size in self.piece(piece):
            if begin < size:
                here = min(length, size - begin)
                found.append(Place(file, offset + begin, here))
                length -= here
                if not length:
                    break
            begin = max(begin - size, 0)
        return found

    def single(self, piece: int, begin: int, length: int) -> tuple[int, int]:
        """The file and offset of some bytes of one piece; ``(NOWHERE, 0)`` if several have them."""
        for file, offset, size in self.piece(piece):
            if begin < size:
                return (file, offset + begin) if begin + length <= size else (NOWHERE, 0)
            begin -= size
        return NOWHERE, 0

    def copies(self, index: int) -> list[tuple[int, int, int]]:
        """What to copy when a file is created: (offset in parts, offset in it, length) each."""
        at, head, tail = self.regions[index]
        both = [(at, 0, head), (at + head, self.info.files[index].length - tail, tail)]
        return [each for each in both if each[2]]

    def _ends(self, index: int) -> tuple[int, int]:
        """How many bytes of a file lie in the piece it begins within, and in the one it ends in."""
        file, length = self.info.files[index], self.info.piece_length
        if file.pad:
            return 0, 0
        head = min(-file.offset % length, file.length)
        return head, min((file.offset + file.length) % length, file.length - head)

    def _place(self, index: int, inside: int, length: int) -> Place:
        file = self.info.files[index]
        if file.pad:
            return Place(PAD, 0, length)
        if self.present[index]:
            return Place(index, inside, length)
        at, head, tail = self.regions[index]
        if inside + length <= head:
            return Place(PARTS, at + inside, length)
        if inside >= file.length - tail:
            return Place(PARTS, at + head + inside - (file.length - tail), length)
        return Place(NOWHERE, 0, length)
