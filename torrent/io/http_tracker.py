"""Trackers that speak HTTP: one request, one answer, no connection kept.

A tracker is asked every half hour; a connection held open in between would cost it a file
descriptor for nothing. Failures of every kind come back as values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torrent.core.announce.http import (
    MAX_BODY,
    announce_url,
    decode_announce_untrusted,
    decode_scrape_untrusted,
    scrape_url,
)
from torrent.core.announce.messages import Unreachable
from torrent.core.outgoing import Purpose
from torrent.io.http import HttpFailed, Lane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torrent.core.announce.messages import Announce, Failure, Outcome, Tallies
    from torrent.io.http import HttpSettings


async def announce(
    url: str, what: Announce, tracker_id: bytes | None, settings: HttpSettings
) -> Outcome:
    """Announce to the tracker at ``url``."""
    body = await _get(announce_url(url, what, tracker_id), settings)
    return decode_announce_untrusted(body) if isinstance(body, bytes) else body


async def scrape(
    url: str, infohashes: Sequence[bytes], settings: HttpSettings
) -> Tallies | Failure:
    """Ask the tracker that one announces to at ``url`` how many have each torrent."""
    place = scrape_url(url, infohashes)
    if place is None:
        return Unreachable("the tracker's URL does not follow the scrape convention")
    body = await _get(place, settings)
    return decode_scrape_untrusted(body) if isinstance(body, bytes) else body


async def _get(url: str, settings: HttpSettings) -> bytes | Unreachable:
    try:
        async with Lane(Purpose.TRACKER, settings) as lane:
            return await lane.get(url, limit=MAX_BODY)
    except HttpFailed as problem:
        return Unreachable(str(problem))
