"""What a session says of itself and of its torrents: values, each true at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Phase(Enum):
    """How far a torrent is."""

    METADATA = "metadata"
    CHECKING = "checking"
    DOWNLOADING = "downloading"
    SEEDING = "seeding"
    PAUSED = "paused"
    FAILED = "failed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class TorrentStatistics:
    """A torrent at a moment. Sizes in bytes, rates in bytes a second.

    Attributes:
        phase: How far it is.
        size: Bytes wanted; 0 while the metadata is unknown.
        done: Bytes of them that are verified and on disk.
        checked: The share of the files that has been looked at, while CHECKING.
        downloaded: Bytes of blocks received in this run.
        uploaded: Bytes of blocks sent in this run.
        download_rate: How fast blocks come.
        upload_rate: How fast they go.
        peers: Connections.
        known: Endpoints that may be peers: connected, waiting to be dialled, or dialled in vain.
        seeds: Those of them that have everything.
        wasted: Bytes received twice, or false.
    """

    phase: Phase
    size: int
    done: int
    checked: float
    downloaded: int
    uploaded: int
    download_rate: float
    upload_rate: float
    peers: int
    known: int
    seeds: int
    wasted: int

    @property
    def remaining_s(self) -> float | None:
        """Seconds until it is complete, at this rate; ``None`` if nothing comes."""
        if self.done >= self.size > 0:
            return 0.0
        return (self.size - self.done) / self.download_rate if self.download_rate > 0 else None


@dataclass(frozen=True, slots=True)
class SessionStatistics:
    """A session at a moment.

    Attributes:
        port: The port it listens on; 0 if none.
        torrents: How many it has.
        links: Connections of all of them.
        dialling: Dials under way.
        uploaded: Bytes written to peers, control messages included.
        downloaded: Bytes read from them.
    """

    port: int
    torrents: int
    links: int
    dialling: int
    uploaded: int
    downloaded: int
