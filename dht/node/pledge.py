"""A promise around a publication: made before, settled after.

Whoever publishes and promises in one go wants all of it or nothing. The promise comes first, so
that dying in between leaves something that is published later rather than something published
that nobody keeps. If the publication fails, the promise is taken back; and if it had replaced an
earlier version, that one stands again, because somebody was told that it is promised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dht.core.effects import Evidence
    from dht.core.keys import Key
    from dht.core.messages import Provider, Record
    from dht.node.keeper import Keeper
    from dht.node.udp import Port


class Pledge:
    """The promise of somebody who is about to publish: made before, settled after.

    Attributes:
        number: Of the promise that stands; ``None`` if none does.
    """

    def __init__(self, keeper: Keeper, key: Key, what: Record | Provider) -> None:
        self.number: int | None = None
        self._keeper = keeper
        self._key = key
        self._what = what
        self._earlier: tuple[int, Record | Provider] | None = None

    async def make(self) -> None:
        """Promise.

        Raises:
            StateError: See :meth:`Keeper.promise`.
        """
        self._earlier = await self._keeper.standing(self._key, self._what)
        self.number = await self._keeper.promise(self._key, self._what, publishing=True)

    async def settle(self, parts: Sequence[tuple[Port, Evidence]]) -> None:
        """Note how publishing went; without ``parts`` it failed, and all is as it was before.

        What had been promised already stays so: somebody was told that it is.

        Raises:
            StateError: It could not be written down.
        """
        if parts:
            if self.number is None:
                await self.make()
            if self.number is not None:
                await self._keeper.published(self.number, self._what, parts)
        elif self.number is not None:
            number, content = self._earlier or (None, None)
            if number != self.number:
                await self._keeper.renounce(self.number, content)
            self.number = number
