"""The hash trees of BEP 52: SHA-256 over blocks of 16 KiB, one balanced binary tree per file.

The leaves are the hashes of a file's blocks. A tree has a power of two of them; those past the end
of the file are 32 zero bytes (not the hash of anything), and so every layer has one padding hash,
that of a subtree without data. They are computed once and kept here, so that no code below ever
hashes padding twice or stores it.

Three layers have names. The *leaves* prove blocks, the *root* (``pieces root``) stands in the info
dictionary, and in between the *piece layer* has one hash per piece: that is what torrent files
carry beside ``info``, and what :class:`~torrent.core.metainfo.Info` checks pieces with. A file of
one piece or less has no piece layer; its root does that work, over a tree only as wide as the file.

Everything is plain :mod:`hashlib` on 64 bytes at a time: a piece of 1 MiB (64 leaves) takes 63
hashes, some 40 microseconds beside the 700 that hashing its data takes.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BLOCK: Final = 16384
"""Bytes under one leaf, the last one of a file excepted; also what peers ask for at a time."""

HASH: Final = 32
"""Bytes of a SHA-256."""

_MAX_LAYERS: Final = 64
"""More layers than the tree of 2^48 bytes has."""


def _paddings() -> tuple[bytes, ...]:
    """The root of a tree without data, for each number of layers below it."""
    found = [bytes(HASH)]
    for _ in range(_MAX_LAYERS):
        found.append(sha256(found[-1] * 2).digest())
    return tuple(found)


PADDINGS: Final = _paddings()
"""``PADDINGS[n]`` is the padding hash ``n`` layers above the leaves."""


def leaf_hashes(data: bytes | bytearray | memoryview) -> list[bytes]:
    """Hash the blocks of ``data``, which begins at a block; only the last may be shorter."""
    view = memoryview(data)
    return [sha256(view[at : at + BLOCK]).digest() for at in range(0, len(view), BLOCK)]


def width_of(count: int) -> int:
    """Leaves of the smallest tree for ``count`` of them: the next power of two, at least 1."""
    return 1 << (count - 1).bit_length() if count > 1 else 1


def layers(leaves: Sequence[bytes], width: int, *, height: int = 0) -> list[list[bytes]]:
    """Build a tree and return its layers, from the given one up to ``[root]``.

    Padding at the end of a layer is left out, so the layers have ``ceil(n / 2)`` hashes each.

    Args:
        leaves: The lowest layer that is known; at least one hash.
        width: Its hashes with padding: a power of two, at least ``len(leaves)``.
        height: How many layers it is above the leaves of the file, 0 for these themselves.

    Raises:
        ValueError: ``width`` is not such a number, or there are no leaves.
    """
    if not 0 < len(leaves) <= width or width & (width - 1):
        raise ValueError(f"{len(leaves)} leaves do not make a tree of width {width}")
    found = [list(leaves)]
    for layer in range(height, height + width.bit_length() - 1):
        below = found[-1]
        if len(below) % 2:
            below = [*below, PADDINGS[layer]]
        pairs = zip(below[::2], below[1::2], strict=True)
        found.append([sha256(left + right).digest() for left, right in pairs])
    return found


def root(leaves: Sequence[bytes], width: int, *, height: int = 0) -> bytes:
    """The root of the tree that :func:`layers` builds."""
    return layers(leaves, width, height=height)[-1][0]


def file_root(leaves: Sequence[bytes]) -> bytes:
    """The ``pieces root`` of a file, from all its leaves."""
    return root(leaves, width_of(len(leaves)))


def piece_layer_root(piece_layer: bytes, piece_length: int) -> bytes:
    """The ``pieces root`` of a file of several pieces, from its piece layer.

    Raises:
        ValueError: ``piece_layer`` is not a positive number of whole hashes.
    """
    hashes = split(piece_layer)
    height = (piece_length // BLOCK).bit_length() - 1
    return root(hashes, width_of(len(hashes)), height=height)


def split(hashes: bytes) -> list[bytes]:
    """Take concatenated hashes apart.

    Raises:
        ValueError: The last one is not whole.
    """
    if len(hashes) % HASH:
        raise ValueError(f"{len(hashes)} bytes are not a whole number of {HASH}-byte hashes")
    return [hashes[at : at + HASH] for at in range(0, len(hashes), HASH)]


def proof(tree: Sequence[Sequence[bytes]], index: int, *, height: int = 0) -> list[bytes]:
    """The siblings on the way from hash ``index`` of the lowest layer up to the root.

    Args:
        tree: What :func:`layers` returned, or its upper part.
        index: A hash of the lowest layer of ``tree``.
        height: How many layers that is above the file's leaves.
    """
    uncles = []
    for layer, hashes in enumerate(tree[:-1], height):
        sibling = index ^ 1
        uncles.append(hashes[sibling] if sibling < len(hashes) else PADDINGS[layer])
        index >>= 1
    return uncles


def verify_proof(node: bytes, index: int, uncles: Iterable[bytes], expected: bytes) -> bool:
    """Whether ``node``, with the uncle hashes beside its way up, leads to ``expected``.

    Args:
        node: The hash in question: the root of a subtree, or a leaf.
        index: Its place in its layer; each bit says on which side it and its parents stand.
        uncles: The siblings, lowest first, as BEP 52's ``hashes`` message has them.
        expected: The root that is trusted.
    """
    for uncle in uncles:
        pair = uncle + node if index & 1 else node + uncle
        node = sha256(pair).digest()
        index >>= 1
    # An index that is not used up is a place outside of the tree.
    return index == 0 and node == expected
