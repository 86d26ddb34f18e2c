"""Peers that send false blocks: what one hash a piece costs, and one a block saves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simulations import drawing
from simulations.experiment import Figure
from simulations.registry import register
from simulations.swarm.arrays import LIAR
from simulations.swarm.results import fetching
from simulations.swarming import SwarmExperiment, basics, done_over_time, finish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.rows import Rows


@register("experiment", "poisoned-pieces")
class PoisonedPieces(SwarmExperiment):
    """What liars cost: bytes fetched again, time lost, honest peers banned.

    Liars say that they have everything, and send false blocks. Under v1 a piece has one hash: if
    its blocks came from several peers, all that is known is that one of them lied. Under v2 (BEP
    52) a block has its own: it is lost alone, and names its sender. Bans: ``digests`` of blocks are
    kept until the piece passes (smart ban); ``points`` are taken from all senders; ``never``.

    Watch: wasted, against ``content.hashes``, ``content.sources`` and ``rules.ban``.
    """

    def summary(self, rows: Rows) -> list[Figure]:
        """Waste, time, and who was banned."""
        wanting = fetching(rows)
        liars = rows.where(rows["role"] == LIAR)
        caught = float(liars["banned"].mean()) / wanting.count if liars.count else np.nan
        again = float(wanting["wasted"].sum() / (wanting.count * rows["size"][0]))
        return [
            *basics(rows),
            Figure("bytes fetched again, of the content", again),
            Figure("liars banned by, share of peers", caught),
            Figure("false bans a peer", float(wanting["false_bans"].mean())),
        ]

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Left: who is done when. Right: what each had to fetch again."""
        shares = np.linspace(0, 1, drawing.POINTS)

        def again(part: Rows) -> Any:
            wanting = fetching(part)
            return np.percentile(wanting["wasted"] / wanting["size"], shares * 100)

        for colour, (label, part) in enumerate(drawing.groups(rows)):
            done_over_time(axes[0], part, label, colour)
            curves = drawing.per_seed(part, again)
            drawing.upright(axes[1], curves, shares, label=label, colour=colour)
        axes[1].set(xlabel="fetched again / content", ylabel="share of peers", ylim=(0, 1))
        finish(axes)
