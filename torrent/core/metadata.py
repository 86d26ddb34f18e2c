"""The info dictionary, fetched from peers in pieces and believed only by its hash (BEP 9).

No piece can be checked alone; the hash is over the whole. So the first attempt asks everybody at
once, which is quick and nearly always enough. If the whole is false, nobody knows whose piece it
was, and from then on each attempt takes everything from one peer: a false whole then convicts its
sender, and the true one, once found, convicts those whose pieces spoiled the first attempt. A peer
that only stalls is passed over after :data:`PATIENCE_S`.

The size is a peer's word too. Ask only peers that said the same size, and begin anew with another
size when those who said this one turn out to be liars.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from torrent.core.wire.greeting import MAX_METADATA
from torrent.core.wire.ut_metadata import (
    METADATA_PIECE,
    MetadataData,
    MetadataReject,
    metadata_piece_size,
)
from torrent.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable

PATIENCE_S: Final = 10.0
"""A piece that did not come for so long is asked of somebody else as well."""

REFUSED_S: Final = 60.0
"""A peer that rejected a piece is left alone for so long, as libtorrent does: it has no metadata
itself yet, or guards against floods."""

MAX_ASKED: Final = 2
"""Pieces asked of one peer at a time, as libtorrent does; more might pass for a flood."""


def is_info_of(raw: bytes, infohashes: Collection[bytes]) -> bool:
    """Whether ``raw`` is the info dictionary of a torrent with all these infohashes.

    Each is a SHA-1 (20 bytes), a SHA-256 (32) or the first 20 bytes of one, as DHT and handshakes
    carry it (BEP 52). A hybrid torrent has both kinds, over the same bytes.
    """
    v1, v2 = hashlib.sha1(raw, usedforsecurity=False).digest(), hashlib.sha256(raw).digest()
    return len(infohashes) > 0 and {v1, v2, v2[: len(v1)]}.issuperset(infohashes)


def serve(raw: bytes, piece: int) -> MetadataData | MetadataReject:
    """Answer a request for ``piece`` of our own info dictionary."""
    start = piece * METADATA_PIECE
    if not 0 <= start < len(raw):
        return MetadataReject(piece)
    return MetadataData(piece, len(raw), raw[start : start + METADATA_PIECE])


class MetadataAssembly:
    """One torrent's info dictionary in the making.

    Attributes:
        size: Its bytes, by the word of those who are asked.
        raw: The whole, once its hash was right.
    """

    def __init__(self, infohashes: Collection[bytes], size: int) -> None:
        """Begin.

        Raises:
            WireError: No metadata that we take is of this size.
        """
        if not 0 < size <= MAX_METADATA:
            raise WireError(f"the peer's metadata has {size} bytes; we take 1 to {MAX_METADATA}")
        self.size = size
        self.raw: bytes | None = None
        self._infohashes = tuple(infohashes)
        self._count = -(-size // METADATA_PIECE)
        self._arrived: dict[int, tuple[Hashable, bytes]] = {}
        self._asked: dict[Hashable, dict[int, float]] = {}
        self._refused: dict[Hashable, float] = {}
        self._alone = False
        self._sole: Hashable = None
        self._moved = 0.0
        self._suspects: list[tuple[int, Hashable, bytes]] = []
        self._liars: set[Hashable] = set()
        self._unnamed: set[Hashable] = set()

    def ask(self, peer: Hashable, now: float) -> int | None:
        """The piece to ask ``peer`` for, if there is one; call again until there is none."""
        if self.raw is not None or not self._may_ask(peer, now):
            return None
        asked = self._asked.setdefault(peer, {})
        if sum(now - since < PATIENCE_S for since in asked.values()) >= MAX_ASKED:
            return None
        busy = {
            piece
            for pieces in self._asked.values()
            for piece, since in pieces.items()
            if now - since < PATIENCE_S
        }
        for piece in range(self._count):
            if piece not in self._arrived and piece not in busy:
                asked[piece] = now
                return piece
        return None

    def _may_ask(self, peer: Hashable, now: float) -> bool:
        """Whether it is this peer's turn; in the second phase that may make it the only one."""
        if peer in self._liars or now < self._refused.get(peer, now):
            return False
        if self._alone and peer != self._sole:
            if self._sole is not None and now - self._moved < PATIENCE_S:
                return False
            self._restart()
            self._sole, self._moved = peer, now
        return True

    def received(self, peer: Hashable, part: MetadataData, now: float) -> bytes | None:
        """Take a piece; return the whole if this was the last one and the hash is right.

        What was not asked of ``peer``, or came from another in the meantime, is dropped.

        Raises:
            WireError: The piece is not as long as it is in metadata of this size.
        """
        if self._asked.get(peer, {}).pop(part.piece, None) is None:
            return None
        if len(part.data) != metadata_piece_size(self.size, part.piece) or part.total != self.size:
            raise WireError(f"the peer's metadata has {part.total} bytes; it had said {self.size}")
        self._moved = now
        self._arrived.setdefault(part.piece, (peer, part.data))
        if len(self._arrived) == self._count:
            self._judge()
        return self.raw

    def rejected(self, peer: Hashable, piece: int, now: float) -> None:
        """``peer`` will not send ``piece``."""
        if self._asked.get(peer, {}).pop(piece, None) is not None:
            self._refused[peer] = now + REFUSED_S
            self._leave(peer)

    def forget(self, peer: Hashable) -> None:
        """``peer`` is gone: ask others for what was asked of it."""
        self._asked.pop(peer, None)
        self._refused.pop(peer, None)
        self._leave(peer)

    def _leave(self, peer: Hashable) -> None:
        """If ``peer`` was the only one asked, it is another's turn."""
        if peer == self._sole:
            self._sole = None

    def liars(self) -> frozenset[Hashable]:
        """Who was found to have sent false pieces since this was last asked."""
        named, self._unnamed = frozenset(self._unnamed), set()
        return named

    def _judge(self) -> None:
        """Every piece is there: is it the truth, and if not, whose lie?"""
        raw = b"".join([self._arrived[piece][1] for piece in range(self._count)])
        if is_info_of(raw, self._infohashes):
            self.raw = raw
            self._convict(
                peer for piece, peer, sent in self._suspects if sent != self._digest(piece)
            )
        elif len(senders := {peer for peer, _data in self._arrived.values()}) == 1:
            self._convict(senders)
        else:
            self._suspects = [
                (piece, peer, self._digest(piece)) for piece, (peer, _data) in self._arrived.items()
            ]
        self._alone, self._sole = True, None
        self._restart()

    def _digest(self, piece: int) -> bytes:
        """What stands for a piece that is not kept."""
        return hashlib.sha256(self._arrived[piece][1]).digest()

    def _convict(self, peers: Iterable[Hashable]) -> None:
        """Ask ``peers`` no more, and name them to whoever wants to know."""
        found = set(peers) - self._liars
        self._liars |= found
        self._unnamed |= found

    def _restart(self) -> None:
        """Begin another attempt, with nothing of the last one."""
        self._arrived.clear()
        self._asked.clear()
