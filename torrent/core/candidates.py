"""Whom we could connect to: the endpoints a swarm has heard of, and what became of dialling them.

Anybody can name endpoints: a tracker, the DHT, a stranger in a peer exchange. So the list is
bounded and a name costs little: one dial, then a growing pause, and after some failures the name is
dropped. When the list is full, the least promising leaves: failed ones first, then those that only
strangers vouched for.

A host that was caught lying is *banned*: it is not dialled, and hung up on when it calls.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from random import Random

    from torrent.core.effects import Endpoint
    from torrent.core.policy import SwarmPolicy

MAX_BANS: Final = 4_096
"""Hosts remembered as liars. Catching one costs it a connection and us a piece; whoever owns more
addresses than this wins one more piece a time, not more."""

TRUST: Final = {"user": 4, "lsd": 3, "tracker": 2, "dht": 1}
"""Whose word is kept longest when the list is full. What is not here (pex, holepunch) counts 0:
a single peer can name as many endpoints as it likes."""


@dataclass(slots=True)
class Candidate:
    """One endpoint: who vouched for it, and our luck with it.

    Attributes:
        endpoint: Where it listens.
        trust: See :data:`TRUST`.
        due: When it may be dialled.
        failures: Dials in a row that failed.
        dialling: Since when a dial is under way; None if none is.
        link: The connection to it, if there is one.
        seed: It had everything when we last met.
        draw: Chance that orders equals, so that a swarm does not dial the same peers first.
    """

    endpoint: Endpoint
    trust: int
    due: float
    draw: float
    failures: int = 0
    dialling: float | None = None
    link: int | None = None
    seed: bool = False


class Candidates:
    """The endpoints that one swarm knows."""

    def __init__(self, policy: SwarmPolicy, rng: Random) -> None:
        self.policy = policy
        self.banned: dict[str, str] = {}
        self._rng = rng
        self._known: dict[Endpoint, Candidate] = {}
        self._dialling: dict[Endpoint, Candidate] = {}
        self._waiting: list[tuple[float, float, int, Candidate]] = []
        self._next: defaultdict[str, dict[Endpoint, Candidate]] = defaultdict(dict)
        self._count = itertools.count()

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, endpoint: Endpoint) -> bool:
        return endpoint in self._known

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._known.values())

    @property
    def half_open(self) -> int:
        """Dials under way."""
        return len(self._dialling)

    def found(self, endpoints: Iterable[Endpoint], source: str, now: float) -> int:
        """Take note of ``endpoints``; returns how many are new."""
        trust = TRUST.get(source, 0)
        fresh = 0
        for endpoint in endpoints:
            known = self._known.get(endpoint)
            if known is not None:
                known.trust = max(known.trust, trust)
            elif self._admissible(endpoint) and self._room_for(trust):
                candidate = Candidate(endpoint, trust, now, self._rng.random())
                self._known[endpoint] = candidate
                self._wait(candidate, now)
                fresh += 1
        return fresh

    def _admissible(self, endpoint: Endpoint) -> bool:
        host, port = endpoint
        return 0 < port < 1 << 16 and host not in self.banned

    def _room_for(self, trust: int) -> bool:
        """Whether there is a place for one of ``trust``, if need be by evicting a lesser one.

        Looks at a few by chance: finding the very worst of thousands for every name in a flood
        would be the flood's success.
        """
        if len(self._known) < self.policy.candidates:
            return True
        some = self._rng.sample(list(self._known.values()), min(8, len(self._known)))
        idle = [c for c in some if c.link is None and c.dialling is None]
        if not idle:
            return False
        worst = min(idle, key=lambda c: (-c.failures, c.trust))
        if worst.failures == 0 and worst.trust > trust:
            return False
        del self._known[worst.endpoint]
        return True

    def _wait(self, candidate: Candidate, due: float) -> None:
        candidate.due = due
        # Those that failed least come first among the due; who is equal is drawn.
        entry = (due, candidate.draw, next(self._count), candidate)
        heapq.heappush(self._waiting, entry)
        if len(self._waiting) > 2 * self.policy.candidates + 64:
            # Entries of those who were evicted lie about: a flood of names must not pile them up.
            self._waiting = [entry for entry in self._waiting if self._current(entry[-1])]
            heapq.heapify(self._waiting)

    # Dialling.

    def waiting(self, now: float) -> bool:
        """Whether somebody may be due: cheap, and asked often."""
        return bool(self._waiting) and self._waiting[0][0] <= now

    def choose(self, now: float, *, seeds: bool, taken: Mapping[str, int]) -> Endpoint | None:
        """The next to dial, now marked so; ``None`` if nobody is due or too many are under way.

        ``seeds``: whether peers known to be seeds are of use to us. ``taken``: how many connections
        there are to each host.
        """
        if len(self._dialling) >= self.policy.half_open:
            return None
        while self._waiting and self._waiting[0][0] <= now:
            candidate = heapq.heappop(self._waiting)[-1]
            if not self._current(candidate):
                continue
            if candidate.seed and not seeds:
                self._wait(candidate, now + self.policy.idle)
                continue
            host = candidate.endpoint[0]
            if taken.get(host, 0) >= self.policy.per_host:
                self._wait(candidate, now + self.policy.redial_after)
                continue
            under_way = sum(1 for endpoint in self._dialling if endpoint[0] == host)
            if taken.get(host, 0) + under_way >= self.policy.per_host:
                self._next[host][candidate.endpoint] = candidate
                continue
            candidate.dialling = now
            self._dialling[candidate.endpoint] = candidate
            return candidate.endpoint
        return None

    def _current(self, candidate: Candidate) -> bool:
        """Whether a popped entry still speaks of somebody to dial."""
        return (
            self._known.get(candidate.endpoint) is candidate
            and candidate.link is None
            and candidate.dialling is None
        )

    def _stop_dialling(self, candidate: Candidate) -> None:
        """A dial is over. Who waits for a place at its host may have it.

        Hosts are often listed twice, at a port of today and one of an hour ago, which nobody can
        tell apart but by dialling. The second must not wait as if the first had been connected.
        """
        candidate.dialling = None
        self._dialling.pop(candidate.endpoint, None)
        for other in self._next.pop(candidate.endpoint[0], {}).values():
            if self._current(other):
                self._wait(other, other.due)

    def proven(self) -> tuple[Endpoint, ...]:
        """Those that are connected, or had everything when we last met or heard of them."""
        known = self._known.items()
        return tuple(at for at, each in known if each.link is not None or each.seed)

    def connected(self, endpoint: Endpoint, link: int, source: str, now: float) -> None:
        """There is a connection to ``endpoint``: we dialled it (or our user did), or it says so."""
        self.found([endpoint], source, now)
        candidate = self._known.get(endpoint)
        if candidate is not None:
            self._stop_dialling(candidate)
            candidate.link = link

    def unreachable(self, endpoint: Endpoint, now: float) -> None:
        """A dial failed."""
        candidate = self._known.get(endpoint)
        if candidate is not None and candidate.dialling is not None:
            self._stop_dialling(candidate)
            self._failed(candidate, now)

    def disconnected(
        self, endpoint: Endpoint, link: int, now: float, *, useful: bool, seed: bool = False
    ) -> None:
        """The connection ended. ``useful``: it had been worth having, so dial again soon."""
        candidate = self._known.get(endpoint)
        if candidate is None or candidate.link != link:
            return
        candidate.link = None
        candidate.seed = seed
        if useful:
            candidate.failures = 0
            self._wait(candidate, now + self.policy.redial_after)
        else:
            self._failed(candidate, now)

    def _failed(self, candidate: Candidate, now: float) -> None:
        candidate.failures += 1
        if candidate.failures >= self.policy.max_failures:
            del self._known[candidate.endpoint]
        else:
            self._wait(candidate, now + self.policy.redial_after * 2**candidate.failures)

    def presume_seed(self, endpoint: Endpoint) -> None:
        """Somebody says that the peer there has everything."""
        candidate = self._known.get(endpoint)
        if candidate is not None and candidate.link is None:
            candidate.seed = True

    def retry(self, endpoint: Endpoint, now: float) -> None:
        """Dial ``endpoint`` now: it is dialling us, through its NAT and ours (BEP 55)."""
        self.found([endpoint], "pex", now)
        candidate = self._known.get(endpoint)
        if candidate is not None and candidate.link is None and candidate.dialling is None:
            self._wait(candidate, now)

    def recall(self, now: float) -> None:
        """We want something again: dial the seeds that we parted from because we did not."""
        for candidate in self._known.values():
            if candidate.seed and not candidate.failures and self._current(candidate):
                self._wait(candidate, now)

    def forget(self, endpoint: Endpoint) -> None:
        """Never mind ``endpoint``: it is ourselves, or of no use."""
        candidate = self._known.pop(endpoint, None)
        if candidate is not None:
            self._stop_dialling(candidate)

    def ban(self, host: str, reason: str) -> None:
        """Have nothing to do with ``host`` any more. The oldest ban makes room."""
        if len(self.banned) >= MAX_BANS:
            del self.banned[next(iter(self.banned))]
        self.banned[host] = reason
        for endpoint in [known for known in self._known if known[0] == host]:
            self.forget(endpoint)

    # Time.

    def expire(self, now: float) -> None:
        """Give up dials that the shell never reported on."""
        over = now - self.policy.dial_patience
        for candidate in list(self._dialling.values()):
            if candidate.dialling is not None and candidate.dialling <= over:
                self._stop_dialling(candidate)
                self._failed(candidate, now)

    def next_deadline(self) -> float:
        """When somebody is due, or a dial is given up; infinity if never."""
        while self._waiting and not self._current(self._waiting[0][-1]):
            heapq.heappop(self._waiting)
        at = math.inf
        if self._waiting and len(self._dialling) < self.policy.half_open:
            at = self._waiting[0][0]
        since = min(
            (candidate.dialling or 0.0 for candidate in self._dialling.values()), default=at
        )
        return min(at, since + self.policy.dial_patience)
