"""A lookup that, where it met the dead, asks one question more: who is at the edge?

An answer holds the k closest contacts its sender knows, dead ones included (see "What dies stays
named" in :mod:`dht.core.lookup`). With a fifth of them dead the k closest live contacts reach to
rank 1.25 k, and whoever knows the nearer ones never gets to name the farther. So about 1 in 20 of
the k is missed, always among the last: just where a record is then not looked for, or not stored.

More of the same question would not help much (two contacts asked more find half of what is
missed). Another question does. Let the farthest of the k found differ from the target in bit d
first: all contacts at such a distance share a prefix, they are the *sibling* of the subtree that
holds the target, and their order by distance to the target is their order by distance to the
target with bit d flipped. An answer about that point names the k closest of the sibling, and
fewer than k of them can be among ours, so the dead displace nobody any more.

It is asked when the walk has nothing else to do: where contacts are dead it waits for their
timeouts in any case. Where none was silent near the target, it is not asked at all. Simulated
with 200 and 2,000 nodes, k = 8 and 20:

======  ================  =================  =====================  ==================
dead    missed, without   missed, with it    requests more          95th percentile
======  ================  =================  =====================  ==================
none    none              none               none                   the same
a 5th   3 to 5 %          under 0.1 %        1.3 to 2               4 to 10 % later
2 of 5  7 to 10 %         under 1 %          2.5 to 3               1 to 16 % later
======  ================  =================  =====================  ==================

The question waits for a free slot of the walk, and then holds none: while it is under way there
may be one request more in flight. The answer is read as any other: as much of it, within
the same limits, and what it names is asked in its turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dht.core.keys import Key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dht.core.lookup import Lookup
    from dht.core.messages import Contact

QUESTIONS: Final = 2
"""The first is asked while the walk waits for the dead; it may find the edge nearer than it is."""


class EdgeLookup:
    """Takes ``lookup`` to its end, and then asks one of those who answered about the edge.

    Args:
        lookup: The walk, which nobody else may drive.
        width: k, how many contacts the result is meant to hold.

    Attributes:
        target: What to ask the contacts of the latest ``next`` about.
    """

    __slots__ = ("_left", "_lookup", "_owing", "_point", "_silent", "_width", "target")

    def __init__(self, lookup: Lookup, width: int) -> None:
        self.target: Key = lookup.target
        self._lookup: Final = lookup
        self._width: Final = width
        self._silent: set[Key] = set()
        self._left = QUESTIONS
        self._point: Key | None = None
        # Who has not answered about the edge; until its short timeout the end waits for that.
        self._owing: tuple[Key, bool] | None = None

    # What the owner asks.

    def next(self) -> list[Contact]:
        """Contacts to ask now about :attr:`target`."""
        lookup = self._lookup
        self.target = lookup.target
        asks = lookup.next()
        if asks or not self._silent or not lookup.free:  # Where nobody is silent none is asked.
            return asks
        question = self._question()
        if question is None:
            return asks
        self._left -= 1
        self._point = self.target = question[0]
        self._owing = question[1].key, True
        return [question[1]]

    @property
    def finished(self) -> bool:
        """The walk is over, and so are the questions."""
        if not self._lookup.finished or (self._owing is not None and self._owing[1]):
            return False
        return not self._silent or self._question() is None

    def _question(self) -> tuple[Key, Contact] | None:
        """What there is to ask about the edge, and whom: one who answered, and lives near it."""
        if not self._left or self._owing is not None:
            return None
        target, answered = self._lookup.target, self._lookup.closest(self._width)
        farthest = self._lookup.horizon(self._width)
        radius = 0 if farthest is None else (farthest.key ^ target).bit_length()
        # Who is dead beyond it can have displaced nobody.
        if not answered or all((key ^ target).bit_length() > radius for key in self._silent):
            return None
        point = Key(target ^ (1 << radius >> 1))
        if point == self._point:
            return None
        return point, min(answered, key=lambda contact: contact.key ^ point)

    @property
    def complete(self) -> bool:
        """The stop rule was met; an edge that did not answer does not change that."""
        return self._lookup.complete

    @property
    def asked(self) -> int:
        """Contacts asked; who was asked twice counts once."""
        return self._lookup.asked

    @property
    def answered_count(self) -> int:
        """Contacts that answered."""
        return self._lookup.answered_count

    @property
    def silent_count(self) -> int:
        """Contacts that were asked and given up."""
        return self._lookup.silent_count

    def closest(self, n: int) -> tuple[Contact, ...]:
        """The ``n`` closest contacts that answered, nearest first."""
        return self._lookup.closest(n)

    def depth(self, key: Key) -> int:
        """How many hops away ``key`` was found."""
        return self._lookup.depth(key)

    # What the owner tells.

    def answered(self, key: Key, closer: Iterable[Contact]) -> bool:
        """``key`` answered, the walk or the question."""
        if self._owing is not None and self._owes(key):
            self._owing = None
            return self._lookup.added(key, closer)
        self._silent.discard(key)
        return self._lookup.answered(key, closer)

    def slow(self, key: Key) -> bool:
        """``key`` let the short timeout pass. The question is not worth a longer one."""
        if self._owes(key):
            self._owing = key, False
            return True
        mattered = self._lookup.slow(key)
        if mattered:
            self._silent.add(key)
        return mattered

    def failed(self, key: Key) -> bool:
        """``key`` let the long timeout pass, or refused; it has answered the walk all the same."""
        if self._owes(key):
            self._owing = None
            return True
        mattered = self._lookup.failed(key)
        if mattered:
            self._silent.add(key)
        return mattered

    def dismiss(self, key: Key) -> bool:
        """``key`` lives, but is no use: the walk goes on past it."""
        return self._lookup.dismiss(key)

    def _owes(self, key: Key) -> bool:
        return self._owing is not None and self._owing[0] == key
