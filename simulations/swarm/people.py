"""Who takes part: drawn once, for both fidelities, so that the same seed means the same people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simulations.swarm.arrays import FREE_RIDER, HONEST, LIAR, ORIGIN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulations.chance import Chance
    from simulations.laws import Law
    from simulations.swarm.settings import SwarmSettings


class People(NamedTuple):
    """A row each; the origins first. Rates are bytes a second, times seconds."""

    role: NDArray[Any]
    up: NDArray[Any]
    down: NDArray[Any]
    arrival: NDArray[Any]
    patience: NDArray[Any]
    stay: NDArray[Any]

    @property
    def total(self) -> int:
        """How many."""
        return len(self.role)


def people(swarm: SwarmSettings, chance: Chance) -> People:
    """Draw who comes, when, with what link; shares are met exactly, as far as they can be."""
    origins, total = swarm.origin.count, swarm.origin.count + swarm.peers
    role = np.full(total, HONEST, np.uint8)
    role[:origins] = ORIGIN
    role[origins:] = _roles(swarm, chance)
    up, down = np.full(total, swarm.origin.up), np.full(total, np.inf)
    kinds = _spread([access.share for access in swarm.access], swarm.peers)
    order = chance.stream("access").generator().permutation(swarm.peers) + origins
    up[order] = np.array([access.up for access in swarm.access])[kinds]
    down[order] = np.array([access.down for access in swarm.access])[kinds]
    up[role == FREE_RIDER] = 0.0
    arrival = np.zeros(total)
    if swarm.arrivals.rate > 0:
        gaps = chance.stream("arrivals").generator().exponential(size=swarm.peers)
        arrival[origins:] = np.cumsum(gaps) / swarm.arrivals.rate
    patience = _drawn(swarm.arrivals.patience, chance.stream("patience"), total)
    stay = _drawn(swarm.arrivals.seeding, chance.stream("seeding"), total)
    if swarm.arrivals.selfish:
        stay[:] = 0.0
    here_for_good = (role == ORIGIN) | (role == LIAR)
    stay[here_for_good] = patience[here_for_good] = np.inf
    return People(role, up, down, arrival, patience, stay)


def _roles(swarm: SwarmSettings, chance: Chance) -> NDArray[Any]:
    misfits = swarm.misfits
    shares = [1 - misfits.liars - misfits.free_riders, misfits.free_riders, misfits.liars]
    roles = np.array([HONEST, FREE_RIDER, LIAR], np.uint8)[_spread(shares, swarm.peers)]
    return chance.stream("roles").generator().permutation(roles)


def _spread(shares: list[float], count: int) -> NDArray[Any]:
    """Numbers of kinds, in order, as many of each as its share says."""
    ends = np.rint(np.cumsum(shares) * count).astype(np.int64)
    return np.searchsorted(ends, np.arange(count), side="right")


def _drawn(law: Law | None, chance: Chance, count: int) -> NDArray[Any]:
    if law is None:
        return np.full(count, np.inf)
    return np.asarray(law.draw(chance.generator(), count), dtype=np.float64)
