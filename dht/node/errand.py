"""What runs on behalf of one call of the user: an operation in the engine of each family.

An errand gathers what the engines find, hands it to whoever iterates as it comes, and ends when
every engine has finished. It holds no task and no lock: effects arrive synchronously in the
datagram loop, and the waiting task is woken by an event.

Silence of everybody is no answer. Where round trips are short, patience is too (150 ms on a quick
network), and a machine that was busy for so long has heard from nobody. So what nobody at all
answered is asked once more (``again``) before it is told to the user.

Abandoning an errand (leaving the ``async for`` early) is harmless: its operations end by
themselves within seconds and what they find is thrown away.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Self

import trio

from dht.core.commands import Stop
from dht.core.messages import Provider
from dht.errors import NodeClosed
from dht.node.results import merged

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from dht.core.effects import Evidence, Found
    from dht.node.udp import Port


class Errand:
    """The operations of one request; an async iterator over what they find.

    Attributes:
        parts: The ports where it is over, each with its evidence.
        running: Its operations that are not over, each with its port.
    """

    __slots__ = ("_again", "_closed", "_found", "_news", "parts", "running")

    def __init__(self, again: Callable[[Errand], None] | None = None) -> None:
        self._again = again
        self.running: dict[int, Port] = {}
        self._found: deque[Found] = deque()
        self.parts: list[tuple[Port, Evidence]] = []
        self._news = trio.Event()
        self._closed = False

    def expect(self, number: int, port: Port) -> None:
        """Operation ``number`` is about to begin on ``port``."""
        self.running[number] = port

    def found(self, item: Found) -> None:
        """An engine found something."""
        self._found.append(item)
        self._news.set()

    def finished(self, number: int, evidence: Evidence) -> None:
        """Operation ``number`` is over."""
        port = self.running.pop(number, None)
        if port is not None:
            self.parts.append((port, evidence))
            self._news.set()

    def abandon(self) -> None:
        """The node closes: nothing more will come."""
        self._closed = True
        self.running.clear()
        self._news.set()

    def stop(self) -> None:
        """End what still runs; each operation finishes with the evidence so far."""
        self._again = None
        for number, port in tuple(self.running.items()):
            port.command(Stop(number))

    @property
    def evidence(self) -> Evidence:
        """What was done, by the operations that are over.

        Raises:
            NodeClosed: The node was closed before any of them ended.
        """
        if not self.parts:
            raise NodeClosed
        return merged([evidence for _, evidence in self.parts])

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Found:
        """Wait for the next thing found."""
        await trio.lowlevel.checkpoint()
        while not self._found:
            if not await self._more():
                raise StopAsyncIteration
        return self._found.popleft()

    async def wait(self) -> Evidence:
        """Wait until all operations are over, whatever they find."""
        await trio.lowlevel.checkpoint()
        while await self._more():
            pass
        return self.evidence

    async def _more(self) -> bool:
        """Wait for news; False when there can be none."""
        if self._closed:
            raise NodeClosed
        if not self.running and not self._begin_again():
            return False
        self._news = trio.Event()
        if self.running:  # an operation may end within its own command
            await self._news.wait()
        return True

    def _begin_again(self) -> bool:
        """Ask once more if everybody was silent; whether that was so."""
        again, self._again = self._again, None
        silent = not any(evidence.answered for _, evidence in self.parts)
        if again is None or not silent or not any(evidence.asked for _, evidence in self.parts):
            return False
        self.parts.clear()  # The same are asked the same: what comes of it now stands for both.
        again(self)
        return True


class Providing:
    """The providers of a key as the answers come: iterate with ``async for``.

    Leaving the loop early is fine. ``evidence`` is there once the loop has ended by itself or
    :meth:`stop` was called.
    """

    __slots__ = ("_errand", "_start")

    def __init__(self, start: Callable[[], Awaitable[Errand]]) -> None:
        self._start = start
        self._errand: Errand | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Provider:
        """Wait for the next provider; the first time, begin."""
        if self._errand is None:
            self._errand = await self._start()
        while True:
            item = (await self._errand.__anext__()).item
            if isinstance(item, Provider):
                return item

    def stop(self) -> None:
        """Ask nobody more; what was found already can still be iterated."""
        if self._errand is not None:
            self._errand.stop()

    @property
    def evidence(self) -> Evidence:
        """What was asked and answered.

        Raises:
            NodeClosed: Nothing was asked, or the node was closed meanwhile.
        """
        if self._errand is None:
            raise NodeClosed
        return self._errand.evidence
