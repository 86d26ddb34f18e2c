"""Raw peers: sockets that speak KRPC by hand, for tests that look at single datagrams."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import trio

from dht.codec.bencode import decode, encode
from dht.node.config import NodeConfig
from dht.node.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Unpack

    from dht.node.config import NodeOptions
    from dht.node.state import State
    from dht.node.udp import Address
    from dht.testing import Testnet

ID = b"abcdefghij0123456789"
PATIENCE = 30.0
"""Seconds a test waits for what must come; only ever passed when it fails."""


def alone(**options: Unpack[NodeOptions]) -> NodeConfig:
    """A node on 127.0.0.1 that knows nobody and answers everybody."""
    defaults: NodeOptions = {"listen": (("127.0.0.1", 0),), "bootstrap": (), "mode": "server"}
    return NodeConfig(**(defaults | options))


def passing(net: Testnet, state: State | Path | None) -> Node:
    """A node on ``net`` that is not the one of its state, or lives without."""
    options: NodeOptions = {"state": state, "resident": False, "mode": "client"}
    return Node(alone(bootstrap=net.bootstrap, **options))


def query(method: bytes = b"ping", number: bytes = b"aa", **arguments: Any) -> bytes:
    """A canonical query."""
    given = {name.encode(): value for name, value in arguments.items()}
    body: Any = {b"a": {b"id": ID} | given, b"q": method, b"t": number, b"y": b"q"}
    return encode(body)


SLOPPY_PING = b"d1:y1:q1:t2:zz1:q4:ping1:ad2:id20:" + ID + b"ee"
"""A ping whose keys are in reverse order."""


class Peer:
    """A socket on some loopback address, talking to one node."""

    def __init__(self, sock: trio.socket.SocketType, node: Address) -> None:
        self.sock = sock
        self.node = node

    @property
    def address(self) -> Address:
        host, port = self.sock.getsockname()[:2]
        return host, port

    async def send(self, *datagrams: bytes) -> None:
        for data in datagrams:
            await self.sock.sendto(data, self.node)

    async def hear(self) -> dict[bytes, Any]:
        """Wait for a datagram and decode it."""
        with trio.fail_after(PATIENCE):
            data = (await self.sock.recvfrom(8192))[0]
        message = decode(data)
        assert isinstance(message, dict)
        return message

    async def ask(self, data: bytes) -> dict[bytes, Any]:
        await self.send(data)
        return await self.hear()

    async def heard_until(self, last: bytes) -> list[bytes]:
        """The numbers of all answers up to the one numbered ``last``."""
        numbers: list[bytes] = []
        while last not in numbers:
            numbers.append((await self.hear())[b"t"])
        return numbers


@contextmanager
def peer(node: Address, host: str | None = None) -> Iterator[Peer]:
    """A peer of the node at address ``node``."""
    family = socket.AF_INET6 if ":" in node[0] else socket.AF_INET
    raw = socket.socket(family, socket.SOCK_DGRAM)
    raw.bind((host or ("::1" if family == socket.AF_INET6 else "127.0.0.1"), 0))
    raw.settimeout(0)
    with trio.socket.from_stdlib_socket(raw) as bound:
        yield Peer(bound, node)


def silent() -> socket.socket:
    """A bound socket that never answers."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


async def until(condition: Callable[[], bool]) -> None:
    """Let others run until ``condition`` holds."""
    with trio.fail_after(PATIENCE):
        while not condition():
            await trio.lowlevel.checkpoint()
