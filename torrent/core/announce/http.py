"""Announces and scrapes as HTTP requests and bencoded bodies (BEP 3, 7, 23, 24, 31, 48).

The request is a GET whose query carries the binary infohash percent-encoded; nothing here opens a
connection. Bodies are read leniently: a tracker is a PHP script as often as not, and what it
leaves out or adds is its own affair as long as its peers can be read. Compact peers (BEP 23) and
dictionaries (BEP 3) are both understood, whichever we asked for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from dht.codec.bencode import decode_untrusted
from dht.mainline.compact import V4_PEER, V6_PEER, unpack_host
from torrent.core.announce.messages import (
    MAX_INTERVAL_S,
    MAX_PEERS,
    Event,
    Malformed,
    Peers,
    Refused,
    Tallies,
    Tally,
    dialable,
    printable,
    unpack_peers,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torrent.core.announce.messages import Announce
    from torrent.core.sources import Endpoint

MAX_BODY: Final = 835_584
"""Bytes of a body worth reading: libtorrent's ``max_http_recv_buffer_size``."""

MAX_TRACKER_ID: Final = 1024
"""Bytes of an id we carry back: it has to fit into the next request's URL."""

USUAL_INTERVAL_S: Final = 1800
"""For trackers that name none: what most of them name."""

_EVENTS: Final = {
    Event.STARTED: "started",
    Event.COMPLETED: "completed",
    Event.STOPPED: "stopped",
}
_HOST_SIZES: Final = (4, 16)
_ANNOUNCE, _SCRAPE = "announce", "scrape"


def announce_url(url: str, announce: Announce, tracker_id: bytes | None = None) -> str:
    """The URL to get: ``url`` and the parameters of ``announce``.

    A query that ``url`` already has (a passkey) stays in front. ``compact=1`` asks for BEP 23's
    form, ``no_peer_id`` for its effect where only the long form is known.
    """
    fields: dict[str, object] = {
        "info_hash": announce.infohash,
        "peer_id": announce.peer_id,
        "port": announce.port,
        "uploaded": announce.uploaded,
        "downloaded": announce.downloaded,
        "left": announce.left,
        "corrupt": 0,
        "key": f"{announce.key:08X}",
        "numwant": announce.wanted,
        "compact": 1,
        "no_peer_id": 1,
    }
    if announce.event:
        fields["event"] = _EVENTS[announce.event]
    if tracker_id is not None:
        fields["trackerid"] = tracker_id
    return _with_query(url, fields.items())


def scrape_url(url: str, infohashes: Sequence[bytes]) -> str | None:
    """Where to scrape what is announced at ``url``; ``None`` if there is no such place.

    BEP 48: "Begin with the announce URL. Find the last '/' in it. If the text immediately
    following that '/' isn't 'announce' it will be taken as a sign that that tracker doesn't
    support the scrape convention. If it does, substitute 'scrape' for 'announce'."
    """
    parts = urlsplit(url)
    folder, slash, last = parts.path.rpartition("/")
    if not slash or not last.startswith(_ANNOUNCE):
        return None
    path = f"{folder}/{_SCRAPE}{last.removeprefix(_ANNOUNCE)}"
    return _with_query(
        urlunsplit(parts._replace(path=path)), (("info_hash", key) for key in infohashes)
    )


def _with_query(url: str, fields: Iterable[tuple[str, object]]) -> str:
    """Append parameters. A fragment is cut off: it would swallow them, and never travels."""
    url = url.partition("#")[0]
    text = "&".join(f"{name}={_quoted(value)}" for name, value in fields)
    return f"{url}{'&' if '?' in url else '?'}{text}"


def _quoted(value: object) -> str:
    return quote(value if isinstance(value, bytes) else str(value), safe="")


def decode_announce_untrusted(body: bytes) -> Peers | Refused | Malformed:
    """Read the answer to an announce. Never raises."""
    fields = _body(body)
    if not isinstance(fields, dict):
        return fields
    peers = _peers(fields)
    if isinstance(peers, Malformed):
        return peers
    interval = _number(fields, b"interval")
    tracker_id = _bytes(fields, b"tracker id") or None
    if tracker_id is not None and len(tracker_id) > MAX_TRACKER_ID:
        tracker_id = None
    return Peers(
        interval=USUAL_INTERVAL_S if interval is None else interval,
        peers=dialable(peers),
        min_interval=_number(fields, b"min interval") or 0,
        seeders=_number(fields, b"complete"),
        leechers=_number(fields, b"incomplete"),
        external=_external(fields),
        tracker_id=tracker_id,
        warning=printable(_bytes(fields, b"warning message")),
    )


def decode_scrape_untrusted(body: bytes) -> Tallies | Refused | Malformed:
    """Read the answer to a scrape. Never raises."""
    fields = _body(body)
    if not isinstance(fields, dict):
        return fields
    files = fields.get(b"files")
    if not isinstance(files, dict):
        return Malformed("the tracker's answer has no dictionary `files`")
    return Tallies({key: _tally(value) for key, value in files.items() if isinstance(value, dict)})


def _tally(fields: dict[bytes, Any]) -> Tally:
    names = (b"complete", b"downloaded", b"incomplete")
    return Tally(*(_number(fields, name) or 0 for name in names))


def _body(body: bytes) -> dict[bytes, Any] | Refused | Malformed:
    """The dictionary of a good answer, or what else came."""
    if len(body) > MAX_BODY:
        return Malformed(f"the tracker's answer is longer than {MAX_BODY} bytes")
    fields = decode_untrusted(body)
    if fields is None:
        return Malformed("the tracker's answer is not a bencoded dictionary")
    if b"failure reason" not in fields:
        return fields
    reason = printable(_bytes(fields, b"failure reason"))
    return Refused(reason or "the tracker refuses, and does not say why", _retry(fields))


def _retry(fields: dict[bytes, Any]) -> float | None:
    """Seconds of rest that a refusing tracker asks for. BEP 31: minutes, or the word "never"."""
    if fields.get(b"retry in") == b"never":
        return math.inf
    minutes = _number(fields, b"retry in")
    return None if minutes is None else 60.0 * minutes


def _peers(fields: dict[bytes, Any]) -> list[Endpoint] | Malformed:
    """``peers``, a string or a list, and ``peers6`` of BEP 7."""
    peers, peers6 = fields.get(b"peers", b""), fields.get(b"peers6", b"")
    if not isinstance(peers, bytes | list):
        return Malformed("`peers` in the tracker's answer is neither a string nor a list")
    known = unpack_peers(peers, V4_PEER) if isinstance(peers, bytes) else _listed(peers)
    # Some send an empty list where they mean an empty string.
    return known + (unpack_peers(peers6, V6_PEER) if isinstance(peers6, bytes) else [])


def _listed(peers: list[Any]) -> list[Endpoint]:
    """BEP 3's form: a dictionary a peer. What is not one is passed over."""
    return [
        (peer[b"ip"].decode("ascii", "replace"), peer[b"port"])
        for peer in peers[:MAX_PEERS]
        if isinstance(peer, dict)
        and isinstance(peer.get(b"ip"), bytes)
        and type(peer.get(b"port")) is int
    ]


def _external(fields: dict[bytes, Any]) -> str | None:
    """BEP 24: our own address, 4 or 16 raw bytes."""
    raw = _bytes(fields, b"external ip")
    return unpack_host(raw) if len(raw) in _HOST_SIZES else None


def _number(fields: dict[bytes, Any], name: bytes) -> int | None:
    """A count or a time. Some trackers write it as a string; nonsense counts as nothing said."""
    value = fields.get(name)
    if isinstance(value, bytes) and len(value) <= len(str(MAX_INTERVAL_S)) and value.isdigit():
        value = int(value)
    return min(value, MAX_INTERVAL_S) if type(value) is int and value >= 0 else None


def _bytes(fields: dict[bytes, Any], name: bytes) -> bytes:
    value = fields.get(name)
    return value if isinstance(value, bytes) else b""
