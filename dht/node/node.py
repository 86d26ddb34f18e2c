"""A participant in the DHT: the public face of this package.

>>> async with Node() as node:                                    # doctest: +SKIP
...     stored = await node.put(b"hello")
...     assert (await node.get(stored.key)).value == b"hello"

A node joins the network when it is entered and is gone when it is left: its tasks live in one
nursery, its sockets are closed, its contacts saved. Every verb waits until the first attempt to
join has come to a verdict, runs on all address families at once, and returns a value that carries
the evidence of what was asked and answered; or raises a :class:`~dht.errors.DhtError` that does.

A node lives in the event loop it was entered in, and can be used in no other. Deadlines are
trio's: put a verb under ``trio.move_on_after``. A verb that is cancelled stops its
operation in the engine.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Self

import trio

from dht.core.keys import MAINLINE_SPACE
from dht.node.config import NodeConfig
from dht.node.exploring import Exploring
from dht.node.life import Life
from dht.node.nurseries import Entered
from dht.node.results import NodeStatistics, PortStatistics
from dht.node.storing import Storing

if TYPE_CHECKING:
    from typing import Unpack

    from dht.core.policy import Policy
    from dht.node.config import NodeOptions
    from dht.node.udp import Address, Port


class Node(Entered, Storing, Exploring):
    """A node of the Mainline DHT. Enter it with ``async with``.

    Options are those of :class:`~dht.node.config.NodeConfig`, as keywords or ready made.
    """

    def __init__(self, config: NodeConfig | None = None, **options: Unpack[NodeOptions]) -> None:
        self.config = dataclasses.replace(config or NodeConfig(), **options)
        self._life: Life | None = None

    # Life.

    async def run(self, *, task_status: trio.TaskStatus[Self] = trio.TASK_STATUS_IGNORED) -> None:
        """Live until cancelled; for those who have a nursery of their own.

        ``await nursery.start(node.run)`` returns once the sockets are open.
        """
        if self._life is not None:
            raise RuntimeError("this node is running already; make another")
        self._life = Life(self.config)
        living = self._life.run(partial(task_status.started, self))
        del task_status  # It holds the task that started us, 3 kB for each node of a test network.
        try:
            await living
        finally:
            self._life = None

    async def _entered(self, nursery: trio.Nursery) -> None:
        await nursery.start(self.run)

    def abort(self) -> None:
        """Vanish as a killed process does: nothing is said, nothing is saved."""
        life, self._life = self._living, None
        life.abort()

    # Standing.

    async def wait_ready(self) -> None:
        """Wait until the first attempt to join has come to a verdict.

        Raises:
            NoNetwork: Nobody answered. The node goes on trying.
        """
        await self._living.joining.wait()

    @property
    def ready(self) -> bool:
        """Whether we have joined the network."""
        return self._living.joining.ready

    @property
    def key(self) -> bytes:
        """Our id (of the first address family; each has its own)."""
        return MAINLINE_SPACE.to_bytes(self._living.host.ports[0].engine.own)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where we listen, one address per family."""
        return tuple(port.address for port in self._living.host.ports)

    @property
    def external(self) -> str | None:
        """The address the world sees us at, if enough nodes agree; IPv4 before IPv6."""
        return self._living.host.external

    @property
    def policy(self) -> Policy:
        """The numbers of the network: how long it remembers, what it takes."""
        return self._living.host.ports[0].engine.policy

    def progress(self) -> tuple[int, int]:
        """How many nodes were asked for us so far, joining included, and how many answered."""
        return self._living.host.progress()

    def statistics(self) -> NodeStatistics:
        """Count everything."""
        life = self._living
        sizes = [size for port in life.host.ports if (size := port.engine.size.estimate())]
        return NodeStatistics(
            ports=tuple(_port_statistics(port) for port in life.host.ports),
            external=life.host.external,
            serving=life.serving,
            ready=life.joining.ready,
            resident=life.resident,
            promises=life.keeper.kept,
            operations=life.host.operations,
            size=sizes[0] if sizes else None,
        )


def _port_statistics(port: Port) -> PortStatistics:
    engine = port.engine
    return PortStatistics(
        family=port.family,
        address=port.address,
        key=MAINLINE_SPACE.to_bytes(engine.own),
        contacts=len(engine.table),
        records=len(engine.records),
        provided=len(engine.providers),
        received=port.received,
        sent=port.sent,
        throttled=port.throttled,
        unsent=port.unsent,
    )
