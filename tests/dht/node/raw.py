"""Sockets that throw raw datagrams at a node, and the pieces of those."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dht.codec.bencode import decode
from tests.dht.node.peers import PATIENCE, query

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dht.core.engine import Engine
    from dht.core.messages import Record
    from dht.node.node import Node
    from dht.node.udp import Address
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TARGET = b"t" * 20


class Raw:
    """A socket that sends without a checkpoint, and hears what comes back."""

    def __init__(self, sock: socket.socket, node: Address) -> None:
        self.sock = sock
        self.node = node

    @property
    def address(self) -> Address:
        return cast("Address", self.sock.getsockname()[:2])

    def burst(self, datagrams: Iterable[bytes]) -> None:
        for data in datagrams:
            self.sock.sendto(data, self.node)

    def heard(self) -> list[bytes]:
        """What has arrived by now."""
        arrived = []
        while True:
            try:
                arrived.append(self.sock.recv(65536))
            except BlockingIOError:
                return arrived

    async def hear(self) -> bytes:
        with trio.fail_after(PATIENCE):
            while True:
                try:
                    return self.sock.recv(65536)
                except BlockingIOError:
                    await trio.lowlevel.wait_readable(self.sock)

    async def answer(self) -> bytes:
        """The next answer or error, past the node's own queries."""
        while True:
            data = await self.hear()
            if message(data)[b"y"] != b"q":
                return data

    async def ask(self, data: bytes) -> bytes:
        """Send a query and wait for its answer, past whatever else arrives before it."""
        number = message(data)[b"t"]
        self.burst([data])
        while True:
            answer = await self.answer()
            if message(answer)[b"t"] == number:
                return answer


def message(data: bytes) -> dict[bytes, Any]:
    """A message of the node's: always canonical."""
    value = decode(data)
    assert isinstance(value, dict), data
    return value


@contextmanager
def raw(node: Address, host: str = "127.0.0.2") -> Iterator[Raw]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        sock.setblocking(False)  # noqa: FBT003
        yield Raw(sock, node)


def engine_of(node: Node, index: int = 0) -> Engine:
    return node._living.host.ports[index].engine


def numbered(number: int, method: bytes = b"ping", **arguments: Any) -> bytes:
    return query(method, b"%04d" % number, **arguments)


# BEP 44's refusals.


async def ticket(peer: Raw, record: Record) -> bytes:
    answer = message(await peer.ask(query(b"get", target=record.key.to_bytes(20, "big"))))
    return cast("bytes", answer[b"r"][b"token"])


def put(record: Record, ticket_: bytes, **changes: Any) -> bytes:
    """A put of ``record``, with some arguments as the test wants them."""
    fields: dict[str, Any] = {"token": ticket_, "v": decode(record.value)}
    if record.seq is not None:
        fields |= {"k": record.signer, "seq": record.seq, "sig": record.signature}
        fields |= {"salt": record.salt} if record.salt else {}
    return query(b"put", **(fields | changes))
