"""One peer's call for work, while it is being filled."""

from __future__ import annotations

from heapq import nsmallest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable

    from torrent.core.bitfield import Bitfield
    from torrent.core.openpiece import OpenPiece

MOST_ASKERS: Final = 3
"""Peers asked for one block: the endgame's waste is bounded to twice what is outstanding, and
cancels recover most of that."""
MOST_DUPLICATES: Final = 8
"""Blocks that one peer is asked for as a second or third. Few, because the first may be about to
deliver; not one, because a fast peer should not spend a round trip on each block of a slow one."""


class Errand:
    """What a peer may be asked for, and what it is asked for so far.

    Attributes:
        peer: Whom we ask.
        allowed: The pieces it may be asked for, for questions about one.
        pieces: The same as a set of :class:`~torrent.core.availability.PieceSet`.
        spared: Of these, urgent ones that are left to faster peers.
        suggested: Pieces the peer would rather send (BEP 6).
        left: How many blocks it can still take.
        taken: The blocks it is asked for.
    """

    __slots__ = (
        "allowed",
        "fast",
        "left",
        "now",
        "peer",
        "pieces",
        "spared",
        "suggested",
        "taken",
    )

    def __init__(
        self,
        peer: Hashable,
        allowed: Bitfield | set[int],
        pieces: int,
        count: int,
        now: float,
        *,
        fast: bool,
        suggested: Collection[int],
    ) -> None:
        self.peer = peer
        self.allowed = allowed
        self.pieces = pieces
        self.spared: set[int] = set()
        self.suggested = suggested
        self.left = count
        self.now = now
        self.fast = fast
        self.taken: list[tuple[int, int]] = []

    def may(self, piece: int) -> bool:
        """Whether the peer may be asked for this piece."""
        return piece in self.allowed and piece not in self.spared

    def spare(self, piece: int, bit: int) -> None:
        """Leave an urgent piece to faster peers."""
        self.spared.add(piece)
        self.pieces &= ~bit

    def take(self, piece: OpenPiece) -> None:
        """Ask for free blocks of ``piece``, as many as it has and the peer can take."""
        blocks = piece.take(self.peer, self.left, self.now)
        self.taken += blocks
        self.left -= len(blocks)

    def duplicate(self, among: Iterable[OpenPiece], asked_before: float) -> int:
        """Ask for blocks that others were asked for, and return how many.

        Blocks with fewer askers first, and of these the ones asked for *last*: they stand at the
        far end of a slower peer's queue, so the two work towards each other and meet in the
        middle, rather than race for the same blocks.
        """
        mine, found = 0, []
        for piece in among:
            if not self.may(piece.piece):
                continue
            for block, at, askers in piece.asked():
                if self.peer in askers:
                    mine += self.peer != askers[0]
                elif len(askers) < MOST_ASKERS and at <= asked_before:
                    found.append((len(askers), -at, -piece.piece, -block, piece))
        chosen = nsmallest(min(self.left, MOST_DUPLICATES - mine), found)
        for _, _, _, block, piece in chosen:
            piece.duplicate(-block, self.peer)
            self.taken.append((piece.piece, -block))
        self.left -= len(chosen)
        return len(chosen)
