"""Peers that fetch and never upload: what they get, and what that costs the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simulations import drawing
from simulations.experiment import Figure
from simulations.registry import register
from simulations.swarm.arrays import FREE_RIDER, HONEST
from simulations.swarm.results import durations
from simulations.swarming import SwarmExperiment, basics, done_over_time, finish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.rows import Rows


@register("experiment", "free-riders")
class FreeRiders(SwarmExperiment):
    """What peers that never upload get, and what that costs the others.

    Tit-for-tat gives to who gives; a free rider lives on trust (one slot in five), on seeds, and on
    what nobody paid for. With a *large view* it meets more peers, and is trusted more often
    (Sirivianos et al., "Free-riding in BitTorrent networks with the large view exploit", 2007).

    Watch: riders over honest, against ``misfits.view``, ``rules.choke`` and ``rules.seed_choke``.
    """

    def summary(self, rows: Rows) -> list[Figure]:
        """The times of both kinds."""
        honest, riders = _median(rows, HONEST), _median(rows, FREE_RIDER)
        return [
            *basics(rows),
            Figure("time to fetch, honest", honest, "s"),
            Figure("time to fetch, free riders", riders, "s"),
            Figure("free riders over honest", riders / honest),
        ]

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Left: honest peers. Right: free riders."""
        for colour, (label, part) in enumerate(drawing.groups(rows)):
            for side, role in enumerate((HONEST, FREE_RIDER)):
                some = part.where(part["role"] == role)
                if some.count:
                    done_over_time(axes[side], some, label, colour)
        axes[0].set_title("honest")
        axes[1].set_title("free riders")
        finish(axes)


def _median(rows: Rows, role: int) -> float:
    took = durations(rows)[rows["role"] == role]
    took = took[np.isfinite(took)]
    return float(np.median(took)) if len(took) else float("nan")
