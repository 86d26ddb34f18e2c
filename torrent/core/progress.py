"""The books of a download: what is had, wanted, on its way, and asked of whom.

Sets of pieces are integers (see :mod:`torrent.core.availability`). A wanted piece goes from
*fresh* to *open* when its first block is asked for, to *checking* when its last one came, and then
into ``have``, or back to fresh.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torrent.core.availability import PieceSet
from torrent.core.bitfield import Bitfield
from torrent.core.openpiece import STALE, OpenPiece
from torrent.core.views import Views
from torrent.core.wishes import Wishes

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, KeysView, Sequence

    from torrent.core.errand import Errand
    from torrent.core.openpiece import Receipt


class Progress:
    """What there is to do and what is being done, for the picker to choose from.

    Attributes:
        have: The pieces we have, verified.
    """

    def __init__(
        self, block_counts: Callable[[int], int], piece_count: int, have: Bitfield | None
    ) -> None:
        self.have = Bitfield(piece_count) if have is None else have
        self._block_counts = block_counts
        self._pieces = PieceSet(piece_count)
        self._views = Views(self._pieces)
        self._wishes = Wishes(self._pieces)
        # Wanted and not verified; and of these, the ones not begun.
        self._lacking = self._fresh = self._pieces.all & ~self._views.of(self.have)
        self._open: dict[int, OpenPiece] = {}
        # Those of the open pieces that have free blocks, the oldest first.
        self._partial: dict[int, OpenPiece] = {}
        self._checking: set[int] = set()
        # Pieces that did not pass lately.
        self._suspect: set[int] = set()

    def wants(self, piece: int) -> bool:
        """Whether ``piece`` is wanted and not here: what one "have" adds to our interest."""
        return piece not in self.have and self._wishes.priority(piece) > 0

    def passed(self, piece: int) -> None:
        """``piece`` is verified: we have it."""
        self._close(piece)
        self._suspect.discard(piece)
        self.have.add(piece)
        self._wishes.due(piece, None)
        self._lacking &= ~self._pieces.only(piece)
        self._fresh &= self._lacking

    def failed(self, piece: int) -> None:
        """``piece`` is not what it should be: fetch all of it anew, from one peer if possible."""
        self._suspect.add(piece)
        self._restart(piece)

    def _restart(self, piece: int) -> None:
        self._close(piece)
        self._fresh |= self._lacking & self._pieces.only(piece)

    def lost(self, piece: int) -> None:
        """We had ``piece``, and the disk says no."""
        self.have.discard(piece)
        self._lacking |= self._wishes.wanted & self._pieces.only(piece)
        self._restart(piece)

    def _close(self, piece: int) -> None:
        self._open.pop(piece, None)
        self._partial.pop(piece, None)
        self._checking.discard(piece)

    @property
    def complete(self) -> bool:
        """Whether we have all that is wanted."""
        return not self._lacking

    @property
    def wanted_count(self) -> int:
        """How many pieces are wanted, here or not."""
        return self._wishes.wanted.bit_count()

    @property
    def wanted_left(self) -> int:
        """How many wanted pieces we have not."""
        return self._lacking.bit_count()

    def priority(self, piece: int) -> int:
        """How much ``piece`` is wanted, from 0 (not at all) to 7."""
        return self._wishes.priority(piece)

    def set_priority(self, piece: int, priority: int) -> None:
        """Say how much ``piece`` is wanted, from 0 (not at all) to 7.

        A piece on its way that is wanted no more is dropped, blocks and all.

        Raises:
            ValueError: There is no such priority.
        """
        self._wishes.prefer(piece, priority)
        self._rewish()

    def set_priorities(self, priorities: Sequence[int]) -> None:
        """Say how much every piece is wanted: faster than one by one.

        Raises:
            ValueError: They are not as many as the pieces, or not from 0 to 7.
        """
        self._wishes.prefer_all(priorities)
        self._rewish()

    def _rewish(self) -> None:
        """Let the sets follow what the wishes have become."""
        self._lacking = self._wishes.wanted & ~self._views.of(self.have)
        for piece in [piece for piece in self._open if not self.wants(piece)]:
            self._close(piece)
        self._fresh = self._lacking & ~self._pieces.of((*self._open, *self._checking))

    def _begin(self, piece: int, errand: Errand) -> None:
        alone = piece in self._suspect
        begun = OpenPiece(piece, self._block_counts(piece), errand.peer, alone=alone)
        self._open[piece] = self._partial[piece] = begun
        self._fresh ^= self._pieces.only(piece)
        self._take(begun, errand)

    def _take(self, piece: OpenPiece, errand: Errand) -> None:
        errand.take(piece)
        if not piece.free:
            del self._partial[piece.piece]

    def received(self, piece: int, block: int, peer: Hashable) -> Receipt:
        """``block`` of ``piece`` came from ``peer``."""
        found = self._open.get(piece)
        if found is None:
            return STALE
        receipt = found.received(block, peer)
        if receipt.complete:
            self._close(piece)
            self._checking.add(piece)
        elif not found.free:
            self._partial.pop(piece, None)
        return receipt

    def released(self, piece: int, block: int, peer: Hashable) -> None:
        """``peer`` will not send it: it rejected it, choked us, let it time out, or is gone."""
        found = self._open.get(piece)
        if found is not None and found.released(block, peer) and found.free:
            self._partial[piece] = found

    def forget(self, peer: Hashable) -> None:
        """``peer`` will send nothing of what it was asked for."""
        for piece in self._open.values():
            for block in sorted(piece.of(peer), reverse=True):
                self.released(piece.piece, block, peer)
            if piece.owner == peer:
                piece.owner = None

    def asked(self, peer: Hashable) -> list[tuple[int, int]]:
        """The blocks that ``peer`` is asked for."""
        return [(piece.piece, block) for piece in self._open.values() for block in piece.of(peer)]

    @property
    def open_pieces(self) -> KeysView[int]:
        """The pieces on their way; not those that wait for verification."""
        return self._open.keys()
