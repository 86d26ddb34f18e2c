"""One torrent as a machine: what happened goes in, what is to be done comes out.

A swarm owns the connections of one torrent and everything they share. It reads no clock, opens no
socket, touches no file: the shell says what happened at one of the doors below, performs the
effects that the door returns (:mod:`torrent.core.effects`), and fetches what links are to be sent
with :meth:`Swarm.output` and :meth:`Swarm.uploads`. ``next_deadline`` says when to ``tick``.

Inside, each part decides one thing:

=============  ====================================================================
candidates     whom to dial, and whom never
greeting       who is let in, and what is said first
having         who has what
fetching       what is asked of whom, and how long to wait for it
assembly       when a piece is whole, and who is to blame if it is false
serving        whom to unchoke, and what to refuse
learning       a magnet's metadata
proving        which hashes of v2 to ask for, and what they prove
hashing        which hashes others are sent
gossip         peers named to peers (BEP 11), and holes punched for them (BEP 55)
extending      nothing: it hands extension messages to those they are for
housekeeping   what is due by the clock
commanding     what our owner's wishes mean
webseeding     what web seeds are asked for (BEP 19)
ensemble       nothing: it joins the parts, and tells each what the others found
swarm          nothing: it is the door
=============  ====================================================================

*Whatever a peer sends, only effects come out*: a breach of the protocol ends that connection, and
no exception leaves ``receive``.
"""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from torrent.core.commons import Identity
from torrent.core.effects import Completed
from torrent.core.ensemble import Ensemble
from torrent.core.landing import Sorted
from torrent.core.standing import standing
from torrent.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torrent.core.bitfield import Bitfield
    from torrent.core.commands import Command
    from torrent.core.effects import Effect, Endpoint, Verdict
    from torrent.core.landing import Landing
    from torrent.core.metainfo import Info
    from torrent.core.peer import Peer
    from torrent.core.standing import Standing
    from torrent.core.webseed import PieceRun
    from torrent.core.wire import Handshake, Request

__all__ = ["Identity", "Swarm"]


class Swarm(Ensemble):
    """One torrent: the doors to its parts. See :class:`Ensemble` for the arguments."""

    # Doors: connections.

    def connected(
        self,
        link: int,
        endpoint: Endpoint,
        now: float,
        *,
        incoming: bool,
        handshake: Handshake | None = None,
    ) -> list[Effect]:
        """A connection stands. For an incoming one the shell has read ``handshake``."""
        try:
            self.greeter.connected(link, endpoint, now, incoming=incoming, handshake=handshake)
        except WireError as fault:
            self._end(link, fault, now)
        return self._done(now)

    def receive(self, link: int, data: memoryview, now: float) -> list[Effect]:
        """Bytes of the stream, split anywhere. ``data`` may be overwritten after the return."""
        peer = self.commons.peers.get(link)
        if peer is not None:
            self._stretch(peer, Sorted(data, [], b""), now)
        return self._done(now)

    def expect(self, link: int, landing: Landing, most: int) -> bool:
        """Lay ``landing`` for what should come next, up to ``most`` bytes.

        If it returns True, read into it at once and call :meth:`landed`, which is the same as
        :meth:`receive` and faster; else call that one.
        """
        peer = self.commons.peers.get(link)
        return peer is not None and landing.lay(peer, self.assemblies.open, most)

    def landed(self, link: int, landing: Landing, count: int, now: float) -> list[Effect]:
        """``count`` bytes of the stream were read into ``landing``."""
        peer = self.commons.peers.get(link)
        if peer is not None:
            self._stretch(peer, landing.sort(count), now)
        return self._done(now)

    def _stretch(self, peer: Peer, came: Sorted, now: float) -> None:
        """Take what came at once on one connection."""
        peer.last_heard = now
        if peer.incoming and not peer.greeted:
            return  # Ourselves: about to hang up.
        try:
            if came.first:
                self._read(peer, came.first, now)
            if came.blocks:
                self.fetching.landed(peer, came.blocks, now)
            if came.rest:
                self._read(peer, came.rest, now)
        except WireError as fault:
            self.fetching.settle(peer, now)
            self._end(peer.link, fault, now)
        else:
            self.fetching.settle(peer, now)

    def _read(self, peer: Peer, data: memoryview | bytes, now: float) -> None:
        for kind, messages in groupby(peer.decoder.receive(data), type):
            self._handle(kind, peer, messages, now)

    def disconnected(self, link: int, now: float) -> list[Effect]:
        """The stream has ended."""
        peer = self.commons.peers.get(link)
        if peer is not None:
            self.commons.part(peer, now, useful=peer.worthwhile(now))
            self.fetching.feed(now)
        return self._done(now)

    def unreachable(self, endpoint: Endpoint, now: float) -> list[Effect]:
        """A dial failed."""
        self.gossip.unreachable(endpoint, now)
        self.commons.candidates.unreachable(endpoint, now)
        return self._done(now)

    def found(self, endpoints: Iterable[Endpoint], source: str, now: float) -> list[Effect]:
        """Somebody named peers: ``source`` is user, lsd, tracker, dht, or pex."""
        if not (self.commons.private and source in {"dht", "pex", "lsd"}):
            self.commons.candidates.found(endpoints, source, now)
        return self._done(now)

    # Doors: storage.

    def begin(self, info: Info, have: Bitfield, now: float) -> list[Effect]:
        """The storage is ready: from now on pieces are fetched and served."""
        self._open(info, have)
        self.commander.begin(now)
        for peer in self.commons.working():
            self._late_first_words(peer, now)
            self._arrived(peer, now)
        self.fetching.feed(now)
        return self._done(now)

    def verified(self, piece: int, verdict: Verdict, now: float) -> list[Effect]:
        """The answer to a Verify."""
        if verdict.ok:
            self.hashing.keep(piece, verdict.digests)
        was_done = self.commons.done
        self.assemblies.verified(piece, verdict, now)
        if self.commons.done and not was_done:
            self._became_done(now)
        self.fetching.feed(now)
        return self._done(now)

    def hashed(self, piece: int, leaves: tuple[bytes, ...], now: float) -> list[Effect]:
        """The answer to a HashPiece; no leaves: it could not be read."""
        self.hashing.hashed(piece, leaves, now)
        return self._done(now)

    def lost(self, piece: int, now: float) -> list[Effect]:
        """A piece we thought we had is damaged: take it back, and fetch it again."""
        picker = self.commons.picker
        if picker is not None and piece in picker.have:
            picker.lost(piece)
            self.serving.withdraw(piece, now)
            self.extending.say_lost(piece, now)
            self.fetching.reconsider_all(now)
        return self._done(now)

    # Doors: output.

    def output(self, link: int) -> bytes:
        """Everything but blocks that ``link`` is to be sent, in order; empty if nothing is."""
        peer = self.commons.peers.get(link)
        if peer is None:
            return b""
        peer.ready = False
        if not peer.out:
            return b""
        data = bytes(peer.out)
        peer.out.clear()
        return data

    def uploads(self, link: int, budget: int) -> list[Request]:
        """Blocks to send now on ``link``, of at most ``budget`` bytes together."""
        peer = self.commons.peers.get(link)
        return [] if peer is None else self.serving.uploads(peer, budget)

    def delivered(self, link: int, count: int, now: float) -> list[Effect]:
        """``count`` bytes of blocks were written to the socket."""
        peer = self.commons.peers.get(link)
        if peer is not None:
            peer.last_said = now
            self.serving.delivered(peer, count, now)
        return []

    def unserved(self, link: int, request: Request, now: float) -> list[Effect]:
        """What ``uploads`` gave out could not be read: say so to the peer."""
        peer = self.commons.peers.get(link)
        if peer is not None:
            self.serving.unserved(peer, request, now)
        return self._done(now)

    # Doors: owner and time.

    def command(self, command: Command, now: float) -> list[Effect]:
        """Do what our owner asks."""
        was_done = self.commons.done
        self.commander.perform(command, now)
        if self.commons.done and not was_done:
            self.commons.emit(Completed())
            self._became_done(now)
        return self._done(now)

    def tick(self, now: float) -> list[Effect]:
        """Do what is due."""
        self.housekeeping.tick(now)
        self.learning.tick(now)
        self.proving.tick(now)
        return self._done(now)

    def next_deadline(self) -> float:
        """When ``tick`` has something to do; infinity if never."""
        if self.commons.paused:
            return math.inf
        at = self.housekeeping.next_deadline()
        candidates, policy = self.commons.candidates, self.commons.policy
        if len(self.commons.peers) + candidates.half_open < policy.connections:
            at = min(at, candidates.next_deadline())
        return at

    # What the owner may look at.

    @property
    def have(self) -> Bitfield | None:
        """The pieces we have; ``None`` before :meth:`begin`."""
        return self.commons.have

    @property
    def complete(self) -> bool:
        """Whether we have all that we want."""
        return self.commons.done

    def statistics(self, now: float) -> Standing:
        """How it stands."""
        return standing(self.commons, self.fetching.wasted, now)

    # Doors: web seeds.

    def webseed_run(self, source: str, now: float) -> PieceRun | None:
        """Pieces for a web seed (BEP 19) to fetch; they are asked of nobody else. None: nothing."""
        return self.webseeding.run(source, now)

    def webseed_block(
        self, source: str, piece: int, begin: int, data: memoryview, now: float
    ) -> list[Effect]:
        """One block of a run came. ``begin`` is a multiple of 16 KiB."""
        self.webseeding.block(source, piece, begin, data, now)
        return self._done(now)

    def webseed_failed(self, source: str, now: float) -> list[Effect]:
        """The rest of the run will not come."""
        self.webseeding.failed(source, now)
        return self._done(now)
