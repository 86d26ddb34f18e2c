"""A network of real nodes on loopback, in one process, for tests, demonstrations and benchmarks.

>>> async with Testnet(50) as net:                                 # doctest: +SKIP
...     stored = await net.node(7).put(b"hello")
...     await net.kill(0.2)
...     assert (await net.node(9).get(stored.key)).value == b"hello"

The nodes are what ships, with every limit on: each listens on an address of its own in a /24 of
its own (127.x.y.1, which Linux answers for without configuration), so that the rules about
subnets need no exemption. Sockets are real; only a ``link`` between socket and node may delay and
lose what arrives. Chance comes from one seeded generator; the system's scheduling does not.

Killing is abrupt: the socket closes, nobody is told, all tables keep the dead contact until they
find out. That is how nodes leave real networks.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, Final

import trio

from dht.errors import NodeClosed
from dht.node.limits import Limits
from dht.node.node import Node
from dht.node.nurseries import Entered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from socket import socket

    from dht.node.udp import Address

_PER_BLOCK: Final = 250
"""Nodes for each second octet: 127.1.1.1 to 127.1.250.1, then 127.2.1.1."""
_AT_ONCE: Final = 8
"""Nodes that join at once. All share one thread: more would see each other's work as latency, and
nodes that learnt patience in such a crowd would wait long for the dead."""
_FIRST: Final = 3
"""Nodes that others are told to join through."""


@dataclass(slots=True)
class Conditions:
    """What happens to each datagram on its way, once, at the receiver.

    The numbers may be changed while the network runs, to let it come together in fair weather.

    Attributes:
        delay: Seconds it is held back on average; a round trip takes twice that.
        jitter: Up to so many seconds more or less, uniformly.
        loss: The share that is lost.
    """

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    rng: Random = field(default_factory=Random)

    def attach(self, sock: socket) -> Link:
        """Make the link of one socket."""
        return Link(sock, self)


class Link:
    """Holds back and loses what a socket receives; stands in its place for a port."""

    def __init__(self, sock: socket, conditions: Conditions) -> None:
        self._sock = sock
        self._conditions = conditions
        self._held: list[tuple[float, int, bytes, Address]] = []
        self._numbers = count()

    def recvfrom(self, size: int, /) -> tuple[bytes, Address]:
        """Return the next datagram that is due.

        Raises:
            BlockingIOError: None is.
        """
        now = trio.current_time()
        self._take(size, now)
        if not self._held or self._held[0][0] > now:
            raise BlockingIOError
        _, _, data, address = heapq.heappop(self._held)
        return data, address

    def next_due(self) -> float:
        """When the next one is due; infinity if none is held."""
        return self._held[0][0] if self._held else math.inf

    def _take(self, size: int, now: float) -> None:
        """Take what waits in the socket and decide its fate."""
        conditions, rng = self._conditions, self._conditions.rng
        while True:
            try:
                data, address = self._sock.recvfrom(size)
            except BlockingIOError:
                return
            if rng.random() >= conditions.loss:
                due = now + conditions.delay + conditions.jitter * (2 * rng.random() - 1)
                heapq.heappush(self._held, (due, next(self._numbers), data, address))


class Testnet(Entered):
    """``nodes`` nodes on loopback, joined to one network. Enter it with ``async with``.

    Args:
        nodes: How many; more can be added with :meth:`add`.
        seed: Of every choice made here and in the nodes.
        conditions: What happens to datagrams; nothing if not given.
        limits: What each node lets others ask of it.
        policy: Numbers of the network's policy to replace (``{"k": 20}``).
    """

    __test__ = False  # It is not a test, pytest.

    def __init__(
        self,
        nodes: int = 50,
        *,
        seed: int = 0,
        conditions: Conditions | None = None,
        limits: Limits | None = None,
        policy: Mapping[str, Any] | None = None,
    ) -> None:
        self.rng = Random(seed)
        self._wanted = nodes
        self._link: Callable[[socket], Link] | None = conditions.attach if conditions else None
        self._limits = limits or Limits()
        self._policy = policy or {}
        self._nodes: list[Node] = []
        self._alive: list[Node] = []

    async def _entered(self, nursery: trio.Nursery) -> None:
        await self.add(self._wanted)
        await self.settle()

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that live, in the order they were added."""
        return tuple(self._alive)

    def node(self, index: int) -> Node:
        """The node that was added as number ``index``, dead or alive."""
        return self._nodes[index]

    @property
    def bootstrap(self) -> tuple[Address, ...]:
        """Where to join: the addresses of some nodes that live."""
        return tuple(node.addresses[0] for node in self._alive[:_FIRST])

    async def add(self, nodes: int = 1) -> list[Node]:
        """Let ``nodes`` more join; at any time no more than there are already, as networks grow."""
        nursery = self._nursery
        if nursery is None:
            raise NodeClosed
        added: list[Node] = []
        while len(added) < nodes:
            most = min(nodes - len(added), len(self._alive) or 1, _AT_ONCE)
            wave = [self._made() for _ in range(most)]
            async with trio.open_nursery() as joining:
                for node in wave:
                    joining.start_soon(_join, nursery, node)
            self._alive += wave
            added += wave
        return added

    async def settle(self) -> None:
        """Let every node look itself up, so that early ones hear of late ones."""
        waiting = iter(self._alive)

        async def look_up() -> None:
            for node in waiting:
                await node.lookup(node.key)

        async with trio.open_nursery() as nursery:
            for _ in range(_AT_ONCE):
                nursery.start_soon(look_up)

    async def kill(
        self, victims: float | Sequence[Node], *, spare: Sequence[Node] = ()
    ) -> list[Node]:
        """Kill nodes abruptly: so many (1 or more), a share (below 1), or these.

        ``spare``: not these, when the choice is ours. Returns the killed.
        """
        if isinstance(victims, int | float):
            crowd = [node for node in self._alive if node not in spare]
            number = victims if victims >= 1 else len(self._alive) * victims
            victims = self.rng.sample(crowd, round(number))
        for node in victims:
            self._alive.remove(node)
            node.abort()
        await trio.lowlevel.checkpoint()
        return list(victims)

    def _made(self) -> Node:
        """Make the next node; it is not running yet."""
        block, place = divmod(len(self._nodes), _PER_BLOCK)
        known = self.rng.sample(self._alive, min(_FIRST, len(self._alive)))
        node = Node(
            listen=((f"127.{1 + block}.{1 + place}.1", 0),),
            bootstrap=tuple(other.addresses[0] for other in known),
            mode="server",
            limits=self._limits,
            policy=self._policy,
            rng=self.rng,
            link=self._link,
        )
        self._nodes.append(node)
        return node


async def _join(nursery: trio.Nursery, node: Node) -> None:
    await nursery.start(node.run)
    await node.wait_ready()
