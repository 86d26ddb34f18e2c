"""Repositories over HTTP, as bundles: a route of the gateway (:mod:`torrent.cdn.gateway`).

::

    /git/NAME/bundles            the list, for git clone --bundle-uri=
    /git/NAME/<root>.bundle      a generation

A bundle is some lines and then the pack as it is. The lines are made when they are asked for; the
pack is a file of a torrent, from the cache or as it comes from peers, and is not copied.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from dht.names import AddressError
from torrent.cdn.gateway.core.errors import Refused
from torrent.cdn.gateway.core.planning import FOREVER, Kind
from torrent.cdn.gateway.resources import of_bytes
from torrent.cdn.name import Name
from torrent.core.metainfo import Magnet, Metainfo
from torrent.git.core.bundles import (
    BUNDLE_TYPE,
    LIST_TYPE,
    bundle_header,
    bundle_list,
    bundle_name,
)
from torrent.git.core.manifest import Manifest, decode
from torrent.git.errors import ManifestError
from torrent.git.fetching import manifest_file

if TYPE_CHECKING:
    from collections.abc import Collection

    from torrent.cdn.gateway.core.asked import Asked
    from torrent.cdn.gateway.gateway import Gateway
    from torrent.cdn.gateway.held import Held, TorrentFile
    from torrent.cdn.gateway.resources import Reading, Resource
    from torrent.io.files import Span

PREFIX: Final = "/git/"
_LIST: Final = "bundles"
_KNOWN: Final = 64
"""Manifests kept at hand: a hundred kilobytes each, if the repository is a large one."""


class Bundles:
    """Answers for paths below ``/git/``; give it to :meth:`.Gateway.provide`.

    Args:
        gateway: Knows where names lead, and has torrents.
        only: Names to serve, and no others; ``None``: any.
    """

    def __init__(self, gateway: Gateway, only: Collection[Name] | None = None) -> None:
        self._gateway = gateway
        self._only = only
        self._manifests: OrderedDict[tuple[Name, bytes], Manifest] = OrderedDict()

    async def __call__(self, rest: str, asked: Asked) -> Resource:
        """What is at ``rest``.

        Raises:
            Refused: Nothing.
            TorrentError: It cannot be had.
        """
        path, _, last = rest.rpartition("/")
        try:
            name = Name.parse(unquote(path))
        except AddressError as error:
            raise Refused(404, f"{error}; it should be {PREFIX}NAME/{_LIST}") from error
        if self._only is not None and name not in self._only:
            raise Refused(403, "this gateway serves its own names only")
        if last == _LIST:
            manifest = await self._manifest(name, await self._gateway.newest(name))
            return of_bytes(bundle_list(manifest, _base(name, asked)).encode(), LIST_TYPE)
        await self._manifest(name, await self._gateway.of_name(name))
        # Newest first. Who was given a list before the name moved on finds what was on it.
        for (of, _), manifest in reversed(self._manifests.items()):
            for each in manifest.generations if of == name else ():
                if bundle_name(each) == last:
                    held = await self._gateway.library.have(Magnet.of(Metainfo(each.info)))
                    file = held.file(0, forever=True)
                    return _Bundle(bundle_header(manifest, each), file)
        raise Refused(404, f"there is no {last} in the newest version: see {_LIST}")

    async def _manifest(self, name: Name, held: Held) -> Manifest:
        """The manifest that a torrent is."""
        key = name, held.info.infohashes[0]
        if key not in self._manifests:
            self._manifests[key] = await _read(held)
            if len(self._manifests) > _KNOWN:
                self._manifests.popitem(last=False)
        self._manifests.move_to_end(key)
        return self._manifests[key]


def _base(name: Name, asked: Asked) -> str:
    """What comes before a bundle's name in a list.

    Git reads relative addresses since 2.40 only, so it is a whole one, at the host that was asked:
    the gateway has checked that. Who asks none (HTTP/1.0) gets relative ones.
    """
    host = asked.header("host")
    return "" if host is None else f"http://{host}{PREFIX}{quote(str(name))}/"


async def _read(held: Held) -> Manifest:
    """Read a manifest.

    Raises:
        Refused: The torrent is none.
    """
    if not manifest_file(held.info):
        raise Refused(404, "the name leads to a torrent that is no repository")
    size = held.info.files[0].length
    reading, parts, at = held.file(0, forever=True).open(), [], 0
    try:
        while at < size:
            parts.append(await reading.read(at, size - at))
            at += len(parts[-1])
    finally:
        reading.close()
    try:
        return decode(b"".join(parts))
    except ManifestError as error:
        raise Refused(404, f"the name leads to no repository: {error}") from error


class _Bundle:
    """A bundle: a resource."""

    def __init__(self, head: bytes, file: TorrentFile) -> None:
        self._head = head
        self._file = file
        inner = file.kind
        etag = f'{inner.etag[:-1]}-bundle"'
        self.kind: Final = Kind(len(head) + inner.size, etag, BUNDLE_TYPE, FOREVER)
        self.status: Final = 200

    def open(self) -> _Reading:
        """Begin to read it."""
        return _Reading(self._head, self._file.open())


class _Reading:
    """A bundle that is being sent."""

    def __init__(self, head: bytes, pack: Reading) -> None:
        self._head = head
        self._pack = pack

    def span(self, begin: int, length: int) -> Span | None:
        """Where it lies, behind the lines."""
        at = begin - len(self._head)
        return None if at < 0 else self._pack.span(at, length)

    async def read(self, begin: int, most: int) -> bytes:
        """Some of it."""
        at = begin - len(self._head)
        if at < 0:
            return self._head[begin : begin + most]
        return await self._pack.read(at, most)

    def close(self) -> None:
        """Nothing more is wanted."""
        self._pack.close()
