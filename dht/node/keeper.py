"""Every promise has a keeper: the node that lives longest keeps what every process promised.

A verb writes its promise into the state and leaves. The resident node looks for news once a
second (one cheap query, no lock), hands promises to its engines, which renew them when due, and
writes down how each renewal went. A node without a state keeps the promises made through it for
as long as it lives, by the same path.

Who promises and publishes at once gives the promise a first due time a minute ahead. If the
publisher dies in between, the keeper publishes then: the promise was durable before the first
datagram left. If it does not, that renewal costs one redundant publication.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from dht.core.commands import Promise, Withdraw
from dht.core.messages import Record
from dht.node.config import NETWORK
from dht.node.disk import StateError
from dht.node.writer import clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dht.core.effects import Evidence
    from dht.core.keys import Key
    from dht.core.messages import Endpoint, Provider
    from dht.node.host import Host
    from dht.node.state import State, StoredPromise
    from dht.node.udp import Port

_POLL = 1.0
"""Seconds between two looks for news: "within seconds" for whoever made a promise."""

_GRACE: Final = 60.0
"""Seconds a publisher has to do it itself."""

_log = logging.getLogger("dht.node")


class Keeper:
    """Keeps promises with the engines of a host.

    Attributes:
        state: Where promises are written down; ``None``: they live as long as this node.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self.state: State | None = None
        self._revision = -1
        self._standing: dict[int, Record | Provider] = {}
        self._keys: dict[int, Key] = {}
        self._last = 0
        self._renewed: deque[_Renewal] = deque()
        host.on_kept = self._on_kept

    @property
    def kept(self) -> int:
        """How many promises are being kept."""
        return len(self._standing)

    async def run(self) -> None:
        """Keep the promises in the state, whoever makes them."""
        while True:
            try:
                await self.look()
                await self.record()
            except StateError as problem:
                _log.warning("promises cannot be read or noted: %s", problem)
            await trio.sleep(_POLL)

    async def look(self) -> None:
        """Look once for promises made or withdrawn since the last look."""
        if self.state is None:
            return
        self._revision, news = await trio.to_thread.run_sync(
            self.state.changes_since, NETWORK, self._revision
        )
        for promise in news:
            self._heed(promise)

    async def keep(self, number: int) -> None:
        """Keep one promise, whoever keeps the others, until it is withdrawn or replaced.

        Raises:
            StateError: The state could not be read.
        """
        state, revision = self.state, -1
        while True:
            if state is not None:
                revision, news = await trio.to_thread.run_sync(
                    state.changes_since, NETWORK, revision
                )
                for promise in news:
                    if promise.id == number:
                        self._heed(promise)
                await self.record()
            if number not in self._standing:
                await trio.lowlevel.checkpoint()
                return
            await trio.sleep(_POLL)

    async def record(self) -> None:
        """Write down the renewals since the last time.

        Raises:
            StateError: It could not be; what is left is kept for the next time.
        """
        state = self.state
        while state is not None and self._renewed:
            renewal = self._renewed.popleft()
            noted = False
            try:
                await trio.to_thread.run_sync(_note, state, renewal)
                noted = True
            finally:
                if not noted:
                    self._renewed.appendleft(renewal)

    async def promise(self, key: Key, what: Record | Provider, *, publishing: bool) -> int:
        """Promise ``what`` under ``key``; durable when this returns, if there is a state.

        ``publishing``: the caller is about to publish it.

        Raises:
            StateError: It could not be written down, or a newer version stands.
        """
        state, after = self.state, _GRACE if publishing else 0.0
        if state is None:
            await trio.lowlevel.checkpoint()
            self._last += 1
            due = trio.current_time() + after
            if (earlier := self._find(key, what)) is not None:
                self._drop(earlier[0])
            self._begin(self._last, key, what, [(port, due) for port in self._host.ports])
            return self._last
        wall = time.time()
        return await trio.to_thread.run_sync(
            lambda: state.promise(NETWORK, key, what, wall, due=wall + after)
        )

    async def published(
        self, number: int, what: Record | Provider, parts: Sequence[tuple[Port, Evidence]]
    ) -> None:
        """Note that whoever made promise ``number`` has published it, with what success.

        Raises:
            StateError: It could not be written down.
        """
        for port, evidence in parts:
            self._renewed.append(_renewal(port, number, what, evidence))
        await self.record()

    async def forget(self, key: Key) -> tuple[int, ...]:
        """Withdraw every promise under ``key``; the numbers of those that stood."""
        state = self.state
        if state is None:
            numbers = tuple(n for n, mine in self._keys.items() if mine == key)
            await trio.lowlevel.checkpoint()
        else:
            wall = time.time()
            numbers = await trio.to_thread.run_sync(lambda: state.withdraw(NETWORK, key, wall))
        for number in numbers:
            self._drop(number)
        return numbers

    async def renounce(self, number: int, earlier: Record | Provider | None) -> None:
        """Take promise ``number`` back; ``earlier``, which it replaced, stands again.

        Raises:
            StateError: It could not be written down.
        """
        state, wall = self.state, time.time()
        key = self._keys.get(number)
        self._drop(number)
        if state is not None:
            await trio.to_thread.run_sync(state.renounce, number, earlier, wall)
        elif key is not None and earlier is not None:
            await self.promise(key, earlier, publishing=False)

    async def standing(
        self, key: Key, what: Record | Provider
    ) -> tuple[int, Record | Provider] | None:
        """The promise that one of ``what`` would replace, and its number."""
        state = self.state
        if state is not None:
            return await trio.to_thread.run_sync(state.promised, NETWORK, key, what)
        await trio.lowlevel.checkpoint()
        return self._find(key, what)

    async def last_seq(self, key: Key) -> int:
        """The highest version ever promised under ``key``; 0 if none was."""
        state = self.state
        if state is not None:
            return await trio.to_thread.run_sync(state.last_seq, NETWORK, key) or 0
        await trio.lowlevel.checkpoint()
        mine = [self._standing[number] for number, under in self._keys.items() if under == key]
        return max((what.seq or 0 for what in mine if isinstance(what, Record)), default=0)

    def _find(self, key: Key, what: Record | Provider) -> tuple[int, Record | Provider] | None:
        """The promise we keep in whose place ``what`` would come: one record, or one endpoint."""
        for number, under in self._keys.items():
            mine = self._standing[number]
            if under == key and _place(mine) == _place(what):
                return number, mine
        return None

    def _heed(self, promise: StoredPromise) -> None:
        """Take a promise as it now stands in the state."""
        if promise.what is None or promise.withdrawn is not None:
            self._drop(promise.id)
        else:
            self._take(promise, promise.what)

    def _take(self, promise: StoredPromise, what: Record | Provider) -> None:
        """Hand a stored promise to the engines: each family has its own due time."""
        at = clock()
        dues = []
        for port in self._host.ports:
            due = at.within(_period(port, what))(promise.due_in(port.family))
            dues.append((port, due))
        self._begin(promise.id, promise.key, what, dues)

    def _begin(
        self, number: int, key: Key, what: Record | Provider, dues: list[tuple[Port, float]]
    ) -> None:
        self._standing[number] = what
        self._keys[number] = key
        for port, due in dues:
            port.command(Promise(number, key, what, due))

    def _drop(self, number: int) -> None:
        self._keys.pop(number, None)
        if self._standing.pop(number, None) is not None:
            for port in self._host.ports:
                port.command(Withdraw(number))

    def _on_kept(self, port: Port, number: int, evidence: Evidence) -> None:
        what = self._standing.get(number)
        if what is not None and self.state is not None:
            self._renewed.append(_renewal(port, number, what, evidence))


@dataclass(frozen=True, slots=True)
class _Renewal:
    """How one renewal of a promise went. Instants are wall clock."""

    promise: int
    family: str
    at: float
    copies: int
    due: float


def _renewal(port: Port, number: int, what: Record | Provider, evidence: Evidence) -> _Renewal:
    wall, period = time.time(), _period(port, what)
    return _Renewal(number, port.family, wall, len(evidence.holders), wall + period)


def _period(port: Port, what: Record | Provider) -> float:
    """Seconds between two renewals."""
    policy = port.engine.policy
    return policy.republish_every if isinstance(what, Record) else policy.reprovide_every


def _place(what: Record | Provider) -> tuple[type, Endpoint]:
    """What tells the promises under one key apart: one is a record, others have endpoints."""
    return (Record, None) if isinstance(what, Record) else (type(what), what.endpoint)


def _note(state: State, renewal: _Renewal) -> None:
    """Write a renewal down. A promise that ended meanwhile needs no note."""
    state.kept(renewal.promise, renewal.family, renewal.at, copies=renewal.copies, due=renewal.due)
