"""Small torrents with everything known about them, computed in the most stupid way.

The files are laid end to end in memory, cut, and hashed; nothing here is shared with the code under
test but the writing and reading of the torrent itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from torrent.core.metainfo import BLOCK, Info, SafePath, Source, Version, draft, read_metainfo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

V1, V2, HYBRID = Version.V1, Version.V2, Version.HYBRID
VERSIONS = (V1, V2, HYBRID)


@dataclass(frozen=True)
class Sample:
    """A torrent, its metainfo, what its files hold and what its pieces are."""

    info: Info
    metainfo: bytes
    content: Mapping[str, bytes]
    pieces: tuple[bytes, ...]

    def write(self, root: Path) -> None:
        """Put the files where a seed has them."""
        for name, data in self.content.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def index(self, name: str) -> int:
        """The index of the file of that name."""
        return [str(file.path) for file in self.info.files].index(name)

    def __repr__(self) -> str:
        return f"<Sample {self.info.version} {[len(data) for data in self.content.values()]}>"


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that do not repeat."""
    return Random(seed).randbytes(size)


def sample(
    content: Mapping[str, bytes | int], version: Version = V1, piece_length: int = BLOCK
) -> Sample:
    """A torrent of these files (or of noise of these sizes)."""
    files = {
        name: noise(data, seed) if isinstance(data, int) else data
        for seed, (name, data) in enumerate(sorted(content.items()))
    }
    sources = [Source(SafePath.of(name.split("/")), len(data)) for name, data in files.items()]
    plan = draft(sources, version, piece_length)
    ordered = [b"\0" * file.length if file.pad else files[str(file.path)] for file in plan.files]
    pieces, roots = [], []
    if Version.V1 in version:
        row = b"".join(ordered)
        pieces = [row[at : at + piece_length] for at in range(0, len(row), piece_length)]
    if Version.V2 in version:
        real = [data for file, data in zip(plan.files, ordered, strict=True) if not file.pad]
        cut = [d[at : at + piece_length] for d in real for at in range(0, len(d), piece_length)]
        whole = [len(d) > piece_length for d in real for _ in range(0, len(d), piece_length)]
        roots = [tree(d, piece_length if w else len(d)) for d, w in zip(cut, whole, strict=True)]
        pieces = pieces or cut
    sha1s = [hashlib.sha1(piece).digest() for piece in pieces] if Version.V1 in version else []
    metainfo = plan.torrent(sha1s, roots)
    return Sample(read_metainfo(metainfo).info, metainfo, files, tuple(pieces))


def tree(data: bytes, span: int) -> bytes:
    """The root over ``data`` and zeros for the blocks up to ``span`` bytes (BEP 52)."""
    layer = [hashlib.sha256(data[at : at + BLOCK]).digest() for at in range(0, len(data), BLOCK)]
    width = 1
    while width < -(-span // BLOCK):
        width *= 2
    layer += [bytes(32)] * (width - len(layer))
    while len(layer) > 1:
        layer = [
            hashlib.sha256(layer[at] + layer[at + 1]).digest() for at in range(0, len(layer), 2)
        ]
    return layer[0]


def contents(root: Path) -> dict[str, bytes]:
    """All that lies below a directory, hidden files left out."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
