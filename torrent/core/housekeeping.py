"""What is due by the clock: silence, keep-alives, late requests, the choker's rounds.

One beat for all connections, instead of a timer for each thing of each peer: a beat over eighty
peers is a tenth of a millisecond. While anything is under way it comes every second; in a swarm
where nothing is (a seedbox holds a thousand of those) every ten.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torrent.core.wire import KeepAlive

if TYPE_CHECKING:
    from torrent.core.commons import Commons
    from torrent.core.fetching import Fetching
    from torrent.core.gossip import Gossip
    from torrent.core.peer import Peer
    from torrent.core.serving import Serving


class Housekeeping:
    """Looks after every connection at every beat."""

    def __init__(
        self, commons: Commons, fetching: Fetching, serving: Serving, gossip: Gossip
    ) -> None:
        self.commons = commons
        self.fetching = fetching
        self.serving = serving
        self.gossip = gossip
        self._last_beat = -math.inf

    def next_deadline(self) -> float:
        """When the next beat is; never, if nobody is there and nothing is half done."""
        peers, policy = self.commons.peers, self.commons.policy
        if not peers:
            begun = self.fetching.assemblies.open
            return self._last_beat + policy.idle_beat if begun else math.inf
        # Whoever is interested in us, or we in them, is work; so are those not greeted yet.
        busy = any(p.am_interested or p.interested or not p.greeted for p in peers.values())
        learning = self.commons.picker is None
        beat = policy.beat if busy or learning else policy.idle_beat
        oldest = next(iter(peers.values())).since
        return max(self._last_beat, oldest) + beat

    def tick(self, now: float) -> None:
        """Do all that is due."""
        self.commons.candidates.expire(now)
        if now < self.next_deadline():
            return
        self._last_beat = now
        for peer in list(self.commons.peers.values()):
            self._look_after(peer, now)
        if self.commons.picker is not None:
            if self.commons.peers:
                self.fetching.pump(now)
                self.serving.rechoke(now)
            self.fetching.make_room(now)

    def _look_after(self, peer: Peer, now: float) -> None:
        why = self._over(peer, now)
        if why is not None:
            self.commons.close(peer, why, now, useful=peer.greeted)
        elif peer.greeted:
            if peer.out:
                self.commons.ready(peer)
            if now - peer.last_said >= self.commons.policy.keep_alive:
                self.commons.say(peer, KeepAlive(), now)
            self.gossip.beat(peer, now)
            if self.commons.picker is not None:
                self.fetching.beat(peer, now)

    def _over(self, peer: Peer, now: float) -> str | None:
        """Why a connection has lasted long enough."""
        policy = self.commons.policy
        if not peer.greeted:
            late = now - peer.since > policy.greeting_patience
            return "the peer did not send its handshake" if late else None
        if now - peer.last_heard > policy.silence:
            return "the peer is silent"
        unwanted = not peer.am_interested and not peer.interested
        if unwanted and now - peer.useless_since > policy.idle:
            return "neither of us wants anything for a long time"
        return None
