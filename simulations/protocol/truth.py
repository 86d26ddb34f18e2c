"""What a perfect observer would have answered: the true closest, at any moment.

Live keys are kept sorted. All keys that share a prefix with a target are a range of that list, and
they are closer to it than all others; so the k closest are in the shortest range that holds k, and
only that one is ranked by distance. Two bisections a step, from the prefix at which k are expected.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dht.core.keys import Key, KeySpace


class Truth:
    """Keys of those who live, answer and can be reached.

    Args:
        space: Where the keys lie.
        keys: Who lives at the start.
    """

    __slots__ = ("_bits", "_keys")

    def __init__(self, space: KeySpace, keys: Iterable[Key] = ()) -> None:
        self._bits = space.bits
        self._keys = sorted(keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: Key) -> bool:
        place = bisect_left(self._keys, key)
        return place < len(self._keys) and self._keys[place] == key

    def add(self, key: Key) -> None:
        """Somebody came."""
        insort(self._keys, key)

    def discard(self, key: Key) -> None:
        """Somebody left, if it was there."""
        if key in self:
            del self._keys[bisect_left(self._keys, key)]

    def closest(self, target: Key, n: int, but: Key | None = None) -> list[Key]:
        """The ``n`` closest to ``target``, nearest first, ``but`` left out."""
        keys = self._keys
        wanted = n + 1  # One more, who may be left out.
        free = max(0, self._bits - max(0, len(keys) // wanted).bit_length())
        while True:
            free = min(free, self._bits)
            first = target >> free << free
            low, high = bisect_left(keys, first), bisect_left(keys, first + (1 << free))
            if high - low >= wanted or free == self._bits:
                break
            free += 1
        found = sorted(keys[low:high], key=target.__xor__)[:wanted]
        return [key for key in found if key != but][:n]

    def share(self, found: Iterable[Key], target: Key, n: int, but: Key | None = None) -> float:
        """Which part of the ``n`` truly closest is among ``found``; 1 where there is nobody."""
        true = set(self.closest(target, n, but))
        return len(true.intersection(found)) / len(true) if true else 1.0
