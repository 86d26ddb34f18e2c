"""Announces and scrapes as datagrams (BEP 15), with the extensions of BEP 41.

First ``connect``: the tracker hands out a *connection id*, which proves that the address we send
from is ours, so that a forged announce cannot list a victim or have it flooded with answers. A
minute later the id is stale and must be asked for anew. Every packet carries a *transaction id*
of our choice, which the answer repeats.

::

    connect   64 0x41727101980 · 32 action 0 · 32 transaction       →  0 · transaction · 64 id
    announce  64 id · 32 action 1 · 32 transaction · infohash …     →  1 · transaction · interval …
    scrape    64 id · 32 action 2 · 32 transaction · infohashes     →  2 · transaction · three of 32
    error                                                              3 · transaction · text

All numbers are big-endian. Answers over IPv6 carry peers of 18 bytes instead of 6; nothing in the
packet tells which, so the reader has to know the socket's family.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Final, TypeAlias

from dht.mainline.compact import V4_PEER, V6_PEER
from torrent.core.announce.messages import (
    MAX_INTERVAL_S,
    Malformed,
    Peers,
    Refused,
    Tally,
    dialable,
    printable,
    unpack_peers,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torrent.core.announce.messages import Announce

CONNECTION_LIFETIME_S: Final = 60.0
"""BEP 15: "A client can use a connection ID until one minute after it has received it." """

MAX_SCRAPED: Final = 74
"""BEP 15: "Up to about 74 torrents can be scraped at once" (a datagram's worth)."""

MAX_DATAGRAM: Final = 8192
"""Longest answer read. 200 peers of IPv6 take 3,620 bytes; what is cut off here are peers."""

_PROTOCOL: Final = 0x41727101980
_CONNECT, _ANNOUNCE, _SCRAPE, _ERROR = range(4)

_HEAD: Final = Struct(">II")
_ASK: Final = Struct(">QII")
_CONNECTED: Final = Struct(">IIQ")
_ANNOUNCING: Final = Struct(">QII20s20sQQQIIIiH")
_ANNOUNCED: Final = Struct(">IIIII")
_TALLY: Final = Struct(">III")

_URL_DATA: Final = 2
_MAX_OPTION: Final = 255
_MAX_U64: Final = (1 << 64) - 1

_FIRST_PATIENCE_S: Final = 15.0
_MOST_DOUBLINGS: Final = 8


def patience(attempt: int) -> float:
    """Seconds to wait for the answer to the ``attempt``-th sending of a request, from 0.

    BEP 15: "If a response is not received after 15 * 2 ^ n seconds, the client should retransmit
    the request, where n starts at 0 and is increased up to 8 (3840 seconds)."
    """
    return _FIRST_PATIENCE_S * 2.0 ** min(attempt, _MOST_DOUBLINGS)


@dataclass(frozen=True, slots=True)
class Connected:
    """The tracker's answer to ``connect``: an id good for ``CONNECTION_LIFETIME_S``."""

    connection: int


@dataclass(frozen=True, slots=True)
class Scraped:
    """The tracker's answer to ``scrape``, in the order of the infohashes that were asked about."""

    tallies: tuple[Tally, ...]


Reply: TypeAlias = Connected | Peers | Scraped | Refused | Malformed


def encode_connect(transaction: int) -> bytes:
    """Ask for a connection id."""
    return _ASK.pack(_PROTOCOL, _CONNECT, transaction)


def encode_announce(
    connection: int, transaction: int, announce: Announce, target: str = ""
) -> bytes:
    """Announce; ``target`` is path and query of the tracker's URL (BEP 41), where some keep a key.

    The address field is zero: the tracker shall take the one the packet comes from. Over IPv6 it
    keeps its 32 bits ("the IP address field ... remains 32 bits wide").
    """
    return _ANNOUNCING.pack(
        connection,
        _ANNOUNCE,
        transaction,
        announce.infohash,
        announce.peer_id,
        min(announce.downloaded, _MAX_U64),
        min(announce.left, _MAX_U64),
        min(announce.uploaded, _MAX_U64),
        announce.event,
        0,
        announce.key,
        announce.wanted,
        announce.port,
    ) + _options(target)


def _options(target: str) -> bytes:
    """BEP 41's URLData, in pieces of at most 255 bytes that the tracker joins.

    Nothing is said of a URL without path, and no EndOfOptions is needed at a packet's end ("or
    when the end of the packet is reached"). Trackers that do not know BEP 41 ignore the rest.
    """
    raw = target.encode()
    pieces = (raw[at : at + _MAX_OPTION] for at in range(0, len(raw), _MAX_OPTION))
    return b"".join(bytes((_URL_DATA, len(piece))) + piece for piece in pieces)


def encode_scrape(connection: int, transaction: int, infohashes: Sequence[bytes]) -> bytes:
    """Ask about at most ``MAX_SCRAPED`` torrents."""
    return _ASK.pack(connection, _SCRAPE, transaction) + b"".join(infohashes[:MAX_SCRAPED])


def transaction_of(data: bytes) -> int | None:
    """The transaction an answer belongs to; ``None`` if it is too short to be one."""
    return None if len(data) < _HEAD.size else int(_HEAD.unpack_from(data)[1])


def decode_untrusted(data: bytes, *, six: bool = False) -> Reply:
    """Read an answer; ``six`` if it came over IPv6. Never raises.

    BEP 15 wants lengths checked as *at least*: an answer may have grown options since.
    """
    if len(data) < _HEAD.size:
        return Malformed("the tracker's datagram is shorter than its header")
    action = _HEAD.unpack_from(data)[0]
    if action == _ERROR:
        reason = printable(data[_HEAD.size :])
        return Refused(reason or "the tracker refuses, and does not say why")
    if action == _CONNECT and len(data) >= _CONNECTED.size:
        return Connected(_CONNECTED.unpack_from(data)[2])
    if action == _ANNOUNCE and len(data) >= _ANNOUNCED.size:
        return _peers(data, V6_PEER if six else V4_PEER)
    if action == _SCRAPE:
        return _scraped(data)
    return Malformed(f"the tracker's datagram of action {action} has {len(data)} bytes")


def _peers(data: bytes, size: int) -> Peers:
    _, _, interval, leechers, seeders = _ANNOUNCED.unpack_from(data)
    return Peers(
        interval=min(interval, MAX_INTERVAL_S),
        peers=dialable(unpack_peers(data[_ANNOUNCED.size :], size)),
        seeders=seeders,
        leechers=leechers,
    )


def _scraped(data: bytes) -> Scraped:
    end = min((len(data) - _HEAD.size) // _TALLY.size, MAX_SCRAPED)
    places = range(_HEAD.size, _HEAD.size + end * _TALLY.size, _TALLY.size)
    return Scraped(tuple(Tally(*_TALLY.unpack_from(data, at)) for at in places))
