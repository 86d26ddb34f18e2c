"""Between the engines and the state on disk: what survives a restart.

The engine holds a reply to a write back until the change is durable. Committing each change by
itself would allow a few hundred a second; so changes gather while the previous commit is under
way, and go to the worker thread together. Under load a commit carries hundreds of them, and an
idle node answers after one.

If the disk fails, nothing is acknowledged: the changes wait and the commit is tried again. The
engine bounds how many may wait (it refuses further writes), so memory is bounded too.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

import trio

from dht.core.commands import Restore
from dht.node.config import NETWORK
from dht.node.disk import StateError
from dht.node.state import Clock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dht.core.effects import Change, Held, Hosted, Persist
    from dht.core.messages import Contact
    from dht.node.state import State
    from dht.node.udp import Port

_RETRY: Final = 5.0
"""Seconds between two attempts at a disk that fails."""

_log = logging.getLogger("dht.node")


def clock() -> Clock:
    """Read both clocks."""
    return Clock(now=trio.current_time(), wall=time.time())


class Writer:
    """Keeps the records, providers and contacts of a host in a state."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._waiting: list[tuple[Port, Persist]] = []
        self._work = trio.Event()

    def take(self, port: Port, persist: Persist) -> None:
        """Queue changes; their port is told when they are durable."""
        self._waiting.append((port, persist))
        self._work.set()

    async def run(self) -> None:
        """Write what is queued, for ever."""
        while True:
            await self._work.wait()
            try:
                await self.flush()
            except StateError as problem:
                _log.warning("%s; trying again in %.0f s", problem, _RETRY)
                await trio.sleep(_RETRY)

    async def flush(self) -> None:
        """Commit what is queued, in one transaction for each port.

        Raises:
            StateError: The disk would not have it; it stays queued.
        """
        self._work = trio.Event()
        batch, self._waiting = self._waiting, []
        by_port: dict[Port, list[Persist]] = {}
        for port, persist in batch:
            by_port.setdefault(port, []).append(persist)
        try:
            for port in tuple(by_port):
                changes = [change for persist in by_port[port] for change in persist.changes]
                await trio.to_thread.run_sync(self._apply, port.family, changes, clock())
                port.persisted([persist.id for persist in by_port.pop(port)])
        finally:
            # What a failure (or the end) left over goes back to the head of the queue.
            left = [(port, persist) for port, mine in by_port.items() for persist in mine]
            if left:
                self._waiting[:0] = left
                self._work.set()

    def _apply(self, family: str, changes: Iterable[Change], at: Clock) -> None:
        self._state.apply(NETWORK, family, changes, at.to_wall)

    async def restore(self, port: Port, *, everything: bool) -> list[Contact]:
        """Load the contacts that ``port`` knew; with ``everything``, give back what it held."""
        if everything:
            held, hosted = await trio.to_thread.run_sync(self._load, port, clock())
            port.command(Restore(tuple(held), tuple(hosted)))
        saved = await trio.to_thread.run_sync(self._state.load_contacts, NETWORK, port.family)
        return [contact for contact, _ in saved]

    def _load(self, port: Port, at: Clock) -> tuple[list[Held], list[Hosted]]:
        policy, family, state = port.engine.policy, port.family, self._state
        state.prune(
            NETWORK,
            family,
            records=at.wall - policy.record_lifetime,
            providers=at.wall - policy.provider_lifetime,
        )
        return (
            state.load_records(NETWORK, family, at.past),
            state.load_providers(NETWORK, family, at.past),
        )

    async def save_contacts(self, ports: Iterable[Port]) -> None:
        """Save the tables. An empty one does not overwrite what was saved in better times."""
        wall = time.time()
        for port in ports:
            contacts = [(contact, wall) for contact in port.engine.table.contacts()]
            if contacts:
                await trio.to_thread.run_sync(
                    self._state.save_contacts, NETWORK, port.family, contacts
                )
