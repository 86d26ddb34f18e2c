"""What all verbs of a node have in common: keys in, operations on every port, evidence out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

import trio

from dht.core.keys import MAINLINE_SPACE
from dht.errors import NodeClosed, NoNetwork

if TYPE_CHECKING:
    from collections.abc import Callable

    from dht.core.commands import Command
    from dht.core.effects import Evidence
    from dht.core.keys import Key
    from dht.node.errand import Errand
    from dht.node.life import Life
    from dht.node.udp import Port


class HasKey(Protocol):
    """Anything stored under a key, like the result of ``put``."""

    @property
    def key(self) -> bytes:
        """The key, 20 bytes."""
        ...


KeyLike: TypeAlias = bytes | HasKey


class Verbs:
    """The machinery under the verbs."""

    _life: Life | None = None

    @property
    def _living(self) -> Life:
        """Our life, for whoever may take part in it.

        Its events wake tasks of its own event loop only; whoever waited for one of them in
        another would wait for ever. A thread without any may look, but cannot wait.

        Raises:
            NodeClosed: It is over, or has not begun.
            RuntimeError: It is lived in another event loop.
        """
        life = self._life
        if life is None:
            raise NodeClosed
        if trio.lowlevel.in_trio_run() and trio.lowlevel.current_trio_token() is not life.home:
            raise RuntimeError(
                "this node lives in another trio.run: use it there (from here with "
                "trio.from_thread.run), or make one of this loop's own"
            )
        return life

    async def _begin(self, command: Callable[[int, Port], Command]) -> Errand:
        """Start an operation on every port, once we know whether there is a network."""
        await self._living.joining.wait()
        return self._living.host.begin(command, insist=True)

    async def _finish(self, command: Callable[[int, Port], Command]) -> Errand:
        """Start an operation and wait for its end; if cancelled, stop it."""
        errand = await self._begin(command)
        try:
            await errand.wait()
        finally:
            errand.stop()
        return errand

    def _must_have_answers(self, evidence: Evidence) -> None:
        """Raise if there was nobody to answer: silence is not absence."""
        if not evidence.answered:
            raise NoNetwork(self._living.joining.tried)


def read_key(key: KeyLike) -> tuple[bytes, Key]:
    """A key as bytes and as a point of the space.

    Raises:
        ValueError: It is not 20 bytes.
    """
    raw = key if isinstance(key, bytes) else key.key
    return raw, MAINLINE_SPACE.from_bytes(raw)
