"""Web servers on loopback that answer as a test wants, and our own ways to ask and to resolve."""

from __future__ import annotations

import datetime as dt
import re
import socket
import ssl
import threading
from contextlib import contextmanager
from http.server import HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.tracker_server import HttpTracker, Swarms, http_tracker
from torrent.core.outgoing import Purpose
from torrent.io.http import HttpFailed, HttpSettings, Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LIMIT = 1000
PATIENT = HttpSettings()
"""What answers, answers, however busy this machine is."""
FAST = HttpSettings(connect_timeout_s=0.5, read_timeout_s=0.2, total_timeout_s=1.0)


def ranged(handler: Any, files: Mapping[str, bytes]) -> None:
    """What any web server does."""
    body = files.get(handler.path)
    wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers.get("Range", ""))
    if body is None:
        handler.send(404, b"no such file")
    elif wanted is None:
        handler.send(200, body)
    else:
        first, last = map(int, wanted.groups())
        part = body[first : last + 1]
        told = f"bytes {first}-{first + len(part) - 1}/{len(body)}"
        handler.send(206, part, Content_Range=told)


@contextmanager
def server(answer: Callable[[Any], None], host: str = "127.0.0.1") -> Iterator[str]:
    """A server whose every answer is made by ``answer``; its root."""
    swarms = Swarms()
    swarms.answer = answer
    with http_tracker(swarms, host) as url:
        yield url.removesuffix("/announce")


async def get(
    url: str,
    settings: HttpSettings = PATIENT,
    purpose: Purpose = Purpose.TRACKER,
    limit: int = LIMIT,
) -> bytes:
    async with Lane(purpose, settings) as lane:
        return await lane.get(url, limit=limit)


async def failing(url: str, settings: HttpSettings = PATIENT, **more: Any) -> HttpFailed:
    with pytest.raises(HttpFailed) as caught:
        await get(url, settings, **more)
    return caught.value


class Names(trio.abc.HostnameResolver):
    """A name server of our own, whose every name is one address."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked = 0

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        family: int = 0,
        type: int = 0,  # noqa: A002
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        self.asked += 1
        kind = socket.SOCK_STREAM
        return [(socket.AF_INET, kind, 6, "", (address, port)) for address in self.addresses]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        raise NotImplementedError


@contextmanager
def tls_server(tmp_path: Any) -> Iterator[str]:

    certificate = self_signed(tmp_path)
    swarms = Swarms()
    swarms.answer = lambda handler: handler.send(200, b"secret")  # type: ignore[attr-defined]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    class Quiet(HTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # the client that does not trust us

    with Quiet(("127.0.0.1", 0), type("Handler", (HttpTracker,), {"swarms": swarms})) as http:
        http.socket = context.wrap_socket(http.socket, server_side=True)
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"https://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


def self_signed(tmp_path: Any) -> Any:

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tracker")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36500))
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "server.pem"
    path.write_bytes(private + certificate.public_bytes(encoding))
    return path
