"""Who may ask how much: a token bucket per source and one for all of them.

The buckets are kept in the form of the generic cell rate algorithm (ITU-T I.371): instead of a
count of tokens and the time of the last refill, one number, the *theoretical arrival time* up to
which a source has used what it is entitled to. A request costs ``1 / rate`` seconds of it, and is
refused while it lies more than ``burst / rate`` seconds in the future. The two forms are
equivalent, but this one is a single float in a dict, with no object per source.

It also makes forgetting exact. A source that did nothing for ``burst / rate`` seconds has a full
bucket again, whatever it did before, which is what a stranger has. So we keep two generations of
the dict and drop the older one each time that period has passed: no sweep, no loss, and the
memory is what the global bucket can admit in two periods.

Only requests are charged. The answers to our own calls are bounded by how much we ask.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_SOURCES: Final = 65_536
"""Sources remembered in one generation: 65,536 x ~150 B = 10 MB, however many addresses flood."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much others may ask of us; ``None`` lifts a limit.

    libtorrent ignores for five minutes whoever sends 50 requests in 10 s; that hits NATs, test
    networks and crawlers that do no harm. Ours only drops the excess, so it can be generous.

    Attributes:
        source_rate: Requests a second from one source: an IPv4 address, or an IPv6 /64 (what
            one customer is given, so what one attacker has for free).
        source_burst: Requests a source may have in advance.
        total_rate: Requests a second from everybody together.
        total_burst: Requests in advance for everybody together.
        verifications: Signature checks per drained batch of datagrams, at about 0.1 ms each.
    """

    source_rate: float | None = 50.0
    source_burst: float = 250.0
    total_rate: float | None = 20_000.0
    total_burst: float = 40_000.0
    verifications: int | None = 32


UNLIMITED: Final = Limits(source_rate=None, total_rate=None, verifications=None)


class SourceLimiter:
    """The buckets of one socket. ``allow`` is on the path of every request."""

    __slots__ = (
        "_before",
        "_capacity",
        "_cost",
        "_period",
        "_rotate_at",
        "_slack",
        "_total",
        "_total_cost",
        "_total_slack",
        "_until",
    )

    def __init__(self, limits: Limits, *, capacity: int = _SOURCES) -> None:
        rate, total = limits.source_rate, limits.total_rate
        # A lifted limit costs nothing: its arrival time never runs ahead of the clock.
        self._cost = 1.0 / rate if rate else 0.0
        self._slack = (limits.source_burst - 1.0) * self._cost
        self._total_cost = 1.0 / total if total else 0.0
        self._total_slack = (limits.total_burst - 1.0) * self._total_cost
        self._total = -math.inf
        self._until: dict[str | bytes, float] = {}
        self._before: dict[str | bytes, float] = {}
        self._period = limits.source_burst * self._cost + 1.0
        self._rotate_at = -math.inf
        self._capacity = capacity

    def __len__(self) -> int:
        return len(self._until) + len(self._before)

    def allow(self, source: str | bytes, now: float) -> bool:
        """Charge one request to ``source`` and say whether it may be served."""
        until = self._until.get(source)
        if until is None:
            until = self._recall(source, now)
        # The source's own bucket comes first, so that what it may not have costs nobody else.
        if until <= now:
            until = now
        elif until > now + self._slack:
            return False
        total = self._total
        if total <= now:
            total = now
        elif total > now + self._total_slack:
            return False
        self._total = total + self._total_cost
        self._until[source] = until + self._cost
        return True

    def _recall(self, source: str | bytes, now: float) -> float:
        """Look ``source`` up in the older generation; turn the generations when it is time."""
        # A crowd larger than the capacity turns them early: the oldest sources are then forgiven
        # what they used, which the total bucket bounds.
        if now >= self._rotate_at or len(self._until) >= self._capacity:
            self._before, self._until = self._until, {}
            self._rotate_at = now + self._period
        return self._before.get(source, now)
