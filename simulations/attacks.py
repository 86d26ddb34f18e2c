"""What experiments on attackers share: who is hostile, and curves over a knob.

Only the ``protocol`` fidelity knows attackers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from simulations import drawing
from simulations.rows import Rows
from simulations.watching import Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dht.core.messages import Contact
    from simulations.protocol import Run
    from simulations.rows import Kind
    from simulations.scenario import Fidelity

NO_LIMIT: Final = 1 << 20
UNLIMITED: Final[dict[str, int]] = {
    "per_subnet_bucket": NO_LIMIT,
    "per_subnet_table": NO_LIMIT,
    "per_subnet_lookup": NO_LIMIT,
}
"""Switches of a policy that counts no subnets."""


class Attacked(Watched):
    """An experiment with an attacker in it."""

    fidelities: ClassVar[tuple[Fidelity, ...]] = ("protocol",)


def hostile(run: Run, contact: Contact) -> bool:
    """Whether it is the attacker who is reached there."""
    node = run.world.at.get(contact.endpoint)
    return node is not None and node.adversary is not None


def hostile_share(run: Run, contacts: Iterable[Contact]) -> float:
    """The attacker's share of ``contacts``; NaN of none."""
    verdicts = [hostile(run, contact) for contact in contacts]
    return sum(verdicts) / len(verdicts) if verdicts else float("nan")


def of_kind(rows: Rows, kind: Kind) -> Rows:
    """The operations of one kind."""
    return rows.where(rows["kind"] == kind)


def draw_against(
    axes: Any, rows: Rows, key: str, curve: Callable[[Rows], float], *, xlabel: str, ylabel: str
) -> None:
    """A figure against a swept key, a curve for each combination of what else was swept.

    Points are marked: there are few of them, and one alone would make no line.
    """
    named = Rows({("x" if name == key else name): column for name, column in rows.items()})
    held = named if "x" in named else named.having(x=0.0)
    places = np.unique(held["x"])
    for colour, (label, part) in enumerate(drawing.groups(held)):
        curves = drawing.per_seed(
            part, lambda r: np.array([curve(r.where(r["x"] == x)) for x in places])
        )
        drawing.band(axes, places, curves, label=label, colour=colour)
        axes.lines[-1].set_marker(MARKS[colour % len(MARKS)])
    axes.set(xlabel=xlabel, ylabel=ylabel)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="x-small")


MARKS: Final = "os^vD*"
"""Marks of curves: with the colours, whose number has no factor in common, 42 different ones."""
