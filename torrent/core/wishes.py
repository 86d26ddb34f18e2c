"""What the user wants of a torrent: priorities, order, deadlines.

Priorities are the field's: 0 (do not fetch), 1 to 7 (libtorrent's scale, with 4 as the default).
They are kept twice: one byte a piece, and as three planes of bits, so that the most wanted of any
set of pieces are found in three steps (see :mod:`torrent.core.availability`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torrent.core.availability import PieceSet

DEFAULT_PRIORITY: Final = 4
TOP_PRIORITY: Final = 7
_PLANES: Final = (4, 2, 1)


class Wishes:
    """Priorities, order and deadlines of the pieces of one torrent.

    Attributes:
        sequential: Whether pieces are wanted in their order rather than rarest first.
        deadlines: For pieces that a reader waits for, when it will need them.
        urgent: The pieces that have deadlines, the earliest first.
        wanted: The set of pieces whose priority is not 0.
    """

    __slots__ = ("_pieces", "_planes", "_priorities", "deadlines", "sequential", "urgent", "wanted")

    def __init__(self, pieces: PieceSet) -> None:
        self._pieces = pieces
        self.sequential = False
        self.deadlines: dict[int, float] = {}
        self.urgent: list[int] = []
        self._priorities = bytearray([DEFAULT_PRIORITY]) * pieces.count
        self._planes = [pieces.all, 0, 0]
        self.wanted = pieces.all

    def priority(self, piece: int) -> int:
        """How much a piece is wanted: 0 to 7."""
        return self._priorities[piece]

    def prefer(self, piece: int, priority: int) -> None:
        """Set one priority."""
        self._priorities[piece] = _checked(priority)
        bit = self._pieces.only(piece)
        for at, weight in enumerate(_PLANES):
            plane = self._planes[at] | bit
            self._planes[at] = plane if priority & weight else plane ^ bit
        wanted = self.wanted | bit
        self.wanted = wanted if priority else wanted ^ bit

    def prefer_all(self, priorities: Sequence[int]) -> None:
        """Set the priority of every piece at once."""
        if len(priorities) != self._pieces.count:
            raise ValueError(f"{len(priorities)} priorities for {self._pieces.count} pieces")
        self._priorities = bytearray(map(_checked, priorities))
        for at, weight in enumerate(_PLANES):
            chosen = (piece for piece, value in enumerate(self._priorities) if value & weight)
            self._planes[at] = self._pieces.of(chosen)
        self.wanted = self._planes[0] | self._planes[1] | self._planes[2]

    def most_wanted(self, among: int) -> int:
        """Those of a set with the highest priority."""
        for plane in self._planes:
            among = among & plane or among
        return among

    def due(self, piece: int, at: float | None) -> None:
        """Set or drop a deadline."""
        if at is None:
            if self.deadlines.pop(piece, None) is None:
                return
        else:
            self.deadlines[piece] = at
        # Pieces of one deadline go in their order: a reader reads forward.
        self.urgent = sorted(self.deadlines, key=lambda piece: (self.deadlines[piece], piece))


def _checked(priority: int) -> int:
    if not 0 <= priority <= TOP_PRIORITY:
        raise ValueError(f"a priority is 0 to {TOP_PRIORITY}, not {priority}")
    return priority
