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
from torrent.core.wire import AllowedFast, Choke, Have, Reject, Request, Unchoke, encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torrent.core.assembly import Assemblies
    from torrent.core.commons import Commons
    from torrent.core.peer import Peer
    from torrent.core.wire import Cancel, Interested, NotInterested

MAX_BATCH: Final = 64
"""Requests handed to the shell at a time: 1 MiB, what one sendmsg takes."""


class Serving:
    """Serves one torrent to its peers."""

    def __init__(self, commons: Commons, assemblies: Assemblies) -> None:
        self.commons = commons
        self.choker = Choker(commons.policy.upload_slots, commons.rng)
        assemblies.announce.append(self.announce)

    # What we have.

    def announce(self, piece: int, now: float) -> None:
        """Tell everybody that we have ``piece``: it has passed.

        Who has it too will not ask for it, and only counts; its Have goes with whatever is said
        next. At full speed a message of its own for each piece was half of a leecher's writes.
        """
        data = encode(Have(piece))
        for peer in self.commons.working():
            known = peer.have is not None and piece in peer.have
            self.commons.write(peer, data, now, urgent=not known)

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

    def requests(self, peer: Peer, requests: Iterable[Request], now: float) -> None:
        """Queue requests, or refuse them; they come in rows, and each row of one piece.

        Raises:
            WireError: Too many of them could not be served.
        """
        queue, most, piece, size = peer.queue, self.commons.policy.reqq, -1, 0
        for request in requests:
            if request.piece != piece:
                piece = request.piece
                size = self._servable(peer, piece)
            _, begin, length = request
            if 0 < length <= BLOCK and begin + length <= size and len(queue) < most:
                queue[request] = None
            else:
                self._refuse(peer, request, now)
        if queue:
            self.commons.ready(peer)

    def _servable(self, peer: Peer, piece: int) -> int:
        """The bytes of a piece that ``peer`` may ask for; 0 of one that we have not, or choke."""
        have, info = self.commons.have, self.commons.info
        if have is None or info is None or piece not in have:
            return 0
        return 0 if peer.am_choking and piece not in peer.may_serve else info.piece_size(piece)

    def _refuse(self, peer: Peer, request: Request, now: float) -> None:
        """Say no. A request that crosses our choke is nobody's fault; others count against it.

        Raises:
            WireError: It was refused too often.
        """
        if not peer.am_choking or request.piece in peer.may_serve:
            peer.strike(self._fault(request))
        elif peer.fast:
            peer.strike("the peer asks although we choke it")
        if peer.fast:
            self._reject(peer, request, now)

    def _fault(self, request: Request) -> str:
        """What is wrong with a request, other than that we choke."""
        have, info = self.commons.have, self.commons.info
        if have is None or info is None or request.piece not in have:
            return "the peer asks for pieces that we do not have"
        if not 0 < request.length <= BLOCK:
            return f"the peer asks for {request.length} bytes at a time"
        if request.begin + request.length > info.piece_size(request.piece):
            return "the peer asks for more than the piece has"
        return "the peer asks for more than our reqq"

    def _reject(self, peer: Peer, request: Request, now: float) -> None:
        self.commons.say(peer, Reject(request.piece, request.begin, request.length), now)

    def cancel(self, peer: Peer, message: Cancel, now: float) -> None:
        """It does not need a block any more. BEP 6 wants even that answered."""
        request = Request(message.piece, message.begin, message.length)
        waiting = request in peer.queue
        peer.queue.pop(request, None)
        if waiting and peer.fast:
            self._reject(peer, request, now)

    def uploads(self, peer: Peer, budget: int) -> list[Request]:
        """Take requests to serve now, oldest first, of at most ``budget`` bytes together."""
        taken = []
        for request in islice(peer.queue, MAX_BATCH):
            budget -= request.length
            if budget < 0:
                break
            taken.append(request)
        for request in taken:
            del peer.queue[request]
        return taken

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
            for request in [each for each in peer.queue if each.piece == piece]:
                del peer.queue[request]
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
        for request in [each for each in peer.queue if each.piece not in peer.may_serve]:
            del peer.queue[request]
            if peer.fast:
                self._reject(peer, request, now)
