"""Which of a torrent's trackers to ask, and when (BEP 12 and the intervals of BEP 3).

A torrent names trackers in tiers. BEP 12: tiers are gone through in order, the trackers of one in
an order drawn once; "if a connection with a tracker is successful, it will be moved to the front
of the tier". Every announce begins at the top again, so that a main tracker that comes back is
used again, and the first success ends it.

What BEP 12 leaves open is patience. A tracker that failed is passed over until its own backoff
has run out (17 s, growing with the square of its failures to an hour, as in libtorrent), so a dead
one at the top does not hold up each announce. When every tracker has failed, the next announce is
due as soon as one of them may be asked again.

A tracker that only keeps silent has not failed yet: a datagram is repeated for 45 s. Whoever drives
the machine need not wait for that, but may ask for the next one meanwhile; the first to answer ends
the announce, and what the silent one says later still counts.

Events belong to a tracker, not to the torrent: the one that is asked for the first time hears
``started``, whenever that is; ``completed`` goes to one that knew us incomplete; ``stopped`` to
all that have us listed.

The machine is driven from outside: :meth:`Tiers.next` says whom to ask, and is told what came of
it. One of them serves one infohash.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from torrent.core.announce.messages import Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

MAX_TRACKERS: Final = 200
"""Trackers of one torrent that are ever asked. Public lists hold some 100; a malicious torrent
may name as many victims as fit into ten megabytes."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often trackers are asked; all in seconds.

    Attributes:
        least: Shortest time between announces that go well, whatever a tracker says: an
            ``interval`` of 0 must not make us a flood.
        most: Longest: an ``interval`` of a year must not make us forget the swarm.
        retry: The unit of a failed tracker's rest, and the least time between two rounds.
        longest_retry: Most that backoff comes to.
    """

    least: float = 60.0
    most: float = 6 * 3600.0
    retry: float = 5.0
    longest_retry: float = 3600.0

    def backoff(self, failures: int) -> float:
        """Rest of a tracker that has failed ``failures`` times in a row.

        libtorrent's curve: 17, 55, 117, 205 s and so on, an hour from the 17th on.
        """
        return min(self.retry * (1.0 + 2.5 * failures**2), self.longest_retry)


@dataclass(slots=True, eq=False)
class Tracker:
    """One tracker and what we have been through with it.

    Attributes:
        url: Its announce URL, as the torrent has it.
        failures: In a row.
        not_before: When it may be asked again.
        listed: It has us in its list, as far as we know.
        knows_complete: It has heard that we have everything.
        tracker_id: What it wants repeated.
    """

    url: str
    failures: int = 0
    not_before: float = -math.inf
    listed: bool = False
    knows_complete: bool = False
    tracker_id: bytes | None = field(default=None, repr=False)

    def event(self, *, complete: bool) -> Event:
        """What the next announce to it is about."""
        if not self.listed:
            return Event.STARTED
        return Event.COMPLETED if complete and not self.knows_complete else Event.NONE


class Tiers:
    """The trackers of one infohash, asked one at a time.

    Attributes:
        due: When the next announce begins.
        allowed: The earliest an announce may begin that nobody but us wants.
    """

    def __init__(
        self, tiers: Iterable[Iterable[str]], rng: Random, now: float, pace: Pace | None = None
    ) -> None:
        self.due = self.allowed = now
        self._pace = pace or Pace()
        self._tiers = _shuffled(tiers, rng)
        self._tried: set[Tracker] = set()
        self._asking: set[Tracker] = set()
        self._answered = False

    @property
    def trackers(self) -> list[Tracker]:
        """All, in the order in which they are asked."""
        return [tracker for tier in self._tiers for tracker in tier]

    def next(self, now: float) -> Tracker | None:
        """Whom to ask now; ``None`` until :meth:`next_deadline`.

        Within one announce each tracker is named once, and only if it is not resting. It may be
        called again before the one it named has answered.
        """
        if now < self.due:
            return None
        self._answered = False
        for tracker in self.trackers:
            if tracker not in self._tried | self._asking and tracker.not_before <= now:
                self._tried.add(tracker)
                self._asking.add(tracker)
                return tracker
        self._exhausted(now)
        return None

    def next_deadline(self) -> float:
        """When :meth:`next` will name somebody; infinite if never."""
        return self.due

    def succeeded(
        self,
        tracker: Tracker,
        now: float,
        *,
        interval: float,
        min_interval: float = 0.0,
        complete: bool = False,
    ) -> None:
        """``tracker`` has answered: the announce is over.

        Args:
            tracker: Named by :meth:`next`.
            now: The time.
            interval: After how many seconds it wants to hear from us again.
            min_interval: How long it does not want to.
            complete: What it was told of us.
        """
        self._asking.discard(tracker)
        self._answered = True
        tracker.failures, tracker.not_before = 0, -math.inf
        tracker.listed, tracker.knows_complete = True, complete
        self._to_front(tracker)
        self._tried.clear()
        wait = min(max(interval, min_interval, self._pace.least), self._pace.most)
        self.due = now + wait
        self.allowed = now + min(max(min_interval, self._pace.least), wait)

    def failed(self, tracker: Tracker, now: float, retry_in: float | None = None) -> None:
        """``tracker`` did not answer, or refused.

        Args:
            tracker: Named by :meth:`next`.
            now: The time.
            retry_in: When it said it may be asked again (BEP 31); infinite for never.
        """
        self._asking.discard(tracker)
        tracker.failures += 1
        rest = self._pace.backoff(tracker.failures)
        tracker.not_before = now + (rest if retry_in is None else max(rest, retry_in))
        if not self._answered:
            self.due = min(self.due, tracker.not_before)

    def hasten(self, now: float) -> None:
        """Announce as soon as the tracker's minimum interval lets us: peers are wanted."""
        self.due = min(self.due, max(now, self.allowed))

    def completed(self, now: float) -> None:
        """Announce at once, if somebody has us listed as incomplete.

        BEP 3 wants ``completed`` "sent ... when the download completes", whatever the interval.
        """
        if any(tracker.listed and not tracker.knows_complete for tracker in self.trackers):
            self.due = min(self.due, now)

    def to_leave(self) -> list[Tracker]:
        """Those that ought to hear ``stopped``: they have us listed.

        Among them those being asked, for an announce that will not be waited for may have
        arrived.
        """
        return [t for t in self.trackers if t.listed or t in self._asking]

    def _to_front(self, tracker: Tracker) -> None:
        """BEP 12: a tracker that answered moves to the front of its tier."""
        for tier in self._tiers:
            if tracker in tier:
                tier.remove(tracker)
                tier.insert(0, tracker)

    def _exhausted(self, now: float) -> None:
        """End an announce that nobody answered; the next begins when somebody has rested.

        While all are still silent, that is when the first of them fails.
        """
        self._tried.clear()
        resting = (t.not_before for t in self.trackers if t not in self._asking)
        # Who rested while others were being asked is due at once, but not within this announce.
        self.due = max(min(resting, default=math.inf), now + self._pace.retry)
        self.allowed = self.due


def _shuffled(tiers: Iterable[Iterable[str]], rng: Random) -> list[list[Tracker]]:
    """Trackers in their tiers, each URL once, in the order in which it comes first.

    "URLs within each tier will be processed in a randomly chosen order; in other words, the list
    will be shuffled when first read, and then parsed in order" (BEP 12).
    """
    seen: set[str] = set()
    made: list[list[Tracker]] = []
    for tier in tiers:
        fresh = _unseen(tier, seen)
        rng.shuffle(fresh)
        if fresh:
            made.append([Tracker(url) for url in fresh])
    return made


def _unseen(tier: Iterable[str], seen: set[str]) -> list[str]:
    """The URLs of ``tier`` that are new, while there is room for them."""
    fresh: Sequence[str] = [url for url in dict.fromkeys(tier) if url not in seen]
    kept = list(fresh[: MAX_TRACKERS - len(seen)])
    seen.update(kept)
    return kept
