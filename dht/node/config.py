"""What a node is told at birth, frozen, with the reason beside each default."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

from dht.node.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from random import Random
    from socket import socket

    from dht.node.state import State
    from dht.node.udp import Address, Receiver

Mode = Literal["auto", "server", "client"]
"""Whether others may ask us. ``auto``: yes, until 15 minutes pass in which nobody did."""

PUBLIC_BOOTSTRAP: Final[tuple[Address, ...]] = (
    ("router.bittorrent.com", 6881),
    ("dht.transmissionbt.com", 6881),
    ("router.utorrent.com", 6881),
    ("dht.libtorrent.org", 25401),
)
"""Where clients of Mainline have joined for years; each is run by another party."""

NETWORK: Final = "mainline"
"""What the state calls this network."""
DEFAULT_PORT: Final = 6881
ANY_PORT: Final = 0
EVERYWHERE: Final[tuple[Address, ...]] = (("0.0.0.0", ANY_PORT), ("::", ANY_PORT))  # noqa: S104 - it serves the public


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """Everything a :class:`~dht.node.node.Node` can be told.

    Attributes:
        listen: One address per family at most; port 0 lets the system choose. A family that the
            machine lacks is left out, as long as one of them works.
        bootstrap: Where to join, names or addresses. ``None``: ``DHTCTL_BOOTSTRAP`` from the
            environment, else the public list. Empty: wait to be found (the first of a network).
        state: Where records, contacts and promises survive; a directory or an open state.
            ``None``: nothing survives.
        resident: Be *the* node of the state directory: take its identity and keep its promises.
            While another process is that, passes under a throw-away identity; takes over when
            the other is gone.
        mode: See :data:`Mode`. Short-lived nodes are ``"client"``: read-only (BEP 43), so that
            nobody keeps in a table who is about to leave.
        key: Our id. ``None``: the saved one, or one drawn.
        limits: What others may ask of us.
        port_mapping: Ask the router to let the world in (NAT-PMP, UPnP).
        policy: Numbers of the network's policy to replace, by name.
        rng: Source of chance; the system's unless a test wants to repeat itself.
        link: Stands between socket and node in test networks, to delay and lose.
        resolve_timeout: Seconds a name may take to resolve.
        idle_after: Seconds without a question before ``auto`` turns read-only.
        save_every: Seconds between two savings of the contacts.
    """

    listen: tuple[Address, ...] = EVERYWHERE
    bootstrap: tuple[Address, ...] | None = None
    state: State | Path | None = None
    resident: bool = True
    mode: Mode = "auto"
    key: bytes | None = None
    limits: Limits = field(default_factory=Limits)
    port_mapping: bool = False
    policy: Mapping[str, Any] = field(default_factory=dict)
    rng: Random | None = None
    link: Callable[[socket], Receiver] | None = None
    resolve_timeout: float = 10.0
    idle_after: float = 900.0
    save_every: float = 300.0

    def bootstrap_addresses(self) -> tuple[Address, ...]:
        """Where to join: what was configured, else the environment, else the public list."""
        if self.bootstrap is not None:
            return self.bootstrap
        named = os.environ.get("DHTCTL_BOOTSTRAP")
        if named is None:
            return PUBLIC_BOOTSTRAP
        return tuple(parse_address(word) for word in named.replace(",", " ").split())


def parse_address(text: str) -> Address:
    """Read ``host:port``, ``[ipv6]:port``, or a host alone for the default port.

    Raises:
        ValueError: It is none of these.
    """
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port or (":" in host and not host.startswith("[")):
        host, port = text, str(DEFAULT_PORT)
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not bare or not port.isascii() or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004
        raise ValueError(f"{text!r} is not an address; write HOST:PORT or [IPV6]:PORT")
    return bare, int(port)


def format_address(address: Address) -> str:
    """Write an address so that :func:`parse_address` reads it."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class NodeOptions(TypedDict, total=False):
    """The fields of :class:`NodeConfig` as keyword arguments."""

    listen: tuple[Address, ...]
    bootstrap: tuple[Address, ...] | None
    state: State | Path | None
    resident: bool
    mode: Mode
    key: bytes | None
    limits: Limits
    port_mapping: bool
    policy: Mapping[str, Any]
    rng: Random | None
    link: Callable[[socket], Receiver] | None
    resolve_timeout: float
    idle_after: float
    save_every: float
