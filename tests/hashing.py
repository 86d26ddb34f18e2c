"""What threads do for a torrent that is being created, done at once and in memory."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from torrent.core.metainfo import About, merkle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torrent.core.metainfo import Draft


def hashed(plan: Draft, content: Mapping[str, bytes], about: About | None = None) -> bytes:
    """Hash the pieces of a draft and write the torrent.

    Args:
        plan: The draft.
        content: The files by their paths; what is not there is a pad.
        about: What else it says.
    """
    sha1s, roots = [], []
    for piece in range(plan.piece_count):
        data = b"".join(
            content.get(str(plan.files[index].path), bytes(inside + size))[inside : inside + size]
            for index, inside, size in plan.spans(piece * plan.piece_length, plan.piece_size(piece))
        )
        sha1s.append(hashlib.sha1(data).digest())
        leaves = merkle.leaf_hashes(data[: plan.payload_size(piece)])
        roots.append(merkle.root(leaves, plan.leaf_width(piece)) if plan.is_v2 else b"")
    return plan.torrent(sha1s if plan.is_v1 else (), roots if plan.is_v2 else (), about or About())
