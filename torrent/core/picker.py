"""Which blocks to ask of whom: the piece picker.

Cohen's rules ("Incentives Build Robustness in BitTorrent", 2003, section 2.4), each for a reason:
*strict priority* (finish what is begun, since only whole pieces can be passed on), *rarest first*
(what few have is what others will want from us, and what leaves with them), a *random first
piece* (something to trade, soon), and the *endgame* (the last blocks are asked of several peers).
Above them stand what the user wants: priorities, order, and deadlines while streaming.

A peer that asks for work is served from, in this order:

1. pieces with a deadline, the earliest first. Urgent ones are for fast peers, and late blocks of
   them are asked of a second one;
2. the piece it began itself, then pieces whose beginner gave up on a block;
3. a fast peer: a new piece of its own; then pieces of others. A slow peer: the other way round,
   so that it does not hold a piece up alone, and few pieces are half done;
4. duplicates: when nothing is left that could be asked for (the endgame), and for fast peers that
   have nothing else to do, of blocks asked for long ago.

Sets of pieces are integers (see :mod:`torrent.core.availability`), so a new piece is found in
some 20 operations whatever the number of pieces and peers; blocks cost a list access each:

=========================================  ==========  ============
one core, 3.11, 200 peers                  1,000       100,000
=========================================  ==========  ============
pick of 16 blocks, a new piece each time   9 µs        75 µs
pick of 16 blocks out of an open piece     4 µs        4 µs
``received``                               0.3 µs      0.3 µs
``interesting``                            0.3 µs      0.3 µs
=========================================  ==========  ============
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dht.core.messages import message
from torrent.core.availability import Availability, PieceSet
from torrent.core.bitfield import Bitfield
from torrent.core.errand import Errand
from torrent.core.openpiece import STALE, OpenPiece
from torrent.core.views import Views
from torrent.core.wishes import TOP_PRIORITY, Wishes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, KeysView, Sequence
    from random import Random

    from torrent.core.openpiece import Receipt

SLOW_MARGIN: Final = 5.0
"""Seconds ahead of its deadline up to which a piece is left to fast peers: about what a peer with
one block a second behind a short queue may need for its part."""
FAST_MEMORY: Final = 5.0
"""Seconds without any fast peer asking for work, after which slow ones get urgent pieces too."""
URGENT: Final = 2.0
"""Seconds ahead of its deadline from which late blocks of a piece are asked of a second peer."""
LATE: Final = 1.0
"""Seconds after which a block of an urgent piece is late: several round trips of any link."""
PATIENCE: Final = 4.0
"""Seconds a block may be outstanding while a fast peer stands idle; then it is asked too."""
RECONSIDER: Final = 0.25
"""Seconds between two searches for such blocks, which go through all that is outstanding."""


@message
class Statistics:
    """How a download stands.

    Attributes:
        have: Pieces verified.
        wanted_left: Wanted pieces not verified.
        open: Pieces on their way.
        partial: Of these, the ones with blocks that nobody is asked for.
        checking: Pieces all of whose blocks are here, to be verified.
        copies: Distributed copies among the peers around us: the availability of the rarest
            piece, and the share of pieces that are there more often.
    """

    have: int
    wanted_left: int
    open: int
    partial: int
    checking: int
    copies: float


class Picker:
    """Chooses blocks for one torrent, and knows which are asked of whom.

    Peers are any hashable value but ``None``. Their bitfields are handed in by reference: hand in
    the same object each time (the picker remembers what it looked up in it), change it as the
    peer's messages say, and tell the picker about each change.

    Attributes:
        have: The pieces we have, verified.
        max_open: How many pieces may be on their way at once; may change at any time (down to
            ``len(open_pieces)`` when no buffer is to be had).
    """

    def __init__(
        self,
        block_counts: Callable[[int], int],
        piece_count: int,
        rng: Random,
        *,
        max_open: int,
        have: Bitfield | None = None,
    ) -> None:
        self.have = Bitfield(piece_count) if have is None else have
        self.max_open = max_open
        self._block_counts = block_counts
        self._rng = rng
        self._pieces = PieceSet(piece_count)
        self._availability = Availability(self._pieces)
        self._wishes = Wishes(self._pieces)
        self._views = Views(self._pieces)
        # Wanted and not verified; and of these, the ones not begun.
        self._lacking = self._fresh = self._pieces.all & ~self._views.of(self.have)
        self._open: dict[int, OpenPiece] = {}
        # Those of the open pieces that have free blocks, the oldest first.
        self._partial: dict[int, OpenPiece] = {}
        self._checking: set[int] = set()
        self._fast_at = self._searched_at = float("-inf")

    # What we have.

    def passed(self, piece: int) -> None:
        """``piece`` is verified: we have it."""
        self._close(piece)
        self.have.add(piece)
        self._wishes.due(piece, None)
        self._lacking &= ~self._pieces.only(piece)
        self._fresh &= self._lacking

    def failed(self, piece: int) -> None:
        """``piece`` is not what it should be, or was given up: fetch all of it anew."""
        self._close(piece)
        self._fresh |= self._lacking & self._pieces.only(piece)

    def lost(self, piece: int) -> None:
        """We had ``piece``, and the disk says no."""
        self.have.discard(piece)
        self._lacking |= self._wishes.wanted & self._pieces.only(piece)
        self.failed(piece)

    def _close(self, piece: int) -> None:
        self._open.pop(piece, None)
        self._partial.pop(piece, None)
        self._checking.discard(piece)

    @property
    def complete(self) -> bool:
        """Whether we have all that is wanted."""
        return not self._lacking

    @property
    def wanted_left(self) -> int:
        """How many wanted pieces we have not."""
        return self._lacking.bit_count()

    # What others have.

    def joined(self, have: Bitfield) -> None:
        """A peer is there, with these pieces."""
        self._availability.joined(self._views.enter(have))

    def left(self, have: Bitfield) -> None:
        """A peer is gone that had these pieces."""
        self._availability.left(self._views.leave(have))

    def gained(self, piece: int) -> None:
        """A peer has one more piece, and its bitfield says so."""
        self._availability.gained(piece)

    def dropped(self, piece: int) -> None:
        """A peer has one piece less, and its bitfield says so."""
        self._views.refresh()
        self._availability.dropped(piece)

    def availability(self, piece: int) -> int:
        """How many peers have ``piece``."""
        return self._availability.of(piece)

    def wants(self, piece: int) -> bool:
        """Whether ``piece`` is wanted and not here: what one "have" adds to our interest."""
        return piece not in self.have and self._wishes.priority(piece) > 0

    def interesting(self, have: Bitfield) -> bool:
        """Whether there is something we want and have not: whether to be "interested"."""
        return self._views.interesting(have, self._lacking, self.wants)

    # What the user wants.

    @property
    def sequential(self) -> bool:
        """Whether pieces are fetched in their order rather than rarest first."""
        return self._wishes.sequential

    @sequential.setter
    def sequential(self, value: bool) -> None:
        self._wishes.sequential = value

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
        self._rewish(self._pieces.only(piece))

    def set_priorities(self, priorities: Sequence[int]) -> None:
        """Say how much every piece is wanted: faster than one by one.

        Raises:
            ValueError: They are not as many as the pieces, or not from 0 to 7.
        """
        self._wishes.prefer_all(priorities)
        self._rewish(self._pieces.all)

    def _rewish(self, changed: int) -> None:
        """Let the sets follow what the wishes have become for the pieces of ``changed``."""
        lacking = self._wishes.wanted & ~self._views.of(self.have)
        self._lacking = self._lacking & ~changed | lacking & changed
        for piece in [piece for piece in self._open if not self.wants(piece)]:
            self._close(piece)
        self._fresh = self._lacking & ~self._pieces.of((*self._open, *self._checking))

    def set_deadline(self, piece: int, at: float | None) -> None:
        """Say when a reader will need ``piece``; ``None`` withdraws it.

        A piece that was not wanted is, from now on, with the highest priority.
        """
        if at is not None and not self.priority(piece):
            self.set_priority(piece, TOP_PRIORITY)
        if at is None or piece not in self.have:
            self._wishes.due(piece, at)

    # The work.

    def pick(
        self,
        peer: Hashable,
        have: Bitfield,
        count: int,
        now: float,
        *,
        fast: bool = False,
        only: Collection[int] | None = None,
        suggested: Collection[int] = (),
    ) -> list[tuple[int, int]]:
        """Choose at most ``count`` blocks to ask ``peer`` for, and count them as asked of it.

        Args:
            peer: Whom to ask.
            have: What it has.
            count: How many more requests it can take.
            now: The time.
            fast: Whether it is among the fastest we have, and is worth a piece of its own. Ask
                for a fast peer often enough, or slow ones are given what is urgent.
            only: The pieces it may be asked for: while it chokes us, its allowed fast set.
            suggested: Pieces it suggested, taken first among those as much wanted (BEP 6:
                "may be used to avoid excessive disk reads").

        Returns:
            Pairs of a piece and a block in it, in the order in which to ask.
        """
        if fast:
            self._fast_at = now
        if only is None:
            pieces = self._views.of(have)
            allowed: Bitfield | set[int] = have
        else:
            allowed = {piece for piece in only if piece in have}
            pieces = self._pieces.of(allowed)
        if count <= 0 or not pieces & self._lacking:
            return []
        errand = Errand(peer, allowed, pieces, count, now, fast=fast, suggested=suggested)
        middle = (self._new, self._others) if fast else (self._others, self._new)
        for step in (self._urgent, self._own, *middle, self._again):
            step(errand)
            if not errand.left:
                break
        return errand.taken

    def _urgent(self, errand: Errand) -> None:
        """Pieces with a deadline."""
        for piece in self._wishes.urgent:
            if not errand.left:
                return
            if piece not in errand.allowed:
                continue
            ahead = self._wishes.deadlines[piece] - errand.now
            if not errand.fast and ahead < SLOW_MARGIN and self._has_fast(errand.now):
                errand.spare(piece, self._pieces.only(piece))
            else:
                self._hasten(piece, errand, late=errand.fast and ahead < URGENT)

    def _has_fast(self, now: float) -> bool:
        return now - self._fast_at < FAST_MEMORY

    def _hasten(self, piece: int, errand: Errand, *, late: bool) -> None:
        """One piece with a deadline: begin it, go on with it, or help who is late with it."""
        found = self._open.get(piece)
        if found is None:
            if len(self._open) < self.max_open and self._fresh & self._pieces.only(piece):
                self._begin(piece, errand)
        elif found.free:
            self._take(found, errand)
        elif late:
            errand.duplicate([found], errand.now - LATE)

    def _own(self, errand: Errand) -> None:
        """Pieces that the peer began, then those that nobody is in charge of."""
        peer, partial = errand.peer, self._partial.values()
        for owner in (peer, None):
            for piece in [piece for piece in partial if piece.owner == owner]:
                if errand.left and errand.may(piece.piece):
                    piece.owner = peer
                    self._take(piece, errand)

    def _others(self, errand: Errand) -> None:
        """Pieces that others began, the oldest first."""
        for piece in list(self._partial.values()):
            if errand.left and errand.may(piece.piece):
                self._take(piece, errand)

    def _new(self, errand: Errand) -> None:
        """Pieces that nobody began."""
        while errand.left and len(self._open) < self.max_open:
            among = self._fresh & errand.pieces
            if not among:
                return
            self._begin(self._choose(among, errand), errand)

    def _choose(self, among: int, errand: Errand) -> int:
        """Which piece of a set to begin."""
        pieces = self._pieces
        among = self._wishes.most_wanted(among)
        if errand.suggested:
            suggested = pieces.of(piece for piece in errand.suggested if errand.may(piece))
            among = among & suggested or among
        if self._wishes.sequential:
            return pieces.first(among)
        # "Random first piece": the rarest is on few peers, and we want something to trade soon.
        if len(self.have) or self._open or self._checking:
            among = self._availability.rarest(among)
        return pieces.nth(among, self._rng.randrange(among.bit_count()))

    def _begin(self, piece: int, errand: Errand) -> None:
        begun = OpenPiece(piece, self._block_counts(piece), errand.peer)
        self._open[piece] = self._partial[piece] = begun
        self._fresh ^= self._pieces.only(piece)
        self._take(begun, errand)

    def _take(self, piece: OpenPiece, errand: Errand) -> None:
        errand.take(piece)
        if not piece.free:
            del self._partial[piece.piece]

    def _again(self, errand: Errand) -> None:
        """Blocks that others were asked for, at the end or when they keep a fast peer waiting."""
        if self._exhausted():
            errand.duplicate(self._open.values(), errand.now)
        elif errand.fast and errand.now >= self._searched_at + RECONSIDER:
            found = errand.duplicate(self._open.values(), errand.now - PATIENCE)
            self._searched_at = self._searched_at if found else errand.now

    def _exhausted(self) -> bool:
        """Whether every block that somebody could send us is asked for: the endgame."""
        free = self._fresh | self._pieces.of(self._partial)
        return not free or not free & self._availability.anywhere

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

    def statistics(self) -> Statistics:
        """How the download stands."""
        return Statistics(
            have=len(self.have),
            wanted_left=self.wanted_left,
            open=len(self._open),
            partial=len(self._partial),
            checking=len(self._checking),
            copies=self._availability.copies(),
        )
