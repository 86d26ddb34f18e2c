"""How the files of a torrent lie in its pieces.

Pieces cut one long row of bytes, the *piece space*. In v1 the files simply follow each other in it
(BEP 3), so that a piece may hold the end of one and the beginning of the next. In v2 every file
begins at a piece of its own (BEP 52), and what is left of a file's last piece is nothing at all:
that piece is short. A hybrid torrent is both at once. Its v1 side fills the gaps with pad files
(BEP 47), which count in piece space, are all zeros, and are never written to disk; so its pieces
are whole, and the v2 hash of a file's last piece covers only its first bytes, its *payload*.

==========  ===========================  ========================================
version     short pieces                 ``payload_size`` less than ``piece_size``
==========  ===========================  ========================================
v1          the torrent's last           (there is no v2 hash)
v2          the last of every file       never
hybrid      the torrent's last           in the last piece of every file
==========  ===========================  ========================================
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from enum import Flag
from typing import TYPE_CHECKING

from torrent.core.metainfo.merkle import BLOCK, width_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from torrent.core.metainfo.paths import SafePath


class Version(Flag):
    """Which protocol versions a torrent is made for (BEP 52, "Upgrade Path")."""

    V1 = 1
    V2 = 2
    HYBRID = 3


@dataclass(frozen=True, slots=True)
class File:
    """One file of a torrent.

    Attributes:
        path: Where it goes, under the directory the torrent is downloaded to. In a torrent of
            several files it begins with the torrent's name.
        length: Bytes.
        offset: Where it begins in piece space.
        pad: It only fills a piece with zeros, and is never written (BEP 47, attribute ``p``).
        executable: It may be run (``x``).
        hidden: It is hidden (``h``).
        symlink: It is a link to this path, under the same directory as ``path``; always a file or
            directory of this torrent. A link that pointed elsewhere points at itself here.
        pieces_root: The root of its hash tree; ``None`` in v1, and for what has no content.
    """

    path: SafePath
    length: int
    offset: int
    pad: bool = False
    executable: bool = False
    hidden: bool = False
    symlink: SafePath | None = None
    pieces_root: bytes | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of a torrent, its pieces, and the way from one to the other.

    Attributes:
        name: What the torrent calls itself: its directory, or its only file.
        files: In the order of piece space, pads among them.
        piece_length: Bytes of a piece that is not short.
        version: v1, v2, or both.
        length: Bytes of piece space, pads and gaps between files included.
        size: Bytes of files, pads left out.
        piece_count: Pieces.
    """

    name: str
    files: tuple[File, ...]
    piece_length: int
    version: Version
    length: int = field(init=False)
    size: int = field(init=False)
    piece_count: int = field(init=False)
    _indices: list[int] = field(init=False, repr=False, compare=False)
    _offsets: list[int] = field(init=False, repr=False, compare=False)
    _payloads: dict[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compute once what is asked for with every block."""
        filled = [index for index, file in enumerate(self.files) if file.length]
        last = self.files[filled[-1]] if filled else None
        length = last.offset + last.length if last else 0
        put = object.__setattr__
        put(self, "length", length)
        put(self, "size", sum(file.length for file in self.files if not file.pad))
        put(self, "piece_count", -(-length // self.piece_length))
        put(self, "_indices", filled)
        put(self, "_offsets", [self.files[index].offset for index in filled])
        put(self, "_payloads", dict(self._short_payloads()) if self.is_v2 else {})

    def _short_payloads(self) -> Iterator[tuple[int, int]]:
        """The last pieces of files that do not end with their piece, and the bytes they hold."""
        for index in self._indices:
            file = self.files[index]
            rest = file.length % self.piece_length
            if rest and not file.pad:
                yield (file.offset + file.length) // self.piece_length, rest

    @property
    def is_v1(self) -> bool:
        """Whether pieces have SHA-1 hashes."""
        return Version.V1 in self.version

    @property
    def is_v2(self) -> bool:
        """Whether files have hash trees."""
        return Version.V2 in self.version

    @property
    def multifile(self) -> bool:
        """Whether the files are in a directory of the torrent's name."""
        return len(self.files) > 1 or len(self.files[0].path.parts) > 1

    def piece_size(self, piece: int) -> int:
        """Bytes of a piece, on the wire and under its v1 hash.

        Raises:
            IndexError: The torrent has no such piece.
        """
        self._check(piece)
        if not self.is_v1:
            return self._payloads.get(piece, self.piece_length)
        return min(self.piece_length, self.length - piece * self.piece_length)

    @property
    def short_pieces(self) -> Collection[int]:
        """The pieces that may hold less than others: the ends of files in v2, else the last."""
        return self._payloads if self.is_v2 else range(self.piece_count)[-1:]

    def payload_size(self, piece: int) -> int:
        """Bytes of a piece under its v2 hash: the piece without padding.

        Raises:
            IndexError: The torrent has no such piece.
        """
        size = self.piece_size(piece)
        return min(size, self._payloads.get(piece, size))

    def block_count(self, piece: int) -> int:
        """Blocks of 16 KiB that are asked for in a piece; its last one may be shorter.

        What follows them in a hybrid is padding, known to be zeros (BEP 47).
        """
        return -(-self.payload_size(piece) // BLOCK)

    def file_at(self, piece: int) -> int:
        """The index of the file in which a piece begins; in v2 and hybrids, all of it that counts.

        Raises:
            IndexError: The torrent has no such piece.
        """
        self._check(piece)
        return self._indices[bisect_right(self._offsets, piece * self.piece_length) - 1]

    def leaf_width(self, piece: int) -> int:
        """Leaves of the tree over one piece, padding included (BEP 52).

        In a file of one piece or less, a power of two that holds it; else those of a whole piece.
        """
        length = self.files[self.file_at(piece)].length
        return width_of(-(-min(length, self.piece_length) // BLOCK))

    def spans(self, offset: int, length: int) -> list[tuple[int, int, int]]:
        """Where some bytes of piece space are: ``(file index, offset in the file, length)`` each.

        Pads are among them (see ``files[i].pad``); files without content never are.

        Raises:
            ValueError: Some of the bytes are nowhere: past the end, or in v2 past a file's end.
        """
        found: list[tuple[int, int, int]] = []
        at = bisect_right(self._offsets, offset) - 1
        while length > 0 and 0 <= at < len(self._indices):
            index = self._indices[at]
            file = self.files[index]
            inside = offset - file.offset
            here = min(length, file.length - inside)
            if here <= 0:
                break
            found.append((index, inside, here))
            offset, length, at = offset + here, length - here, at + 1
            if length and at < len(self._offsets) and self._offsets[at] != offset:
                break
        if length:
            raise ValueError(f"{length} bytes at {offset} are not in this torrent")
        return found

    def _check(self, piece: int) -> None:
        """Catch the mistake of a caller; what peers ask for was compared before."""
        if not 0 <= piece < self.piece_count:
            raise IndexError(f"there is no piece {piece} among {self.piece_count}")
