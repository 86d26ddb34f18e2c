"""Asking a router for the port: a router on loopback that grants, refuses, or says nothing."""

from __future__ import annotations

import re
import socket
import struct
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from dht.node import portmap
from dht.node.portmap import (
    Mapping,
    default_gateway,
    keep_mapped,
    map_port,
    mappable,
    nat_pmp,
    read_response_untrusted,
)
from tests.dht.node.peers import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dht.node.udp import Address

GRANT = struct.pack(">BBHIHHI", 0, 129, 0, 1234, 7000, 7001, 3600)
REFUSAL = struct.pack(">BBHIHHI", 0, 129, 2, 1234, 7000, 0, 0)  # RFC 6886: not authorised
ROUTES = """\
Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
short line
eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
"""


class Router:
    """Speaks NAT-PMP on loopback: answers each request with the next of its answers."""

    def __init__(self, sock: trio.socket.SocketType) -> None:
        self.sock = sock
        self.requests: list[bytes] = []

    @property
    def address(self) -> Address:
        host, port = self.sock.getsockname()
        return host, port

    async def serve(self, *answers: bytes | None) -> None:
        for answer in answers:
            request, client = await self.sock.recvfrom(64)
            self.requests.append(request)
            if answer is not None:
                await self.sock.sendto(answer, client)


@contextmanager
def router() -> Iterator[Router]:
    raw = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    raw.bind(("127.0.0.1", 0))
    with trio.socket.from_stdlib_socket(raw) as sock:
        yield Router(sock)


async def asked(answers: list[bytes | None], ask: Callable[[Address], object]) -> object:
    """What comes of asking a router that gives these answers."""
    with router() as there, trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(there.serve, *answers)
            result = await ask(there.address)  # type: ignore[misc]
            nursery.cancel_scope.cancel()
        assert all(r == struct.pack(">BBHHHI", 0, 1, 0, 7000, 7000, 7200) for r in there.requests)
    return result


@pytest.fixture(autouse=True)
def _no_upnp(monkeypatch: pytest.MonkeyPatch) -> None:
    """The optional library is not installed (it would ask the real network)."""
    monkeypatch.setitem(sys.modules, "miniupnpc", None)
    monkeypatch.setattr(portmap, "_FIRST_WAIT", 0.02)


# NAT-PMP.


async def test_a_router_grants_the_port() -> None:
    mapping = await asked([GRANT], lambda address: nat_pmp(7000, address))
    assert mapping == Mapping("NAT-PMP", 7001, 3600)


async def test_a_router_refuses() -> None:
    assert await asked([REFUSAL], lambda address: nat_pmp(7000, address)) is None


async def test_a_lost_request_is_repeated() -> None:
    mapping = await asked([None, None, GRANT], lambda address: nat_pmp(7000, address))
    assert mapping == Mapping("NAT-PMP", 7001, 3600)


async def test_a_router_that_says_nothing_is_given_up() -> None:
    assert await asked([None] * 9, lambda address: nat_pmp(7000, address)) is None


async def test_a_host_without_nat_pmp_is_given_up_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        address = closed.getsockname()
    with trio.fail_after(PATIENCE):
        assert await nat_pmp(7000, address) is None


@given(st.binary(max_size=64))
def test_no_response_raises(data: bytes) -> None:
    mapping = read_response_untrusted(data, 7000)
    assert mapping is None or mapping.lifetime > 0


@pytest.mark.parametrize(
    ("fields", "granted"),
    [
        ((0, 129, 0, 9, 7000, 7001, 60), True),
        ((1, 129, 0, 9, 7000, 7001, 60), False),  # another version
        ((0, 130, 0, 9, 7000, 7001, 60), False),  # about TCP
        ((0, 129, 3, 9, 7000, 7001, 60), False),  # network failure
        ((0, 129, 0, 9, 7002, 7001, 60), False),  # about another port
        ((0, 129, 0, 9, 7000, 7001, 0), False),  # a mapping destroyed
    ],
)
def test_only_a_grant_of_our_port_counts(fields: tuple[int, ...], granted: bool) -> None:  # noqa: FBT001
    data = struct.pack(">BBHIHHI", *fields)
    assert (read_response_untrusted(data, 7000) is not None) is granted
    assert read_response_untrusted(data + b"x", 7000) is None


# UPnP: the real library, a router of ours on the loopback interface.

_URN = "urn:schemas-upnp-org:"
_GROUP = "239.255.255.250"


def nested(*parts: tuple[str, str]) -> str:
    """Devices in devices, as UPnP describes a router; innermost last."""
    inner = (
        f"<serviceList><service><serviceType>{_URN}service:WANIPConnection:1</serviceType>"
        "<serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId><controlURL>/control</controlURL>"
        "<eventSubURL>/event</eventSubURL><SCPDURL>/scpd.xml</SCPDURL></service></serviceList>"
    )
    for kind, name in reversed(parts):
        device = f"<device><deviceType>{_URN}device:{kind}:1</deviceType>{name}{inner}</device>"
        inner = f"<deviceList>{device}</deviceList>"
    return f'<?xml version="1.0"?><root xmlns="{_URN}device-1-0">{device}</root>'


DESCRIPTION = nested(
    ("InternetGatewayDevice", "<friendlyName>test</friendlyName>"),
    ("WANDevice", ""),
    ("WANConnectionDevice", ""),
)


class Control(BaseHTTPRequestHandler):
    """The router's web server."""

    def do_GET(self) -> None:
        self._say(200, DESCRIPTION)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        action = self.headers["SOAPAction"].strip('"').partition("#")[2]
        self.server.heard.append((action, body))  # type: ignore[attr-defined]
        answer = f'<u:{action}Response xmlns:u="{_URN}service:WANIPConnection:1"/>'
        status: int = self.server.status  # type: ignore[attr-defined]
        if status != 200:  # UPnP's ConflictInMappingEntry: somebody else has the port
            code = "<errorCode>718</errorCode>"
            answer = f"<s:Fault><detail><UPnPError>{code}</UPnPError></detail></s:Fault>"
        self._say(
            status,
            '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
            f"<s:Body>{answer}</s:Body></s:Envelope>",
        )

    def _say(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@contextmanager
def home_router(status: int = 200) -> Iterator[list[tuple[str, str]]]:
    """Answers one discovery on loopback and then speaks HTTP; yields what it was asked."""
    heard: list[tuple[str, str]] = []
    with (
        HTTPServer(("127.0.0.1", 0), Control) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ssdp,
    ):
        server.heard, server.status = heard, status  # type: ignore[attr-defined]
        ssdp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ssdp.bind((_GROUP, 1900))
        membership = socket.inet_aton(_GROUP) + socket.inet_aton("127.0.0.1")
        ssdp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        ssdp.settimeout(PATIENCE)

        def answer() -> None:
            request, asker = ssdp.recvfrom(2048)
            (kind,) = re.findall(rb"\nST: *(\S+)", request)
            location = b"http://127.0.0.1:%d/description.xml" % server.server_port
            ssdp.sendto(
                b"HTTP/1.1 200 OK\r\nST: %b\r\nUSN: uuid:1::%b\r\nLOCATION: %b\r\n\r\n"
                % (kind, kind, location),
                asker,
            )

        threads = [Thread(target=answer), Thread(target=server.serve_forever, args=(0.01,))]
        for thread in threads:
            thread.start()
        yield heard
        server.shutdown()
        for thread in threads:
            thread.join()


@pytest.fixture
def _library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "miniupnpc")
    pytest.importorskip("miniupnpc")
    monkeypatch.setattr(portmap, "_DISCOVERY_MS", 200)


@pytest.mark.usefixtures("_library")
def test_upnp_asks_the_router_that_answers() -> None:
    with home_router() as heard:
        assert portmap.upnp(7000, "127.0.0.1") == Mapping("UPnP", 7000, 7200)
    action, body = heard[-1]
    assert action == "AddPortMapping"
    for part in ("External", "Internal"):
        assert f"<New{part}Port>7000</New{part}Port>" in body
    assert "<NewProtocol>UDP</NewProtocol>" in body
    assert "<NewLeaseDuration>7200</NewLeaseDuration>" in body


@pytest.mark.usefixtures("_library")
def test_a_router_that_fails_is_no_error_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with home_router(status=500):
        assert portmap.upnp(7000, "127.0.0.1") is None
    assert "UPnP" in caplog.text


@pytest.mark.usefixtures("_library")
def test_a_network_without_a_router_grants_nothing() -> None:
    assert portmap.upnp(7000, "127.0.0.1") is None


# Both protocols, and for how long.


async def test_without_router_and_library_nothing_is_mapped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(portmap, "default_gateway", lambda: None)
    assert await map_port(7000) is None


async def test_the_default_gateway_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with router() as there:
        host, port = there.address
        monkeypatch.setattr(portmap, "default_gateway", lambda: host)
        monkeypatch.setattr(portmap, "_PORT", port)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(there.serve, GRANT)
            assert await map_port(7000) == Mapping("NAT-PMP", 7001, 3600)


async def test_a_mapping_is_renewed_at_half_its_lifetime(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    asked_at: list[float] = []

    async def grant(port: int) -> Mapping | None:
        asked_at.append(trio.current_time())
        return Mapping("test", port, 100) if len(asked_at) != 2 else None

    monkeypatch.setattr(portmap, "map_port", grant)
    with trio.move_on_after(50 + portmap._RETRY + 50 + 1):
        await keep_mapped(("192.0.2.1", 7000))
    start = asked_at[0]
    assert [at - start for at in asked_at] == [0, 50, 50 + portmap._RETRY, 100 + portmap._RETRY]
    assert autojump_clock


@pytest.mark.parametrize(
    ("host", "able"),
    [
        ("0.0.0.0", True),
        ("192.168.1.7", True),
        ("127.0.0.1", False),
        ("127.9.9.9", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
    ],
)
async def test_only_sockets_behind_a_router_are_mapped(host: str, able: bool) -> None:  # noqa: FBT001
    assert mappable((host, 1)) is able
    if not able:
        with trio.fail_after(PATIENCE):
            await keep_mapped((host, 1))


def test_the_gateway_is_read_from_the_routing_table(tmp_path: Path) -> None:
    table = tmp_path / "route"
    assert default_gateway(table) is None
    table.write_text(ROUTES)
    if sys.byteorder == "little":
        assert default_gateway(table) == "192.168.1.1"
    table.write_text(ROUTES.replace("eth0\t00000000", "eth0\t00000001"))
    assert default_gateway(table) is None
