"""Streams between swarms, buffers for them, and strangers at the other end.

Parts of :mod:`tests.swarm_world`. A stream loses nothing and keeps its order, as TCP does, but
splits anywhere and arrives late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torrent.core.wire import Decoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.swarm_world import Member, World
    from torrent.core.effects import Endpoint
    from torrent.core.wire import Message


class Pool:
    """Buffers with a bound; counts what is out."""

    def __init__(self, size: int = 1 << 30) -> None:
        self.left = size
        self.refused = 0
        self.out: dict[int, memoryview] = {}

    def acquire(self, size: int) -> memoryview | None:
        if size > self.left:
            self.refused += 1
            return None
        self.left -= size
        buffer = memoryview(bytearray(size))
        self.out[id(buffer)] = buffer
        return buffer

    def release(self, buffer: memoryview) -> None:
        del self.out[id(buffer)]
        self.left += len(buffer)


def scatter(data: bytes, views: list[memoryview]) -> int:
    """Read ``data`` into ``views`` as ``readv`` does; how much of it found room."""
    at = 0
    for view in views:
        part = data[at : at + len(view)]
        view[: len(part)] = part
        at += len(part)
    return at


class End:
    """One end of a stream: what is written here arrives at the other end, in order."""

    def __init__(self, world: World, host: Member | Stranger, endpoint: Endpoint) -> None:
        self.world = world
        self.host = host
        self.endpoint = endpoint  # whom the other end sees
        self.other: End
        self.open = True
        self.link = 0
        self.arrives = 0.0  # when the last byte written so far arrives

    def write(self, data: bytes) -> None:
        """Send: in parts of any size, each a little later than the one before."""
        world, other = self.world, self.other
        at = 0
        while at < len(data):
            size = world.rng.choice(world.splits)
            part = data[at : at + size]
            at += size
            self.arrives = max(self.arrives, world.now + world.latency(world.rng))
            world.schedule(self.arrives, lambda part=part: other._arrive(part))

    def _arrive(self, data: bytes) -> None:
        if self.open:
            self.host.received(self, data)

    def close(self) -> None:
        """Hang up: the other end hears of it after all that was written."""
        self.open = False
        other = self.other
        at = max(self.arrives, self.world.now + self.world.latency(self.world.rng))
        self.world.schedule(at, other._end)

    def _end(self) -> None:
        if self.open:
            self.open = False
            self.host.ended(self)


class Stranger:
    """A peer of which only the bytes are known: the script says what it does.

    Attributes:
        heard: The messages it was sent.
        reply: Called with each message; returns bytes to send, or None.
    """

    def __init__(self, world: World, host: str, *, port: int = 6881) -> None:
        self.world = world
        self.endpoint = (host, port)
        self.heard: list[Message] = []
        self.end: End | None = None
        self.ends: list[End] = []
        self.decoders: dict[End, Decoder] = {}
        self.greeting = b""
        self.reply: Callable[[Message], bytes | None] = lambda message: None
        self.hung_up = False

    def dial(self, member: Member) -> None:
        """Connect to ``member`` and say the greeting."""
        self.world.dial(self, member.endpoint)

    def dialled(self, end: End) -> None:
        self._meet(end)

    def accepted(self, end: End) -> None:
        self._meet(end)

    def _meet(self, end: End) -> None:
        self.end = end
        self.ends.append(end)
        self.hung_up = False
        self.decoders[end] = Decoder()
        self.decoders[end].expect_handshake()
        end.write(self.greeting)

    def say(self, data: bytes) -> None:
        assert self.end is not None
        self.end.write(data)

    def hang_up(self) -> None:
        assert self.end is not None
        self.end.close()

    def received(self, end: End, data: bytes) -> None:
        for message in self.decoders[end].receive(data):
            self.heard.append(message)
            said = self.reply(message)
            if said and end.open:
                end.write(said)

    def ended(self, end: End) -> None:
        self.hung_up = True

    def heard_of(self, kind: type) -> list[Message]:
        return [message for message in self.heard if isinstance(message, kind)]
