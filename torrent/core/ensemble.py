"""The parts of one swarm, and how they are joined.

This is the swarm's inside. It knows which part a message is for, whom to tell when a peer arrives
or a torrent becomes known, and when to dial; it does not know what a shell is.
"""

from __future__ import annotations

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
    from torrent.core.effects import Buffers, Effect
    from torrent.core.metainfo import Info
    from torrent.core.peer import Peer
    from torrent.core.policy import SwarmPolicy
    from torrent.core.wire import Message


class Ensemble:
    """The parts of one swarm, joined; :class:`~torrent.core.swarm.Swarm` is their face.

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
        self._rows: dict[type, Callable[..., None]] = {
            Block: self.fetching.blocks,
            Request: self.serving.requests,
        }
        self._handlers = self.extending.handlers = self._dispatch()
        if info is not None:
            commons.adopt(info)
            if have is not None:
                self._open(info, have)

    def _dispatch(self) -> dict[type, Callable[..., None]]:
        """Which part each message is for, but for blocks and requests, which come in rows."""
        fetching, serving, having = self.fetching, self.serving, self.having
        extending, learning, proving = self.extending, self.learning, self.proving
        return {
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

    def _handle(
        self, kind: type[Message], peer: Peer, messages: Iterable[Message], now: float
    ) -> None:
        """Hand a stretch of messages of one kind to their part, until the connection is closed."""
        if (many := self._rows.get(kind)) is not None:
            if not peer.closed:
                many(peer, messages, now)
            return
        handler = self._handlers[kind]
        for message in messages:
            if not peer.closed:
                handler(peer, message, now)

    # What follows from what.

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

    def _became_done(self, now: float) -> None:
        """We want nothing any more: say so, and part from those who want nothing either."""
        self.extending.say_upload_only(now)
        for peer in self.commons.working():
            self.having.part_if_redundant(peer, now)
