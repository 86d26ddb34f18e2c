"""Magnet links: a torrent's name and hints where to find it, in one line of text.

``magnet:?xt=urn:btih:<v1 infohash>&xt=urn:btmh:1220<v2 infohash>`` and, all optional, ``dn`` (a
name to show meanwhile), ``xl`` (bytes), ``tr`` (trackers), ``ws`` (web seeds), ``x.pe`` (peers)
and ``so`` (which files to download). BEP 9 has most of it, BEP 53 ``so``, BEP 52 ``btmh``. With
``xs=urn:btpk:<key>`` and ``s`` (BEP 46) it says whose name leads to newer versions of it.

The topics are read by :mod:`dht.names`, which reads them for the DHT too. All but these are hints:
one that makes no sense spoils nothing, but is told (:attr:`Magnet.ignored`), since whoever wrote
it meant something.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote, unquote_plus

from dht.names import AddressError, Kind, parse, torrent
from torrent.core.metainfo.info import SHA1, Info
from torrent.core.metainfo.urls import encoded_path, is_tracker, is_web_seed
from torrent.errors import MetainfoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dht.codec.cid import Cid
    from dht.names import Address
    from torrent.core.metainfo.reading import Metainfo

T = TypeVar("T")

MAX_TEXT: Final = 65_536
"""Characters: links with hundreds of trackers have some 20,000."""

MAX_FIELDS: Final = 1000
"""Fields of a link."""

_SCHEME: Final = "magnet:?"
_TOPIC: Final = re.compile(r"urn:bt[im]h:", re.IGNORECASE)
_PUBLISHER: Final = "urn:btpk:"
_NUMBERED: Final = re.compile(r"(.+)\.[0-9]+")
_PEER: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})")
_RANGE: Final = re.compile(r"([0-9]{1,7})(?:-([0-9]{1,7}))?")
_LENGTH: Final = re.compile(r"[0-9]{1,15}")
_BROWSERS: Final = re.compile(r"wss?://", re.IGNORECASE)
"""Trackers of WebTorrent, which nobody but browsers can use: no nonsense, and no use to us."""
_MAX_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Magnet:
    """A magnet link of a torrent.

    Attributes:
        infohash_v1: 20 bytes, or ``None``; one of the two there always is.
        infohash_v2: 32 bytes, or ``None``.
        name: What to call it until the metadata is here; not sanitised, for display only.
        trackers: URLs, each a tier of its own.
        web_seeds: URLs (BEP 19).
        peers: Hosts (addresses or names) and ports.
        select: Indices of the files to download, in ranges (BEP 53); empty if all.
        length: Bytes, as the link has it, or ``None``.
        publisher: The name that leads to the newest version (BEP 46), or ``None``.
        ignored: What made no sense: keys and values; no part of what the link says.
    """

    infohash_v1: bytes | None = None
    infohash_v2: bytes | None = None
    name: str = ""
    trackers: tuple[str, ...] = ()
    web_seeds: tuple[str, ...] = ()
    peers: tuple[tuple[str, int], ...] = ()
    select: tuple[range, ...] = ()
    length: int | None = None
    publisher: Address | None = None
    ignored: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, what: Info | Metainfo) -> Magnet:
        """The link of a torrent."""
        if isinstance(what, Info):
            return cls(what.infohash_v1, what.infohash_v2, what.name, length=what.size)
        trackers = tuple(url for tier in what.trackers for url in tier)
        return replace(cls.of(what.info), trackers=trackers, web_seeds=what.web_seeds)

    @property
    def infohashes(self) -> tuple[bytes, ...]:
        """Its names on the wire and in the DHT, v1 first: 20 bytes each."""
        return tuple(infohash[:SHA1] for infohash in self._both())

    @property
    def cids(self) -> tuple[Cid, ...]:
        """Its names in our address space, v1 first."""
        return tuple(torrent(infohash).cid for infohash in self._both())

    def selects(self, index: int) -> bool:
        """Whether the link asks for a file."""
        return not self.select or any(index in indices for indices in self.select)

    def __str__(self) -> str:
        return _SCHEME + "&".join(f"{key}={value}" for key, value in self._fields())

    def _both(self) -> Iterator[bytes]:
        """The infohashes there are."""
        return (each for each in (self.infohash_v1, self.infohash_v2) if each is not None)

    def _fields(self) -> Iterator[tuple[str, str]]:
        """The fields, in a fixed order."""
        if self.infohash_v1 is not None:
            yield "xt", "urn:btih:" + self.infohash_v1.hex()
        if self.infohash_v2 is not None:
            yield "xt", "urn:btmh:1220" + self.infohash_v2.hex()
        if self.publisher is not None:
            yield "xs", _PUBLISHER + self.publisher.public_key.hex()
        if self.publisher is not None and self.publisher.salt:
            yield "s", self.publisher.salt.hex()
        if self.name:
            yield "dn", quote(self.name, safe="")
        if self.length is not None:
            yield "xl", str(self.length)
        yield from (("tr", quote(url, safe="")) for url in self.trackers)
        yield from (("ws", quote(url, safe="")) for url in self.web_seeds)
        yield from (("x.pe", _endpoint(host, port)) for host, port in self.peers)
        if self.select:
            yield "so", ",".join(_range(indices) for indices in self.select)


def _endpoint(host: str, port: int) -> str:
    """Write a peer; the colons of IPv6 need brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _range(indices: range) -> str:
    """Write a range of indices, both ends included."""
    first, last = indices.start, indices.stop - 1
    return str(first) if first == last else f"{first}-{last}"


def read_magnet(text: str) -> Magnet:
    """Read a magnet link.

    Raises:
        MetainfoError: It is no magnet link, or names no torrent, or does that in a wrong way.
    """
    text = text.strip()
    if len(text) > MAX_TEXT:
        raise MetainfoError("magnet", f"{len(text)} characters; {MAX_TEXT} are allowed")
    if text[: len(_SCHEME)].lower() != _SCHEME:
        raise MetainfoError("magnet", f"it does not begin with {_SCHEME}")
    found = _collected(text[len(_SCHEME) :].split("&", MAX_FIELDS)[:MAX_FIELDS])
    v1, v2 = _topics(found.get("xt", []))
    hints = _Hints(found)
    return Magnet(
        v1,
        v2,
        next(iter(found.get("dn", [])), ""),
        hints.read("tr", lambda url: url if is_tracker(url) else None),
        hints.read("ws", _web_seed),
        hints.read("x.pe", _peer),
        hints.read("so", _indices, separator=","),
        next(iter(hints.read("xl", _length)), None),
        _publisher(found.get("xs", []), next(iter(found.get("s", [])), "")),
        tuple(hints.ignored),
    )


class _Hints:
    """The fields of a link that may be nonsense, and which were."""

    def __init__(self, found: Mapping[str, list[str]]) -> None:
        self._found = found
        self.ignored: list[tuple[str, str]] = []

    def read(
        self, key: str, reader: Callable[[str], T | None], *, separator: str | None = None
    ) -> tuple[T, ...]:
        """What the fields of ``key`` say, each thing once, in the order of the link."""
        values = self._found.get(key, [])
        if separator:
            values = separator.join(values).split(separator)
        read = {value: reader(value) for value in values if value}
        self.ignored += [
            (key, value)
            for value, said in read.items()
            if said is None and not _BROWSERS.match(value)
        ]
        return tuple(dict.fromkeys(said for said in read.values() if said is not None))


def _collected(fields: Iterable[str]) -> dict[str, list[str]]:
    """The values of each key. A number after it (``xt.1``) only tells repeated ones apart."""
    found: dict[str, list[str]] = {}
    for each in fields:
        key, _, value = each.partition("=")
        numbered = _NUMBERED.fullmatch(key)
        name = (numbered[1] if numbered else key).lower()
        found.setdefault(name, []).append(unquote_plus(value))
    return found


def _topics(topics: Iterable[str]) -> tuple[bytes | None, bytes | None]:
    """The infohashes; of several of one version the last counts, as for libtorrent."""
    found: dict[int, bytes] = {}
    for topic in topics:
        if _TOPIC.match(topic):
            try:
                digest = parse(topic).digest
            except AddressError as error:
                raise MetainfoError("magnet.xt", str(error)) from error
            found[len(digest)] = digest
    if not found:
        raise MetainfoError("magnet.xt", "there is no urn:btih: and no urn:btmh:")
    return found.get(20), found.get(32)


def _publisher(sources: Iterable[str], salt: str) -> Address | None:
    """The name that is said to lead to newer versions; a hint like all but the topics."""
    for source in sources:
        if source[: len(_PUBLISHER)].lower() == _PUBLISHER:
            with suppress(AddressError):
                found = parse(f"{_SCHEME}xs={source}&s={salt}")
                return found if found.kind is Kind.NAME else None
    return None


def _web_seed(text: str) -> str | None:
    """A URL of use (BEP 19)."""
    url = encoded_path(text)
    return url if is_web_seed(url) else None


def _peer(text: str) -> tuple[str, int] | None:
    """``host:port``, ``[IPv6 address]:port``."""
    found = _PEER.fullmatch(text)
    if found and 0 < int(found[3]) <= _MAX_PORT:
        return found[1] or found[2], int(found[3])
    return None


def _indices(text: str) -> range | None:
    """``0``, ``4-6`` (BEP 53)."""
    found = _RANGE.fullmatch(text)
    return (range(int(found[1]), int(found[2] or found[1]) + 1) or None) if found else None


def _length(text: str) -> int | None:
    """A number of bytes."""
    return int(text) if _LENGTH.fullmatch(text) else None
