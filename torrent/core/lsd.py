r"""Local service discovery (BEP 14): "who else in this house has this torrent?", by multicast.

A datagram in the form of an HTTP request goes to everybody on the local network that joined the
group::

    BT-SEARCH * HTTP/1.1\r\n
    Host: 239.192.152.143:6771\r\n
    Port: 6881\r\n
    Infohash: 0123456789abcdef0123456789abcdef01234567\r\n
    cookie: 9f2c31aa\r\n
    \r\n
    \r\n

There is no answer but the like: whoever has the torrent announces it too. The host of a peer is
where the datagram came from. Multicast comes back to its sender; the cookie is how one recognises
oneself.

The text knows no character but ASCII, and anybody on the network can send it. What does not fit is
no announce, and that is all that is said about it.
"""

from __future__ import annotations

from binascii import unhexlify
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GROUP_V4: Final = ("239.192.152.143", 6771)
"""BEP 14, within the organisation-local scope of RFC 2365."""
GROUP_V6: Final = ("ff15::efc0:988f", 6771)

MAX_DATAGRAM: Final = 1400
"""BEP 14: "senders ... should send multiple announcements to avoid exceeding 1400 bytes"."""

MAX_INFOHASHES: Final = 20
"""In one datagram: 52 bytes each, so all of them fit into ``MAX_DATAGRAM`` with the rest."""

MAX_COOKIE: Final = 64
"""Characters; ours has eight."""

_REQUEST: Final = b"BT-SEARCH * HTTP/1.1"
_LINE: Final = b"\r\n"
_HEX: Final = 40


@dataclass(frozen=True, slots=True)
class LocalAnnounce:
    """One peer's word that it has torrents.

    Attributes:
        port: Where it takes connections, at the host the datagram came from.
        infohashes: 20 bytes each.
        cookie: What it will recognise itself by; empty if it does not.
    """

    port: int
    infohashes: tuple[bytes, ...]
    cookie: str = ""


def encode(announce: LocalAnnounce, group: tuple[str, int]) -> Iterator[bytes]:
    """The datagrams that announce to ``group``: one for every ``MAX_INFOHASHES`` torrents."""
    host = f"[{group[0]}]" if ":" in group[0] else group[0]
    for at in range(0, len(announce.infohashes), MAX_INFOHASHES):
        some = announce.infohashes[at : at + MAX_INFOHASHES]
        lines = [
            _REQUEST.decode(),
            f"Host: {host}:{group[1]}",
            f"Port: {announce.port}",
            *(f"Infohash: {infohash.hex()}" for infohash in some),
            f"cookie: {announce.cookie}",
        ]
        # Two blank lines, as in the BEP: some readers look for all of them.
        yield "\r\n".join([*lines, "", "", ""]).encode()


def decode_untrusted(data: bytes) -> LocalAnnounce | None:
    """Read a datagram; ``None`` if it is no announce. Never raises.

    Header names are of any case, their order is free, unknown ones are passed over (RFC 7230).
    """
    if len(data) > MAX_DATAGRAM:
        return None
    lines = data.split(_LINE)
    if lines[0].strip() != _REQUEST:
        return None
    fields = [(name.strip().lower(), value.strip()) for name, _, value in _headers(lines[1:])]
    port = _port(value for name, value in fields if name == b"port")
    infohashes = [_infohash(value) for name, value in fields if name == b"infohash"]
    known = dict.fromkeys(infohash for infohash in infohashes if infohash is not None)
    if port is None or not known:
        return None
    cookies = [value for name, value in fields if name == b"cookie"]
    cookie = cookies[0][:MAX_COOKIE].decode("ascii", "replace") if cookies else ""
    return LocalAnnounce(port, tuple(known)[:MAX_INFOHASHES], cookie)


def _headers(lines: list[bytes]) -> Iterator[tuple[bytes, bytes, bytes]]:
    """The lines before the first blank one."""
    for line in lines:
        if not line:
            return
        yield line.partition(b":")


def _port(values: Iterable[bytes]) -> int | None:
    """A port that can be dialled; ``isdigit`` of bytes knows ASCII digits only."""
    for value in values:
        if value.isdigit() and len(value) < 6 and 0 < int(value) < 1 << 16:  # noqa: PLR2004
            return int(value)
    return None


def _infohash(value: bytes) -> bytes | None:
    """20 bytes of their 40 hexadecimal digits, of either case."""
    try:
        return unhexlify(value) if len(value) == _HEX else None
    except ValueError:
        return None
