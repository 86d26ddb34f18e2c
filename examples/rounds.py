"""A lookup rule of one's own: Kademlia's lookup as its paper describes it.

The paper (Maymounkov & Mazières 2002, section 2.3) goes in rounds: ask alpha contacts, wait until
each of them has answered or timed out, ask the next alpha. The rule that ships lets a slot go to
the next contact as soon as an answer is late. What is that worth where contacts are dead?

    dhtctl sim sweep examples/rounds.toml rules.lookup=shipped,rounds
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dht.core.lookup import Lookup
from simulations.registry import register

if TYPE_CHECKING:
    from dht.core.keys import Key
    from dht.core.messages import Contact


@register("lookup", "rounds")
class Rounds(Lookup):
    """Asks alpha contacts, and waits for all of them before it asks again."""

    round: tuple[Key, ...] = ()

    def next(self) -> list[Contact]:
        """Whom to ask now: nobody while one of this round has neither answered nor failed."""
        if any(self.awaits(key) for key in self.round):
            return []
        asks = super().next()
        self.round = tuple(contact.key for contact in asks)
        return asks

    def slow(self, key: Key) -> bool:
        """An answer is late: the paper knows one timeout, the long one."""
        return False
