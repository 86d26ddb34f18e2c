"""URLs that we are about to follow, and the rules that keep them from being turned against us.

Reading a torrent judges their form alone, and leniently (:mod:`torrent.core.metainfo.urls`): a
torrent does not become another because we would not ask one of its trackers. Here it is decided
what is asked, of whom, at the moment when it is.

A torrent is written by a stranger, and its URLs make *our* machine send requests, from inside our
network: server-side request forgery (SSRF). A "tracker" ``http://192.168.1.1/reboot?confirm=yes``
is a click in the router's menu. libtorrent's audit of 2020 (F1) found the least that has to be
forbidden for the rest to keep working, and we forbid the same:

* A tracker on this machine is only asked for paths that begin with ``/announce`` (or
  ``/scrape``, which is made of one).
* A web seed at an address that is not global may have no query.
* A web seed at a global address may not redirect to one that is not.

All of them look at the *address that is dialled*: a name can resolve to anything, and to something
else a second later. Whoever dials asks :func:`objection` about each address first.

Host names outside ASCII, and their ``xn--`` form, are refused unless allowed (the audit's F7):
what looks like a known name may be another one.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from dht.mainline.compact import Scope, scope
from torrent.errors import TorrentError

MAX_URL: Final = 8192
"""Characters; servers refuse longer ones, and a torrent may hold many."""

PORTS: Final = {"http": 80, "https": 443, "udp": 0}
"""The schemes we speak; a UDP tracker has no usual port, so it must name one."""

_LABEL: Final = "[A-Za-z0-9_][A-Za-z0-9_-]{0,62}"
_HOST: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_MAX_HOST: Final = 253


class BadUrl(TorrentError):  # noqa: N818 - named for what it is
    """A URL that we do not follow; the message says why."""


class Purpose(Enum):
    """What a request is for; the rules differ."""

    TRACKER = "tracker"
    WEB_SEED = "web seed"


@dataclass(frozen=True, slots=True)
class Url:
    """A URL taken apart.

    Attributes:
        scheme: ``http``, ``https`` or ``udp``.
        host: A name or an address, without brackets.
        port: Where it listens.
        target: Path and query, as they go into a request: ASCII, beginning with ``/``.
        authorization: What ``user:password@`` comes to in a header (RFC 7617); empty if absent.
    """

    scheme: str
    host: str
    port: int
    target: str
    authorization: str = ""

    @property
    def path(self) -> str:
        """The part of the target before the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The part after the question mark."""
        return self.target.partition("?")[2]

    def __str__(self) -> str:
        """The URL without password, for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == PORTS[self.scheme]
        return f"{self.scheme}://{host}{'' if usual else f':{self.port}'}{self.target}"


def parse(text: str, *, allow_idna: bool = False) -> Url:
    """Take a URL from a torrent apart.

    Args:
        text: The URL.
        allow_idna: Take host names outside ASCII, and ``xn--`` labels.

    Raises:
        BadUrl: It is none, or one that we do not follow.
    """
    if len(text) > MAX_URL or not text.isprintable() or " " in text:
        raise BadUrl("the URL is too long or has blanks or control characters in it")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as problem:
        raise BadUrl(f"the URL cannot be read: {problem}") from None
    scheme = parts.scheme.lower()
    if scheme not in PORTS:
        raise BadUrl(f"URLs of the scheme {scheme[:20]!r} are not understood; http, https, udp are")
    port = port or PORTS[scheme]
    if not port:
        raise BadUrl("the URL of a UDP tracker must name a port")
    return Url(scheme, _host(parts, allow_idna), port, _target(parts), _authorization(parts))


def _host(parts: SplitResult, allow_idna: bool) -> str:  # noqa: FBT001 - from one caller
    """The host as it can be looked up; names outside ASCII encoded, if they are allowed."""
    host = parts.hostname or ""
    if ":" in host:
        if scope(host.partition("%")[0]) > Scope.NOWHERE:
            return host
        raise BadUrl("the URL's host is no IPv6 address that can be dialled")
    if not host.isascii() or "xn--" in host:
        if not allow_idna:
            raise BadUrl("the URL's host is an internationalised name, and these are not allowed")
        host = _encoded(host)
    if len(host) > _MAX_HOST or not _HOST.fullmatch(host):
        raise BadUrl("the URL names no host that can be looked up")
    return host


def _encoded(host: str) -> str:
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise BadUrl("the URL's host is no valid internationalised name") from None


def _target(parts: SplitResult) -> str:
    """Path and query. What is not ASCII is percent-encoded, as browsers do."""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return "".join(c if c.isascii() else _percent(c) for c in target)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


def _authorization(parts: SplitResult) -> str:
    if parts.username is None:
        return ""
    user, password = unquote_to_bytes(parts.username), unquote_to_bytes(parts.password or "")
    return "Basic " + b64encode(user + b":" + password).decode("ascii")


def reach(address: str) -> Scope:
    """How far ``address`` reaches, when dialled. What dials this machine in disguise is HOST.

    ``0.0.0.0`` and ``::`` reach this machine on Linux, and ``::ffff:127.0.0.1`` is 127.0.0.1; no
    honest URL uses them, so everything that is nowhere counts as here.
    """
    return max(scope(address.partition("%")[0]), Scope.HOST)


def objection(purpose: Purpose, address: str, *, url: Url, redirected: bool) -> str | None:
    """Why ``url`` must not be asked for at ``address``; ``None`` if it may.

    Args:
        purpose: What for.
        address: What the host resolved to, about to be dialled.
        url: What would be asked.
        redirected: A server at a global address sent us there.
    """
    near = reach(address)
    if near == Scope.WORLD:
        return None
    if purpose is Purpose.TRACKER:
        harmless = url.path.startswith(("/announce", "/scrape"))
        if near == Scope.HOST and not harmless:
            return "a tracker on this machine is only asked for /announce"
        return None
    if redirected:
        return "a web seed on the Internet may not redirect to a local address"
    return "a web seed at a local address may not have a query" if url.query else None
