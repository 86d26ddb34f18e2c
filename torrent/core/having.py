"""What peers say they have, and what follows from it for us.

Until the torrent is known (a magnet) a peer's pieces cannot be judged and are kept as said, in
bounded room (:class:`~torrent.core.peer.Early`); they are judged when it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torrent.core.bitfield import Bitfield
from torrent.core.peer import Early
from torrent.errors import WireError

if TYPE_CHECKING:
    from torrent.core.commons import Commons
    from torrent.core.fetching import Fetching
    from torrent.core.peer import Peer
    from torrent.core.wire import BitfieldMessage, Have, HaveAll, HaveNone


class Having:
    """Keeps account of who has what."""

    def __init__(self, commons: Commons, fetching: Fetching) -> None:
        self.commons = commons
        self.fetching = fetching

    def bitfield(self, peer: Peer, message: BitfieldMessage, now: float) -> None:
        """Take all its pieces at once. Some clients send it late or twice; the last one counts."""
        if peer.have is None:
            peer.early.bitfield(message.data)
        else:
            self._replace(peer, Bitfield.from_bytes(message.data, peer.have.count), now)

    def have_all(self, peer: Peer, message: HaveAll, now: float) -> None:
        """It is a seed (BEP 6)."""
        self._demand_fast(peer)
        if peer.have is None:
            peer.early.complete = True
        else:
            have = Bitfield(peer.have.count)
            have.fill()
            self._replace(peer, have, now)

    def have_none(self, peer: Peer, message: HaveNone, now: float) -> None:
        """It has nothing (BEP 6)."""
        self._demand_fast(peer)
        if peer.have is not None:
            self._replace(peer, Bitfield(peer.have.count), now)

    def _demand_fast(self, peer: Peer) -> None:
        if not peer.fast:
            raise WireError("the peer uses the fast extension (BEP 6), which was not agreed on")

    def _replace(self, peer: Peer, have: Bitfield, now: float) -> None:
        picker = self.commons.work
        if peer.have is not None:
            picker.left(peer.have)
        peer.have = have
        picker.joined(have)
        self._consider(peer, now)

    def have(self, peer: Peer, message: Have, now: float) -> None:
        """It has one more.

        Raises:
            WireError: The torrent has no such piece.
        """
        piece = message.piece
        if peer.have is None:
            peer.early.have(piece)
            return
        if piece >= peer.have.count:
            raise WireError(f"the peer has piece {piece} of {peer.have.count}")
        if piece in peer.have:
            return
        peer.have.add(piece)
        self.commons.work.gained(piece)
        self._consider(peer, now)

    def lost(self, peer: Peer, piece: int, now: float) -> None:
        """It has one less (BEP 54).

        Raises:
            WireError: The torrent has no such piece.
        """
        if peer.have is None:
            return
        if piece >= peer.have.count:
            raise WireError(f"the peer no longer has piece {piece} of {peer.have.count}")
        if piece in peer.have:
            peer.have.discard(piece)
            self.commons.work.dropped(piece)
            self.fetching.reconsider(peer, now)

    def _consider(self, peer: Peer, now: float) -> None:
        """Its pieces may be of use now; or, both of us having all, there is nothing left to do."""
        self.fetching.reconsider(peer, now)
        if peer.hungry:
            self.fetching.refill(peer, now)
        self.part_if_redundant(peer, now)

    def part_if_redundant(self, peer: Peer, now: float) -> None:
        """Neither of us will ever want anything of the other: make room (BEP 21)."""
        if peer.closed or not self.commons.done:
            return
        if (peer.seed or peer.upload_only) and not peer.am_interested:
            self.commons.close(peer, "neither of us wants anything", now, useful=True)

    def settle(self, peer: Peer, now: float) -> None:
        """The torrent is known now: judge what was said before.

        Raises:
            WireError: It was nonsense.
        """
        info, picker = self.commons.info, self.commons.picker
        if info is None or picker is None or peer.have is not None:
            return
        peer.expect(info.piece_count)
        early, peer.early = peer.early, Early()
        self._replace(peer, early.settle(info.piece_count), now)
