"""The ports of a node and everything that runs on them: the part of the node without a face.

A node has a port for each address family, each with an engine of its own (BEP 32 keeps the two
networks apart, since a contact of one is useless to a node of the other). What belongs to both
meets here: operations are numbered across the ports so that one request of the user can run on
both; contacts of the other family that come up in answers are handed across; and each engine
answers for the other's table when asked for both families.
"""

from __future__ import annotations

import errno
import itertools
from random import SystemRandom
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from dht.core.commands import Learn, Rekey
from dht.core.effects import Changed, Finished, Foreign, Found, Kept, Persist
from dht.core.engine import Engine
from dht.core.keys import MAINLINE_SPACE, Key
from dht.errors import ListenFailed, NodeClosed
from dht.mainline.krpc import Krpc
from dht.mainline.nodeid import exempt, is_secure, secure_key
from dht.mainline.policy import mainline_policy
from dht.mainline.tickets import MainlineTickets
from dht.mainline.votes import AddressVotes
from dht.node.config import format_address
from dht.node.errand import Errand
from dht.node.udp import Port, open_socket

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Sequence
    from random import Random

    from dht.core.commands import Command
    from dht.core.effects import Effect, Evidence
    from dht.mainline.policy import Family
    from dht.node.config import NodeConfig
    from dht.node.udp import Address


Remembered: TypeAlias = "Callable[[str], tuple[Key | None, int | None]]"
"""For a family, the key and the port number of an earlier life."""

_COUNT_EVERY: Final = 0.25
"""Seconds between two counts of the votes: a count takes as long as handling ten datagrams."""


class Host:
    """Owns the ports; routes what their engines find, finish, persist and pass on.

    Attributes:
        ports: One per address family that works here.
        rng: The only source of chance of this node.
        on_persist: Takes changes to make durable; ``None`` without a disk.
        on_kept: Told of each renewal of a promise.
        on_lonely: Told when a table has lost its last contact.
    """

    def __init__(self, config: NodeConfig) -> None:
        self.config = config
        self.rng: Random = config.rng if config.rng is not None else SystemRandom()
        self.ports: tuple[Port, ...] = ()
        self.closed = True
        self.on_persist: Callable[[Port, Persist], None] | None = None
        self.on_kept: Callable[[Port, int, Evidence], None] | None = None
        self.on_lonely: Callable[[Port], None] | None = None
        self._votes: dict[str, AddressVotes] = {}
        self._errands: dict[int, Errand] = {}
        self._numbers = itertools.count(1)
        self._count_at = 0.0
        self._done = 0, 0

    # Life.

    def open(self, remembered: Remembered, *, serves: bool) -> None:
        """Open a port on each address that works; ``remembered`` says who we were there.

        Raises:
            ListenFailed: None does.
        """
        ports: list[Port] = []
        reasons: list[str] = []
        for address in self.config.listen:
            key, number = remembered(_family(address))
            try:
                sock = _bind(address, number)
            except OSError as problem:
                reasons.append(f"{format_address(address)}: {problem.strerror or problem}")
            else:
                ports.append(self._port(sock, key, serves=serves))
        if not ports:
            raise ListenFailed(reasons)
        for one, other in itertools.permutations(ports, 2):
            one.engine.relate(other.engine)
        self.ports = tuple(ports)
        self._votes = {port.family: AddressVotes() for port in ports}
        self.closed = False

    def _port(self, sock: socket.socket, key: Key | None, *, serves: bool) -> Port:
        config, rng = self.config, self.rng
        family = _family(sock.getsockname())
        policy = mainline_policy(family=family, tickets=MainlineTickets(rng), **config.policy)
        own = key if key is not None else MAINLINE_SPACE.draw(rng)
        engine = Engine(own, policy, rng, serves=serves)
        dialect = Krpc(own, rng, family=family, read_only=not serves, policy=policy)
        return Port(sock, engine, dialect, self, limits=config.limits, link=config.link)

    def close(self) -> None:
        """Close the sockets and let go of everybody who waits."""
        self.closed = True
        for port in self.ports:
            port.close()
        for errand in tuple(self._errands.values()):
            errand.abandon()
        self._errands.clear()

    # Operations.

    def begin(
        self,
        command: Callable[[int, Port], Command],
        ports: Iterable[Port] | None = None,
        *,
        insist: bool = False,
    ) -> Errand:
        """Start an operation on each of ``ports`` (all that know anybody, if not given).

        With ``insist`` it is started once more if nobody at all answers.

        Raises:
            NodeClosed: We are not running.
        """

        def start(errand: Errand) -> None:
            if self.closed:
                raise NodeClosed
            self._start(errand, command, self._useful if ports is None else ports)

        errand = Errand(start if insist else None)
        start(errand)
        return errand

    @property
    def _useful(self) -> Sequence[Port]:
        return [port for port in self.ports if len(port.engine.table)] or self.ports

    def _start(
        self, errand: Errand, command: Callable[[int, Port], Command], ports: Iterable[Port]
    ) -> None:
        numbered = [(next(self._numbers), port) for port in ports]
        # All are entered before the first begins: an operation may end within its own command.
        for number, port in numbered:
            errand.expect(number, port)
            self._errands[number] = errand
        for number, port in numbered:
            port.command(command(number, port))

    @property
    def operations(self) -> int:
        """How many operations run on behalf of users."""
        return len(self._errands)

    def progress(self) -> tuple[int, int]:
        """How many contacts the operations of users have asked so far, and how many answered.

        Those that are over count on, so that what is shown of it never falls.
        """
        now = trio.current_time()
        parts = [
            evidence
            for number, errand in self._errands.items()
            if (evidence := errand.running[number].engine.evidence(number, now))
        ]
        asked, answered = self._done
        return asked + sum(p.asked for p in parts), answered + sum(p.answered for p in parts)

    # What the ports tell us.

    def performed(self, port: Port, effect: Effect, now: float) -> Iterable[Effect]:
        """Route an effect that is not about datagrams; returns what follows at once."""
        match effect:
            case Found(operation):
                if errand := self._errands.get(operation):
                    errand.found(effect)
            case Finished(operation, evidence):
                asked, answered = self._done
                self._done = asked + evidence.asked, answered + evidence.answered
                if errand := self._errands.pop(operation, None):
                    errand.finished(operation, evidence)
            case Persist(number):
                if self.on_persist is None:
                    return port.engine.persisted(number, now)
                self.on_persist(port, effect)
            case Changed(_, added):
                if not added and self.on_lonely and not len(port.engine.table):
                    self.on_lonely(port)
            case _:
                self._pass_on(port, effect)
        return ()

    def _pass_on(self, port: Port, effect: Effect) -> None:
        """Hand over what concerns the other family, or the keeper."""
        if isinstance(effect, Foreign):
            for other in self.ports:
                if other is not port:
                    other.command(Learn(effect.contacts))
        elif isinstance(effect, Kept) and self.on_kept:
            self.on_kept(port, effect.promise, effect.evidence)

    def observed(self, port: Port, voter: Address, seen: Address, now: float) -> None:
        """Count a vote for our address; when it is settled, take a key that it proves (BEP 42)."""
        if seen[0] == port.address[0]:
            return  # No router in between: there is nothing to learn.
        votes = self._votes[port.family]
        votes.add(voter[0], seen[0], now)
        if now < self._count_at:
            return
        self._count_at = now + _COUNT_EVERY
        winner = votes.winner()
        if winner is None or exempt(winner):
            return
        if not is_secure(port.engine.own, winner):
            self.rekey(port, secure_key(winner, self.rng.getrandbits(3), self.rng))

    def rekey(self, port: Port, key: Key) -> None:
        """Take ``key`` as our own on ``port``."""
        port.dialect.own = key
        port.command(Rekey(key))

    @property
    def external(self) -> str | None:
        """The address the world sees us at, if enough nodes agree; IPv4 before IPv6."""
        winners = map(self.seen, self.ports)
        return next((winner for winner in winners if winner is not None), None)

    def seen(self, port: Port) -> str | None:
        """The address at which the world sees a port's family, if enough nodes agree."""
        return self._votes[port.family].winner()

    def serve(self, *, serves: bool) -> None:
        """Answer requests from now on, or turn read-only (BEP 43)."""
        for port in self.ports:
            port.dialect.read_only = not serves
            port.engine.serves = serves


def _bind(address: Address, number: int | None) -> socket.socket:
    """Open a socket; where any port will do, the one we had before if it is still free."""
    host, wanted = address
    if not wanted and number:
        try:
            return open_socket((host, number))
        except OSError as problem:
            if problem.errno != errno.EADDRINUSE:
                raise
    return open_socket(address)


def _family(address: tuple[str, ...] | Address) -> Family:
    return "ipv6" if ":" in address[0] else "ipv4"
