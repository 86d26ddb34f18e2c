"""Things in the order of their moments: a priority queue whose entries can be moved.

Nearly everything that keeps a node tidy asks the same two questions: what comes first, and when?
Records expire, promises fall due, the worst record of a full store leaves. Moments change all the
time (each republication postpones an expiry), and a plain binary heap cannot move an entry.

The usual answer serves well: leave the old entry in the heap as garbage, remember in a dictionary
which entry of an item is the live one, and drop garbage when it surfaces. Two rules keep that
honest. The top of the heap is always live, so that ``next`` is one subscript: it is asked after
every datagram. And garbage never outnumbers the live entries by more than a few, so an attacker
who moves one entry a million times costs no memory; sweeping it away is amortised O(1) for each
move that made it.

Items with equal moments come in the order in which they were set: no order ever depends on hashes,
hence two runs from one seed do the same things.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)

_SLACK = 8
"""Garbage that is always tolerated, so that tiny agendas are not swept at every move."""


class Agenda(Generic[Item]):
    """Items, each with one moment; the earliest is known at any time.

    A moment is any number, infinity included: something that never comes keeps its place but is
    never ``ready``.
    """

    __slots__ = ("_heap", "_live", "_serial")

    def __init__(self) -> None:
        # An entry is (moment, serial, item). The serial is unique, so that comparing entries
        # never reaches the items, which need not be comparable.
        self._heap: list[tuple[float, int, Item]] = []
        self._live: dict[Item, tuple[float, int, Item]] = {}
        self._serial = 0

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, item: Item) -> bool:
        return item in self._live

    def set(self, item: Item, moment: float) -> None:
        """Give ``item`` its moment, in place of the one it may have had."""
        self._serial += 1
        entry = (moment, self._serial, item)
        self._live[item] = entry
        heappush(self._heap, entry)
        self._tidy()

    def drop(self, item: Item) -> None:
        """Forget ``item``, if it is there."""
        if self._live.pop(item, None) is not None:
            self._tidy()

    def moment(self, item: Item) -> float | None:
        """When ``item`` comes, or ``None`` if it is not here."""
        entry = self._live.get(item)
        return None if entry is None else entry[0]

    def next(self) -> float:
        """The earliest moment; infinity if there is nothing."""
        return self._heap[0][0] if self._heap else math.inf

    def first(self) -> Item | None:
        """The item of the earliest moment, or ``None`` if there is nothing."""
        return self._heap[0][2] if self._heap else None

    def ready(self, now: float, limit: int | None = None) -> list[Item]:
        """Items whose moment has come, earliest first, at most ``limit``. They stay.

        Walks the heap from its top and turns back wherever a moment lies ahead, so the cost is
        that of what is found and not of what is held.
        """
        found: list[Item] = []
        frontier = [(self._heap[0], 0)] if self._heap else []
        while frontier and (limit is None or len(found) < limit):
            entry, index = heappop(frontier)
            if entry[0] > now:
                break
            if self._live.get(entry[2]) is entry:
                found.append(entry[2])
            for child in (2 * index + 1, 2 * index + 2):
                if child < len(self._heap):
                    heappush(frontier, (self._heap[child], child))
        return found

    def _tidy(self) -> None:
        """Restore both rules: the top is live, and garbage is bounded."""
        heap, live = self._heap, self._live
        while heap and live.get(heap[0][2]) is not heap[0]:
            heappop(heap)
        if len(heap) > 2 * len(live) + _SLACK:
            self._heap = list(live.values())
            heapify(self._heap)
