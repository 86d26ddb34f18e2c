"""Content that costs nothing: a real torrent whose blocks are all alike.

The swarms that run here are those that ship, so they want a real :class:`Info`, with hashes that a
v2 peer can prove. Its blocks are all zeros: then one buffer is every block, one digest every leaf,
and the tree is made of one root a piece. Nobody hashes what comes: a false block says so in its
first byte, and the verdict is given by looking at those.
"""

from __future__ import annotations

from typing import Final

from simulations.errors import ConfigError
from torrent.core.metainfo import BLOCK, Info, SafePath, Source, Version, draft, read_metainfo
from torrent.core.metainfo.merkle import leaf_hashes, root

TRUE: Final = memoryview(bytes(BLOCK))
"""Every true block."""
FALSE: Final = memoryview(b"\xff" * BLOCK)
"""Every false one."""
TRUE_DIGEST: Final = leaf_hashes(TRUE)[0]
FALSE_DIGEST: Final = leaf_hashes(FALSE)[0]


def woven(pieces: int, piece_bytes: int, version: Version) -> Info:
    """A torrent of so many whole pieces.

    Raises:
        ConfigError: Pieces of this size are not what torrents have.
    """
    if piece_bytes < BLOCK or piece_bytes & (piece_bytes - 1):
        raise ConfigError(
            f"content.piece_bytes is {piece_bytes}, but must be a power of two from {BLOCK} "
            "where real swarms run"
        )
    source = Source(SafePath.of(["content"]), pieces * piece_bytes)
    plan = draft([source], version, piece_length=piece_bytes)
    leaves = [TRUE_DIGEST] * (piece_bytes // BLOCK)
    roots = [root(leaves, plan.leaf_width(i)) for i in range(pieces)] if plan.is_v2 else []
    raw = plan.torrent([bytes(20)] * pieces if plan.is_v1 else [], roots)
    return read_metainfo(raw).info


def digests(data: memoryview) -> tuple[bytes, ...]:
    """The digest of each block of ``data``, known without hashing."""
    return tuple(FALSE_DIGEST if data[at] else TRUE_DIGEST for at in range(0, len(data), BLOCK))


class Cloth:
    """Buffers for pieces that are put together.

    Where nobody lies all pieces are the same zeros, so one buffer serves for all of them.
    """

    refused: Final = 0

    def __init__(self, size: int, *, shared: bool) -> None:
        self._whole = memoryview(bytearray(size)) if shared else None

    def acquire(self, size: int) -> memoryview | None:
        """A buffer; the swarm bounds how many it has by ``max_open``."""
        if self._whole is not None:
            return self._whole[:size]
        return memoryview(bytearray(size))

    def release(self, buffer: memoryview) -> None:
        """Nothing: buffers are not kept."""
