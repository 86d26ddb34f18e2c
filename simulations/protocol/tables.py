"""Tables that nodes are born with, so that ten thousand of them need not join one by one.

A *full* table is what a node would have that has been up for long in a quiet network: k uniform
members of each bucket's range, all there are where there are fewer, and the whole of its own
neighbourhood. Buckets are ranges of the sorted keys, so each is found by two bisections.

Tables can also be given, as rows of node indices: those of a compiled lookup kernel, for instance,
so that both fidelities walk the same network.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from dht.core.bucket import Row, places

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

    from dht.core.keys import Key
    from dht.core.policy import Policy
    from simulations.protocol.node import Node

RTT: Final = 0.1
"""The round trip that planted contacts are said to need until they answer."""


class Planter:
    """Plants tables of the nodes of a world.

    Args:
        nodes: Who may stand in tables; they need not live.
        policy: Its k is the size of buckets.
    """

    def __init__(self, nodes: Iterable[Node], policy: Policy, *, rtt: float = RTT) -> None:
        self._policy = policy
        self._rtt = rtt
        ranked = sorted(nodes, key=lambda node: node.contact.key)
        self._keys = [node.contact.key for node in ranked]
        # One row a node, shared by all tables it stands in.
        self._rows = [
            Row(node.contact, *places(node.contact.endpoint, policy.contacts), 0.0, rtt)
            for node in ranked
        ]
        self._by_index = {node.index: row for node, row in zip(ranked, self._rows, strict=True)}

    def plant_full(self, node: Node, now: float, rng: Random) -> None:
        """Give ``node`` a full table."""
        if node.engine is not None:
            k = self._policy.k
            rings = [
                [self._rows[place] for place in _draw(*span, k, rng)]
                for span in self._spans(node.contact.key)
            ]
            node.engine.table.plant(rings, now)

    def plant_by_rules(self, node: Node, now: float, rng: Random) -> None:
        """Give ``node`` what a table makes of full ones by its own rules.

        Where nodes share subnets it does not let everybody in: three times as many as there is
        room for answer it, in each range in an order of chance, and it chooses.
        """
        if node.engine is not None:
            node.engine.table.plant([()], now)  # Who comes later has no worse chances.
            for span in self._spans(node.contact.key):
                for place in _draw(*span, 3 * self._policy.k, rng):
                    node.engine.table.answered(self._rows[place].contact, self._rtt, now)

    def plant(self, node: Node, indices: Sequence[Sequence[int]], now: float) -> None:
        """Give ``node`` the table whose buckets hold the nodes of these indices."""
        if node.engine is not None:
            rings = [[self._by_index[index] for index in ring] for ring in indices]
            node.engine.table.plant(rings, now)

    def _spans(self, own: Key) -> Iterable[tuple[int, int, int]]:
        """For each bucket where its range begins and ends, and where ``own`` stands (or -1).

        The last bucket holds all who share at least its number of bits: it is the first range
        around ``own`` that has at most k others in it.
        """
        keys, k = self._keys, self._policy.k
        low, high = 0, len(keys)
        place = bisect_left(keys, own)
        here = place if place < high and keys[place] == own else -1
        free = self._policy.space.bits
        while high - low - (here >= 0) > k:
            free -= 1
            middle = bisect_left(keys, (own >> free | 1) << free, low, high)
            if own >> free & 1:
                yield low, middle, -1
                low = middle
            else:
                yield middle, high, -1
                high = middle
        yield low, high, here


def _draw(low: int, high: int, but: int, k: int, rng: Random) -> Sequence[int]:
    """``k`` uniform places of a range, without ``but``; all of them if there are no more."""
    if high - low - (but >= 0) <= k:
        return [place for place in range(low, high) if place != but]
    return rng.sample(range(low, high), k)
