"""What befalls a network: partitions, failures of whole regions, bridges between networks.

An event has a moment and does something to the nodes of a run; some do a second thing when they
end. They are named in ``scenario.events``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final

from dht.core.commands import Learn
from simulations.errors import ConfigError
from simulations.registry import nearest

if TYPE_CHECKING:
    from random import Random

    from simulations.protocol.population import Population
    from simulations.scenario import Choice


@dataclass(frozen=True)
class Partition:
    """A share of the nodes is cut off from all others, and later joined to them again.

    Attributes:
        at: When, in seconds.
        until: When it heals; never, by default.
        share: Of the nodes.
    """

    at: float
    until: float = inf
    share: float = 0.5

    def begin(self, there: Population, rng: Random) -> None:
        """Cut."""
        for node in there.world.nodes:
            node.side = int(rng.random() < self.share)
        there.link.cut = True

    def end(self, there: Population) -> None:
        """Heal. Nobody is told: they find each other again, or not."""
        there.link.cut = False


@dataclass(frozen=True)
class Failure:
    """All nodes of a region fall silent for good.

    Attributes:
        at: When, in seconds.
        region: Which; ``network.regions`` says how many there are.
    """

    at: float
    region: int = 0
    until: float = inf

    def begin(self, there: Population, rng: Random) -> None:
        """Strike."""
        for node in there.world.nodes:
            if node.alive and node.region == self.region:
                there.leave(node)

    def end(self, there: Population) -> None:
        """They do not come back."""


@dataclass(frozen=True)
class Bridge:
    """Some nodes of the first network hear of some of the second: an accidental merge.

    Attributes:
        at: When, in seconds.
        count: How many nodes hear of somebody over there, each of another.
    """

    at: float
    count: int = 1
    until: float = inf

    def begin(self, there: Population, rng: Random) -> None:
        """Tell them; what follows is up to the engines."""
        live = [node for node in there.world.nodes if node.alive and node.serves]
        here = [node for node in live if node.part == 0]
        beyond = [node for node in live if node.part != 0]
        for _ in range(self.count if here and beyond else 0):
            heard_of = beyond[rng.randrange(len(beyond))].contact
            there.world.command(here[rng.randrange(len(here))], Learn((heard_of,)))

    def end(self, there: Population) -> None:
        """What is known stays known."""


Event = Partition | Failure | Bridge
EVENTS: Final[dict[str, type[Event]]] = {
    "partition": Partition,
    "failure": Failure,
    "bridge": Bridge,
}


def event(choice: Choice) -> Event:
    """The event of a scenario.

    Raises:
        ConfigError: There is none of that name, or it cannot be told this.
    """
    kind = EVENTS.get(choice.name)
    if kind is None:
        hint = nearest(choice.name, EVENTS)
        raise ConfigError(f"events: there is no event called {choice.name!r}", hint=hint)
    try:
        return kind(**choice.options)
    except TypeError as error:
        raise ConfigError(f"events.{choice.name}: {error}") from None
