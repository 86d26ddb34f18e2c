"""How many peers have each piece, counted for all pieces at once.

Rarest first needs the least available of the pieces that one peer has and we want. The usual
structures (libtorrent's buckets of equally rare pieces, a heap) are walked until a piece turns up
that this peer has, and a peer's bitfield enters them piece by piece.

Here the counters stand upright instead (*vertical counters*, known from bit-sliced arithmetic):
plane ``j`` is one big integer that holds bit ``j`` of every piece's count. To count a bitfield in
is to add it with ripple carry, two operations a plane; to find the rarest of a set is to go
through the planes from the top and keep, wherever some are left, those with a 0. 200 peers need
eight planes, so both cost some 20 operations on integers as wide as the torrent, whatever the
number of pieces:

===================  ===========  =============
one core, 3.11       1,000        100,000
===================  ===========  =============
``joined``, partial  2.5 µs       25 µs
``rarest``           0.7 µs       12 µs
``gained``           0.6 µs       0.6 µs
===================  ===========  =============

Sets of pieces are integers as BEP 3 sends them: piece 0 is the *highest* bit of the last whole
byte, so that a bitfield is one ``int.from_bytes`` away and the first piece of a set is found by
its ``bit_length``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_PENDING: Final = 512
"""Single pieces that wait to be counted in together; more would only be memory."""

_NARROW: Final = 64
"""Below so many bits, the n-th is found by stripping the others one by one."""


class PieceSet:
    """The arithmetic of sets of pieces of one torrent, as integers. Holds no set itself."""

    __slots__ = ("all", "count", "width")

    def __init__(self, count: int) -> None:
        self.count = count
        self.width = (count + 7) // 8 * 8
        self.all = ((1 << count) - 1) << (self.width - count)

    def only(self, piece: int) -> int:
        """The set of one piece."""
        return 1 << (self.width - 1 - piece)

    def of(self, pieces: Iterable[int]) -> int:
        """The set of ``pieces``, made in one pass over as many bytes as the torrent needs."""
        field = bytearray(self.width >> 3)
        for piece in pieces:
            field[piece >> 3] |= 0x80 >> (piece & 7)
        return int.from_bytes(field, "big")

    def first(self, pieces: int) -> int:
        """The lowest piece of a set that is not empty."""
        return self.width - pieces.bit_length()

    def last(self, pieces: int) -> int:
        """The highest piece of a set that is not empty."""
        return self.width - (pieces & -pieces).bit_length()

    def nth(self, pieces: int, number: int) -> int:
        """The piece that has ``number`` others of the set on one side: all are as likely.

        Halves the set by counting, so it costs about three passes over its bits.
        """
        below, width = 0, self.width
        while width > _NARROW:
            half = width >> 1
            low = pieces & ((1 << half) - 1)
            held = low.bit_count()
            if number < held:
                pieces, width = low, half
            else:
                number -= held
                pieces >>= half
                below += half
                width -= half
        for _ in range(number):
            pieces &= pieces - 1
        return self.width - below - (pieces & -pieces).bit_length()

    def each(self, pieces: int) -> Iterator[int]:
        """The pieces of a set, ascending."""
        while pieces:
            piece = self.first(pieces)
            yield piece
            pieces ^= 1 << (self.width - 1 - piece)


class Availability:
    """How many of the peers around us have each piece.

    Seeds are only a number: they add the same to every piece and change no order. It is told who
    left by what they have by then, so a peer that came as a leech may go as a seed, and a seed
    that lost a piece (BEP 54) may go as a leech: planes and seeds are exchanged as needed.
    """

    __slots__ = ("_pending", "_pieces", "_planes", "seeds")

    def __init__(self, pieces: PieceSet) -> None:
        self._pieces = pieces
        self._planes: list[int] = []
        # Pieces of BEP 3's "have", the most frequent message of a swarm. They are only needed
        # when a piece is chosen, and cost less together.
        self._pending: list[int] = []
        self.seeds = 0

    def joined(self, pieces: int) -> None:
        """A peer came, with these pieces."""
        if pieces == self._pieces.all:
            self.seeds += 1
        else:
            self._add(pieces)

    def left(self, pieces: int) -> None:
        """A peer went that had these pieces.

        Raises:
            ValueError: Nobody had one of them: the caller lost count.
        """
        self._settle()
        if pieces == self._pieces.all and self.seeds:
            self.seeds -= 1
        else:
            self._subtract(pieces)

    def gained(self, piece: int) -> None:
        """One more peer has ``piece``."""
        self._pending.append(piece)
        if len(self._pending) > MOST_PENDING:
            self._settle()

    def dropped(self, piece: int) -> None:
        """One peer less has ``piece``.

        Raises:
            ValueError: Nobody had it: the caller lost count.
        """
        self._settle()
        self._subtract(self._pieces.only(piece))

    def of(self, piece: int) -> int:
        """How many peers have ``piece``."""
        self._settle()
        bit = self._pieces.only(piece)
        return self.seeds + sum(1 << at for at, plane in enumerate(self._planes) if plane & bit)

    @property
    def anywhere(self) -> int:
        """The pieces that at least one peer has."""
        return self._pieces.all if self.seeds else self._counted()

    def rarest(self, among: int) -> int:
        """Those of a set that the fewest peers have."""
        self._settle()
        for plane in reversed(self._planes):
            common = among & plane
            if common != among:
                among ^= common
        return among

    def copies(self) -> float:
        """Distributed copies: how often the rarest piece is there, and then a fraction.

        The fraction is the share of the pieces that are there more often than that.
        """
        rarest = self.rarest(self._pieces.all)
        if not rarest:
            return 0.0  # a torrent of empty files has no pieces
        least = self.of(self._pieces.first(rarest))
        return least + 1 - rarest.bit_count() / self._pieces.count

    def _counted(self) -> int:
        """The pieces whose counters are not zero."""
        self._settle()
        some = 0
        for plane in self._planes:
            some |= plane
        return some

    def _settle(self) -> None:
        """Count in what is pending: distinct pieces together, repeated ones in further rounds."""
        while self._pending:
            distinct: set[int] = set()
            again: list[int] = []
            for piece in self._pending:
                (again.append if piece in distinct else distinct.add)(piece)
            self._pending = again
            self._add(self._pieces.of(distinct))

    def _add(self, carry: int) -> None:
        """Add one to the counters of a set, as an adder of gates does."""
        planes = self._planes
        for at, plane in enumerate(planes):
            if not carry:
                return
            planes[at] = plane ^ carry
            carry &= plane
        if carry:
            planes.append(carry)

    def _subtract(self, borrow: int) -> None:
        """Take one from the counters of a set; where one is zero, a seed is turned into ones."""
        if borrow & ~self._counted():
            if not self.seeds:
                raise ValueError("a peer left with a piece that no peer had")
            self.seeds -= 1
            self._add(self._pieces.all)
        planes = self._planes
        for at, plane in enumerate(planes):
            planes[at] = plane ^ borrow
            borrow &= ~plane
        while planes and not planes[-1]:
            planes.pop()
