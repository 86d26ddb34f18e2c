"""Asking the router to let the world in: UPnP by a library, NAT-PMP by twelve bytes.

A node behind a NAT can ask but not be asked, unless the router forwards its port. Two protocols
ask for that, and home routers speak one or both:

* **NAT-PMP** (RFC 6886): one datagram to the default gateway. No library for it is both alive and
  light, and the whole exchange is below::

      request  | version 0 | op 1   | 0 (2)      | internal (2) | external (2) | life (4) |
      response | version 0 | op 129 | result (2) | epoch (4) | internal (2) | ... |

* **UPnP**: discovery by multicast, then XML over HTTP. That is miniupnpc's business: the C client
  everybody uses, with wheels, without dependencies. It is an optional extra (``dhtctl[upnp]``) and
  imported late; without it only NAT-PMP is tried.

All of it fails softly: a node that cannot be asked still works. Nothing is ever sent for a socket
bound to an address of this machine only.
"""

from __future__ import annotations

import logging
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio

if TYPE_CHECKING:
    from dht.node.udp import Address

_PORT: Final = 5351
_LIFETIME: Final = 7200
"""RFC 6886, 3.3: "The RECOMMENDED Port Mapping Lifetime is 7200 seconds"; renewed at half."""
_ATTEMPTS: Final = 4
"""RFC 6886, 3.1 begins at 250 ms and doubles, nine times; a router two metres away needs fewer."""
_FIRST_WAIT: Final = 0.25
_RETRY: Final = 1800.0
"""Seconds before a router that said no, or nothing, is asked again."""
_DISCOVERY_MS: Final = 2000
_REQUEST: Final = struct.Struct(">BBHHHI")
_RESPONSE: Final = struct.Struct(">BBHIHHI")
_MAP_UDP: Final = 1
_ANSWERS: Final = 128

_log = logging.getLogger("dht.node")


@dataclass(frozen=True, slots=True)
class Mapping:
    """The router forwards ``external_port`` to us for ``lifetime`` seconds."""

    protocol: str
    external_port: int
    lifetime: int


async def keep_mapped(address: Address) -> None:
    """Keep the port of a socket bound to ``address`` mapped until cancelled."""
    if not mappable(address):
        return
    while True:
        mapping = await map_port(address[1])
        if mapping is None:
            _log.info("no router forwards port %d: we can ask, and rarely be asked", address[1])
            await trio.sleep(_RETRY)
        else:
            _log.info(
                "port %d is forwarded by %s from port %d",
                address[1],
                mapping.protocol,
                mapping.external_port,
            )
            await trio.sleep(mapping.lifetime / 2)


def mappable(address: Address) -> bool:
    """Whether a router could stand before this socket: IPv4, and not bound to this machine."""
    host = ip_address(address[0].partition("%")[0])
    return host.version == 4 and not host.is_loopback  # noqa: PLR2004


async def map_port(port: int, gateway: Address | None = None) -> Mapping | None:
    """Ask for ``port`` once, by NAT-PMP, then by UPnP; ``None`` if nobody grants it."""
    if gateway is None:
        router = default_gateway()
        gateway = None if router is None else (router, _PORT)
    if gateway is not None:
        mapping = await nat_pmp(port, gateway)
        if mapping is not None:
            return mapping
    # A thread of its own: the library blocks while it waits for routers to answer.
    return await trio.to_thread.run_sync(upnp, port, abandon_on_cancel=True)


async def nat_pmp(port: int, gateway: Address) -> Mapping | None:
    """Ask ``gateway`` for a mapping of the UDP port ``port`` to the same external one."""
    request = _REQUEST.pack(0, _MAP_UDP, 0, port, port, _LIFETIME)
    with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, suppress(OSError):
        await sock.connect(gateway)
        for attempt in range(_ATTEMPTS):
            await sock.send(request)
            with trio.move_on_after(_FIRST_WAIT * 2**attempt):
                return read_response_untrusted(await sock.recv(64), port)
    return None


def read_response_untrusted(data: bytes, port: int) -> Mapping | None:
    """Read a NAT-PMP response; ``None`` if it is none, or a refusal, or about another port."""
    if len(data) != _RESPONSE.size:
        return None
    version, op, result, _, internal, external, lifetime = _RESPONSE.unpack(data)
    if (version, op, result, internal) != (0, _ANSWERS + _MAP_UDP, 0, port) or not lifetime:
        return None
    return Mapping("NAT-PMP", external, lifetime)


def upnp(port: int, interface: str | None = None) -> Mapping | None:
    """Ask the router (that of ``interface``, by its address) for a mapping by UPnP.

    Blocks for seconds.
    """
    try:
        import miniupnpc  # noqa: PLC0415 - optional, and needed by few
    except ImportError:
        return None
    client: Any = miniupnpc.UPnP(multicastif=interface, discoverdelay=_DISCOVERY_MS)
    with _RouterTrouble():
        if client.discover():
            client.selectigd()
            if client.addportmapping(port, "UDP", client.lanaddr, port, "dhtctl", "", _LIFETIME):
                return Mapping("UPnP", port, _LIFETIME)
    return None


class _RouterTrouble:
    """Lets pass what miniupnpc raises whatever the router does wrong: exactly ``Exception``.

    Its subclasses are faults of ours, and go on.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, problem: object, _trace: object) -> bool:
        if kind is not Exception:
            return False
        _log.info("UPnP: %s", problem)
        return True


def default_gateway(table: Path = Path("/proc/net/route")) -> str | None:
    """The router of the default route, as Linux tells it; ``None`` elsewhere."""
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return None
    for line in lines:
        fields = line.split()
        if len(fields) > 2 and fields[1] == "00000000" and fields[2] != "00000000":  # noqa: PLR2004
            return socket.inet_ntoa(struct.pack("=I", int(fields[2], 16)))
    return None
