"""What experiments on attackers share: runs whose operations carry remarks, and curves over a knob.

A *remark* is a function ``(run, node, errand, evidence) -> float``, asked as an operation ends: how
much of what it found is the attacker's, for instance. Its name is the name of a column.

Only the ``protocol`` fidelity knows attackers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

import numpy as np

from simulations import drawing
from simulations.experiment import Experiment
from simulations.protocol import Run
from simulations.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dht.core.effects import Evidence
    from dht.core.messages import Contact
    from simulations.chance import Chance
    from simulations.engines import Progress
    from simulations.protocol.node import Node
    from simulations.protocol.traffic import Errand
    from simulations.rows import Column, Kind
    from simulations.scenario import Fidelity, Scenario

    Remark: TypeAlias = "Callable[[Run, Node, Errand, Evidence], float]"

NO_LIMIT: Final = 1 << 20
UNLIMITED: Final[dict[str, int]] = {
    "per_subnet_bucket": NO_LIMIT,
    "per_subnet_table": NO_LIMIT,
    "per_subnet_lookup": NO_LIMIT,
}
"""Switches of a policy that counts no subnets."""


class Attacked(Experiment):
    """An experiment with an attacker in it.

    Attributes:
        remarks: Each is a column of its own name.
    """

    fidelities: ClassVar[tuple[Fidelity, ...]] = ("protocol",)
    remarks: ClassVar[tuple[Remark, ...]] = ()

    def run(self, scenario: Scenario, chance: Chance, progress: Progress | None = None) -> Rows:
        """One run: what users saw, with a column for each remark and each expectation."""
        run = Run(self.prepared(scenario), chance)
        for remark in self.remarks:
            run.users.remark(remark.__name__, _of(run, remark))
        self.begin(run, chance)
        rows = run.finish(progress)
        return rows.having(**self.expected(run, rows))

    def prepared(self, scenario: Scenario) -> Scenario:
        """The scenario as the settings want it."""
        return scenario

    def begin(self, run: Run, chance: Chance) -> None:
        """Do something before time begins."""

    def expected(self, run: Run, rows: Rows) -> Mapping[str, float]:
        """What theory says of the run: more columns, with one value in all rows."""
        return {}


def _of(run: Run, remark: Remark) -> Callable[[Node, Errand, Evidence], float]:
    return lambda node, errand, evidence: remark(run, node, errand, evidence)


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


def mean(rows: Rows, column: str) -> float:
    """The mean of what is known of a column; NaN if nothing is."""
    values: Column = rows[column].astype(np.float64)
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


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
