"""What others are sent: whom we unchoke, what is queued for them, and what is refused.

Blocks do not pass through here. A request is checked, queued, and handed to the shell when the
socket and the limits have room for it (:meth:`Serving.uploads`); the shell reads the file.

Three promises. *Only verified pieces are served*, and only to those whom we unchoked or allowed
(BEP 6). *Queues are bounded*, as we say in our handshake (``reqq``). *Every request of a peer that
speaks BEP 6 is answered*, by its block or by a reject.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from torrent.core.choker import Candidate, Choker
from torrent.core.fastset import allowed_fast
from torrent.core.policy import BLOCK
from torrent.core.wire import AllowedFast, Choke, Have, Reject, Unchoke, encode

if TYPE_CHECKING:
    from torrent.core.assembly import Assemblies
    from torrent.core.commons import Commons
    from torrent.core.peer import Peer
    from torrent.core.wire import Cancel, Interested, NotInterested, Request

MAX_BATCH: Final = 64
"""Requests handed to the shell at a time: 1 MiB, what one sendmsg takes."""


class Serving:
    """Serves one torrent to its peers."""

    def __init__(self, commons: Commons, assemblies: Assemblies) -> None:
        self.commons = commons
        self.choker = Choker(commons.policy.upload_slots, commons.rng)
        self._row = (-1, 0)
        assemblies.announce.append(self.announce)

    # What we have.

    def announce(self, piece: int, now: float) -> None:
        """Tell everybody that we have ``piece``: it has passed."""
        data = encode(Have(piece))
        for peer in self.commons.working():
            self.commons.write(peer, data, now)

    def allow(self, peer: Peer, now: float) -> None:
        """Name the pieces a newcomer may fetch at once (BEP 6), so that it has some to trade."""
        have, info = self.commons.have, self.commons.info
        if not peer.fast or not have or info is None or peer.seed:
            return
        infohash = self.commons.identity.infohashes[0]
        count = self.commons.policy.allowed_fast
        pieces = allowed_fast(infohash, peer.host, info.piece_count, count)
        peer.may_serve = frozenset(piece for piece in pieces if piece in have)
        for piece in sorted(peer.may_serve):
            self.commons.say(peer, AllowedFast(piece), now)

    # Requests.

    def request(self, peer: Peer, request: Request, now: float) -> None:
        """Queue a request, or refuse it.

        Raises:
            WireError: Too many of them could not be served.
        """
        why = self._objection(peer, request)
        if why is None:
            peer.queue[request.piece, request.begin, request.length] = request
            self.commons.ready(peer)
        elif peer.fast:
            self._reject(peer, request, now)

    def _objection(self, peer: Peer, request: Request) -> str | None:
        """Why a request is not served, or ``None``.

        A request that crosses our choke is nobody's fault; the others count against the peer.
        """
        if peer.am_choking and request.piece not in peer.may_serve:
            if peer.fast:
                peer.strike("the peer asks although we choke it")
            return "choked"
        fault = self._fault(request)
        if fault is None and len(peer.queue) >= self.commons.policy.reqq:
            fault = "the peer asks for more than our reqq"
        if fault is not None:
            peer.strike(fault)
        return fault

    def _fault(self, request: Request) -> str | None:
        """What is wrong with the request itself."""
        have, info = self.commons.have, self.commons.info
        if have is None or info is None or request.piece not in have:
            return "the peer asks for pieces that we do not have"
        if not 0 < request.length <= BLOCK:
            return f"the peer asks for {request.length} bytes at a time"
        if request.piece != self._row[0]:  # They come in rows.
            self._row = (request.piece, info.piece_size(request.piece))
        if request.begin + request.length > self._row[1]:
            return "the peer asks for more than the piece has"
        return None

    def _reject(self, peer: Peer, request: Request, now: float) -> None:
        self.commons.say(peer, Reject(request.piece, request.begin, request.length), now)

    def cancel(self, peer: Peer, message: Cancel, now: float) -> None:
        """It does not need a block any more. BEP 6 wants even that answered."""
        request = peer.queue.pop((message.piece, message.begin, message.length), None)
        if request is not None and peer.fast:
            self._reject(peer, request, now)

    def uploads(self, peer: Peer, budget: int) -> list[Request]:
        """Take requests to serve now, oldest first, of at most ``budget`` bytes together."""
        taken = []
        for key, request in islice(peer.queue.items(), MAX_BATCH):
            budget -= request.length
            if budget < 0:
                break
            taken.append((key, request))
        for key, _ in taken:
            del peer.queue[key]
        return [request for _, request in taken]

    def unserved(self, peer: Peer, request: Request, now: float) -> None:
        """The shell could not read what it was to serve."""
        if peer.fast:
            self._reject(peer, request, now)

    def delivered(self, peer: Peer, count: int, now: float) -> None:
        """``count`` bytes of blocks were written to the socket."""
        peer.up.add(count, now)
        self.commons.up.add(count, now)

    def withdraw(self, piece: int, now: float) -> None:
        """``piece`` turned out to be damaged: whoever waits for it waits in vain."""
        for peer in self.commons.working():
            peer.may_serve -= {piece}
            for key in [key for key in peer.queue if key[0] == piece]:
                request = peer.queue.pop(key)
                if peer.fast:
                    self._reject(peer, request, now)

    # Choking.

    def interested(self, peer: Peer, message: Interested, now: float) -> None:
        """It wants something. As long as there are slots it need not wait for the next round."""
        peer.interested = True
        self._review(now)

    def not_interested(self, peer: Peer, message: NotInterested, now: float) -> None:
        """It wants nothing; its slot is given to somebody who does."""
        peer.interested = False
        peer.useless_since = now
        self._review(now)

    def rechoke(self, now: float) -> None:
        """Decide anew who is unchoked, if it is time."""
        if now >= self.choker.next_deadline() or self._idle():
            self._review(now)

    def _idle(self) -> bool:
        """Whether somebody has a slot and leaves it unused."""
        return any(not peer.am_choking and not peer.queue for peer in self.commons.working())

    def _review(self, now: float) -> None:
        """Let the choker decide. Between its rounds it only fills slots that are free."""
        if self.commons.picker is None:
            return
        peers = list(self.commons.working())
        candidates = [self._candidate(peer, now) for peer in peers]
        chosen = self.choker.rechoke(candidates, now, seeding=self.commons.done)
        for peer in peers:
            if peer.link in chosen and peer.am_choking:
                self._unchoke(peer, now)
            elif peer.link not in chosen and not peer.am_choking:
                self.choke(peer, now)

    def _candidate(self, peer: Peer, now: float) -> Candidate:
        return Candidate(
            key=peer.link,
            interested=peer.interested,
            choked=peer.am_choking,
            down_rate=peer.down.per_second(now),
            up_rate=peer.up.per_second(now),
            is_seed=peer.seed,
            snubbed=peer.snubbed,
            since=peer.since,
            uploaded=peer.up.total,
            idle=not peer.queue,
        )

    def _unchoke(self, peer: Peer, now: float) -> None:
        peer.am_choking = False
        self.commons.say(peer, Unchoke(), now)

    def choke(self, peer: Peer, now: float) -> None:
        """Answer no more of its requests; those that wait are dropped (with BEP 6: rejected)."""
        peer.am_choking = True
        self.commons.say(peer, Choke(), now)
        for key in [key for key in peer.queue if key[0] not in peer.may_serve]:
            request = peer.queue.pop(key)
            if peer.fast:
                self._reject(peer, request, now)
