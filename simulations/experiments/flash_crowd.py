"""A crowd that comes at once: how near a swarm comes to what its uplinks allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulations.registry import register
from simulations.swarming import SwarmExperiment, basics

if TYPE_CHECKING:
    from simulations.experiment import Figure
    from simulations.rows import Rows


@register("experiment", "flash-crowd")
class FlashCrowd(SwarmExperiment):
    """How long until all of a crowd have everything, against the physical limit (V7).

    All peers come at the same moment, to one source, and stay. Before the limit nobody can have
    brought them the content: everything leaves the source once, and all uplinks together carry it
    to everybody. What a swarm needs beyond that it lost while there was nothing to give (the
    beginning), or nothing that anybody wanted.

    Watch: makespan over the limit, against pieces, neighbours, ``rarest = false``,
    ``origin.super_seeding`` and a source that is no faster than the peers.
    """

    def summary(self, rows: Rows) -> list[Figure]:
        """The makespan, and what the uplinks did meanwhile."""
        return basics(rows)
