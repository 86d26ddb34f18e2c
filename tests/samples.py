"""Small torrents of every version, made in memory, with their data in piece space."""

from __future__ import annotations

import hashlib
from random import Random
from typing import TYPE_CHECKING

from torrent.core.metainfo import Info, SafePath, Source, Version, draft, read_metainfo
from torrent.core.metainfo.merkle import leaf_hashes, root
from torrent.core.metainfo.writing import About

if TYPE_CHECKING:
    from collections.abc import Sequence


class Sample:
    """A torrent and its bytes.

    Attributes:
        info: The torrent.
        data: Piece space: files at their offsets, zeros between them.
    """

    def __init__(self, info: Info, data: bytes) -> None:
        self.info = info
        self.data = data

    def piece(self, piece: int) -> bytes:
        start = piece * self.info.piece_length
        return self.data[start : start + self.info.piece_size(piece)]

    def leaves(self, piece: int) -> tuple[bytes, ...]:
        """The SHA-256 of every block; in v2 and hybrids, of its payload."""
        return block_digests(self.info, piece, self.piece(piece))


def block_digests(info: Info, piece: int, data: bytes | memoryview) -> tuple[bytes, ...]:
    """What storage hands to the swarm as ``Verdict.digests``."""
    return tuple(leaf_hashes(memoryview(data)[: info.payload_size(piece)]))


def is_true(info: Info, piece: int, data: bytes | memoryview) -> bool:
    """The stupid correct check of a piece, by every hash there is."""
    if info.is_v1 and hashlib.sha1(data).digest() != info.piece_hash(piece):
        return False
    expected = info.piece_root(piece) if info.is_v2 else None
    if expected is None:
        return info.is_v1
    payload = memoryview(data)[: info.payload_size(piece)]
    return root(leaf_hashes(payload), info.leaf_width(piece)) == expected


def make(
    lengths: Sequence[int] = (300_000,),
    version: Version = Version.V1,
    piece_length: int = 32_768,
    seed: int = 1,
    *,
    private: bool = False,
) -> Sample:
    """A torrent of files of these lengths, with random content."""
    rng = Random(seed)
    names = ["alone"] if len(lengths) == 1 else [f"t/{index}" for index in range(len(lengths))]
    sources = [
        Source(SafePath.of(name.split("/")), length)
        for name, length in zip(names, lengths, strict=True)
    ]
    plan = draft(sources, version, piece_length)
    space = bytearray(plan.length)
    for file in plan.files:
        if not file.pad:
            space[file.offset : file.offset + file.length] = rng.randbytes(file.length)
    pieces = [
        bytes(space[i * piece_length : i * piece_length + plan.piece_size(i)])
        for i in range(plan.piece_count)
    ]
    sha1s = [hashlib.sha1(piece).digest() for piece in pieces] if plan.is_v1 else []
    roots = [
        root(leaf_hashes(piece[: plan.payload_size(i)]), plan.leaf_width(i))
        for i, piece in enumerate(pieces)
        if plan.is_v2
    ]
    raw = plan.torrent(sha1s, roots, About(private=private))
    return Sample(read_metainfo(raw).info, bytes(space))
