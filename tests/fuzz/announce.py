"""Mutated answers of trackers, local announces, URLs and ranges, from one seed.

``python -m tests.fuzz.announce --count 1000000 --seed 1`` throws that many at the decoders of
:mod:`torrent.core`, prints what came of them and a digest that depends on nothing but the
arguments, and fails at the first exception that is not declared, outcome over its bounds, or
input that took too long.
"""

from __future__ import annotations

import struct
from typing import Final

from dht.codec.bencode import encode
from tests.fuzzing import Outcomes, Subject, main, throw_at
from torrent.core import lsd, outgoing
from torrent.core.announce import http, udp
from torrent.core.announce.messages import (
    MAX_INTERVAL_S,
    MAX_PEERS,
    MAX_TEXT,
    Malformed,
    Peers,
    Refused,
)
from torrent.core.webseed import Span, false_answer

_INFOHASH: Final = b"0123456789abcdefghij"
_LONG_FORM: Final = [{b"ip": b"10.0.0.%d" % n, b"peer id": b"x" * 20, b"port": n} for n in range(9)]
_GOOD: Final = {
    b"complete": 5,
    b"external ip": b"\x01\x02\x03\x04",
    b"incomplete": 7,
    b"interval": 1800,
    b"min interval": 900,
    b"peers": bytes(range(60)),
    b"peers6": b"\x20\x01" + bytes(range(106)),
    b"tracker id": b"xyz",
    b"warning message": b"mind the gap",
}
BODIES: Final = [
    encode(_GOOD),
    encode(_GOOD | {b"peers": _LONG_FORM}),
    encode({b"failure reason": b"no such torrent", b"retry in": 5}),
    encode({b"failure reason": b"gone", b"retry in": b"never"}),
    encode({b"files": {_INFOHASH: {b"complete": 1, b"downloaded": 2, b"incomplete": 3}}}),
]
DATAGRAMS: Final = [
    struct.pack(">IIQ", 0, 1, 2),
    struct.pack(">IIIII", 1, 1, 1800, 3, 4) + bytes(range(72)),
    struct.pack(">II6I", 2, 1, 1, 2, 3, 4, 5, 6),
    struct.pack(">II", 3, 1) + b"Connection ID missmatch.",
]
LOCAL: Final = [
    *lsd.encode(lsd.LocalAnnounce(6881, (_INFOHASH,), "0badcafe"), lsd.GROUP_V4),
    *lsd.encode(lsd.LocalAnnounce(1, tuple(bytes([n]) * 20 for n in range(20))), lsd.GROUP_V6),
]
URLS: Final = [
    b"http://me:pa%3Ass@tracker.example:6969/announce?passkey=abc#top",
    b"https://[2001:db8::1]:8443/b%C3%BCcher/",
    b"udp://127.0.0.1:6969/announce",
    "http://bücher.example/ü".encode(),
]
RANGES: Final = [b"bytes 100-149/1000", b"bytes 0-0/*"]
SPAN: Final = Span(0, 100, 50)


def announced(data: bytes) -> str:
    """A body of an HTTP tracker."""
    return bounded(http.decode_announce_untrusted(data))


def scraped(data: bytes) -> str:
    """The same as the answer to a scrape."""
    outcome = http.decode_scrape_untrusted(data)
    return type(outcome).__name__


def datagram(data: bytes) -> str:
    """A datagram of a UDP tracker, over either family."""
    udp.transaction_of(data)
    return bounded(udp.decode_untrusted(data)) + bounded(udp.decode_untrusted(data, six=True))


def bounded(outcome: object) -> str:
    """Check what no outcome may exceed; name it."""
    if isinstance(outcome, Peers):
        assert len(outcome.peers) <= MAX_PEERS
        assert all(0 < port < 1 << 16 for _, port in outcome.peers)
        assert 0 <= outcome.interval <= MAX_INTERVAL_S
        assert 0 <= outcome.min_interval <= MAX_INTERVAL_S
        assert outcome.warning.isprintable()
    if isinstance(outcome, Refused | Malformed):
        assert outcome.reason.isprintable()
        assert 0 < len(outcome.reason) <= MAX_TEXT
    return type(outcome).__name__


def local(data: bytes) -> str:
    """A datagram of local discovery."""
    heard = lsd.decode_untrusted(data)
    if heard is not None:
        assert 0 < heard.port < 1 << 16
        assert 0 < len(heard.infohashes) <= lsd.MAX_INFOHASHES
        assert all(len(infohash) == 20 for infohash in heard.infohashes)
    return type(heard).__name__


def url(data: bytes) -> str:
    """A URL out of a torrent, shown and scraped."""
    try:
        parsed = outgoing.parse(data.decode("utf-8", "replace"), allow_idna=bool(data[-1:] > b"m"))
    except outgoing.BadUrl:
        return "BadUrl"
    assert all(33 <= ord(c) < 127 for c in parsed.target + parsed.host + parsed.authorization[6:])
    http.scrape_url(str(parsed), [])
    return parsed.scheme


def content_range(data: bytes) -> str:
    """What a web server says that it sends."""
    headers = {"content-range": data.decode("latin-1"), "content-length": data.decode("latin-1")}
    answers = [false_answer(status, headers, SPAN, 1000) for status in (200, 206)]
    return "range" if None in answers else "no range"


SUBJECTS: Final[list[Subject]] = [
    (announced, BODIES),
    (scraped, BODIES),
    (datagram, DATAGRAMS),
    (local, LOCAL),
    (url, URLS),
    (content_range, RANGES),
]


def run(count: int, seed: int) -> Outcomes:
    """Throw ``count`` mutants at the decoders."""
    return throw_at(SUBJECTS, count, seed)


if __name__ == "__main__":
    raise SystemExit(main(__doc__, run))
