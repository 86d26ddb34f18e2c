"""What every kind of lookup can do, whoever carries it out.

There are three: one path (:class:`dht.core.lookup.Lookup`, where the meaning of each verb is
told), several that share nothing (:class:`dht.core.disjoint.DisjointLookup`), and every contact
of a region (:class:`dht.core.region.RegionWalk`). An operation is handed one and does not know
which: it asks whom :meth:`Walker.next` names, and tells what came of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dht.core.keys import Key
    from dht.core.messages import Contact


class Walker(Protocol):
    """What every kind of lookup can do; see :class:`Lookup` for the meaning of each."""

    @property
    def target(self) -> Key:
        """What to ask the contacts of the latest :meth:`next` for."""
        ...

    @property
    def finished(self) -> bool:
        """Nothing is left to do."""
        ...

    @property
    def complete(self) -> bool:
        """The stop rule was met with at least one answer."""
        ...

    @property
    def asked(self) -> int:
        """Requests made."""
        ...

    @property
    def answered_count(self) -> int:
        """Contacts that answered."""
        ...

    @property
    def silent_count(self) -> int:
        """Contacts that were asked and given up."""
        ...

    def next(self) -> list[Contact]:
        """Contacts to ask now."""
        ...

    def answered(self, key: Key, closer: Iterable[Contact]) -> bool:
        """``key`` answered and named ``closer``."""
        ...

    def slow(self, key: Key) -> bool:
        """``key`` let the short timeout pass."""
        ...

    def failed(self, key: Key) -> bool:
        """``key`` let the long timeout pass, or refused."""
        ...

    def dismiss(self, key: Key) -> bool:
        """``key`` lives, but is no use: the walk goes on past it."""
        ...

    def closest(self, n: int) -> tuple[Contact, ...]:
        """The result so far."""
        ...

    def depth(self, key: Key) -> int:
        """How many hops away ``key`` was found."""
        ...
