"""Joining the network, and joining it again when the table has run empty.

The contacts saved by an earlier life are asked first: they cost nobody's router anything, and they
work where the public ones are blocked. Only if they leave us without neighbours is the bootstrap
list asked. A failed attempt is repeated after a pause that doubles up to five minutes, with a
random part so that nodes cut off together do not come back together.

What others wait for (:meth:`Joining.ready`) is the first verdict, not the last: a verb should fail
within seconds on a machine without a network, while the node goes on trying.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Final, cast

import trio

from dht.core.commands import Bootstrap
from dht.errors import NodeClosed, NoNetwork
from dht.node.config import format_address

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dht.core.commands import Command
    from dht.core.messages import Contact
    from dht.node.host import Host
    from dht.node.udp import Address, Port

_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 300.0
_ASK_AGAIN: Final = 1.0
"""Seconds after which whoever is silent is asked once more, as long as nobody has answered."""
_MORE_TIMES: Final = 2
"""How often: where each way loses a tenth, one question in five stays without an answer, which is
no verdict on a network; of three in a row one in a hundred and forty does."""
_SAVED_AT_ONCE: Final = 64
"""Saved contacts asked in one attempt: enough that one in ten alive will do."""
_NEIGHBOURS: Final = 4
"""With so many contacts after asking the saved ones, strangers are left alone."""


class Standing(Enum):
    """How a port stands to its network."""

    JOINING = "has not heard yet"
    JOINED = "somebody answered"
    FAILED = "nobody answered"
    ALONE = "has nobody to ask: the first of its network"


class Joining:
    """Brings the ports of a host into their networks and keeps them there."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._saved: list[Address] = []
        self._nearby: tuple[Address, ...] = ()
        self._standing: dict[str, Standing] = {}
        self._news = trio.Event()
        self._tried: dict[str, None] = {}

    def know(self, saved: Iterable[Contact], nearby: Iterable[Address]) -> None:
        """Learn whom to ask before the bootstrap list: old contacts, nodes of this machine."""
        self._saved = [cast("Address", contact.endpoint) for contact in saved]
        self._nearby = tuple(nearby)

    @property
    def tried(self) -> tuple[str, ...]:
        """Every place we tried to join through, in order."""
        return tuple(self._tried)

    @property
    def ready(self) -> bool:
        """Whether we are in a network, if only as its first node.

        Who could not find anybody may still have been found by somebody.
        """
        standings = self._standing.values()
        if self._host.closed:
            return False
        if Standing.JOINED in standings or all(s is Standing.ALONE for s in standings):
            return True
        settled = Standing.JOINING not in standings
        return settled and any(len(port.engine.table) for port in self._host.ports)

    async def wait_joined(self) -> None:
        """Wait until we are in a network, however long that takes."""
        await trio.lowlevel.checkpoint()
        while not self.ready:
            await self._news.wait()

    async def wait(self) -> None:
        """Wait for the first verdict.

        Raises:
            NoNetwork: Nobody answered on any port. The node goes on trying.
        """
        await trio.lowlevel.checkpoint()
        while not self.ready:
            if self._host.closed:
                raise NodeClosed
            if Standing.JOINING not in self._standing.values():
                raise NoNetwork(self.tried)
            await self._news.wait()

    def close(self) -> None:
        """The node closes: wake who waits."""
        self._news.set()

    def start(self, nursery: trio.Nursery) -> None:
        """Join on every port now, and again whenever a table has run empty.

        There is a task only while there is something to do.
        """
        self._standing = {port.family: Standing.JOINING for port in self._host.ports}
        for port in self._host.ports:
            nursery.start_soon(self._until_joined, port)

        def join_again(port: Port) -> None:
            if self._standing[port.family] in {Standing.JOINED, Standing.ALONE}:
                self._standing[port.family] = Standing.JOINING
                nursery.start_soon(self._until_joined, port)

        self._host.on_lonely = join_again

    async def _until_joined(self, port: Port) -> None:
        pause = _FIRST_PAUSE
        with suppress(NodeClosed):
            while True:
                standing = await self._join(port)
                self._note(port, standing)
                if standing is not Standing.FAILED:
                    return
                await trio.sleep(pause * (0.75 + self._host.rng.random() / 2))
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _join(self, port: Port) -> Standing:
        """Make one attempt: whom we know of, then the bootstrap list."""
        known = self._known_on(port)
        if known:
            await self._ask(port, known)
            if len(port.engine.table) >= _NEIGHBOURS:
                return Standing.JOINED
        routers = await self._resolved(port)
        if routers:
            await self._ask(port, routers)
        if len(port.engine.table):
            return Standing.JOINED
        expected = known or self._host.config.bootstrap_addresses()
        return Standing.FAILED if expected else Standing.ALONE

    async def _ask(self, port: Port, addresses: Iterable[Address]) -> None:
        asked = tuple(addresses)
        self._tried |= dict.fromkeys(map(format_address, asked))

        def command(number: int, _port: Port) -> Command:
            return Bootstrap(number, asked)

        errands = [self._host.begin(command, [port])]
        for _ in range(_MORE_TIMES):
            with trio.move_on_after(_ASK_AGAIN) as soon:
                await errands[-1].wait()
            if not soon.cancelled_caught or len(port.engine.table):
                break
            errands.append(self._host.begin(command, [port]))
        for errand in errands:
            await errand.wait()

    def _known_on(self, port: Port) -> list[Address]:
        """Neighbours on this machine, and a handful of saved contacts, others at each attempt."""
        near = [address for address in self._nearby if _family(address) == port.family]
        saved = [address for address in self._saved if _family(address) == port.family]
        few = self._host.rng.sample(saved, min(_SAVED_AT_ONCE, len(saved)))
        return list(dict.fromkeys([*near, *few]))

    async def _resolved(self, port: Port) -> list[Address]:
        """The bootstrap list as addresses of this port's family; names that fail are left out."""
        found: dict[Address, None] = {}

        async def resolve(address: Address) -> None:
            for resolved in await resolve_name(address, port.family):
                found[resolved] = None

        with trio.move_on_after(self._host.config.resolve_timeout):
            async with trio.open_nursery() as nursery:
                for address in self._host.config.bootstrap_addresses():
                    self._tried[format_address(address)] = None
                    nursery.start_soon(resolve, address)
        found.pop(port.address, None)
        return list(found)

    def _note(self, port: Port, standing: Standing) -> None:
        self._standing[port.family] = standing
        self._news.set()
        self._news = trio.Event()


async def resolve_name(address: Address, family: str) -> list[Address]:
    """Addresses of ``family`` behind a host name; none if it cannot be resolved.

    The resolver runs in a thread of its own and is abandoned when it takes too long.
    """
    kind = socket.AF_INET6 if family == "ipv6" else socket.AF_INET
    try:
        answers = await trio.socket.getaddrinfo(*address, family=kind, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return []
    return [(str(answer[4][0]), int(answer[4][1])) for answer in answers]


def _family(endpoint: Address) -> str:
    return "ipv6" if ":" in endpoint[0] else "ipv4"
