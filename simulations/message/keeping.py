"""What is stored in a network, by whom, and how often it is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulations.message import events
from simulations.message.heap import expect

if TYPE_CHECKING:
    from simulations.chance import Chance
    from simulations.message.state import World


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """Records, and the samples in which their copies are counted.

    Attributes:
        count: Records in the network, each of another publisher, chosen among all places.
        period: Seconds from one publication to the next; 0: each is published once.
        provided: They are provider records, which holders do not replicate.
        anybody: Whoever is there publishes again, as if owners never left; else the owner does,
            as long as it is there.
        begin: When the first is published, in seconds.
        spread: Seconds over which the first publications are spread.
        reads: Reads of one of them that a node makes, on average, in an hour.
        sample_every: Seconds between two samples of the network.
    """

    count: int = 0
    period: float = 0.0
    provided: bool = False
    anybody: bool = False
    begin: float = 0.0
    spread: float = 0.0
    reads: float = 0.0
    sample_every: float = 600.0

    def room(self, places: int, k: int) -> int:
        """Records a node may hold: six deviations more than a place holds, and old copies."""
        mean = 4 * self.count * k / places
        return min(self.count, int(mean + 6 * np.sqrt(mean)) + 16)

    def prepare(self, w: World, chance: Chance) -> None:
        """Give records keys and publishers, and enter their first publications."""
        if not self.count:
            return
        rng = chance.generator()
        up = np.flatnonzero(w.nodes["alive"])
        publishers = rng.choice(up, self.count)
        w.records["key"] = rng.integers(0, 2**64, self.count, np.uint64)
        w.records["publisher"] = publishers
        w.records["publisher_id"] = w.nodes["id"][publishers]
        w.records["period"] = self.period
        w.records["provided"] = self.provided
        w.records["anybody"] = self.anybody
        for r, at in enumerate(self.begin + self.spread * rng.random(self.count)):
            expect(w, float(at), events.PUBLISH, r)
