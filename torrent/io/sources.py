"""Which sources of peers a torrent has, and what they are told about it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import trio

from torrent.io.dht import DhtSource, Pace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from torrent.core.sources import PeerSource, Transfer
    from torrent.io.config import SessionConfig
    from torrent.io.http import HttpSettings
    from torrent.io.lsd import LocalDiscovery
    from torrent.io.session import Session
    from torrent.io.task import Task
    from torrent.io.torrent import Torrent
    from torrent.io.trackers import Trackers
    from torrent.io.udp_tracker import UdpTrackers


class Announcement:
    """What a source may know of a torrent (:class:`~torrent.core.sources.Announced`)."""

    def __init__(self, session: Session, torrent: Torrent) -> None:
        self._session = session
        self._torrent = torrent

    @property
    def infohashes(self) -> tuple[bytes, ...]:
        """Its 20-byte names."""
        return self._torrent.infohashes

    @property
    def peer_id(self) -> bytes:
        """How we call ourselves."""
        return self._session.peer_id

    @property
    def port(self) -> int:
        """Where we listen."""
        return self._session.port

    @property
    def private(self) -> bool:
        """Whether its peers come from its trackers alone."""
        return self._torrent.task.private

    def statistics(self) -> Transfer:
        """What was moved."""
        return self._torrent.transfer()

    async def wait_completed(self) -> None:
        """Wait until nothing is left."""
        await self._torrent.wait_complete()


class Sources:
    """What finds peers for the torrents of one session.

    Trackers, web seeds and the local network are imported by sessions that may use them: HTTP alone
    takes a tenth of what a short command imports.
    """

    def __init__(self, config: SessionConfig, rng: Random) -> None:
        self._config = config
        self._rng = rng
        self._pace = Pace()
        self._lan = self._local() if config.lan else None

    def _local(self) -> LocalDiscovery:
        from torrent.io.lsd import LocalDiscovery  # noqa: PLC0415 - see above

        return LocalDiscovery(rng=self._rng)

    @cached_property
    def http(self) -> HttpSettings:
        """How we go out to trackers and web seeds."""
        from torrent.io.http import HttpSettings  # noqa: PLC0415 - see above

        return HttpSettings(ssrf_mitigation=self._config.mitigate_ssrf)

    @cached_property
    def _udp(self) -> UdpTrackers:
        from torrent.io.udp_tracker import UdpTrackers  # noqa: PLC0415 - see above

        return UdpTrackers(rng=self._rng)

    @cached_property
    def _trackers(self) -> Trackers:
        from torrent.io.trackers import Trackers  # noqa: PLC0415 - see above

        return Trackers(self._udp, self.http)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold open the sockets that all torrents share, until cancelled."""
        async with trio.open_nursery() as nursery:
            if self._config.trackers:
                await nursery.start(self._udp.run)
            if self._lan is not None:
                await nursery.start(self._lan.serve)
            task_status.started()
            await trio.sleep_forever()

    def of(self, task: Task) -> Iterator[PeerSource]:
        """The sources of one torrent. A private one has its trackers alone (BEP 27)."""
        if task.trackers and self._config.trackers:
            from torrent.io.trackers import Announcer  # noqa: PLC0415 - see above

            yield Announcer(task.trackers, self._trackers, rng=self._rng)
        if not task.private and self._config.node is not None:
            node, after = self._config.node, self._config.listed_after
            yield DhtSource(node, self._rng, self._pace, listed_after=after)
        if not task.private and self._lan is not None:
            yield self._lan
