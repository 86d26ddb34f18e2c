"""The one door through which HTTP goes out: to trackers and to web seeds.

HTTP itself is httpcore2's; this module adds what a client needs whose URLs come from strangers.

* Names are resolved here, each address is put to the rules of :mod:`torrent.core.outgoing`, and the
  address that passed is the one dialled. There is no second look-up that could answer otherwise.
* A connection that is kept alive may be asked for another URL, so the rules are put to the
  address it leads to again, before every request.
* Redirects are followed here and not by a library, because each hop has to pass too.
* Bodies are bounded while they arrive, compressed ones by what comes *out* of the decompressor,
  which is never given room for more: a bomb costs what it sends and no more.
* Certificates are checked against the system's trust, unless a setting says otherwise.

Connections belong to a :class:`Lane`: a tracker's lane lives for one announce, a web seed's as long
as the seed. Lanes share nothing, so no rule of one is evaded through another's connection.
"""

from __future__ import annotations

import ssl
import zlib
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

import httpcore2
import trio

from dht.mainline.compact import Scope
from torrent.core.outgoing import BadUrl, Purpose, Url, objection, parse, reach
from torrent.errors import TorrentError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Self

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_OK: Final = 200
_PASSING: Final = frozenset({408, 425, 429})
"""Client errors that are about now and not about the URL: timeout, too early, too many."""
_COMPRESSED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_ADDRESSES: Final = 8
"""Addresses of one name that are tried. A name may have hundreds, to make us dial for somebody."""
_ANY_WRAPPER: Final = 47
"""zlib's window of 32 KiB, and it finds out whether gzip or zlib is around it."""


class HttpFailed(TorrentError):  # noqa: N818 - named as trio names its own
    """A request came to nothing; the message says whose fault that is.

    Attributes:
        final: Asking again would not help: the URL is bad, forbidden, or leads nowhere.
        retry_after: Seconds of rest the server asked for (``Retry-After``), if it did.
    """

    def __init__(
        self, reason: str, *, final: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(reason)
        self.final = final
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How we go out.

    Attributes:
        ssrf_mitigation: Keep to the rules of :mod:`torrent.core.outgoing`.
        allow_idna: Follow URLs with internationalised host names.
        verify_tls: Check certificates, of trackers and of web seeds.
        max_redirects: Hops followed, as libtorrent's five.
        connect_timeout_s: For each address.
        read_timeout_s: Longest silence of a server that is sending.
        total_timeout_s: For a request whose answer is wanted whole (a tracker's), redirects and
            all; for others until the header has arrived.
        user_agent: Who we say we are; some private trackers only talk to clients they know.
    """

    ssrf_mitigation: bool = True
    allow_idna: bool = False
    verify_tls: bool = True
    max_redirects: int = 5
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 20.0
    total_timeout_s: float = 30.0
    user_agent: str = "dhtctl"


class _Door(httpcore2.AsyncNetworkBackend):
    """Dials for one lane, only where the rules let it."""

    def __init__(self, purpose: Purpose, settings: HttpSettings) -> None:
        self._purpose = purpose
        self._settings = settings
        self._objection: Callable[[str], str | None] = lambda _: "nothing was asked for yet"
        self._led_to: tuple[str, int, str] | None = None

    def admit(self, url: Url, *, redirected: bool) -> None:
        """Say what is asked for next.

        Raises:
            HttpFailed: A connection that may still be open leads where ``url`` must not go.
        """
        if self._settings.ssrf_mitigation:
            self._objection = partial(objection, self._purpose, url=url, redirected=redirected)
        else:
            self._objection = lambda _: None
        address = self._address_of(url)
        reason = None if address is None else self._objection(address)
        if reason is not None:
            raise HttpFailed(reason, final=True)

    def is_global(self, url: Url) -> bool:
        """Whether the server that ``url`` was asked of has a global address."""
        address = self._address_of(url)
        return address is not None and reach(address) == Scope.WORLD

    def _address_of(self, url: Url) -> str | None:
        """Where the connection to that server leads; a lane has one at a time."""
        if self._led_to is None or self._led_to[:2] != (url.host, url.port):
            return None
        return self._led_to[2]

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Resolve, filter, dial; the first address that answers."""
        addresses = await _resolve(host, port)
        reasons = {address: self._objection(address) for address in addresses}
        allowed = [address for address in addresses if reasons[address] is None]
        if not allowed:
            reason = next(filter(None, reasons.values()), f"{host} has no address")
            raise HttpFailed(reason, final=True)
        backend = httpcore2.TrioBackend()
        for address in allowed:
            # Noted before it is dialled: the next request to this host is put to the rules again.
            self._led_to = (host, port, address)
            try:
                return await backend.connect_tcp(address, port, timeout, None, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if address == allowed[-1]:
                    raise
        raise AssertionError("unreachable")  # pragma: no cover


async def _resolve(host: str, port: int) -> list[str]:
    """The addresses of ``host``, in the order the system would try them."""
    try:
        found = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        raise HttpFailed(f"{host} cannot be found: {problem}") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))[:_ADDRESSES]


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's answer whose body is still on its way.

    Attributes:
        url: Who answered, after redirects.
        text: That URL as it was written, to be asked for again.
        status: The status code.
        headers: Lower-case names; of a repeated one the last.
        redirected: A server at a global address sent us there.
        chunks: The body as it arrives, not decoded. Read within the ``async with``.
    """

    url: Url
    text: str
    status: int
    headers: Mapping[str, str]
    redirected: bool
    chunks: AsyncGenerator[bytes, None]


class Lane:
    """Connections of one tracker or web seed; ``async with`` closes them.

    One request at a time: the connection is kept for the next one to the same server.
    """

    def __init__(self, purpose: Purpose, settings: HttpSettings) -> None:
        self._settings = settings
        self._door = _Door(purpose, settings)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_tls(settings.verify_tls),
            max_connections=1,
            keepalive_expiry=60.0,
            network_backend=self._door,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Closing sockets needs no network: nothing is waited for that could take long.
        with trio.CancelScope(shield=True):
            await self._pool.aclose()

    async def get(self, text: str, *, limit: int) -> bytes:
        """The whole body at the URL ``text``, decompressed.

        Raises:
            HttpFailed: There was none to be had, or it is longer than ``limit`` bytes.
        """
        with _declared(), trio.fail_after(self._settings.total_timeout_s):
            headers = {"Accept-Encoding": "gzip"}
            async with self._opened(text, headers) as reply:
                body = await _collect(reply, limit)
                # A refusal often has a page of its own, and it may be bencoded all the same.
                if reply.status == _OK or body.startswith(b"d"):
                    return body
                raise failure(reply)

    @asynccontextmanager
    async def open(
        self, text: str, headers: Mapping[str, str], *, redirected: bool = False
    ) -> AsyncIterator[Reply]:
        """Ask for the URL ``text``; redirects have been followed when the block begins.

        Args:
            text: The URL.
            headers: What to say besides the usual.
            redirected: An earlier reply from a global address led to this URL.

        Raises:
            HttpFailed: No server answered, or its answer broke off; within the block too.
        """
        with _declared():
            async with self._opened(text, headers, redirected=redirected) as reply:
                yield reply

    @asynccontextmanager
    async def _opened(
        self, text: str, headers: Mapping[str, str], *, redirected: bool = False
    ) -> AsyncIterator[Reply]:
        """Follow redirects, each put to the rules."""
        for _ in range(self._settings.max_redirects + 1):
            async with self._asked(text, headers, redirected=redirected) as reply:
                location = reply.headers.get("location")
                if reply.status not in _REDIRECTS or location is None:
                    yield reply
                    return
            redirected = redirected or self._door.is_global(reply.url)
            text = _joined(text, location)
        hops = self._settings.max_redirects
        raise HttpFailed(f"the server redirects more than {hops} times", final=True)

    @asynccontextmanager
    async def _asked(
        self, text: str, headers: Mapping[str, str], *, redirected: bool
    ) -> AsyncIterator[Reply]:
        """One request and its answer, without following."""
        url = parse(text, allow_idna=self._settings.allow_idna)
        if url.scheme == "udp":
            raise HttpFailed("this is not an HTTP URL", final=True)
        self._door.admit(url, redirected=redirected)
        request = httpcore2.Request(
            "GET",
            httpcore2.URL(scheme=url.scheme, host=url.host, port=url.port, target=url.target),
            headers=list(self._headers(url, headers).items()),
            extensions={"timeout": self._timeouts()},
        )
        with trio.fail_after(self._settings.total_timeout_s):
            response = await self._pool.handle_async_request(request)
        try:
            async with aclosing(response.aiter_stream()) as chunks:
                told = _read_headers(response)
                yield Reply(url, text, response.status, told, redirected, chunks)
        finally:
            with trio.CancelScope(shield=True):
                await response.aclose()

    def _headers(self, url: Url, more: Mapping[str, str]) -> dict[str, str]:
        host = f"[{url.host}]" if ":" in url.host else url.host
        usual = url.port == (443 if url.scheme == "https" else 80)
        headers = {
            "Host": host if usual else f"{host}:{url.port}",
            "User-Agent": self._settings.user_agent,
            "Accept": "*/*",
            **more,
        }
        return headers | ({"Authorization": url.authorization} if url.authorization else {})

    def _timeouts(self) -> dict[str, float]:
        read = self._settings.read_timeout_s
        connect = self._settings.connect_timeout_s
        return {"connect": connect, "read": read, "write": read, "pool": read}


@lru_cache(2)
def _tls(verify: bool) -> ssl.SSLContext:  # noqa: FBT001 - a cached function's key
    """The system's trust, read once: it takes some ten milliseconds."""
    context = httpcore2.default_ssl_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _read_headers(response: httpcore2.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): v.decode("latin-1") for name, v in response.headers}


def _joined(text: str, location: str) -> str:
    """Where a redirect from ``text`` leads."""
    try:
        return urljoin(text, location)
    except ValueError:
        raise HttpFailed("the server redirects to what is no URL", final=True) from None


@contextmanager
def _declared() -> Iterator[None]:
    """Let nothing out but :class:`HttpFailed`."""
    try:
        yield
    except BadUrl as problem:
        raise HttpFailed(str(problem), final=True) from None
    except (trio.TooSlowError, httpcore2.TimeoutException):
        raise HttpFailed("the server did not answer in time") from None
    except httpcore2.ConnectError as problem:
        raise HttpFailed(f"the server cannot be reached: {_root(problem)}") from None
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as problem:
        raise HttpFailed(f"the server broke off: {_root(problem)}") from None
    except zlib.error as problem:
        raise HttpFailed(f"the server's answer cannot be decompressed: {problem}") from None


def _root(problem: BaseException) -> str:
    """What it began with: a certificate that is not trusted, rather than a broken resource."""
    while (cause := _cause(problem)) is not None:
        problem = cause
    return str(problem) or type(problem).__name__


def _cause(problem: BaseException) -> BaseException | None:
    if isinstance(problem, BaseExceptionGroup):
        first: BaseException = problem.exceptions[0]  # one address was dialled, so one there is
        return first
    return problem.__cause__ or problem.__context__


def failure(reply: Reply) -> HttpFailed:
    """What a status other than the wanted one comes to."""
    after = reply.headers.get("retry-after", "")
    # The other form, a date, is not worth a wall clock.
    seconds = float(after) if after.isascii() and after.isdigit() and len(after) < 8 else None  # noqa: PLR2004
    reason = f"the server at {reply.url.host} answers with status {reply.status}"
    final = 400 <= reply.status < 500 and reply.status not in _PASSING  # noqa: PLR2004
    return HttpFailed(reason, final=final, retry_after=seconds)


async def _collect(reply: Reply, limit: int) -> bytes:
    """The whole body, decompressed, within ``limit``."""
    encoding = reply.headers.get("content-encoding", "identity").strip().lower()
    inflate = zlib.decompressobj(_ANY_WRAPPER) if encoding in _COMPRESSED else None
    body = bytearray()
    async for chunk in reply.chunks:
        room = limit + 1 - len(body)
        body += chunk if inflate is None else inflate.decompress(chunk, room)
        if len(body) > limit:
            raise HttpFailed(f"the server's answer is longer than {limit} bytes")
    return bytes(body)
