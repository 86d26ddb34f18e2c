"""What the gateway tells of itself: the page at ``/``, the same as JSON, and ``/metrics``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from torrent.cdn.gateway.core import counting, page
from torrent.cdn.gateway.core.hosts import beside
from torrent.cdn.gateway.core.page import Row
from torrent.cdn.gateway.core.planning import NEVER
from torrent.cdn.gateway.core.route import HASHES, mount_of
from torrent.cdn.gateway.resources import Bytes, of_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torrent.cdn.gateway.core.asked import Asked
    from torrent.cdn.gateway.gateway import Gateway
    from torrent.cdn.gateway.held import Held
    from torrent.cdn.name import Name

PATHS: Final = ("/", "/status.json", "/metrics")
_SHOWN: Final = 200
"""Rows of the page: what was used last comes first."""


def front(gateway: Gateway, asked: Asked) -> Bytes:
    """One of :data:`PATHS`."""
    tally, state = gateway.library.tally, _state(gateway)
    if asked.path == "/metrics":
        text = gateway.counts.exposition(tally, state)
        return of_bytes(text.encode(), counting.MEDIA, caching=NEVER)
    rows = list(_rows(gateway, asked.header("host")))[:_SHOWN]
    if asked.path == "/status.json" or asked.wants_json:
        return of_bytes(page.as_json(rows, tally, state), "application/json", caching=NEVER)
    more = {"Content-Security-Policy": page.POLICY}
    data = page.as_html(rows, tally, state)
    return of_bytes(data, "text/html; charset=utf-8", caching=NEVER, more=more)


def _state(gateway: Gateway) -> counting.State:
    library = gateway.library
    peer, origin = library.received
    return counting.State(
        peer=peer,
        origin=origin,
        cache=library.size,
        limit=library.limit,
        torrents=len(library.all),
        peers=sum(held.torrent.statistics().peers for held in library.all),
        visitors=gateway.server.connections,
    )


def _rows(gateway: Gateway, host: str | None) -> Iterator[Row]:
    """Names first, then torrents that no name led to."""
    told: set[Held] = set()
    for name in gateway.shown:
        version = gateway.version(name)
        held = None if version is None else gateway.library.peek(version.infohash)
        if held is not None:
            told.add(held)
        yield _row(gateway, held, name, host)
    for held in reversed(gateway.library.all):
        if held not in told:
            yield _row(gateway, held, None, host)


def _row(gateway: Gateway, held: Held | None, name: Name | None, host: str | None) -> Row:
    version = None if name is None else gateway.version(name)
    seq = 0 if version is None else version.seq
    if held is None:
        assert name is not None  # noqa: S101 - there is one of the two
        return Row(_title(name), f"{mount_of(name)}/", str(name), seq, own=beside(name, host))
    now, infohash = held.torrent.statistics(), held.torrent.infohashes[0]
    return Row(
        title=held.info.name if name is None else _title(name),
        url=f"/{HASHES}/{infohash.hex()}/" if name is None else f"{mount_of(name)}/",
        name="" if name is None else str(name),
        seq=seq,
        infohash=infohash.hex(),
        phase=now.phase.value,
        size_bytes=held.info.size,
        have_bytes=held.size,
        peers=now.peers,
        seeds=now.seeds,
        download_rate=round(now.download_rate),
        upload_rate=round(now.upload_rate),
        own=beside(infohash if name is None else name, host),
        pinned=not gateway.library.pinned.isdisjoint(held.torrent.infohashes),
    )


def _title(name: Name) -> str:
    """What people call it; a salt is any bytes, and a page is text."""
    return name.salt.decode("utf-8", "replace") if name.salt else str(name)[:16]
