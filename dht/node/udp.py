"""One UDP socket and the engine behind it.

The datagram path never awaits per packet. One task sleeps until the socket is readable or the
engine wants its tick, then takes up to ``_BATCH`` datagrams without a checkpoint: receive, charge
the source, decode, hand to the engine, perform its effects. They come in bulk, and what is
answered at a glance leaves in bulk (:mod:`dht.node.bulk`). An ``await recvfrom`` per datagram
costs five times as much as the system call itself (63,000 datagrams a second against 380,000 for
an echo), and a task per datagram more still. After a batch comes one checkpoint, so that a flood
starves neither timers nor cancellation: a batch takes about a millisecond.

Commands come from other tasks of the same thread and take effect at once; nothing is queued. If
the engine then wants to be woken sooner than the sleeping task meant to, the deadline of the
task's cancel scope is moved. That is all the synchronisation there is.

What cannot be sent is dropped, as any network may do: a full buffer costs one datagram, not the
order of the rest. A call that the system refuses outright (no route, no such family) is reported
to the engine as failed, so that a machine without a network hears so at once and not by timeout.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, cast

import trio

from dht.core.effects import Call, Cancel, Effect, Reply
from dht.core.messages import Answer, Refusal
from dht.mainline.krpc import Incoming
from dht.mainline.usual import Usual, recognise
from dht.node.carrier import Singly, carrier_of
from dht.node.limits import SourceLimiter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dht.core.commands import Command
    from dht.core.engine import Engine
    from dht.mainline.krpc import Krpc
    from dht.node.carrier import Carrier, Name, Source
    from dht.node.limits import Limits

Address: TypeAlias = tuple[str, int]

_BATCH: Final = 128
"""Datagrams between two checkpoints: about a millisecond of work."""
_RECEIVE_BUFFER: Final = 4 << 20
"""Asked for, not necessarily granted (Linux caps it at net.core.rmem_max): what arrives while a
batch is being worked on waits here."""
_QUERY_END: Final = b"1:y1:qe"
"""How a canonically sorted KRPC request ends, cut as short as certainty allows. It lets a flood be
refused before it is decoded; requests that end otherwise are charged after decoding."""
_RESPONSES: Final = (Answer, Refusal)
_FULL: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS, errno.ENOMEM})


class Receiver(Protocol):
    """Stands between the socket and the port to delay or lose what arrives (for test networks)."""

    def recvfrom(self, size: int, /) -> tuple[bytes, Address]:
        """Return the next datagram that is due, or raise ``BlockingIOError``."""
        ...

    def next_due(self) -> float:
        """When the next one held back is due; ``math.inf`` if none."""
        ...


class Owner(Protocol):
    """What a port tells the node it belongs to: every effect that is not about datagrams."""

    def performed(self, port: Port, effect: Effect, now: float) -> Iterable[Effect]:
        """Take note of ``effect``; return effects that follow from it at once."""
        ...

    def observed(self, port: Port, voter: Address, seen: Address, now: float) -> None:
        """``voter`` says that it sees us at ``seen``."""
        ...


def open_socket(address: Address) -> socket.socket:
    """Open a non-blocking UDP socket bound to ``address``.

    An IPv6 socket takes IPv6 only: the families have an engine each, and ``::ffff:`` addresses
    would let one host appear in both.

    Raises:
        OSError: The address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


class Port:
    """A socket, the dialect that reads it and the engine that answers, run by one task.

    Attributes:
        engine: The pure node behind this socket.
        dialect: Translates between datagrams and messages.
        address: Where we listen.
        family: ``"ipv4"`` or ``"ipv6"``.
        received: Datagrams taken from the socket.
        sent: Datagrams handed to the system.
        throttled: Requests dropped because their source, or all together, asked too much.
        unsent: Datagrams the system would not take.
        asked_at: When the last request was served, in the clock's seconds; ``None`` if never.
    """

    __slots__ = (
        "_carrier",
        "_closed",
        "_encode_reply",
        "_limiter",
        "_link",
        "_owner",
        "_scope",
        "_sendto",
        "_sock",
        "_usual",
        "_verifications",
        "address",
        "asked_at",
        "dialect",
        "engine",
        "family",
        "received",
        "sent",
        "throttled",
        "unsent",
    )

    def __init__(
        self,
        sock: socket.socket,
        engine: Engine,
        dialect: Krpc,
        owner: Owner,
        *,
        limits: Limits,
        link: Callable[[socket.socket], Receiver] | None = None,
    ) -> None:
        self.engine = engine
        self.dialect = dialect
        self.address: Address = sock.getsockname()[:2]
        self.family = "ipv6" if sock.family == socket.AF_INET6 else "ipv4"
        self.received = self.sent = self.throttled = self.unsent = 0
        self.asked_at: float | None = None
        self._sock = sock
        self._sendto = sock.sendto
        self._encode_reply = dialect.encode_reply
        self._usual = Usual(engine, dialect)
        self._owner = owner
        self._limiter = SourceLimiter(limits)
        self._verifications = limits.verifications
        self._link = link(sock) if link is not None else None
        self._carrier = self._carry(sock)
        self._scope: trio.CancelScope | None = None
        self._closed = False

    def _carry(self, sock: socket.socket) -> Carrier:
        """Choose what carries the datagrams: behind a link they come one by one."""
        link = self._link
        return carrier_of(sock) if link is None else Singly(link.recvfrom, sock.sendto)

    async def run(self) -> None:
        """Serve until closed or cancelled. This is the port's only task; it does not close."""
        while await self._readable():
            # A full batch means that more is waiting: go on without asking the system.
            while self._drain() == _BATCH:
                await trio.lowlevel.checkpoint()

    async def _readable(self) -> bool:
        """Sleep until there is a datagram, or the engine (or the link) is due; False if closed."""
        if self._closed:
            return False
        with trio.CancelScope(deadline=self._deadline()) as scope:
            self._scope = scope
            try:
                await trio.lowlevel.wait_readable(self._sock)
            except trio.ClosedResourceError:
                return False
            finally:
                self._scope = None
        return not self._closed

    def _deadline(self) -> float:
        due = self.engine.next_deadline()
        return due if self._link is None else min(due, self._link.next_due())

    def _drain(self) -> int:
        """Take what is waiting, at most a batch, then tick. Returns how many were taken."""
        now = trio.current_time()
        self.engine.verifications = self._verifications
        taken = answered = 0
        while taken < _BATCH:
            try:
                datagrams, names = self._carrier.receive(_BATCH - taken)
            except OSError:
                if self._closed:
                    break
                # An earlier datagram of ours met a closed port (ICMP): its call will time out.
                # Counted, so that a stream of errors ends the batch too.
                taken += 1
                continue
            if not datagrams:
                break
            taken += len(datagrams)
            answered += self._serve(datagrams, names, now)
        self.received += taken
        self._finish_batch(answered, now)
        return taken

    def _serve(self, datagrams: Sequence[bytes], names: Sequence[Name], now: float) -> int:
        """Deal with what arrived; how many were answered at a glance.

        This loop is the node's throughput, so what it uses is local and what is rare is elsewhere.
        Of the 6 us that a reply costs on a flood, the kernel takes half. The answer is 1.1, with a
        ticket 1.7; to recognise a query 0.2, to charge it 0.15, to know its source 0.1.
        """
        answer, allow = self._usual.answer, self._limiter.allow
        # Mapped: the loop gets both without the interpreter making a call for them.
        sources, queries = map(self._carrier.source, names), map(recognise, datagrams)
        replies: list[bytes] = []
        askers: list[Name] = []
        for data, source, query, name in zip(datagrams, sources, queries, names, strict=False):
            if query is None and not data.endswith(_QUERY_END):
                self._take(data, source, now, charged=False)
            elif not allow(source.payer, now):
                self.throttled += 1
            elif query and (reply := answer(query, source.address, source.compact, now)):
                replies.append(reply)
                askers.append(name)
            else:
                self._take(data, source, now, charged=True)
        sent = self._carrier.send(replies, askers) if replies else 0
        self.unsent += len(replies) - sent
        return sent

    def _finish_batch(self, answered: int, now: float) -> None:
        """Note what a batch came to, and tick if that is due."""
        if answered:
            self.sent += answered
            self.asked_at = now
        if self.engine.next_deadline() <= now:
            self._perform(self.engine.tick(now), now)

    def _take(self, data: bytes, source: Source, now: float, *, charged: bool) -> None:
        """Deal with a datagram the general way; ``charged`` if its source has paid for it."""
        address = source.address
        if charged:
            self.asked_at = now  # Also while read-only, when it is dropped: somebody can reach us.
        incoming = self.dialect.decode_untrusted(data, address)
        if isinstance(incoming, Incoming):
            if self._welcome(incoming, source, now, charged=charged):
                effects = self.engine.receive(incoming.message, incoming.origin, now)
                self._perform(effects, now)
        elif incoming is not None and (charged or self._may_ask(source, now)):
            self._send(incoming.data, address)

    def _welcome(self, incoming: Incoming, source: Source, now: float, *, charged: bool) -> bool:
        """Note what a message tells besides; False if it is a request too many."""
        if isinstance(incoming.message, _RESPONSES):
            if incoming.observed is not None:
                seen = cast("Address", incoming.observed)
                self._owner.observed(self, source.address, seen, now)
            return True
        if charged or self._may_ask(source, now):
            self.asked_at = now
            return True
        return False

    def _may_ask(self, source: Source, now: float) -> bool:
        """Charge a request whose keys are not in canonical order, from a sloppy client.

        Also one so malformed that all it gets is an error: that is a datagram to an address that
        may be forged, and errors are longer than the shortest packets that cause them.
        """
        if self._limiter.allow(source.payer, now):
            return True
        self.throttled += 1
        return False

    def command(self, command: Command) -> None:
        """Give the engine ``command`` and perform what it wants done, at once."""
        now = trio.current_time()
        self._perform(self.engine.command(command, now), now)
        self._hasten()

    def persisted(self, operations: Iterable[int]) -> None:
        """Tell the engine that these Persist effects are on disk: their replies may go out."""
        now = trio.current_time()
        for operation in operations:
            self._perform(self.engine.persisted(operation, now), now)
        self._hasten()

    def _hasten(self) -> None:
        """Wake the sleeping task earlier if the engine's deadline moved forward."""
        scope = self._scope
        if scope is not None:
            scope.deadline = min(scope.deadline, self._deadline())

    def close(self) -> None:
        """Close the socket at once: no goodbye, nothing flushed. Safe to call again."""
        if not self._closed:
            self._closed = True
            trio.lowlevel.notify_closing(self._sock)
            self._sock.close()

    def _perform(self, effects: Iterable[Effect], now: float) -> None:
        """Do what the engine wants done, in order; then what follows from that."""
        while effects:
            following: list[Effect] = []
            for effect in effects:
                if isinstance(effect, Reply):  # Nearly always, hence without a call of ours.
                    try:
                        self._sendto(*self._encode_reply(effect.handle, effect.response))
                        self.sent += 1
                    except OSError:
                        self.unsent += 1
                elif isinstance(effect, Call):
                    following += self._call(effect, now)
                elif isinstance(effect, Cancel):
                    self.dialect.forget(effect.id)
                else:
                    following += self._owner.performed(self, effect, now)
            effects = following

    def _call(self, call: Call, now: float) -> list[Effect]:
        """Send a request; what follows if that is impossible."""
        data = self.dialect.encode_call(call)
        if data is None:
            return self.engine.failed(call.id, "this network cannot carry the request", now)
        problem = self._send(data, cast("Address", call.to))
        if problem is None or problem in _FULL:
            return []  # sent, or lost as datagrams are
        self.dialect.forget(call.id)
        return self.engine.failed(call.id, os.strerror(problem), now)

    def _send(self, data: bytes, address: Address) -> int | None:
        """Hand ``data`` to the system; the error number if it would not take it."""
        try:
            self._sendto(data, address)
        except OSError as problem:
            self.unsent += 1
            return problem.errno or errno.EIO
        self.sent += 1
        return None
