"""How a swarm stands, for people and trackers: counted when asked, not on the way of a block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dht.core.messages import message

if TYPE_CHECKING:
    from torrent.core.commons import Commons


@message
class Standing:
    """A swarm at a moment. Sizes in bytes, rates in bytes a second.

    Attributes:
        wanted: Bytes of the pieces that are wanted; 0 while the torrent is unknown.
        done: Bytes of these that have passed.
        downloaded: Bytes of blocks received.
        uploaded: Bytes of blocks sent.
        download_rate: How fast blocks come.
        upload_rate: How fast they go.
        peers: Connections.
        known: Endpoints that may be peers: connected, waiting to be dialled, or dialled in vain.
        seeds: Those of peers that have everything.
        wasted: Bytes that came and were of no use.
    """

    wanted: int
    done: int
    downloaded: int
    uploaded: int
    download_rate: float
    upload_rate: float
    peers: int
    known: int
    seeds: int
    wasted: int


def standing(commons: Commons, wasted: int, now: float) -> Standing:
    """Count."""
    wanted, done = _progress(commons)
    return Standing(
        wanted=wanted,
        done=done,
        downloaded=commons.down.total,
        uploaded=commons.up.total,
        download_rate=commons.down.per_second(now),
        upload_rate=commons.up.per_second(now),
        peers=len(commons.peers),
        known=len(commons.candidates),
        seeds=sum(peer.seed for peer in commons.peers.values()),
        wasted=wasted,
    )


def _progress(commons: Commons) -> tuple[int, int]:
    """Bytes wanted, and bytes of them that have passed.

    Whole pieces are counted as such, then what the short ones lack is taken off: a session that
    asks a thousand torrents of a thousand pieces must not look at a million.
    """
    info, picker = commons.info, commons.picker
    if info is None or picker is None:
        return 0, 0
    wanted, left = picker.wanted_count * info.piece_length, picker.wanted_left * info.piece_length
    for piece in info.short_pieces:
        lacking = info.piece_length - info.payload_size(piece)
        wanted -= lacking * (picker.priority(piece) > 0)
        left -= lacking * picker.wants(piece)
    return wanted, wanted - left
