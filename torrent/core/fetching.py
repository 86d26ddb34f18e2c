"""What is asked of whom, and the blocks that come: the download side of a swarm.

The hot paths are :meth:`Fetching.blocks`, and :meth:`Fetching.landed` for blocks that were read
where they belong: 65,536 blocks pass them for each GiB. They take a block off the list of what is
awaited, copy it into its piece, and tell the picker; everything that can be done once for a whole
stretch of blocks (rates, the window, new requests) waits for :meth:`Fetching.settle`, which runs
once for each time the socket was read. New requests go out when a quarter of the window has
drained, so that a hundred of them are one write.

Two swarms joined in memory, pieces of 1 MiB, 16 blocks a read, one busy core, CPython 3.11: the
leech takes 5 µs a block in all, 2 of them for the copy, the seed 1.3 µs (decoding the request,
checks, queue). Between the system calls of a real transfer both take twice as long. Taking rows of
blocks at once, with slices and maps instead of a loop, was no faster.

*Nobody waits for one peer.* A block that is overdue at the peer's own pace (see
:mod:`torrent.core.peer`) is anybody's again, the same peer's included. What then comes late is
still taken, if it is still missing: it costs nothing any more.

*Nobody idles.* A peer that could be given more than there was is *hungry*. When blocks become free
(a peer choked us, left, or lied), the hungry are fed at once, not at the next tick.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from torrent.core.policy import BLOCK, BLOCK_SHIFT
from torrent.core.wire import Cancel, Interested, NotInterested, encode, encode_requests
from torrent.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from torrent.core.assembly import Assemblies
    from torrent.core.commons import Commons
    from torrent.core.peer import Asked, Peer
    from torrent.core.wire import AllowedFast, Block, Choke, Reject, Suggest, Unchoke

_piece: Final = itemgetter(0)

REFILL: Final = 0.75
"""Requests go out when no more than this share of the window is outstanding."""

STALLED: Final = 30.0
"""Seconds without a block after which a piece gives back its buffer, if buffers are short. Twice
what the slowest honest peer takes for a block at 1 kB/s; what is lost is fetched again."""


class Fetching:
    """Asks for blocks, takes them, and asks again.

    Attributes:
        wasted: Bytes that came and were of no use.
    """

    def __init__(self, commons: Commons, assemblies: Assemblies) -> None:
        self.commons = commons
        self.assemblies = assemblies
        self.wasted = 0
        self._bytes = 0
        self._blocks = 0
        self._freed = False
        self._refused = 0
        # Of each open piece, how many blocks it lacked, and since when it has lacked so many.
        self._standing: dict[int, tuple[int, float]] = {}
        self._links: dict[int, Peer] = commons.peers
        commons.partings.append(self._parted)
        commons.bannings.append(self._banned)
        assemblies.announce.append(self._passed)

    # Blocks.

    def blocks(self, peer: Peer, blocks: Iterable[Block], now: float) -> None:
        """Take the blocks that came in a row.

        Raises:
            WireError: One is not what was asked for, or far too many came unasked.
        """
        awaited, opened = peer.outstanding.pop, self.assemblies.open
        link, host, picker = peer.link, peer.host, self.commons.picker
        for block in blocks:
            piece, begin, data = block
            index = begin >> BLOCK_SHIFT
            if awaited((piece, index), None) is None and not self._belated(peer, block):
                continue
            size = len(data)
            work = opened.get(piece)
            if work is None or picker is None:
                self.wasted += size
                continue
            end = begin + size
            if begin & (BLOCK - 1) or (size != BLOCK and end != work.size) or end > work.size:
                raise WireError(
                    f"the peer sent {size} bytes at {begin} of piece {piece}: not a block"
                )
            self._bytes += size
            self._blocks += 1
            receipt = picker.received(piece, index, link)
            if not receipt.fresh:
                self.wasted += size
                continue
            work.buffer[begin:end] = data
            work.senders[index] = host
            if receipt.others:
                self.cancel(receipt.others, piece, begin, size, now)
            if receipt.complete:
                self.assemblies.complete(piece)

    def landed(self, peer: Peer, row: list[Asked], now: float) -> None:
        """Take blocks that were read into their places (:mod:`torrent.core.landing`)."""
        received, host, link = self.commons.work.received, peer.host, peer.link
        for piece, blocks in groupby(row, _piece):
            work = self.assemblies.open[piece]
            for asked in blocks:
                index = asked[1]
                del peer.outstanding[asked]
                receipt = received(piece, index, link)
                work.senders[index] = host
                if receipt.others:
                    self.cancel(receipt.others, piece, index << BLOCK_SHIFT, BLOCK, now)
                if receipt.complete:
                    self.assemblies.complete(piece)
        self._blocks += len(row)
        self._bytes += len(row) * BLOCK

    def _belated(self, peer: Peer, block: Block) -> bool:
        """Whether a block that nobody awaits was at least asked for at some time."""
        asked = (block.piece, block.begin >> BLOCK_SHIFT)
        if asked in peer.ghosts:
            del peer.ghosts[asked]
            return True
        self.wasted += len(block.data)
        peer.strike("the peer sent blocks that were not asked for")
        return False

    def cancel(
        self, links: Iterable[Hashable], piece: int, begin: int, size: int, now: float
    ) -> None:
        """Tell the others that were asked for a block, too (BEP 3, endgame)."""
        asked = (piece, begin >> BLOCK_SHIFT)
        data = encode(Cancel(piece, begin, size))
        for link in links:
            other = self._links.get(link)  # type: ignore[call-overload]
            if other is not None and other.outstanding.pop(asked, None) is not None:
                other.haunt(asked)
                self.commons.write(other, data, now)
                self._freed = True

    def settle(self, peer: Peer, now: float) -> None:
        """The stretch of blocks is over: reckon, and ask for more."""
        if self._blocks:
            peer.took(self._bytes, self._blocks, now)
            self.commons.down.add(self._bytes, now)
            self._bytes = self._blocks = 0
        if len(peer.outstanding) <= peer.window * REFILL:
            self.refill(peer, now)
        if self._freed:
            self.feed(now)

    # Requests.

    def refill(self, peer: Peer, now: float) -> None:
        """Ask ``peer`` for as much as its window has room for."""
        room = peer.window - len(peer.outstanding)
        if room <= 0 or not peer.am_interested or peer.have is None or self.commons.stuck:
            return
        if peer.closed or (peer.choking and not peer.may_ask):
            return
        picked = self.commons.work.pick(
            peer.link,
            peer.have,
            room,
            now,
            fast=peer.pace > self._fair_pace(),
            only=peer.may_ask if peer.choking else None,
            suggested=peer.suggested,
        )
        peer.hungry = len(picked) < room
        self._ask(peer, picked, now)

    def _fair_pace(self) -> float:
        """The pace of an average peer: who is faster may open pieces of its own."""
        count = len(self.commons.peers)
        return sum(peer.pace for peer in self.commons.peers.values()) / count if count > 1 else 0.0

    def _ask(self, peer: Peer, picked: list[Asked], now: float) -> None:
        """Request what was picked; what there is no buffer for goes back."""
        assemblies, outstanding, requests = self.assemblies, peer.outstanding, []
        declined = set()
        for piece, row in groupby(picked, _piece):
            work = assemblies.open.get(piece)
            if work is None and not assemblies.starving:
                work = assemblies.begin(piece)
            if work is None:
                declined.add(piece)
                continue
            for asked in row:
                outstanding[asked] = now
                begin = asked[1] << BLOCK_SHIFT
                left = work.size - begin
                requests.append((piece, begin, min(BLOCK, left)))
        for piece in declined:
            self.commons.work.lost(piece)  # Not begun, after all; and not suspect.
            peer.hungry = True
        if requests:
            self.commons.write(peer, encode_requests(requests), now)

    def feed(self, now: float) -> None:
        """Blocks became free: let those who had too little to do have them."""
        self._freed = False
        if self.commons.picker is None or self.commons.paused:
            return
        for peer in self.commons.working():
            if peer.hungry:
                self.refill(peer, now)

    def call_off(self, piece: int, now: float) -> None:
        """Nobody wants ``piece`` any more: cancel what was asked of it."""
        if not self.assemblies.abandon(piece):
            return
        size = self.commons.torrent.piece_size(piece)
        for peer in self.commons.working():
            for asked in [asked for asked in peer.outstanding if asked[0] == piece]:
                del peer.outstanding[asked]
                peer.haunt(asked)
                begin = asked[1] << BLOCK_SHIFT
                length = min(BLOCK, size - begin)
                self.commons.say(peer, Cancel(piece, begin, length), now)

    def _banned(self, host: str, now: float) -> None:
        """Begin anew what holds blocks of a liar: it is false, and would blame others too."""
        tainted = [p for p, work in self.assemblies.open.items() if host in work.senders]
        for piece in tainted:
            self.commons.work.lost(piece)
            self.call_off(piece, now)
            self._freed = True

    def release(self, peer: Peer, *, haunted: bool) -> None:
        """Nothing that ``peer`` was asked for is awaited any more."""
        if not peer.outstanding:
            return
        if haunted:
            for asked in peer.outstanding:
                peer.haunt(asked)
        peer.outstanding.clear()
        self.commons.work.forget(peer.link)
        self._freed = True

    def _parted(self, peer: Peer, now: float) -> None:
        picker = self.commons.picker
        if picker is not None:
            self.release(peer, haunted=False)
            if peer.have is not None:
                picker.left(peer.have)
            self._tidy()

    def _tidy(self) -> None:
        """While nothing is on its way, buffers without any block are of more use elsewhere."""
        if self.assemblies.open and not any(p.outstanding for p in self.commons.peers.values()):
            for piece in self.assemblies.untouched():
                self.commons.work.lost(piece)
                self.assemblies.abandon(piece)

    def make_room(self, now: float) -> None:
        """Once a beat: where others lack buffers, give up pieces of which nothing comes.

        Until the next beat no other is begun here: whoever was refused asks within that time.
        """
        before, self._standing = self._standing, {}
        for piece, work in self.assemblies.open.items():
            missing = work.senders.count(None)
            then, since = before.get(piece, (missing, now))
            self._standing[piece] = missing, since if then == missing else now
        refused, self._refused = self._refused, self.commons.buffers.refused
        late = [piece for piece, (_, since) in self._standing.items() if now - since >= STALLED]
        if refused == self._refused or not late:
            return
        for piece in late:
            self.commons.work.lost(piece)
            self.call_off(piece, now)
        self.assemblies.starve()

    # What the peer says about requests.

    def choke(self, peer: Peer, message: Choke, now: float) -> None:
        """Without BEP 6 a choke drops all requests; with it, each is rejected by itself.

        Raises:
            WireError: It chokes and unchokes all the time and sends nothing in between.
        """
        peer.choking = True
        if peer.outstanding and (peer.last_block or 0.0) < peer.unchoked_at:
            peer.strike("the peer unchoked us only to choke us")
        if not peer.fast and self.commons.picker is not None:
            self.release(peer, haunted=True)

    def unchoke(self, peer: Peer, message: Unchoke, now: float) -> None:
        """It will answer requests now."""
        peer.choking = False
        peer.unchoked_at = now
        peer.timeouts = 0

    def reject(self, peer: Peer, message: Reject, now: float) -> None:
        """It will not send a block.

        Raises:
            WireError: It did so too often, or BEP 6 was not agreed on.
        """
        self._demand_fast(peer)
        asked = (message.piece, message.begin >> BLOCK_SHIFT)
        peer.ghosts.pop(asked, None)
        if peer.choking:
            # Allowed once, and not any more.
            peer.may_ask.discard(message.piece)
        if peer.outstanding.pop(asked, None) is None:
            return
        self.commons.work.released(*asked, peer.link)
        self._freed = True
        # Not asked again at once, or the two of us would do nothing else; see `beat`.
        peer.hungry = False
        if not peer.choking:
            peer.strike("the peer unchoked us and rejected our requests")

    def allowed(self, peer: Peer, message: AllowedFast, now: float) -> None:
        """It will send this piece though it chokes us (BEP 6)."""
        self._demand_fast(peer)
        if len(peer.may_ask) < 4 * self.commons.policy.allowed_fast:
            peer.may_ask.add(message.piece)

    def suggest(self, peer: Peer, message: Suggest, now: float) -> None:
        """It has this piece at hand (BEP 6)."""
        self._demand_fast(peer)
        peer.suggested.append(message.piece)

    def _demand_fast(self, peer: Peer) -> None:
        if not peer.fast:
            raise WireError("the peer uses the fast extension (BEP 6), which was not agreed on")

    # Interest.

    def reconsider(self, peer: Peer, now: float) -> None:
        """Say whether ``peer`` has something for us, if that has changed."""
        picker = self.commons.picker
        if picker is None or peer.have is None or peer.closed or not peer.greeted:
            return
        interesting = not self.commons.paused and picker.interesting(peer.have)
        if interesting != peer.am_interested:
            peer.am_interested = interesting
            if not interesting:
                peer.useless_since = now
            self.commons.say(peer, Interested() if interesting else NotInterested(), now)

    def reconsider_all(self, now: float) -> None:
        """What we want has changed."""
        for peer in self.commons.working():
            self.reconsider(peer, now)
            peer.hungry = True
        self.feed(now)

    def _passed(self, piece: int, now: float) -> None:
        """Who was interesting may not be any more. The other way round cannot happen."""
        for peer in self.commons.working():
            if peer.am_interested:
                self.reconsider(peer, now)

    # Time.

    def beat(self, peer: Peer, now: float) -> None:
        """Look after one peer, once a second: is it late, how fast is it, can it do more?"""
        late = peer.overdue(now)
        if late:
            peer.missed(late, now)
            for asked in late:
                self.commons.work.released(*asked, peer.link)
            self._freed = True
        peer.measure()
        self._hang_up_on_the_stalled(peer, now)

    def _hang_up_on_the_stalled(self, peer: Peer, now: float) -> None:
        """A peer that owes us blocks and sends none, for minutes, only takes up room."""
        if not peer.outstanding or peer.choking:
            return
        last = max(peer.last_block or peer.since, peer.unchoked_at)
        if peer.snubbed and now - last > self.commons.policy.stall:
            self.commons.close(peer, "the peer unchoked us and sends nothing", now)

    def pump(self, now: float) -> None:
        """After all were looked after: give everybody what there is to do."""
        self.assemblies.nourish()
        self._freed = False
        for peer in self.commons.working():
            if len(peer.outstanding) <= peer.window * REFILL:
                self.refill(peer, now)
        self._tidy()
