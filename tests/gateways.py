"""A gateway on loopback, and a visitor who says exactly what a test wants."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import h11
import trio

from torrent.cdn.gateway.gateway import Gateway
from torrent.cdn.gateway.library import Library
from torrent.cdn.memory import Memory
from torrent.cdn.names import Names
from torrent.io.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from torrent.io.torrent import Torrent

PATIENCE = 20.0


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def __getitem__(self, name: str) -> str:
        return self.headers[name]


class Visitor:
    """One connection to a gateway."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._h11 = h11.Connection(h11.CLIENT)

    async def ask(
        self, path: str, method: str = "GET", headers: Mapping[str, str] = {}, **more: str
    ) -> Reply:
        """Ask, and read the whole answer. Names of fields in ``more`` have _ for -."""
        fields = {"Host": "localhost", **headers}
        fields |= {name.replace("_", "-"): value for name, value in more.items()}
        if self._h11.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
            self._h11.start_next_cycle()
        request = h11.Request(method=method, target=path, headers=list(fields.items()))
        data = (self._h11.send(request) or b"") + (self._h11.send(h11.EndOfMessage()) or b"")
        await self.stream.send_all(data)
        return await self.reply()

    async def answered(self, method: str) -> Reply:
        """The answer to a request that somebody else has written on this line."""
        if self._h11.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
            self._h11.start_next_cycle()
        self._h11.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
        self._h11.send(h11.EndOfMessage())
        return await self.reply()

    async def reply(self) -> Reply:
        with trio.fail_after(PATIENCE):
            head = await self._event()
            assert isinstance(head, h11.Response), head
            body = b""
            while isinstance(event := await self._event(), h11.Data):
                body += event.data
        headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        return Reply(head.status_code, headers, body)

    async def _event(self) -> Any:
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            try:
                self._h11.receive_data(await self.stream.receive_some(1 << 16))
            except trio.BrokenResourceError:
                self._h11.receive_data(b"")
        return event

    async def raw(self, data: bytes) -> bytes:
        """Send bytes, and read until the gateway hangs up."""
        with trio.fail_after(PATIENCE):
            async with trio.open_nursery() as nursery:

                async def send() -> None:
                    with suppress(trio.BrokenResourceError):
                        await self.stream.send_all(data)

                nursery.start_soon(send)
                found = b""
                try:
                    async for chunk in self.stream:
                        found += chunk
                except trio.BrokenResourceError:
                    pass
                nursery.cancel_scope.cancel()
        return found


@dataclass
class Door:
    """A gateway that answers."""

    gateway: Gateway
    session: Session
    address: tuple[str, int]
    visitors: list[Visitor] = field(default_factory=list)

    async def visitor(self) -> Visitor:
        found = Visitor(await trio.open_tcp_stream(*self.address))
        self.visitors.append(found)
        return found

    async def ask(self, path: str, method: str = "GET", **more: Any) -> Reply:
        """Ask on a connection of its own."""
        visitor = await self.visitor()
        try:
            return await visitor.ask(path, method, **more)
        finally:
            await visitor.stream.aclose()

    async def share(self, source: Path, **how: Any) -> tuple[Torrent, str]:
        """Have a torrent of a directory here; it, and the path of its root."""
        torrent = await self.session.create(source, **how)
        return torrent, f"/btih/{torrent.infohashes[0].hex()}"


@asynccontextmanager
async def opened(
    session: Session, names: Names, home: Path, memory: Memory, **more: Any
) -> AsyncIterator[Door]:
    """A gateway to what a session has."""
    options = {name: more.pop(name) for name in ("limit", "patience") if name in more}
    async with (
        Library(session, home / "cache", memory, **options) as library,
        trio.open_nursery() as nursery,
    ):
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        gateway = Gateway(library, names, **more)
        address = listeners[0].socket.getsockname()
        await nursery.start(gateway.run, listeners)
        door = Door(gateway, session, address)
        try:
            yield door
        finally:
            for visitor in door.visitors:
                await visitor.stream.aclose()
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def alone(home: Path, **more: Any) -> AsyncIterator[Door]:
    """A gateway without any network: what it has is what it is given."""
    with Memory.open(home / "state") as memory:
        async with (
            Session(listen=(("127.0.0.1", 0),), state=home / "gateway") as session,
            # Nobody is asked for a name here, so nobody is needed to ask.
            Names(None, memory) as names,  # type: ignore[arg-type]
            opened(session, names, home, memory, **more) as door,
        ):
            yield door
