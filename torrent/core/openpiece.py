"""A piece on its way: which of its blocks are here, asked for, by whom, or still free.

Nearly every block is asked of one peer and comes from it, so that path is one list look-up.
Second askers (endgame, overdue deadlines) are rare and live apart, in a dictionary that is
empty for nearly every piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dht.core.messages import message

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

_HERE: Final = object()
"""Stands in for the peer of a block that has come."""


@message
class Receipt:
    """What the picker says of a block that came.

    Attributes:
        fresh: We had not got it yet: keep it. Otherwise the piece is not being fetched, or
            somebody was faster: drop it.
        complete: It was the last of its piece, which can be verified now.
        others: Who else was asked for it, and can be sent a cancel.
    """

    fresh: bool
    complete: bool
    others: tuple[Hashable, ...]


STALE: Final = Receipt(fresh=False, complete=False, others=())
FRESH: Final = Receipt(fresh=True, complete=False, others=())
LAST: Final = Receipt(fresh=True, complete=True, others=())
_SIMPLE: Final = (FRESH, LAST)


class OpenPiece:
    """One piece that is being fetched.

    Attributes:
        piece: Its index.
        owner: The peer that fetches it, alone if it can: a piece from one peer names the liar.
            ``None`` once that peer failed to deliver a block: others may adopt the piece.
        free: Blocks to be asked for, the next one last. A block that was given back comes next.
        missing: How many blocks are not here.
    """

    __slots__ = ("_asked_at", "_askers", "_more", "free", "missing", "owner", "piece")

    def __init__(self, piece: int, blocks: int, owner: Hashable) -> None:
        self.piece = piece
        self.owner: Hashable | None = owner
        self.free = list(range(blocks - 1, -1, -1))
        self.missing = blocks
        self._askers: list[object] = [None] * blocks
        self._asked_at = [0.0] * blocks
        self._more: dict[int, list[Hashable]] = {}

    def take(self, peer: Hashable, count: int, now: float) -> list[tuple[int, int]]:
        """Ask ``peer`` for at most ``count`` free blocks, in their order."""
        free, askers, asked_at, piece = self.free, self._askers, self._asked_at, self.piece
        blocks = free[: -count - 1 : -1]
        del free[-count:]
        for block in blocks:
            askers[block] = peer
            asked_at[block] = now
        return [(piece, block) for block in blocks]

    def received(self, block: int, peer: Hashable) -> Receipt:
        """A block came, asked for or not."""
        asker = self._askers[block]
        if asker is _HERE:
            return STALE
        self._askers[block] = _HERE
        self.missing -= 1
        if asker == peer and not self._more:
            return FRESH if self.missing else LAST
        return self._settled(block, asker, peer)

    def _settled(self, block: int, asker: object, peer: Hashable) -> Receipt:
        """The slow path of :meth:`received`: others were asked too, or this peer was not."""
        if asker is None:
            self.free.remove(block)
            return _SIMPLE[not self.missing]
        askers = (asker, *self._more.pop(block, ()))
        others = tuple(other for other in askers if other != peer)
        return Receipt(fresh=True, complete=not self.missing, others=others)

    def released(self, block: int, peer: Hashable) -> bool:
        """``peer`` will not send ``block``; returns whether it was asked for it."""
        more = self._more.get(block, [])
        if peer in more:
            more.remove(peer)
        elif self._askers[block] == peer:
            self._askers[block] = more.pop(0) if more else None
            if self._askers[block] is None:
                self.free.append(block)
        else:
            return False
        if block in self._more and not more:
            del self._more[block]
        if self.owner == peer:
            self.owner = None
        return True

    def duplicate(self, block: int, peer: Hashable) -> None:
        """Ask ``peer`` too for a block that somebody was asked for."""
        self._more.setdefault(block, []).append(peer)

    def asked(self) -> Iterator[tuple[int, float, tuple[object, ...]]]:
        """Every block that is asked for: when first, and of whom."""
        for block, asker in enumerate(self._askers):
            if asker is not None and asker is not _HERE:
                yield block, self._asked_at[block], (asker, *self._more.get(block, ()))

    def of(self, peer: Hashable) -> list[int]:
        """The blocks that ``peer`` is asked for."""
        blocks = [block for block, asker in enumerate(self._askers) if asker == peer]
        blocks += [block for block, more in self._more.items() if peer in more]
        return blocks
