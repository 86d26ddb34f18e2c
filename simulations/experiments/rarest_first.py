"""How near rarest-first comes to the physical limit, with liars: a study over shares of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulations import drawing
from simulations.experiments.poisoned_pieces import PoisonedPieces
from simulations.registry import register
from simulations.statistics import t_bands
from simulations.swarm.results import fetching, makespan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from simulations.rows import Rows

LIARS: Final = "settings.swarm.misfits.liars"
OTHERS: Final[dict[str, dict[Any, str]]] = {
    "settings.swarm.rules.rarest": {True: "rarest first", False: "any piece"},
    "settings.swarm.content.hashes": {"v1": "v1", "v2": "v2"},
}


@register("experiment", "rarest-first")
class RarestFirst(PoisonedPieces):
    """How near rarest-first comes to the physical limit, with liars.

    Swept are the share of liars, the hashes (one a piece, one a block), and what peers ask for: the
    rarest piece around them, or any. The limit counts honest uplinks only.
    """

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Left: makespan over the limit, by share of liars. Right: what was fetched again."""
        if LIARS not in rows:
            super().plot(axes, rows)
            return
        for colour, (label, part) in enumerate(_lines(rows)):
            _line(axes[0], part, _over_limit, label, colour)
            _line(axes[1], part, _again, label, colour)
        axes[0].axhline(1.0, color="black", linewidth=0.8, linestyle=":")
        axes[0].set(xlabel="share of liars", ylabel="makespan / physical limit")
        axes[1].set(xlabel="share of liars", ylabel="fetched again / content")
        axes[0].legend()


def _over_limit(run: Rows) -> float:
    return makespan(run) / float(run["limit_s"][0])


def _again(run: Rows) -> float:
    wanting = fetching(run)
    return float(wanting["wasted"].sum() / (wanting.count * run["size"][0]))


def _lines(rows: Rows) -> Iterator[tuple[str, Rows]]:
    """The rows of each combination of the other two, with its name."""
    parts = [("", rows)]
    for key, names in OTHERS.items():
        if key in rows:
            parts = [
                (f"{told}, {name}".strip(", "), part.where(part[key] == value))
                for told, part in parts
                for value, name in names.items()
            ]
    yield from ((told, part) for told, part in parts if part.count)


def _line(axes: Any, rows: Rows, figure: Callable[[Rows], float], label: str, colour: int) -> None:
    """One figure of each run against the share of liars: means and their intervals."""
    shares = np.unique(rows[LIARS])
    runs = [rows.where(rows[LIARS] == share) for share in shares]
    table = np.array([
        [figure(run.where(run["seed"] == seed)) for run in runs] for seed in np.unique(rows["seed"])
    ])  # fmt: skip
    middle, low, high = t_bands(table)
    shade = drawing.COLOURS[colour]
    axes.errorbar(
        shares, middle, [middle - low, high - middle], color=shade, label=label, marker="o",
        markersize=3, linewidth=1.2, capsize=2,
    )  # fmt: skip
