"""Whether bytes are the piece they claim to be.

v1: the SHA-1 of the whole piece, padding included (BEP 3). v2: the SHA-256 of every 16 KiB block,
joined by a tree to the root that the torrent names for the piece, padding left out (BEP 52). A
hybrid torrent makes both claims, and both are checked: a piece that satisfies one of them only
shows that whoever made the torrent gave two different contents one name.

The digests of blocks come with v2 for nothing. With v1 they cost as much again as the piece's hash,
and are computed only for a piece that is false, or that was false before: compared with each other
they tell who sent the false block (:mod:`torrent.core.culprits`).
"""

from __future__ import annotations

from hashlib import sha1
from typing import TYPE_CHECKING

from torrent.core.effects import Verdict
from torrent.core.metainfo.merkle import leaf_hashes, root
from torrent.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torrent.core.metainfo import Info, Layout

_UNKNOWN = "the hashes of piece {piece} are not known yet; they must come from peers first"
_BROKEN = (
    "the torrent is broken: piece {piece} is right by one of its two hashes and wrong by the "
    "other, so its v1 and v2 sides have different contents. It cannot be completed: ask for the "
    "v1 or the v2 torrent by itself"
)


def judge(info: Info, piece: int, data: memoryview, *, digests: bool = False) -> Verdict:
    """Judge a piece in memory.

    Args:
        info: The torrent.
        piece: Which piece it claims to be.
        data: All ``piece_size`` bytes of it.
        digests: Tell the blocks' digests even if it is good and v1.

    Returns:
        Whether it is, with the SHA-256 of each block if it is not, or they were asked for, or it
        is v2; ``error`` if the torrent itself is broken, or lacks the hash.
    """
    leaves = leaf_hashes(data[: info.payload_size(piece)]) if info.is_v2 else []
    v1 = sha1(data, usedforsecurity=False).digest() if info.is_v1 else b""
    try:
        good = settled(info, piece, v1, leaves)
    except StorageError as problem:
        return Verdict(ok=False, digests=tuple(leaves), error=str(problem))
    if not info.is_v2 and (digests or not good):
        leaves = leaf_hashes(data)
    return Verdict(ok=good, digests=tuple(leaves))


def hashes(layout: Layout, piece: int, chunks: Iterable[memoryview]) -> tuple[bytes, list[bytes]]:
    """Hash a piece that is read bit by bit; all chunks but the last are whole blocks.

    Chunks of some 100 KiB stay in the processor's cache between reading and hashing, also when both
    versions are computed, and bound the memory of a re-check whatever the length of pieces.

    Returns:
        The SHA-1, and the SHA-256 of the blocks; of either nothing useful if the torrent has none.
    """
    whole = sha1(usedforsecurity=False)
    leaves: list[bytes] = []
    left = layout.payload_size(piece) if layout.is_v2 else 0
    for chunk in chunks:
        if layout.is_v1:
            whole.update(chunk)
        if left:
            leaves += leaf_hashes(chunk[:left])
            left -= min(left, len(chunk))
    return whole.digest(), leaves


def settled(info: Info, piece: int, v1: bytes, leaves: Sequence[bytes]) -> bool:
    """Compare what was computed with what the torrent claims, of each version it has.

    Raises:
        StorageError: The claims contradict each other, or there is none yet.
    """
    claims = []
    if info.is_v1:
        claims.append(v1 == info.piece_hash(piece))
    if info.is_v2 and (expected := info.piece_root(piece)) is not None:
        claims.append(root(leaves, info.leaf_width(piece)) == expected)
    if not claims:
        raise StorageError(_UNKNOWN.format(piece=piece))
    if any(claims) and not all(claims):
        raise StorageError(_BROKEN.format(piece=piece))
    return all(claims)
