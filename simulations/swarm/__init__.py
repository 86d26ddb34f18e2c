r"""Swarms: how content spreads among peers that give what they have got.

Two fidelities, one result. ``message`` is compiled: pieces and choking on arrays, 100,000 peers;
``protocol`` is the code that ships: real :class:`torrent.core.swarm.Swarm`\\ s on a virtual clock,
some hundreds. Both answer with one row a peer (:data:`~simulations.swarm.results.TRANSFERS`).

The physics is that of uplinks: a swarm spreads content as fast as it can be uploaded, and no faster
(V7). How near a swarm comes to that is a matter of always having something that others want, which
is what the rarest-first rule is for, and of giving it to those who give, which is what choking is
for. Liars make it fetch things twice, and free riders live on trust.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulations.chance import Chance
    from simulations.rows import Rows
    from simulations.scenario import Fidelity
    from simulations.swarm.settings import SwarmSettings


def run(
    swarm: SwarmSettings,
    chance: Chance,
    progress: Callable[[float], None] | None = None,
    *,
    fidelity: Fidelity = "message",
) -> Rows:
    """Run a swarm; ``message`` is compiled, ``protocol`` runs what ships."""
    if fidelity == "protocol":
        from simulations.swarm.real import real_run  # noqa: PLC0415 - the other needs no torrent

        return real_run(swarm, chance, progress)
    from simulations.swarm.fast import compiled_run  # noqa: PLC0415 - needs numba

    return compiled_run(swarm, chance, progress)
