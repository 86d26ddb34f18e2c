"""From a request to what is sent: the gateway itself.

**Names.** The newest version that is known is used at once, and compared with the network behind
that (:mod:`torrent.cdn.names`). When there is a newer one, it is opened; as long as that takes, and
if it cannot be had at all, visitors get the version before: stale beats nothing, as HTTP's
``stale-while-revalidate`` and ``stale-if-error`` say (RFC 5861).

**Whose names.** A gateway that was told which names to serve serves no others. One that was told
none serves whatever it is asked for, which is what one wants on one's own machine.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Final, Protocol

import trio

from dht.errors import DhtError
from dht.mainline.items import MAX_SALT
from torrent.cdn.errors import NamingError, UnknownNameError
from torrent.cdn.gateway.core import finding, listing
from torrent.cdn.gateway.core.counting import Counts
from torrent.cdn.gateway.core.errors import Refused
from torrent.cdn.gateway.core.hosts import read_host
from torrent.cdn.gateway.core.planning import FOREVER, FRESH
from torrent.cdn.gateway.core.route import mount_of, read_route
from torrent.cdn.gateway.front import PATHS, front
from torrent.cdn.gateway.resources import Bytes, of_bytes
from torrent.cdn.gateway.server import CONNECTIONS, Server
from torrent.cdn.name import Name
from torrent.core.metainfo import Magnet
from torrent.errors import TorrentError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from torrent.cdn.gateway.core.asked import Asked
    from torrent.cdn.gateway.core.route import Route
    from torrent.cdn.gateway.held import Held, TorrentFile
    from torrent.cdn.gateway.library import Library
    from torrent.cdn.gateway.resources import Resource
    from torrent.cdn.name import Version
    from torrent.cdn.names import Names

_SETTLED: Final = 1.0
"""Seconds for which a name is not looked up again at all, not even in our own memory."""
_SOON: Final = 5.0
"""Seconds between two walks for a name of which the newest is wanted: a walk is thirty requests."""
_GRACE: Final = 2.0
"""Seconds that a visitor waits for a newer version to open, if there is an older one."""
_NAMES: Final = 4096
_log: Final = logging.getLogger("torrent.cdn.gateway")


class Provider(Protocol):
    """Routes of others: see :meth:`Gateway.provide`."""

    def __call__(self, rest: str, asked: Asked) -> Awaitable[Resource]:
        """What is at ``rest`` (percent-encoded, without the prefix and the query).

        Raises:
            Refused: Nothing.
        """


class _Current:
    """What a name leads to, for visitors."""

    def __init__(self, held: Held, version: Version) -> None:
        self.held = held
        self.version = version
        self.looked = trio.current_time()


class Gateway:
    """Answers visitors.

    Args:
        library: The torrents; entered by its owner.
        names: Where names lead.
        only: Names to serve, and no others; ``None``: any. They are kept at their newest.
        pins: Names of which all is kept here at any time.
        origin: A web server that has the files of ``only`` and ``pins``, to turn to (BEP 19).
        allowed: Host names that lead here, besides those of loopback.
        connections: Visitors at once.
        promised: Called with the number of each promise to keep the record of a pinned name.
    """

    def __init__(
        self,
        library: Library,
        names: Names,
        *,
        only: Collection[Name] | None = None,
        pins: Collection[Name] = (),
        origin: str = "",
        allowed: Collection[str] = (),
        connections: int = CONNECTIONS,
        promised: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.library: Final = library
        self.names: Final = names
        self.counts: Final = Counts()
        self.server: Final = Server(self.find, self.counts.told, connections=connections)
        self._only = None if only is None else frozenset((*only, *pins))
        self._pins = frozenset(pins)
        self._kept: Final = tuple(dict.fromkeys((*(only or ()), *pins)))
        self._origin = origin
        self._promised = promised
        self._allowed = frozenset(name.lower() for name in allowed)
        self._current: dict[Name, _Current] = {}
        self._compared: dict[Name, float] = {}
        self._pinned: dict[Name, Held] = {}
        self._providers: dict[str, Provider] = {}

    async def run(
        self,
        listeners: list[trio.SocketListener],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve, and keep what was named at its newest, until cancelled."""
        async with trio.open_nursery() as nursery:
            for name in self._kept:
                nursery.start_soon(self._keep, name)
            await nursery.start(self.server.run, listeners)
            task_status.started()

    def provide(self, prefix: str, provider: Provider) -> None:
        """Let somebody else answer for paths that begin with ``prefix``, such as ``/git/``.

        The gateway does the rest: reading requests, the host check, conditions, ranges, HEAD. What
        the provider returns says its type, tag and life (:class:`~.resources.Resource`; most are
        made by :func:`~.resources.of_bytes`, or are files of torrents: :meth:`.Held.file`). The
        same content is best the same object, which is faster.

        Raises:
            ValueError: The prefix does not begin and end with a slash.
        """
        if not (prefix.startswith("/") and prefix.endswith("/")):
            raise ValueError(f"{prefix!r} should begin and end with a slash")
        self._providers[prefix] = provider

    # Requests.

    async def find(self, asked: Asked) -> Resource:
        """What is asked for.

        Raises:
            Refused: Nothing that is here.
            TorrentError: It cannot be had.
        """
        site = read_host(asked.header("host"), self._allowed)
        path = asked.path
        if site is None:
            if path in PATHS:
                return front(self, asked)
            for prefix, provider in self._providers.items():
                if path.startswith(prefix):
                    return await provider(path[len(prefix) :], asked)
        route = read_route(path, site)
        forever = isinstance(route.what, bytes)
        held = await self._held(route)
        outcome = finding.present(held.tree, route)
        if outcome is None:
            outcome = finding.absent(held.tree, route, await held.rules())
        match outcome:
            case finding.Found(file, status):
                return self._file(held, file, status, forever=forever)
            case finding.Listed(path_):
                return _listing(held, route, path_, asked, forever=forever)
            case finding.Moved(location, status):
                return _moved(location, status)

    def _file(self, held: Held, index: int, status: int, *, forever: bool) -> TorrentFile:
        limit = self.library.limit
        if held.info.files[index].length > limit:
            raise Refused(507, f"the file is larger than the gateway's cache ({limit} bytes)")
        return held.file(index, forever=forever, status=status)

    async def _held(self, route: Route) -> Held:
        if isinstance(route.what, Name):
            try:
                return await self.of_name(route.what)
            except Refused as refused:
                raise _hinted(refused, route.what, route.path) from refused
        infohash = route.what
        held = self.library.at_hand(infohash)
        if self._only is not None and not any(
            current.held is held for current in self._current.values()
        ):
            raise Refused(403, "this gateway serves the torrents of its own names only")
        if held is not None:
            return held
        v1 = len(infohash) == 20  # noqa: PLR2004
        return await self.library.have(Magnet(infohash if v1 else None, None if v1 else infohash))

    # Names.

    @property
    def shown(self) -> tuple[Name, ...]:
        """The names that are served, those that were asked for last at the end."""
        return tuple(dict.fromkeys((*self._kept, *self._current)))

    def version(self, name: Name) -> Version | None:
        """Which version of a name visitors get now; ``None`` before anybody asked."""
        current = self._current.get(name)
        return None if current is None else current.version

    async def of_name(self, name: Name) -> Held:
        """What visitors of a name get: its newest version, or as long as that takes, one before.

        Raises:
            Refused: It is not served, or cannot be had.
            TorrentError: The same, for a reason of the machine's.
        """
        if self._only is not None and name not in self._only:
            raise Refused(403, "this gateway serves its own names only")
        current = self._current.get(name)
        if current is None:
            return await self.follow(name)
        held = self.library.at_hand(current.version.infohash)
        if held is None:  # The cache let go of it.
            return await self.follow(name)
        if held is current.held and trio.current_time() - current.looked < _SETTLED:
            return held
        current.looked = trio.current_time()
        with trio.move_on_after(_GRACE):
            with suppress(TorrentError):
                return await self.follow(name)
        return held

    async def follow(self, name: Name, version: Version | None = None) -> Held:
        """Have the newest version of a name at hand, and show it to visitors from now on.

        Raises:
            Refused: It cannot be had.
            TorrentError: The same, for a reason of the machine's.
        """
        newest = version or await self._resolved(name)
        before = self._current.get(name)
        link = newest.link
        if self._origin and name in self._kept:
            link = replace(link, web_seeds=(*link.web_seeds, self._origin))
        held = await self.library.have(link, None if before is None else before.held)
        before = self._current.get(name)
        if before is not None and before.version.seq > newest.seq:
            return before.held
        if before is None and len(self._current) >= _NAMES:
            del self._current[min(self._current, key=lambda each: self._current[each].looked)]
        self._current[name] = _Current(held, newest)
        return held

    async def newest(self, name: Name) -> Held:
        """As :meth:`of_name`, compared with the network now, for as long as a visitor waits.

        For what changes too fast for an answer of a minute ago: a list of what is to be fetched
        next. Who asks again within some seconds gets the same.

        Raises:
            Refused: It cannot be had.
            TorrentError: The same, for a reason of the machine's.
        """
        if trio.current_time() - self._compared.get(name, -inf) >= _SOON:
            self._compared[name] = trio.current_time()
            if len(self._compared) > _NAMES:
                del self._compared[next(iter(self._compared))]
            with trio.move_on_after(_GRACE), suppress(NamingError, DhtError):
                await self.names.resolve(name, fresh=True)
            if (current := self._current.get(name)) is not None:
                current.looked = -inf
        return await self.of_name(name)

    async def _keep(self, name: Name) -> None:
        """Have the newest version of a name here, whenever there is a newer one."""
        async for version in self.names.watch(name):
            try:
                held = await self.follow(name, version)
                if name in self._pins:
                    await self._pin(name, held, version)
            except (TorrentError, DhtError) as problem:
                _log.warning("%s, version %d: %s", name, version.seq, problem)

    async def _pin(self, name: Name, held: Held, version: Version) -> None:
        """Have all of a version here; the one before may go then."""
        self.library.pin(held)
        await held.torrent.completed()
        before, self._pinned[name] = self._pinned.get(name), held
        if before is not None and before is not held:
            self.library.unpin(before)
        self._promised(await self.names.keep(version))

    async def _resolved(self, name: Name) -> Version:
        try:
            return await self.names.resolve(name)
        except NamingError as problem:
            if problem.seen is not None:
                return problem.seen
            sure = isinstance(problem, UnknownNameError) and problem.evidence is not None
            complete = sure and problem.evidence is not None and problem.evidence.complete
            raise Refused(404 if complete else 504, str(problem)) from problem
        except DhtError as problem:
            raise Refused(504, f"the DHT cannot be asked: {problem}") from problem


def _hinted(refused: Refused, name: Name, path: tuple[str, ...]) -> Refused:
    """The same refusal; with what was perhaps meant, if a salt may have been taken for a path."""
    if name.salt or not path or len(salt := path[0].encode()) > MAX_SALT:
        return refused
    meant = f"{mount_of(Name(name.public, salt))}/"
    why = f"{refused.why} (the salt of a name follows a tilde: is {meant} what you mean?)"
    return Refused(refused.status, why, refused.headers)


def _moved(location: str, status: int) -> Bytes:
    text = f"it is at {location}\n".encode()
    return of_bytes(text, "text/plain; charset=utf-8", more={"Location": location}, status=status)


def _listing(
    held: Held, route: Route, path: tuple[str, ...], asked: Asked, *, forever: bool
) -> Bytes:
    """A directory that has no page of its own."""
    entries = held.tree.entries(path)
    title = "/".join((held.info.name, *path))
    more = {"Vary": "Accept"}
    caching = FOREVER if forever else FRESH
    if asked.wants_json:
        data = listing.as_json(title, entries)
        return of_bytes(data, "application/json", caching=caching, more=more)
    data = listing.as_html(title, entries, above=bool(route.path))
    more["Content-Security-Policy"] = listing.POLICY
    return of_bytes(data, "text/html; charset=utf-8", caching=caching, more=more)
