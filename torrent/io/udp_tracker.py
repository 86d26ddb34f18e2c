"""Trackers that speak UDP (BEP 15): one socket for each address family, for the whole session.

Answers find their question by transaction id *and* by the address they come from, so one socket
serves any number of torrents and trackers; a thousand torrents cost two file descriptors. One
task a socket takes datagrams and wakes who waits. Connection ids are kept for their minute, so a
tracker that lists many of our torrents is asked for one id and not for a thousand.

A name that has addresses of both families is announced to over both (BEP 7's wish: each family
has a swarm of its own), and the answers are joined.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import trio

from torrent.core.announce import udp
from torrent.core.announce.messages import (
    Malformed,
    Peers,
    Refused,
    Tallies,
    Unreachable,
    dialable,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from torrent.core.announce.messages import Announce, Failure, Outcome
    from torrent.core.outgoing import Url
    from torrent.core.sources import Endpoint

    Encode = Callable[[int, int], bytes]

_Answer = TypeVar("_Answer", Peers, udp.Scraped)

ATTEMPTS: Final = 2
"""Times a request is sent before the tracker counts as silent: after 15 and 30 seconds. BEP 15
allows nine, which take over two hours; the next tracker is asked long before that, and this one
again after its rest."""

_REMEMBERED: Final = 256
"""Connection ids kept; the oldest goes. More trackers than this in a minute is no ordinary use."""

_SILENCE: Final = Unreachable("the tracker has not answered yet")
_GRADE: Final = {Refused: 0, Malformed: 1, Unreachable: 2}
"""Which of two failures says more: a tracker's own word, its nonsense, its silence."""


@dataclass(slots=True)
class _Question:
    """A datagram under way, and the answer once it is there."""

    address: Endpoint
    answered: trio.Event = field(default_factory=trio.Event)
    reply: udp.Reply | Unreachable = _SILENCE


class _Wire:
    """One socket and those who wait for answers from it."""

    def __init__(self, sock: trio.socket.SocketType, rng: random.Random, attempts: int) -> None:
        self._sock = sock
        self._six = sock.family == trio.socket.AF_INET6
        self._rng = rng
        self._attempts = attempts
        self._waiting: dict[int, _Question] = {}
        self._connections: dict[Endpoint, tuple[int, float]] = {}

    async def listen(self) -> None:
        """Take answers to those who wait for them."""
        while True:
            try:
                data, source = await self._sock.recvfrom(udp.MAX_DATAGRAM)
            except OSError:
                # An earlier datagram met a closed port; who sent it will wait in vain.
                await trio.lowlevel.checkpoint()
                continue
            question = self._waiting.get(udp.transaction_of(data) or 0)
            if question is not None and question.address == source[:2]:
                question.reply = udp.decode_untrusted(data, six=self._six)
                question.answered.set()

    async def ask(self, address: Endpoint, encode: Encode) -> udp.Reply | Unreachable:
        """The answer to what ``encode`` makes of a connection id and a transaction id."""
        for attempt in range(self._attempts):
            with trio.move_on_after(udp.patience(attempt)):
                return await self._converse(address, encode)
        return Unreachable(f"the tracker at {address[0]} does not answer")

    async def _converse(self, address: Endpoint, encode: Encode) -> udp.Reply | Unreachable:
        """Connect unless that was done within the minute, then ask."""
        known = self._connection(address)
        if known is not None:
            reply = await self._exchange(address, lambda number: encode(known, number))
            if not isinstance(reply, Refused):
                return reply
            # Perhaps it only refuses the id: trackers restart, and change their secret.
            self._connections.pop(address, None)
        reply = await self._exchange(address, udp.encode_connect)
        if not isinstance(reply, udp.Connected):
            return reply
        self._remember(address, reply.connection)
        connection = reply.connection
        return await self._exchange(address, lambda number: encode(connection, number))

    async def _exchange(
        self, address: Endpoint, encode: Callable[[int], bytes]
    ) -> udp.Reply | Unreachable:
        """Send one datagram and wait for the answer to it, however long that takes."""
        number = self._rng.randrange(1, 1 << 32)
        question = self._waiting[number] = _Question(address)
        try:
            await self._sock.sendto(encode(number), address)
            await question.answered.wait()
        except OSError as problem:
            return Unreachable(f"nothing can be sent to {address[0]}: {problem.strerror}")
        finally:
            self._waiting.pop(number, None)
        return question.reply

    def _connection(self, address: Endpoint) -> int | None:
        connection, until = self._connections.get(address, (0, -1.0))
        return connection if trio.current_time() < until else None

    def _remember(self, address: Endpoint, connection: int) -> None:
        self._connections.pop(address, None)
        while len(self._connections) >= _REMEMBERED:
            self._connections.pop(next(iter(self._connections)))
        until = trio.current_time() + udp.CONNECTION_LIFETIME_S
        self._connections[address] = (connection, until)


class UdpTrackers:
    """The session's way to UDP trackers; nothing is raised, failures are values.

    Start :meth:`run` in a nursery; it owns the sockets.
    """

    def __init__(
        self,
        *,
        hosts: Sequence[str] = ("0.0.0.0", "::"),  # noqa: S104 - sends; answers are matched
        rng: random.Random | None = None,
        attempts: int = ATTEMPTS,
    ) -> None:
        """Take the addresses to send from, one of each family at most."""
        self._hosts = tuple(hosts)
        self._rng = rng or random.SystemRandom()
        self._attempts = attempts
        self._wires: dict[int, _Wire] = {}

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold the sockets open until cancelled. A family this machine lacks is done without."""
        sockets: list[trio.socket.SocketType] = []
        try:
            async with trio.open_nursery() as nursery:
                for host in self._hosts:
                    sock = await _open(host)
                    if sock is not None:
                        sockets.append(sock)
                        wire = self._wires[sock.family] = _Wire(sock, self._rng, self._attempts)
                        nursery.start_soon(wire.listen)
                task_status.started()
                await trio.sleep_forever()
        finally:
            self._wires.clear()
            for sock in sockets:
                sock.close()

    async def announce(self, url: Url, announce: Announce) -> Outcome:
        """Announce to the tracker at ``url``, over every family that it and we have."""
        # BEP 41: what follows the host is told too; there, trackers keep their users' keys.
        target = "" if url.target == "/" else url.target
        encode = partial(udp.encode_announce, announce=announce, target=target)
        answers = await self._ask_all(url, encode)
        return _joined([_expect(answer, Peers) for answer in answers])

    async def scrape(self, url: Url, infohashes: Sequence[bytes]) -> Tallies | Failure:
        """Ask how many have each of at most ``udp.MAX_SCRAPED`` torrents."""
        encode = partial(udp.encode_scrape, infohashes=infohashes)
        answers = await self._ask_all(url, encode)
        results = [_expect(answer, udp.Scraped) for answer in answers]
        for result in results:
            if isinstance(result, udp.Scraped):
                return Tallies(dict(zip(infohashes, result.tallies, strict=False)))
        return _worst([result for result in results if not isinstance(result, udp.Scraped)])

    async def _ask_all(self, url: Url, encode: Encode) -> list[udp.Reply | Unreachable]:
        """Ask over each family at once; the answers there were."""
        found = await self._resolve(url)
        if isinstance(found, Unreachable):
            return [found]
        answers: list[udp.Reply | Unreachable] = []

        async def note(asking: Awaitable[udp.Reply | Unreachable]) -> None:
            answers.append(await asking)

        async with trio.open_nursery() as nursery:
            for family, address in found.items():
                nursery.start_soon(note, self._wires[family].ask(address, encode))
        return answers

    async def _resolve(self, url: Url) -> dict[int, Endpoint] | Unreachable:
        """The first address of each family that we have a socket for."""
        if not self._wires:
            return Unreachable("there is no UDP socket to ask from")
        try:
            found = await trio.socket.getaddrinfo(url.host, url.port, type=trio.socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as problem:
            return Unreachable(f"{url.host} cannot be found: {problem}")
        first: dict[int, Endpoint] = {}
        for family, _, _, _, address in found:
            if family in self._wires:
                first.setdefault(family, (str(address[0]), int(address[1])))
        return first or Unreachable(f"{url.host} has no address that we can send to")


async def _open(host: str) -> trio.socket.SocketType | None:
    """A socket to send from ``host``; ``None`` if this machine has no such address."""
    six = ":" in host
    sock = trio.socket.socket(
        trio.socket.AF_INET6 if six else trio.socket.AF_INET, trio.socket.SOCK_DGRAM
    )
    try:
        if six:
            sock.setsockopt(trio.socket.IPPROTO_IPV6, trio.socket.IPV6_V6ONLY, 1)
        await sock.bind((host, 0))
    except OSError:
        sock.close()
        return None
    return sock


def _expect(answer: udp.Reply | Unreachable, kind: type[_Answer]) -> _Answer | Failure:
    """Only what answers the question counts as an answer to it."""
    if isinstance(answer, kind | Refused | Malformed | Unreachable):
        return answer
    return Malformed(f"the tracker answered {type(answer).__name__}, which was not asked")


def _joined(outcomes: Sequence[Outcome]) -> Outcome:
    """What the families' answers come to together: the first, with all peers."""
    answers = [outcome for outcome in outcomes if isinstance(outcome, Peers)]
    if not answers:
        return _worst([outcome for outcome in outcomes if not isinstance(outcome, Peers)])
    return replace(answers[0], peers=dialable(p for answer in answers for p in answer.peers))


def _worst(failures: Sequence[Failure]) -> Failure:
    return min(failures, key=lambda failure: _GRADE[type(failure)])
