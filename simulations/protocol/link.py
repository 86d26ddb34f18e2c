"""What lies between nodes: delays, losses, NATs, and the cuts of a partition.

A link is asked once for every message, and answers with the seconds it travels, or infinity. Its
chance is its own, so that a change of traffic does not change who comes and goes.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from simulations.latency import Constant, Nat, latency_delay, reaches

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from simulations.latency import Latency
    from simulations.protocol.node import Node
    from simulations.protocol.streams import Streams

MAPPING: Final = 120.0
"""Seconds for which a NAT lets in whom its node sent something (RFC 4787: at least 2 min)."""
MOST_HOLES: Final = 512
"""Mappings kept before those that are over are swept out."""


class Link:
    """Delays of messages from node to node.

    Args:
        latency: The model, with a place for each node of the start; who comes later takes a place
            of those, by its number.
        places: How many places there are.
        loss: Share of messages lost.
        rng: Decides which, and what each delay is.
        clock: Tells the time of the world.
        streams: The connections that messages need, where they need some; the model is not asked.

    Attributes:
        cut: Nodes of different sides do not reach each other.
    """

    def __init__(
        self,
        latency: Latency,
        places: int,
        loss: float,
        rng: Random,
        clock: Callable[[], float],
        streams: Streams | None = None,
    ) -> None:
        self.cut = False
        self.streams = streams
        self._code = latency.code()
        self._constant = latency.seconds if isinstance(latency, Constant) else None
        self._places = places
        self._loss = loss
        self._rng = rng
        self._clock = clock

    def delay(self, source: Node, target: Node) -> float:
        """Seconds that a message from ``source`` to ``target`` travels; infinity if it is lost."""
        if self.cut and source.side != target.side:
            return inf
        if (source.nat or target.nat) and not self._passes(source, target):
            return inf
        if self._loss and self._rng.random() < self._loss:
            return inf
        if self.streams is not None:
            return self.streams.delay(source, target)
        if self._constant is not None:
            return self._constant
        a, b = source.index % self._places, target.index % self._places
        return latency_delay(*self._code, a, b, self._rng.random())

    def _passes(self, source: Node, target: Node) -> bool:
        """Whether the NATs between two nodes let it through; sending opens the sender's."""
        now = self._clock()
        if source.nat:
            if len(source.holes) >= MOST_HOLES:
                source.holes = {to: end for to, end in source.holes.items() if end > now}
            source.holes[target.index] = now + MAPPING
        spoken = target.holes.get(source.index, -inf) > now
        return reaches(Nat(source.nat), Nat(target.nat), spoken)
