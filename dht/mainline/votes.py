"""Our external address, by votes (BEP 42).

Every answer tells where the answerer saw our packet come from. "Since a single node can not be
trusted, there should be some mechanism to determine whether or not the node has a correct
understanding of its external IP [...] This could be done by voting".

One subnet has one vote, the latest, so a liar needs many networks rather than many nodes. Votes
count among their like: a node on the Internet sees our external address, one on our own network
sees our local address, and either is wrong about the other. The widest scope in which enough
votes agree decides.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from dht.mainline.compact import REMEMBERED, Scope, pack_host, scope

if TYPE_CHECKING:
    from collections.abc import Hashable

MAX_VOTES: Final = 100
"""Subnets whose vote is remembered; the oldest makes room. Twenty liars' networks among the last
hundred answers change nothing."""

MIN_VOTES: Final = 3
"""Votes the winner needs, at least."""

LIFETIME: Final = 3600.0
"""Seconds a vote counts: an address that changed is found out within the hour even if few
answers come in."""


@lru_cache(REMEMBERED)
def subnet_of(host: str) -> bytes:
    """The /24 or /64 that ``host`` is in."""
    packed = pack_host(host)
    return packed[: 3 if len(packed) == 4 else 8]  # noqa: PLR2004


class AddressVotes:
    """The latest vote of each subnet about our address."""

    __slots__ = ("_votes",)

    def __init__(self) -> None:
        self._votes: dict[Hashable, tuple[str, float]] = {}  # in order of arrival

    def __len__(self) -> int:
        return len(self._votes)

    def add(self, voter: str, observed: str, now: float) -> None:
        """The node at ``voter`` saw us at ``observed``."""
        reach = scope(observed)
        if reach is Scope.NOWHERE or scope(voter) is not reach:
            return
        subnet = subnet_of(voter)
        self._votes.pop(subnet, None)  # so that it goes to the end
        self._votes[subnet] = (observed, now)
        self._expire(now)

    def _expire(self, now: float) -> None:
        """Drop votes that are too old or too many; the oldest stand first."""
        stale = [s for s, (_, at) in self._votes.items() if at <= now - LIFETIME]
        for subnet in stale:
            del self._votes[subnet]
        if len(self._votes) > MAX_VOTES:
            del self._votes[next(iter(self._votes))]

    def winner(self) -> str | None:
        """The address that more than half of the votes in its scope name, if enough do."""
        for reach in (Scope.WORLD, Scope.SITE, Scope.HOST):
            tally = Counter(ip for ip, _ in self._votes.values() if scope(ip) is reach)
            for host, count in tally.most_common(1):
                if count >= MIN_VOTES and 2 * count > tally.total():
                    return host
        return None

    def clear(self) -> None:
        """Forget all votes: our network changed."""
        self._votes.clear()
