"""What happens between entering a node and leaving it.

Order matters at both ends. Opening: the state first (it knows who we are), then the sockets, then
what was held is given back to the engines before the first datagram is read. Closing: the changes
that wait are committed and their replies sent while the sockets are still open, the contacts are
saved, then the sockets close and whoever still waits is told.

All tasks live in one nursery of :meth:`Life.run`; when that returns, nothing is left running.

**Succession.** Of several nodes on one state directory one holds its identity and the others pass
through. When the holder dies, however it dies, the kernel lets go of its lock; whoever notices
first takes the identity, what was held under it, and the promises. Until then nobody keeps them,
so the others look once a second, as often as a keeper looks for news.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import trio

from dht.core.keys import MAINLINE_SPACE
from dht.node.config import NETWORK
from dht.node.disk import StateError
from dht.node.host import Host
from dht.node.identity import Identity
from dht.node.joining import Joining
from dht.node.keeper import Keeper
from dht.node.portmap import keep_mapped
from dht.node.state import State
from dht.node.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dht.core.keys import Key
    from dht.core.messages import Contact
    from dht.node.config import NodeConfig
    from dht.node.udp import Address

_FAREWELL: Final = 5.0
"""Seconds that closing may take: a disk that hangs must not hang us."""
_REST: Final = 60.0
"""Seconds between two rounds of the steward, or two attempts at a state that cannot be used."""
_LOOK: Final = 1.0
"""Seconds between two looks whether the node of our directory is gone: 0.1 ms each, and promises
have no keeper in between."""

_log = logging.getLogger("dht.node")


class Life:
    """One life of a node: what it owns and the tasks that run.

    Attributes:
        host: The ports and what runs on them.
        joining: How we stand to the network.
        keeper: The promises kept.
        serving: Whether we answer requests.
        home: The event loop that all this happens in.
    """

    def __init__(self, config: NodeConfig) -> None:
        self.config = config
        self.host = Host(config)
        self.joining = Joining(self.host)
        self.keeper = Keeper(self.host)
        self.serving = config.mode != "client"
        self.home: trio.lowlevel.TrioToken | None = None
        self._state: State | None = None
        self._identity: Identity | None = None
        self._writer: Writer | None = None
        self._nearby: tuple[Address, ...] = ()
        self._scope: trio.CancelScope | None = None
        self._began = 0.0
        self._aborted = False
        self._saved: list[Contact] = []

    async def run(self, started: Callable[[], None]) -> None:
        """Live until cancelled or aborted; ``started`` is called when the sockets are open."""
        self.home = trio.lowlevel.current_trio_token()
        try:
            await self._open()
            async with trio.open_nursery() as nursery:
                self._scope = nursery.cancel_scope
                self._start(nursery)
                started()
                del started  # It refers to the task that waited for us, which is over now.
                await self.host.ports[0].run()
        finally:
            await self._close()

    def abort(self) -> None:
        """Vanish as a killed process does: sockets closed, nothing sent, nothing saved."""
        self._aborted = True
        self.host.close()
        if self._scope is not None:
            self._scope.cancel()

    # Opening.

    async def _open(self) -> None:
        """Open state and sockets, and take back what an earlier life held."""
        await self._open_state()
        self.host.open(self._remembered, serves=self.serving)
        self._began = trio.current_time()
        saved = self._saved
        if self._writer is not None:
            for port in self.host.ports:
                saved += await self._writer.restore(port, everything=self.resident)
        # At once, not with the contacts: who is killed young comes back as itself, too.
        await trio.to_thread.run_sync(self._remember)
        self.joining.know(saved, self._nearby)

    async def _open_state(self) -> None:
        where = self.config.state
        if where is None:
            return
        if isinstance(where, State):
            self._state = state = where
        else:
            self._state = state = await trio.to_thread.run_sync(State.open, where)
        self._writer, self.keeper.state = Writer(state), state
        directory = state.path.parent
        if self.config.resident:
            self._identity = await trio.to_thread.run_sync(Identity.claim, directory)
        if self._identity is None:
            # Somebody else is the node of this directory, or we are only passing through: live
            # under a key of our own, serve nobody, and join through the resident if there is one.
            self.serving = False
            running = await trio.to_thread.run_sync(Identity.running, directory)
            self._nearby = running or ()

    @property
    def resident(self) -> bool:
        """Whether we are the node of our state directory: its key, its promises."""
        return self._identity is not None

    def _remembered(self, family: str) -> tuple[Key | None, int | None]:
        """The key and the port to take for ``family``."""
        if self.config.key is not None:
            return MAINLINE_SPACE.from_bytes(self.config.key), None
        if self._identity is None:
            return None, None
        return self._identity.key(NETWORK, family), self._identity.port(NETWORK, family)

    def _start(self, nursery: trio.Nursery) -> None:
        """Start all tasks but one: the first port's is the caller's own."""
        for port in self.host.ports[1:]:
            nursery.start_soon(port.run)
        self.joining.start(nursery)
        if self.resident:
            self._settle_in(nursery)
        elif self.config.resident and self._state is not None:
            nursery.start_soon(self._succeed, self._state.path.parent, nursery)
        if self._state is not None or self.config.mode == "auto":
            nursery.start_soon(self._steward)
        if self.config.port_mapping:
            for port in self.host.ports:
                nursery.start_soon(keep_mapped, port.address)

    def _settle_in(self, nursery: trio.Nursery) -> None:
        """Do from now on what only the node of a directory does: store, keep, be joined through."""
        if self._writer is not None and self._identity is not None:
            self.host.on_persist = self._writer.take
            nursery.start_soon(self._writer.run)
            nursery.start_soon(self._keep)
            self._identity.announce([_reachable(port.address) for port in self.host.ports])

    # Living.

    async def _succeed(self, directory: Path, nursery: trio.Nursery) -> None:
        """Wait until the node of ``directory`` is gone, and be it from then on."""
        while not self.resident:
            await trio.sleep(_LOOK)
            try:
                await self._take_over(directory)
            except StateError as problem:
                _log.warning("cannot take over from the node that is gone: %s", problem)
                await trio.sleep(_REST)
        self._began = trio.current_time()
        self._settle_in(nursery)
        self.serving = self.config.mode != "client"
        self.host.serve(serves=self.serving)
        _log.info("now the node of %s: the one before is gone", directory)

    async def _take_over(self, directory: Path) -> None:
        """Take the identity if it is free, and with it all that was held under it.

        The port stays ours, as after a restart that finds the old one taken. The key is the old
        one: what was held is held because it is close to it.
        """
        identity = await trio.to_thread.run_sync(Identity.claim, directory)
        if identity is None or self._writer is None:
            return
        with ExitStack() as undo:
            undo.callback(identity.close)
            for port in self.host.ports:
                await self._writer.restore(port, everything=True)
                key = identity.key(NETWORK, port.family)
                if key is not None and self.config.key is None:
                    self.host.rekey(port, key)
            undo.pop_all()
        self._identity = identity

    async def _keep(self) -> None:
        """Keep promises, from when we are in the network: before, each would only fail."""
        await self.joining.wait_joined()
        await self.keeper.run()

    async def _steward(self) -> None:
        """Look after what is due now and then: our mode, and what to save."""
        save_at = self._began + self.config.save_every
        while True:
            await trio.sleep(min(_REST, self.config.idle_after / 4, self.config.save_every))
            now = trio.current_time()
            if self.config.mode == "auto" and (self._state is None or self.resident):
                self._consider_serving(now)
            if now >= save_at:
                save_at = now + self.config.save_every
                await self._save()

    def _consider_serving(self, now: float) -> None:
        """Turn read-only when nobody has asked for long, and back when somebody does.

        A node that nobody asks is most likely one that nobody can reach, and only wastes the time
        of those who have it in their tables.
        """
        asked = [port.asked_at for port in self.host.ports if port.asked_at is not None]
        serving = now - max([self._began, *asked]) < self.config.idle_after
        if serving != self.serving:
            self.serving = serving
            self.host.serve(serves=serving)
            _log.info("now %s", "serving" if serving else "read-only: nobody asked for long")

    async def _save(self) -> None:
        """Save whom we know and who we are, for the next life.

        A passing node knows few; it does not overwrite what the resident knew.
        """
        known = sum(len(port.engine.table) for port in self.host.ports)
        if self._writer is None or (not self.resident and known < len(self._saved)):
            return
        try:
            await self._writer.save_contacts(self.host.ports)
            await trio.to_thread.run_sync(self._remember)
        except StateError as problem:
            _log.warning("contacts were not saved: %s", problem)

    def _remember(self) -> None:
        if self._identity is not None:
            for port in self.host.ports:
                self._identity.remember(NETWORK, port.family, port.engine.own, port.address[1])

    # Closing.

    async def _close(self) -> None:
        try:
            with trio.CancelScope(deadline=trio.current_time() + _FAREWELL, shield=True):
                if not self._aborted:
                    await self._settle()
        finally:
            self.host.close()
            self.joining.close()
            if self._identity is not None:
                self._identity.close()
            if self._state is not None and self._state is not self.config.state:
                self._state.close()

    async def _settle(self) -> None:
        """Commit what waits, answer whom that concerns, save the rest."""
        try:
            if self._writer is not None:
                await self._writer.flush()
            await self.keeper.record()
        except StateError as problem:
            _log.warning("the last changes were not saved: %s", problem)
        await self._save()


def _reachable(address: Address) -> Address:
    """Where other processes of this machine reach a socket bound to ``address``."""
    host, port = address
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port  # noqa: S104 - read, not bound
