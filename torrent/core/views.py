"""Peers' bitfields as sets of the picker's arithmetic, remembered while they do not change.

A bitfield grows with each "have", so how many pieces it holds tells whether a remembered set is
still right; when a peer loses a piece (BEP 54, rare), all that is remembered is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from torrent.core.availability import PieceSet
    from torrent.core.bitfield import Bitfield

NOTHING: Final = -1


class _View:
    """What was looked up in one peer's bitfield, which is kept alive so that its id stays its."""

    __slots__ = ("have", "held", "pieces", "witness")

    def __init__(self, have: Bitfield) -> None:
        self.have = have
        self.held = NOTHING
        self.pieces = 0
        # Some piece in it that we wanted. As long as we do, the peer is interesting.
        self.witness = NOTHING


class Views:
    """The bitfields of the peers around us, as many as there are peers."""

    __slots__ = ("_pieces", "_views")

    def __init__(self, pieces: PieceSet) -> None:
        self._pieces = pieces
        self._views: dict[int, _View] = {}

    def enter(self, have: Bitfield) -> int:
        """Remember a peer's bitfield from now on, and return it as a set."""
        self._views[id(have)] = _View(have)
        return self.of(have)

    def leave(self, have: Bitfield) -> int:
        """Forget a peer's bitfield, and return it as a set."""
        pieces = self.of(have)
        self._views.pop(id(have), None)
        return pieces

    def refresh(self) -> None:
        """Somebody's bitfield shrank, or will at once."""
        for view in self._views.values():
            view.held = view.witness = NOTHING

    def of(self, have: Bitfield) -> int:
        """A bitfield as a set; it need not be remembered."""
        if have.full:
            return self._pieces.all
        view = self._views.get(id(have))
        if view is None:
            return int.from_bytes(have.to_bytes(), "big")
        if view.held != len(have):
            view.held = len(have)
            view.pieces = int.from_bytes(have.to_bytes(), "big")
        return view.pieces

    def interesting(self, have: Bitfield, lacking: int, wants: Callable[[int], bool]) -> bool:
        """Whether ``have`` has some piece of ``lacking``, about which ``wants`` knows too."""
        if have.full:
            return lacking != 0
        view = self._views.get(id(have))
        if view is not None and view.witness != NOTHING and wants(view.witness):
            return True
        common = self.of(have) & lacking
        if view is not None:
            # The last one, which will be wanted longest if pieces are fetched in their order.
            view.witness = self._pieces.last(common) if common else NOTHING
        return common != 0
