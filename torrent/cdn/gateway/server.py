"""Connections of visitors: who gets in, how long they may take, and when they must go.

A connection is one task: read a request, answer it, and again. What a stranger may cost is bounded:
connections in all; seconds for a request to come whole, however slowly its bytes drip ("slow
loris"); seconds in which a visitor takes nothing. One task looks at all their deadlines once a
second: a timer for each request would cost as much as reading it.

**When all places are taken**, whoever comes is let in, and who has kept us waiting the longest
goes: with nothing, or with half a request, or, after some seconds, without taking what was asked
for. So a crowd of slow ones keeps nobody out: who comes with a whole request is answered before he
is the oldest of them. Nobody goes who waits for us.

**The usual request takes a short cut.** Visitors ask again and again, byte for byte, what they or
others asked before. What such bytes mean, and the beginning of the answer to them, is remembered
for the second in which it was made (it tells the time); who asks it again within that gets those
bytes, if the resource is still the same one. A test holds that equal to the general way.
"""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from math import inf
from time import time
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from torrent.cdn.gateway.core.asked import GET, Asked
from torrent.cdn.gateway.core.errors import Refused
from torrent.cdn.gateway.core.exchange import READ, Exchange
from torrent.cdn.gateway.core.planning import Plan, message, plan
from torrent.cdn.gateway.sender import Sender
from torrent.errors import TorrentError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from torrent.cdn.gateway.resources import Resource

CONNECTIONS: Final = 512
"""Browsers open six to a host; each of ours weighs some 20 kB."""
IDLE: Final = 60.0
"""Seconds that a connection may wait for its next request."""
HEAD_TIME: Final = 10.0
"""Seconds in which a request must be here, from its first byte."""
STALLED: Final = 30.0
"""Seconds in which a visitor must take something of an answer."""
DEAF: Final = 5.0
"""The same, when others want his place: a phone in a tunnel is not there for longer."""
_LOOK: Final = 1.0
_LINGER: Final = 1.0
_LEFTOVERS: Final = 16
"""What a visitor may still send after a no: to close on unread bytes would make the kernel throw
the answer away."""
_USUAL: Final = 512
"""Requests that are remembered, each some kB, for a second."""
_NOBODY: Final = Asked(GET, "/", {})
_log: Final = logging.getLogger("torrent.cdn.gateway")


class Visit:
    """One connection.

    Attributes:
        since: Since when the visitor keeps us waiting; never, while he waits for us.
        patience: Seconds for which he may.
        grace: The same, when others want his place.
        waiting: Whether he may send a request, of which nothing has come yet.
    """

    __slots__ = ("exchange", "grace", "patience", "scope", "sender", "since", "sock", "waiting")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.exchange = Exchange()
        self.scope = trio.CancelScope()
        self.sender = Sender(sock, self.moved, self.looks)
        self.waiting = True
        self.awaits(HEAD_TIME)

    def awaits(self, patience: float, grace: float = 0.0) -> None:
        """From now on it is the visitor's turn."""
        self.since, self.patience, self.grace = trio.current_time(), patience, grace

    def moved(self) -> None:
        """The visitor took something, and should take more."""
        self.awaits(STALLED, DEAF)

    def looks(self) -> None:
        """It is our turn."""
        self.since = inf


@dataclass(frozen=True, slots=True)
class _Usual:
    """What bytes meant, and how the answer to them begins."""

    asked: Asked
    resource: Resource
    plan: Plan
    head: bytes


class _Answer(NamedTuple):
    """An answer that is ready to be sent; its beginning is made when the first bytes are here."""

    resource: Resource
    plan: Plan
    head: Callable[[], bytes]


class Server:
    """Answers requests, wherever the answers come from.

    Args:
        find: Finds what is asked for, or raises :class:`Refused`.
        told: Called with each answer: the request, its status, bytes sent, seconds to the first.
        connections: See :data:`CONNECTIONS`.
    """

    def __init__(
        self,
        find: Callable[[Asked], Awaitable[Resource]],
        told: Callable[[Asked, int, int, float], None] = lambda *_: None,
        *,
        connections: int = CONNECTIONS,
    ) -> None:
        self._find = find
        self._told = told
        self._most = connections
        self._visits: dict[Visit, None] = {}
        self._usual: dict[bytes, _Usual] = {}
        self._second = 0
        self._fields: tuple[tuple[str, str], ...] = ()

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._visits)

    async def run(
        self,
        listeners: list[trio.SocketListener],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch)
            task_status.started()
            await trio.serve_listeners(self._welcome, listeners, handler_nursery=nursery)

    async def _watch(self) -> None:
        """Cut off whoever is late."""
        while True:
            await trio.sleep(_LOOK)
            now = trio.current_time()
            for visit in self._visits:
                if visit.since + visit.patience < now:
                    visit.scope.cancel()

    async def _welcome(self, stream: trio.SocketStream) -> None:
        """Let one in, and another one go if there are too many."""
        if len(self._visits) >= self._most and not self._make_room():
            stream.socket.close()
            await trio.lowlevel.checkpoint()
            return
        fd = stream.socket.detach()
        with socket.socket(fileno=fd) as sock:
            sock.setblocking(False)  # noqa: FBT003 - its only argument
            visit = Visit(sock)
            self._visits[visit] = None
            try:
                with visit.scope:
                    await self._talk(visit)
            except OSError as gone:
                _log.debug("a visitor went: %s", gone)
            except Exception:  # noqa: BLE001 - supervision: a fault of ours costs one visitor his line
                _log.exception("a visitor was hung up on: this is a fault of the gateway")
            finally:
                del self._visits[visit]

    def _make_room(self) -> bool:
        """Hang up on who keeps us waiting the longest; whether there was one."""
        now = trio.current_time()
        slow = [
            visit
            for visit in self._visits
            if visit.since + visit.grace <= now and not visit.scope.cancel_called
        ]
        if not slow:
            return False
        min(slow, key=lambda visit: visit.since).scope.cancel()
        return True

    # Requests.

    async def _talk(self, visit: Visit) -> None:
        """Answer requests until there are no more."""
        while True:
            raw = await self._receive(visit)
            # The end of a request could look like a whole one of somebody else's: it is not known
            # by what came last, nor remembered as that.
            first = visit.exchange.idle
            usual = self._usual.get(raw) if first else None
            if usual is not None and await self._again(visit, usual):
                continue
            visit.exchange.receive(raw)
            if not await self._answer_all(visit, raw if first else b""):
                return

    async def _receive(self, visit: Visit) -> bytes:
        """What comes next; empty at the end."""
        if visit.exchange.idle:
            visit.waiting = True
            visit.awaits(IDLE)
        while True:
            try:
                raw = visit.sock.recv(READ)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(visit.sock)
                continue
            if visit.waiting:
                visit.waiting = False
                visit.awaits(HEAD_TIME)
            return raw

    async def _answer_all(self, visit: Visit, raw: bytes) -> bool:
        """Answer all requests that are here whole; whether more may follow.

        Args:
            visit: Whose.
            raw: What came last, if nothing of the first request came before; else empty.
        """
        exchange = visit.exchange
        while True:
            await trio.lowlevel.checkpoint()
            try:
                asked = exchange.next()
            except EOFError:
                return False
            except Refused as refused:
                await self._hang_up(visit, refused)
                return False
            if asked is None:
                return True
            await self._answer(visit, asked, raw if exchange.drained else b"")
            if exchange.over:
                return False
            if exchange.idle:
                return True
            raw = b""

    # Answers.

    async def _answer(self, visit: Visit, asked: Asked, raw: bytes) -> None:
        """Find what is asked for, and send it."""
        begun = trio.current_time()
        visit.looks()  # Whoever looks for it has a limit of its own.
        try:
            resource = await self._find(asked)
            answer = plan(asked, resource.kind, resource.status)

            def head() -> bytes:
                made = visit.exchange.head(answer, self._dated(), last=False)
                if raw and not visit.exchange.closing:
                    self._remember(raw, _Usual(asked, resource, answer, made))
                return made

            await self._send(visit, asked, _Answer(resource, answer, head), begun)
        except Refused as refused:
            await self._refuse(visit, asked, refused, begun)
        except TorrentError as problem:
            await self._refuse(visit, asked, Refused(503, str(problem)), begun)
        visit.exchange.sent()

    async def _again(self, visit: Visit, usual: _Usual) -> bool:
        """Answer as before, if there is still the same; False: it has to be looked at."""
        begun = trio.current_time()
        if int(time()) != self._second:
            return False
        visit.looks()
        before = visit.sender.sent
        try:
            if await self._find(usual.asked) is not usual.resource:
                return False
            answer = _Answer(usual.resource, usual.plan, lambda: usual.head)
            await self._send(visit, usual.asked, answer, begun)
        except TorrentError as problem:
            if visit.sender.sent != before:
                raise ConnectionAbortedError(str(problem)) from problem
            return False
        return True

    async def _send(self, visit: Visit, asked: Asked, answer: _Answer, begun: float) -> None:
        """Send an answer, and tell of it."""
        sender = visit.sender
        before, first = sender.sent, 0.0

        def head() -> bytes:
            nonlocal first
            first = trio.current_time() - begun
            visit.moved()  # From here on it is the visitor who must take something.
            return answer.head()

        reading = answer.resource.open()
        try:
            await sender.answer(head, answer.plan, reading)
        finally:
            reading.close()
            self._told(asked, answer.plan.status, sender.sent - before, first)

    async def _refuse(self, visit: Visit, asked: Asked, refused: Refused, begun: float) -> None:
        """Say no; if something else was said already, there is nothing but to hang up.

        Raises:
            ConnectionAbortedError: It was.
        """
        if visit.exchange.answering:
            raise ConnectionAbortedError(refused.why) from refused
        answer = message(asked, refused.status, refused.why, tuple(refused.headers.items()))
        before = visit.sender.sent
        head = partial(visit.exchange.head, answer, self._dated(), last=False)
        visit.moved()
        await visit.sender.answer(head, answer, None)
        first = trio.current_time() - begun
        self._told(asked, answer.status, visit.sender.sent - before, first)

    async def _hang_up(self, visit: Visit, refused: Refused) -> None:
        """Answer what is no request, and let the answer arrive before the connection goes."""
        answer = message(_NOBODY, refused.status, refused.why, tuple(refused.headers.items()))
        visit.moved()
        head = partial(visit.exchange.head, answer, self._dated(), last=True)
        await visit.sender.answer(head, answer, None)
        self._told(_NOBODY, answer.status, 0, 0.0)
        visit.sock.shutdown(socket.SHUT_WR)
        with trio.move_on_after(_LINGER):
            for _ in range(_LEFTOVERS):
                await trio.lowlevel.wait_readable(visit.sock)
                if not visit.sock.recv(READ):
                    break

    # What is usual.

    def _dated(self) -> tuple[tuple[str, str], ...]:
        """The fields of every answer; with a new second, what the last one knew is forgotten."""
        second = int(time())
        if second != self._second:
            self._second = second
            self._fields = (("Date", formatdate(second, usegmt=True)), ("Server", "dhtctl"))
            self._usual.clear()
        return self._fields

    def _remember(self, raw: bytes, usual: _Usual) -> None:
        if len(self._usual) < _USUAL:
            self._usual[raw] = usual
