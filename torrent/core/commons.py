"""What the parts of one swarm have in common: who is connected, what we are after, what is said.

Each part of the swarm decides one thing (see :mod:`torrent.core.swarm`). They do not call each
other where they can avoid it; they read and write here. Three rules live here because every part
relies on them:

*Effects are collected, in order.* A door of the swarm empties the list when it returns.

*A link is said to be ready once.* ``Ready`` goes out when a silent link gets something to write,
and again only after the shell has come for it.

*A connection ends in one place.* Whoever ends it, each part is told once, and forgets it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dht.core.messages import message as value
from torrent.core.candidates import Candidates
from torrent.core.effects import Banned, Close, Ready
from torrent.core.policy import MAX_UNSENT
from torrent.core.rates import Rate
from torrent.core.wire import encode, encode_extended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from torrent.core.bitfield import Bitfield
    from torrent.core.effects import Buffers, Effect
    from torrent.core.metainfo import Info
    from torrent.core.peer import Peer
    from torrent.core.picker import Picker
    from torrent.core.policy import SwarmPolicy
    from torrent.core.wire import ExtensionMessage, Message


@value
class Identity:
    """Who we are in a swarm.

    Attributes:
        infohashes: The torrent's names on the wire, 20 bytes each, v1 first. A hybrid has two.
        peer_id: What we call ourselves, 20 bytes.
        private: Only peers of the trackers (BEP 27); known for certain once the info is.
    """

    infohashes: tuple[bytes, ...]
    peer_id: bytes
    private: bool = False


class Commons:
    """The state that the parts of one swarm share.

    Attributes:
        info: The torrent; None until its metadata is known.
        picker: What we have and want; None until the storage is ready.
        peers: Connections by link, oldest first.
        paused: Nobody is let in.
        stuck: A piece could not be stored: nothing more is asked for until our owner resumes.
        partings: Told of every connection that ended.
        bannings: Told of every host that was banned.
        down, up: Rates of blocks, all peers together.
    """

    def __init__(
        self, identity: Identity, policy: SwarmPolicy, buffers: Buffers, rng: Random
    ) -> None:
        self.identity = identity
        self.policy = policy = replace(policy)  # Limits change it; others may share theirs.
        self.buffers = buffers
        self.rng = rng
        self.info: Info | None = None
        self.picker: Picker | None = None
        self.candidates = Candidates(policy, rng)
        self.peers: dict[int, Peer] = {}
        self.paused = False
        self.stuck = False
        self.partings: list[Callable[[Peer, float], None]] = []
        self.bannings: list[Callable[[str, float], None]] = []
        self.down = Rate()
        self.up = Rate()
        self._effects: list[Effect] = []

    @property
    def private(self) -> bool:
        """Whether only trackers may name peers (BEP 27)."""
        return self.identity.private or (self.info is not None and self.info.private)

    @property
    def torrent(self) -> Info:
        """The torrent, where it must be known by now.

        Raises:
            LookupError: It is not: a mistake of ours.
        """
        if self.info is None:
            raise LookupError("the torrent's metadata is not known yet")
        return self.info

    @property
    def work(self) -> Picker:
        """What there is to do, where the storage must be ready by now.

        Raises:
            LookupError: It is not: a mistake of ours.
        """
        if self.picker is None:
            raise LookupError("the torrent's storage is not ready yet")
        return self.picker

    @property
    def have(self) -> Bitfield | None:
        """The pieces we have, once there is a place for them."""
        return None if self.picker is None else self.picker.have

    @property
    def done(self) -> bool:
        """Whether we have all that we want: a seed, or a partial seed (BEP 21)."""
        return self.picker is not None and self.picker.complete

    def working(self) -> Iterator[Peer]:
        """The peers that have been greeted. They may be closed meanwhile."""
        return (peer for peer in list(self.peers.values()) if peer.greeted and not peer.closed)

    def adopt(self, info: Info) -> None:
        """Know the torrent: a hybrid may turn out to have another name than the one we came by."""
        self.info = info
        names = (*info.infohashes, *self.identity.infohashes)
        self.identity = replace(self.identity, infohashes=tuple(dict.fromkeys(names)))

    # Effects.

    def emit(self, effect: Effect) -> None:
        """Want something done."""
        self._effects.append(effect)

    def take(self) -> list[Effect]:
        """Everything wanted since the last time."""
        effects = self._effects
        if effects:
            self._effects = []
            return effects
        return []

    # Links.

    def say(self, peer: Peer, message: Message, now: float) -> None:
        """Queue a message."""
        self.write(peer, encode(message), now)

    def write(self, peer: Peer, data: bytes, now: float, *, urgent: bool = True) -> None:
        """Queue bytes. A peer that does not read is hung up on before they pile up.

        What is not ``urgent`` waits for something that is, or for the next beat.
        """
        if peer.closed:
            return
        peer.out += data
        peer.last_said = now
        if len(peer.out) > MAX_UNSENT:
            self.close(peer, "the peer does not read what it is sent", now)
        elif urgent:
            self.ready(peer)

    def tell(self, peer: Peer, message: ExtensionMessage, now: float) -> bool:
        """Queue a message of an extension, if the peer speaks it (BEP 10)."""
        data = encode_extended(message, peer.extensions)
        if data is not None:
            self.write(peer, data, now)
        return data is not None

    def ready(self, peer: Peer) -> None:
        """Let the shell come for what ``peer`` is to be sent."""
        if not peer.ready:
            peer.ready = True
            self._effects.append(Ready(peer.link))

    def close(self, peer: Peer, reason: str, now: float, *, useful: bool = False) -> None:
        """End a connection. ``useful``: it may be dialled again soon, nothing is wrong with it."""
        if not peer.closed:
            self._effects.append(Close(peer.link, reason))
            self.part(peer, now, useful=useful)

    def part(self, peer: Peer, now: float, *, useful: bool) -> None:
        """Forget a connection that is gone, and let every part forget it."""
        peer.closed = True
        del self.peers[peer.link]
        if peer.listens is not None:
            self.candidates.disconnected(
                peer.listens, peer.link, now, useful=useful, seed=peer.seed or peer.upload_only
            )
        for parting in self.partings:
            parting(peer, now)
        peer.out.clear()
        peer.queue.clear()

    def ban(self, host: str, reason: str, now: float) -> None:
        """Have nothing to do with ``host`` any more."""
        if host in self.candidates.banned:
            return
        self.candidates.ban(host, reason)
        self._effects.append(Banned(host, reason))
        for peer in list(self.peers.values()):
            if peer.host == host and not peer.closed:
                self.close(peer, f"banned: {reason}", now)
        for banning in self.bannings:
            banning(host, now)
