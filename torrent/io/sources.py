"""Which sources of peers a torrent has, and what they are told about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from torrent.io.dht import DhtSource, Pace
from torrent.io.http import HttpSettings
from torrent.io.lsd import LocalDiscovery
from torrent.io.trackers import Announcer, Trackers
from torrent.io.udp_tracker import UdpTrackers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from torrent.core.sources import PeerSource, Transfer
    from torrent.io.config import SessionConfig
    from torrent.io.session import Session
    from torrent.io.task import Task
    from torrent.io.torrent import Torrent


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
    """What finds peers for the torrents of one session."""

    def __init__(self, config: SessionConfig, rng: Random) -> None:
        self._config = config
        self._rng = rng
        self.http = HttpSettings(ssrf_mitigation=config.mitigate_ssrf)
        self._udp = UdpTrackers(rng=rng)
        self._trackers = Trackers(self._udp, self.http)
        self._pace = Pace()
        self._lan = LocalDiscovery(rng=rng) if config.lan else None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold open the sockets that all torrents share, until cancelled."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._udp.run)
            if self._lan is not None:
                await nursery.start(self._lan.serve)
            task_status.started()

    def of(self, task: Task) -> Iterator[PeerSource]:
        """The sources of one torrent. A private one has its trackers alone (BEP 27)."""
        if task.trackers and self._config.trackers:
            yield Announcer(task.trackers, self._trackers, rng=self._rng)
        if not task.private and self._config.node is not None:
            yield DhtSource(self._config.node, self._rng, self._pace)
        if not task.private and self._lan is not None:
            yield self._lan
