"""Peers named to peers: peer exchange (BEP 11), introductions (BEP 55), and DHT nodes (BEP 5).

Anybody may name anybody, so what is heard here is worth little: candidates from here are the first
to be evicted (:mod:`torrent.core.candidates`), one peer may speak once a minute, and somebody on
the internet cannot send us to addresses of our own network. A private torrent does none of
this (BEP 27).

*Introductions.* A peer that two others are connected to can tell them to dial each other at the
same moment, which opens most NATs. We relay, we dial when told to, and we ask for it when a dial
to somebody failed whom a connected peer had named as able to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dht.mainline.compact import Scope, scope
from torrent.core.effects import DhtNode
from torrent.core.rates import TokenBucket
from torrent.core.wire import Holepunch, HolepunchError, HolepunchKind, Pex, PexFlag
from torrent.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torrent.core.commons import Commons
    from torrent.core.effects import Endpoint
    from torrent.core.peer import Peer
    from torrent.core.wire import Port

FIRST_WORD: Final = 2.0
"""Seconds after the handshakes: by then we know whether the peer is worth naming to others."""
BURST: Final = 4
"""Messages in advance of one a minute: some clients send their first ones in quick succession."""
MAX_INTRODUCERS: Final = 512
"""Endpoints that we remember who could introduce us to."""
INTRODUCTIONS: Final = 10
"""Introductions that a peer may ask for at once; then one in six seconds. Each costs us two
messages, and could be used to make a third party be dialled."""


class _Told:
    """What one peer was told, and how often it may speak."""

    def __init__(self, due: float, every: float) -> None:
        self.due = due
        self.named: dict[Endpoint, None] = {}
        self.bucket = TokenBucket(1 / every, BURST)
        self.introductions = TokenBucket(INTRODUCTIONS / every, INTRODUCTIONS)


class Gossip:
    """Names peers to peers, and hears of some."""

    def __init__(self, commons: Commons) -> None:
        self.commons = commons
        self._told: dict[int, _Told] = {}
        self._introducers: dict[Endpoint, int] = {}
        commons.partings.append(self._parted)

    def arrived(self, peer: Peer, now: float) -> None:
        """A peer was greeted."""
        self._told[peer.link] = _Told(now + FIRST_WORD, self.commons.policy.pex_every)

    def _parted(self, peer: Peer, now: float) -> None:
        self._told.pop(peer.link, None)

    # Peer exchange.

    def beat(self, peer: Peer, now: float) -> None:
        """Tell ``peer`` what changed, once a minute."""
        told = self._told[peer.link]
        if self.commons.private or now < told.due or not peer.extensions.get("ut_pex"):
            return
        told.due = now + self.commons.policy.pex_every
        most = self.commons.policy.pex_entries
        current = dict(self._nameable(peer))
        added = [(e, flags) for e, flags in current.items() if e not in told.named][:most]
        dropped = [endpoint for endpoint in told.named if endpoint not in current][:most]
        if added or dropped:
            for endpoint, _flags in added:
                told.named[endpoint] = None
            for endpoint in dropped:
                del told.named[endpoint]
            self.commons.tell(peer, Pex(tuple(added), tuple(dropped)), now)

    def _nameable(self, to: Peer) -> Iterator[tuple[Endpoint, int]]:
        """Whom to name: connected peers of which we know where they listen."""
        for peer in self.commons.working():
            if peer is not to and peer.listens is not None:
                flags = PexFlag.SEED if peer.seed or peer.upload_only else PexFlag(0)
                if peer.extensions.get("ut_holepunch"):
                    flags |= PexFlag.HOLEPUNCH
                if not peer.incoming:
                    flags |= PexFlag.OUTGOING
                yield peer.listens, int(flags)

    def pex(self, peer: Peer, said: Pex, now: float) -> None:
        """Hear of peers.

        Raises:
            WireError: It speaks too often. "Peers may disconnect" such (BEP 11).
        """
        if self.commons.private:
            return
        if not self._told[peer.link].bucket.take(1, now):
            raise WireError("the peer floods us with ut_pex messages")
        most = self.commons.policy.pex_entries
        named = [(e, flags) for e, flags in said.added if self._plausible(e, peer)][:most]
        for endpoint, flags in named:
            if flags & PexFlag.HOLEPUNCH and len(self._introducers) < MAX_INTRODUCERS:
                self._introducers[endpoint] = peer.link
        self.commons.candidates.found([endpoint for endpoint, _ in named], "pex", now)
        for endpoint, flags in named:
            if flags & PexFlag.SEED:
                self.commons.candidates.presume_seed(endpoint)

    def _plausible(self, endpoint: Endpoint, source: Peer) -> bool:
        """Whether ``source`` can know ``endpoint``: nobody outside knows who is in our network."""
        there = scope(endpoint[0])
        return there is Scope.WORLD or scope(source.host) <= there

    # Introductions.

    def holepunch(self, peer: Peer, said: Holepunch, now: float) -> None:
        """Relay an introduction, or follow one."""
        if self.commons.private or not self._told[peer.link].introductions.take(1, now):
            return
        if said.kind is HolepunchKind.RENDEZVOUS:
            self._relay(peer, said.endpoint, now)
        elif said.kind is HolepunchKind.CONNECT and self._plausible(said.endpoint, peer):
            self.commons.candidates.retry(said.endpoint, now)

    def _relay(self, peer: Peer, target: Endpoint, now: float) -> None:
        other = self._listening_at(target)
        if peer.listens is None:
            return  # We could not say whom to dial.
        if other is peer:
            error = HolepunchError.NO_SELF
        elif other is None:
            known = target in self.commons.candidates
            error = HolepunchError.NOT_CONNECTED if known else HolepunchError.NO_SUCH_PEER
        elif not other.extensions.get("ut_holepunch"):
            error = HolepunchError.NO_SUPPORT
        else:
            self.commons.tell(peer, Holepunch(HolepunchKind.CONNECT, target), now)
            self.commons.tell(other, Holepunch(HolepunchKind.CONNECT, peer.listens), now)
            return
        self.commons.tell(peer, Holepunch(HolepunchKind.ERROR, target, error), now)

    def _listening_at(self, endpoint: Endpoint) -> Peer | None:
        for peer in self.commons.working():
            if endpoint in {peer.listens, peer.endpoint}:
                return peer
        return None

    def unreachable(self, endpoint: Endpoint, now: float) -> None:
        """A dial failed: somebody may introduce us."""
        link = self._introducers.pop(endpoint, None)
        peer = None if link is None else self.commons.peers.get(link)
        if peer is not None:
            self.commons.tell(peer, Holepunch(HolepunchKind.RENDEZVOUS, endpoint), now)

    # The DHT.

    def dht_port(self, peer: Peer, message: Port, now: float) -> None:
        """It runs a DHT node there (BEP 5)."""
        if message.port and not self.commons.private:
            self.commons.emit(DhtNode((peer.host, message.port)))
