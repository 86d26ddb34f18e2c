"""A torrent's trackers as a source of peers.

:class:`Trackers` is the session's door to all of them, whatever they speak. An :class:`Announcer`
is one torrent's use of it: for each infohash a :class:`~torrent.core.tiers.Tiers` machine says
whom to ask and when, a task asks, and what was found goes to the session. A hybrid torrent has
two infohashes, which are two swarms to a tracker, so it has two such tasks.

When the task is cancelled, those that list us hear ``stopped``, all at once and for two seconds
at most: leaving politely is worth that much of a user's time.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import trio

from torrent.core.announce.messages import Announce, Event, Malformed, Peers, Refused, Unreachable
from torrent.core.outgoing import BadUrl, parse
from torrent.core.tiers import Tiers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torrent.core.announce.messages import Failure, Outcome, Tallies
    from torrent.core.sources import Announced, Found
    from torrent.core.tiers import Pace, Tracker
    from torrent.io.http import HttpSettings
    from torrent.io.udp_tracker import UdpTrackers

FAREWELL_S: Final = 2.0
"""What saying ``stopped`` may take: enough for a few round trips, and a command that is done does
not linger because of a dead tracker. Who does not hear it drops us after two intervals."""


PATIENCE_S: Final = 5.0
"""How long a silent tracker keeps us from asking the next one too. It has the rest of its time
beside that one: dead trackers in front must not hold up the living."""


class Trackers:
    """The session's door to trackers of every scheme."""

    def __init__(self, udp: UdpTrackers, http: HttpSettings) -> None:
        """Take what the session shares among its torrents."""
        self._udp = udp
        self._http = http

    async def announce(
        self, url: str, announce: Announce, tracker_id: bytes | None = None
    ) -> Outcome:
        """Announce at ``url``; whatever goes wrong is the value."""
        try:
            parsed = parse(url, allow_idna=self._http.allow_idna)
        except BadUrl as problem:
            return Unreachable(str(problem))
        if parsed.scheme == "udp":
            return await self._udp.announce(parsed, announce)
        # HTTP's library is only loaded where a torrent has such a tracker.
        from torrent.io import http_tracker  # noqa: PLC0415

        return await http_tracker.announce(url, announce, tracker_id, self._http)

    async def scrape(self, url: str, infohashes: Sequence[bytes]) -> Tallies | Failure:
        """Ask the tracker at ``url`` how many have each torrent (BEP 48)."""
        try:
            parsed = parse(url, allow_idna=self._http.allow_idna)
        except BadUrl as problem:
            return Unreachable(str(problem))
        if parsed.scheme == "udp":
            return await self._udp.scrape(parsed, infohashes)
        from torrent.io import http_tracker  # noqa: PLC0415 - as above

        return await http_tracker.scrape(url, infohashes, self._http)


@dataclass(frozen=True, slots=True)
class TrackerStatus:
    """How one tracker does, for people to look at.

    Attributes:
        url: Its announce URL.
        infohash: The swarm it was asked about.
        message: Its own words, or ours about it; empty while all is well.
        failures: In a row.
        seeders: As it last said; ``None`` if it never did. So with ``leechers``.
        peers: How many it named last.
        next_announce_s: Seconds until it may be asked again.
    """

    url: str
    infohash: bytes
    message: str
    failures: int
    seeders: int | None
    leechers: int | None
    peers: int
    next_announce_s: float


class Announcer:
    """One torrent's trackers: a :class:`~torrent.core.sources.PeerSource`."""

    def __init__(
        self,
        tiers: Iterable[Iterable[str]],
        trackers: Trackers,
        *,
        pace: Pace | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """Take the torrent's ``announce-list``, or its ``announce`` as one tier of one."""
        self._tiers = [list(tier) for tier in tiers]
        self._trackers = trackers
        self._pace = pace
        self._rng = rng or random.SystemRandom()
        self._listings: list[_Listing] = []

    async def run(self, torrent: Announced, found: Found) -> None:
        """Announce every infohash of ``torrent`` until cancelled; then say ``stopped``."""
        key = self._rng.getrandbits(32)
        self._listings = [
            _Listing(
                Tiers(self._tiers, self._rng, trio.current_time(), self._pace),
                self._trackers,
                torrent,
                infohash,
                key,
            )
            for infohash in torrent.infohashes
        ]
        async with trio.open_nursery() as nursery:
            for listing in self._listings:
                nursery.start_soon(listing.run, found)
            await torrent.wait_completed()
            for listing in self._listings:
                listing.completed()

    @property
    def exhausted(self) -> bool:
        """Whether each infohash has had its answer, or none of its trackers gives one."""
        return bool(self._listings) and all(listing.exhausted for listing in self._listings)

    def hasten(self) -> None:
        """Announce as soon as minimum intervals let us: more peers are wanted."""
        for listing in self._listings:
            listing.hasten()

    def statuses(self) -> list[TrackerStatus]:
        """How each tracker does."""
        return [status for listing in self._listings for status in listing.statuses()]


class _Listing:
    """One infohash and its trackers."""

    def __init__(
        self, tiers: Tiers, trackers: Trackers, torrent: Announced, infohash: bytes, key: int
    ) -> None:
        self._tiers = tiers
        self._trackers = trackers
        self._torrent = torrent
        self._infohash = infohash
        self._key = key
        self._last: dict[Tracker, Outcome] = {}
        self._sleeping: trio.CancelScope | None = None

    async def run(self, found: Found) -> None:
        """Announce when it is time, until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                while True:
                    tracker = self._tiers.next(trio.current_time())
                    if tracker is None:
                        await self._sleep()
                        continue
                    answered = trio.Event()
                    nursery.start_soon(self._announce, tracker, found, answered)
                    with trio.move_on_after(PATIENCE_S):
                        await answered.wait()
        finally:
            with trio.move_on_after(FAREWELL_S, shield=True):
                await self._leave()

    @property
    def exhausted(self) -> bool:
        """Whether one tracker answered, which ends a round (BEP 12), or all have failed."""
        outcomes = self._last.values()
        return any(isinstance(outcome, Peers) for outcome in outcomes) or len(outcomes) == len(
            self._tiers.trackers
        )

    def hasten(self) -> None:
        """More peers are wanted."""
        self._tiers.hasten(trio.current_time())
        self._wake()

    def completed(self) -> None:
        """Nothing is left."""
        self._tiers.completed(trio.current_time())
        self._wake()

    def statuses(self) -> list[TrackerStatus]:
        """How each tracker does."""
        now = trio.current_time()
        return [self._status(tracker, now) for tracker in self._tiers.trackers]

    async def _sleep(self) -> None:
        """Until an announce is due; `_wake` moves the deadline."""
        with trio.CancelScope(deadline=self._tiers.next_deadline()) as self._sleeping:
            await trio.sleep_forever()
        self._sleeping = None

    def _wake(self) -> None:
        if self._sleeping is not None:
            self._sleeping.deadline = self._tiers.next_deadline()

    async def _announce(self, tracker: Tracker, found: Found, answered: trio.Event) -> None:
        """Ask one tracker, and tell the machine and the session what came of it."""
        complete = self._torrent.statistics().complete
        outcome = await self._ask(tracker, tracker.event(complete=complete))
        self._note(tracker, outcome, found, complete=complete)
        answered.set()
        self._wake()

    def _note(self, tracker: Tracker, outcome: Outcome, found: Found, *, complete: bool) -> None:
        """What came of an announce that said whether we are ``complete``."""
        self._last[tracker] = outcome
        now = trio.current_time()
        if not isinstance(outcome, Peers):
            retry_in = outcome.retry_in if isinstance(outcome, Refused) else None
            self._tiers.failed(tracker, now, retry_in)
            return
        tracker.tracker_id = outcome.tracker_id or tracker.tracker_id
        self._tiers.succeeded(
            tracker,
            now,
            interval=outcome.interval,
            min_interval=outcome.min_interval,
            complete=complete,
        )
        if outcome.peers:
            found(outcome.peers, f"tracker {parse(tracker.url, allow_idna=True).host}")
        if self._torrent.statistics().complete:
            self._tiers.completed(now)  # It may have come true while the tracker was answering.

    async def _leave(self) -> None:
        """Say ``stopped`` to all that list us; nobody waits for what they answer."""
        async with trio.open_nursery() as nursery:
            for tracker in self._tiers.to_leave():
                nursery.start_soon(self._ask, tracker, Event.STOPPED)

    async def _ask(self, tracker: Tracker, event: Event) -> Outcome:
        transfer = self._torrent.statistics()
        announce = Announce(
            infohash=self._infohash,
            peer_id=self._torrent.peer_id,
            port=self._torrent.port,
            uploaded=transfer.uploaded,
            downloaded=transfer.downloaded,
            left=transfer.left,
            event=event,
            key=self._key,
        )
        if event is Event.STOPPED:
            announce = replace(announce, wanted=0)
        return await self._trackers.announce(tracker.url, announce, tracker.tracker_id)

    def _status(self, tracker: Tracker, now: float) -> TrackerStatus:
        last = self._last.get(tracker)
        answer = last if isinstance(last, Peers) else Peers(0)
        message = last.reason if isinstance(last, Refused | Malformed | Unreachable) else ""
        return TrackerStatus(
            url=tracker.url,
            infohash=self._infohash,
            message=message or answer.warning,
            failures=tracker.failures,
            seeders=answer.seeders,
            leechers=answer.leechers,
            peers=len(answer.peers),
            next_announce_s=max(tracker.not_before, self._tiers.due) - now,
        )
