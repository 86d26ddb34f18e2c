"""How a connection begins: handshakes, who that is, and what is said first.

The order of first words is fixed by the BEPs and by habit: both handshakes (BEP 3), then the
bitfield or its short forms (BEP 6), "immediately after the handshake", with the extension
handshake (BEP 10) around it, then everything else.

Three kinds of connections end here: those to ourselves (the peer id is ours), second ones to the
same peer, and those that lead to another torrent. When two peers dial each other at the same time
both see two connections, and must not each close the other one; so of two that are about as old,
the one dialled by the greater peer id stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from torrent.core.peer import Peer
from torrent.core.wire import (
    EXTENSION_IDS,
    BitfieldMessage,
    ExtensionHandshake,
    Handshake,
    Have,
    HaveAll,
    HaveNone,
    Port,
    encode,
    reserved_bits,
)
from torrent.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torrent.core.commons import Commons
    from torrent.core.effects import Endpoint

CROSSED: Final = 5.0
"""Seconds within which two connections to one peer count as dialled at the same time."""


class Greeter:
    """Lets connections in.

    Attributes:
        arrived: Told of every peer that was greeted, after our first words were queued.
    """

    def __init__(self, commons: Commons) -> None:
        self.commons = commons
        self.arrived: list[Callable[[Peer, float], None]] = []

    # Handshakes.

    def connected(
        self,
        link: int,
        endpoint: Endpoint,
        now: float,
        *,
        incoming: bool,
        handshake: Handshake | None = None,
    ) -> None:
        """A connection stands. Outgoing: we speak first; incoming: they have spoken."""
        commons = self.commons
        peer = Peer(link, endpoint, commons.policy, now, incoming=incoming)
        why = self._unwelcome(peer)
        commons.peers[link] = peer
        if not incoming:
            commons.candidates.connected(endpoint, link, "user", now)
        if why is not None:
            commons.close(peer, why, now, useful=True)
        elif handshake is None:
            peer.decoder.expect_handshake()
            self._introduce(peer, commons.identity.infohashes[0], now)
        else:
            self.handshake(peer, handshake, now)

    def _unwelcome(self, peer: Peer) -> str | None:
        """Why a connection is ended before a word is said."""
        commons = self.commons
        if commons.paused:
            return "the torrent is paused"
        if peer.host in commons.candidates.banned:
            return "the host is banned"
        if len(commons.peers) >= commons.policy.connections:
            return "there are enough connections"
        same = sum(1 for other in commons.peers.values() if other.host == peer.host)
        guests = commons.policy.guests if peer.incoming else 0
        if same >= max(commons.policy.per_host, guests) and not self._may_cross(peer):
            return "there is a connection to this host"
        return None

    def _may_cross(self, peer: Peer) -> bool:
        """Whether the host may be dialling us while we dial it: then peer ids will decide."""
        others = [other for other in self.commons.peers.values() if other.host == peer.host]
        return len(others) == self.commons.policy.per_host and all(
            other.incoming != peer.incoming and peer.since - other.since < CROSSED
            for other in others
        )

    def _introduce(self, peer: Peer, infohash: bytes, now: float) -> None:
        identity, policy = self.commons.identity, self.commons.policy
        dht = policy.dht_port > 0 and not self.commons.private
        reserved = reserved_bits(dht=dht, v2=self._speaks_v2(), fast=policy.fast)
        self.commons.write(peer, encode(Handshake(infohash, identity.peer_id, reserved)), now)

    def _speaks_v2(self) -> bool:
        info = self.commons.info
        return info.is_v2 if info is not None else len(self.commons.identity.infohashes) > 1

    def handshake(self, peer: Peer, handshake: Handshake, now: float) -> None:
        """Read the peer's handshake and say our first words.

        Raises:
            WireError: It is about another torrent.
        """
        commons = self.commons
        if handshake.infohash not in commons.identity.infohashes:
            raise WireError("the peer's handshake is for another torrent")
        peer.peer_id = handshake.peer_id
        peer.fast = handshake.fast and commons.policy.fast
        peer.extended = handshake.extended
        peer.v2 = handshake.v2 or handshake.infohash != commons.identity.infohashes[0]
        if peer.peer_id == commons.identity.peer_id:
            self._meet_ourselves(peer, handshake, now)
            return
        why = self._redundant(peer, handshake, now)
        if why is not None:
            commons.close(peer, why, now, useful=True)
            return
        peer.greeted = True
        if peer.incoming:
            self._introduce(peer, self._answer(handshake), now)
        self._first_words(peer, now)
        port = commons.policy.dht_port
        if handshake.dht and port and not commons.private and not peer.closed:
            commons.say(peer, Port(port), now)

    def _answer(self, handshake: Handshake) -> bytes:
        """The infohash to answer with: BEP 52 lets a hybrid's v1 be answered with v2."""
        infohashes = self.commons.identity.infohashes
        upgrade = handshake.v2 and len(infohashes) > 1
        return infohashes[-1] if upgrade else handshake.infohash

    def _meet_ourselves(self, peer: Peer, handshake: Handshake, now: float) -> None:
        """Who dialled knows the address that is ours; so the other end answers, and waits."""
        if peer.listens is None:
            self._introduce(peer, handshake.infohash, now)
        else:
            self.commons.candidates.forget(peer.listens)
            self.commons.close(peer, "we connected to ourselves", now)

    def _redundant(self, peer: Peer, handshake: Handshake, now: float) -> str | None:
        """Why ``peer``, now that it has a name, is one too many."""
        own, theirs = self.commons.identity.peer_id, handshake.peer_id
        for other in list(self.commons.peers.values()):
            if other is peer or other.peer_id != theirs:
                continue
            crossed = other.incoming != peer.incoming and now - other.since < CROSSED
            if not crossed or peer.incoming != (theirs > own):
                return "there is a connection to this peer"
            self.commons.close(other, "the peer dialled us at the same time", now, useful=True)
        return None

    # First words.

    def _first_words(self, peer: Peer, now: float) -> None:
        if peer.extended:
            self.extension_handshake(peer, now)
        self.bitfield(peer, now)
        for arrived in self.arrived:
            if not peer.closed:
                arrived(peer, now)

    def bitfield(self, peer: Peer, now: float, *, late: bool = False) -> None:
        """Say what we have; ``late``, after other things were said, piece by piece (BEP 3)."""
        have = self.commons.have
        if late:
            data = b"".join(encode(Have(piece)) for piece in have or ())
            self.commons.write(peer, data, now)
        elif peer.fast and not have:
            self.commons.say(peer, HaveNone(), now)
        elif have and peer.fast and have.full:
            self.commons.say(peer, HaveAll(), now)
        elif have:
            self.commons.say(peer, BitfieldMessage(have.to_bytes()), now)

    def extension_handshake(self, peer: Peer, now: float) -> None:
        """Say what we speak beyond BEP 3 (BEP 10)."""
        commons, policy = self.commons, self.commons.policy
        offered = dict(EXTENSION_IDS)
        if commons.private:
            del offered["ut_pex"]
        message = ExtensionHandshake(
            extensions=offered,
            reqq=policy.reqq,
            client=policy.client,
            port=policy.port or None,
            yourip=peer.host,
            metadata_size=None if commons.info is None else len(commons.info.raw),
            upload_only=commons.done,
        )
        commons.tell(peer, message, now)
