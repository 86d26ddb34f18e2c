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
swarm          nothing: it is the door
=============  ====================================================================

*Whatever a peer sends, only effects come out*: a breach of the protocol ends that connection, and
no exception leaves ``receive``.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from torrent.core.assembly import Assemblies
from torrent.core.commanding import Commander
from torrent.core.commons import Commons, Identity
from torrent.core.effects import Completed, Dial
from torrent.core.extending import Extending
from torrent.core.fetching import Fetching
from torrent.core.gossip import Gossip
from torrent.core.greeting import Greeter
from torrent.core.hashing import Hashing
from torrent.core.having import Having
from torrent.core.housekeeping import Housekeeping
from torrent.core.learning import Learning
from torrent.core.picker import Picker
from torrent.core.proving import Proving
from torrent.core.serving import Serving
from torrent.core.standing import standing
from torrent.core.webseeding import WebSeeding
from torrent.core.wire import (
    AllowedFast,
    BitfieldMessage,
    Block,
    Cancel,
    Choke,
    DontHave,
    Extended,
    ExtensionHandshake,
    Handshake,
    Hashes,
    HashReject,
    HashRequest,
    Have,
    HaveAll,
    HaveNone,
    Holepunch,
    Interested,
    KeepAlive,
    MetadataData,
    MetadataReject,
    MetadataRequest,
    NotInterested,
    Pex,
    Port,
    Reject,
    Request,
    Suggest,
    Unchoke,
    UploadOnly,
)
from torrent.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from random import Random

    from torrent.core.bitfield import Bitfield
    from torrent.core.commands import Command
    from torrent.core.effects import Buffers, Effect, Endpoint, PieceRun, Verdict
    from torrent.core.metainfo import Info
    from torrent.core.peer import Peer
    from torrent.core.policy import SwarmPolicy
    from torrent.core.standing import Standing

__all__ = ["Identity", "Swarm"]


class Swarm:
    """One torrent. See the module for its parts.

    Args:
        identity: Who we are, and the names of the torrent.
        policy: The numbers it behaves by.
        buffers: Where pieces are put together.
        rng: Where all chance comes from.
        info: The torrent, if it is known; else it is learned from peers.
        have: The pieces we have, verified. With it the storage is ready; else ``begin`` says so.
    """

    def __init__(
        self,
        identity: Identity,
        policy: SwarmPolicy,
        buffers: Buffers,
        rng: Random,
        info: Info | None = None,
        have: Bitfield | None = None,
    ) -> None:
        self.commons = commons = Commons(identity, policy, buffers, rng)
        self.assemblies = Assemblies(commons)
        self.greeter = Greeter(commons)
        self.fetching = Fetching(commons, self.assemblies)
        self.having = Having(commons, self.fetching)
        self.serving = Serving(commons, self.assemblies)
        self.learning = Learning(commons)
        self.proving = Proving(commons, self.assemblies)
        self.hashing = Hashing(commons)
        self.gossip = Gossip(commons)
        self.extending = Extending(commons, self.having)
        self.housekeeping = Housekeeping(commons, self.fetching, self.serving, self.gossip)
        self.commander = Commander(commons, self.fetching, self.serving, self.assemblies)
        self.webseeding = WebSeeding(commons, self.fetching, self.assemblies)
        self.greeter.arrived += [self.gossip.arrived, self._arrived]
        self.extending.introduced.append(self.learning.ask)
        self.learning.learned.append(self.proving.learned)
        self._handlers = self.extending.handlers = self._dispatch()
        if info is not None:
            commons.adopt(info)
            if have is not None:
                self._open(info, have)

    def _dispatch(self) -> dict[type, Callable[..., None]]:
        """Which part each message is for."""
        fetching, serving, having = self.fetching, self.serving, self.having
        extending, learning, proving = self.extending, self.learning, self.proving
        return {
            Block: fetching.block,
            Request: serving.request,
            Have: having.have,
            Choke: fetching.choke,
            Unchoke: fetching.unchoke,
            Interested: serving.interested,
            NotInterested: serving.not_interested,
            BitfieldMessage: having.bitfield,
            HaveAll: having.have_all,
            HaveNone: having.have_none,
            Cancel: serving.cancel,
            Reject: fetching.reject,
            AllowedFast: fetching.allowed,
            Suggest: fetching.suggest,
            Extended: extending.extended,
            ExtensionHandshake: extending.handshake,
            UploadOnly: extending.upload_only,
            DontHave: extending.dont_have,
            MetadataRequest: learning.request,
            MetadataData: learning.data,
            MetadataReject: learning.rejected,
            Pex: self.gossip.pex,
            Holepunch: self.gossip.holepunch,
            Port: self.gossip.dht_port,
            HashRequest: self.hashing.request,
            Hashes: proving.hashes,
            HashReject: proving.rejected,
            Handshake: self.greeter.handshake,
            KeepAlive: lambda _peer, _message, _now: None,
        }

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
        if peer is None:
            return []
        peer.last_heard = now
        if peer.incoming and not peer.greeted:
            return []  # Ourselves: about to hang up.
        handlers = self._handlers
        try:
            for message in peer.decoder.receive(data):
                handlers[type(message)](peer, message, now)
                if peer.closed:
                    break
        except WireError as fault:
            self.fetching.settle(peer, now)
            self._end(link, fault, now)
        else:
            self.fetching.settle(peer, now)
        return self._done(now)

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

    def _end(self, link: int, fault: WireError, now: float) -> None:
        """A peer broke the protocol."""
        peer = self.commons.peers.get(link)
        if peer is not None:
            self.commons.close(peer, str(fault), now)
            self.fetching.feed(now)

    def _done(self, now: float) -> list[Effect]:
        """What a door returns. There may be room to dial somebody."""
        self._dial(now)
        return self.commons.take()

    def _dial(self, now: float) -> None:
        commons = self.commons
        candidates = commons.candidates
        if commons.paused or not candidates.waiting(now):
            return
        room = commons.policy.connections - len(commons.peers) - candidates.half_open
        taken = Counter(peer.host for peer in commons.peers.values())
        while room > 0:
            endpoint = candidates.choose(now, seeds=not commons.done, taken=taken)
            if endpoint is None:
                return
            commons.emit(Dial(endpoint))
            room -= 1

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

    def _open(self, info: Info, have: Bitfield) -> None:
        commons = self.commons
        commons.adopt(info)
        if commons.picker is not None:
            return
        commons.picker = picker = Picker(
            info.block_count,
            info.piece_count,
            commons.rng,
            max_open=commons.policy.max_open,
            have=have,
        )
        if picker.complete:
            commons.emit(Completed())

    def _late_first_words(self, peer: Peer, now: float) -> None:
        """What would have been said after the handshake, had we known the torrent then."""
        if peer.extended:
            self.greeter.extension_handshake(peer, now)
        self.greeter.bitfield(peer, now, late=True)

    def _arrived(self, peer: Peer, now: float) -> None:
        """A peer was greeted, or the torrent was learned: judge what it has."""
        try:
            self.having.settle(peer, now)
        except WireError as fault:
            self.commons.close(peer, str(fault), now)
            return
        if not peer.closed and self.commons.picker is not None:
            self.serving.allow(peer, now)
            if peer.interested:
                self.serving.interested(peer, Interested(), now)

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

    def _became_done(self, now: float) -> None:
        """We want nothing any more: say so, and part from those who want nothing either."""
        self.extending.say_upload_only(now)
        for peer in self.commons.working():
            self.having.part_if_redundant(peer, now)

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
