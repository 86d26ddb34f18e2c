"""Lookups with remarks: what else is known, at the moment one ends, of who made it.

A table's decay could be sampled beside the lookups, in rows of another kind. It is noted on the
lookups themselves instead: sources are drawn at random, so a column of "what my table was like" is
a fair sample of all tables at that moment, and what a lookup suffered stands beside its cause.

A *remark* is a function ``(run, node, errand, evidence) -> float``, asked as an operation ends. Its
name is the name of a column. Only the ``protocol`` fidelity has anybody to ask; at the others the
same columns are there, and hold NaN, so that fidelities can still be compared in what both know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from simulations import drawing, engines
from simulations.errors import ConfigError
from simulations.experiment import Experiment, Figure
from simulations.rows import Kind
from simulations.statistics import quantiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dht.core.effects import Evidence
    from simulations.chance import Chance
    from simulations.engines import Progress
    from simulations.protocol import Run
    from simulations.protocol.node import Node
    from simulations.protocol.traffic import Errand
    from simulations.rows import Column, Rows
    from simulations.scenario import Scenario

    Remark: TypeAlias = "Callable[[Run, Node, Errand, Evidence], float]"


@dataclass(frozen=True)
class Spans:
    """What is shown over time.

    Attributes:
        spans: Parts into which time is cut for the plot.
    """

    spans: int = 20

    def __post_init__(self) -> None:
        if self.spans < 1:
            raise ConfigError(f"settings.spans is {self.spans!r}, but must be at least 1")


class Watched(Experiment):
    """An experiment whose lookups carry remarks.

    Attributes:
        remarks: Each is a column of its own name.
    """

    remarks: ClassVar[tuple[Remark, ...]] = ()

    def run(self, scenario: Scenario, chance: Chance, progress: Progress | None = None) -> Rows:
        """One run of the engine, with a column for each remark and each expectation."""
        if self.fidelity != "protocol":
            rows = engines.run(self.fidelity, scenario, chance, progress)
            return rows.having(**{remark.__name__: np.nan for remark in self.remarks})
        run: Run = engines.engine("protocol").Run(self.prepared(scenario), chance)
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


def table_share(run: Run, node: Node, wrong: Callable[[Node | None], bool]) -> float:
    """The share of the contacts in a node's table that lead to what is ``wrong``.

    Asked of the node that is reached where the contact says: ``None`` if nobody ever was there. NaN
    of an empty table.
    """
    if node.engine is None or not len(node.engine.table):
        return float("nan")
    known = [run.world.at.get(contact.endpoint) for contact in node.engine.table.contacts()]
    return sum(map(wrong, known)) / len(known)


def gone(node: Node | None) -> bool:
    """Whether it will never answer."""
    return node is None or not node.alive


def lookups(rows: Rows) -> Rows:
    """Those that users made for the k closest; joins, refreshes, puts and gets do not count."""
    return rows.where(rows["kind"] == Kind.LOOKUP)


def mean(rows: Rows, column: str) -> float:
    """The mean of what is known of a column; NaN if nothing is."""
    return mean_of(rows[column])


def mean_of(values: Column) -> float:
    """The mean of all that are numbers; NaN if none is."""
    known = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    return float(known.mean()) if known.size else float("nan")


def cost(rows: Rows) -> list[Figure]:
    """What lookups came to, and what they cost: the figures that all experiments share."""
    median, slow = quantiles(rows["latency_s"], (0.5, 0.95))
    return [
        Figure("lookups", float(rows.count)),
        Figure("success", mean(rows, "success")),
        Figure("found of the k closest", mean(rows, "found_closest")),
        Figure("hops", mean(rows, "hops")),
        Figure("requests", mean(rows, "requests")),
        Figure("timeouts", mean(rows, "timeouts")),
        Figure("latency, median", median, "s"),
        Figure("latency, 95 %", slow, "s"),
    ]


def latest(rows: Rows, share: float = 0.2) -> float:
    """When the last fifth of the time of ``rows`` begins: what "at the end" means in figures."""
    return float(rows["time_s"].max()) * (1 - share) if rows.count else 0.0


def spans(rows: Rows, count: int) -> tuple[Column, Column]:
    """Edges of ``count`` equal spans over the time of ``rows``, and their middles in minutes."""
    end = float(rows["time_s"].max()) if rows.count else 1.0
    edges = np.linspace(0.0, np.nextafter(end, np.inf), count + 1)
    return edges, (edges[1:] + edges[:-1]) / 2 / 60


def draw_over_time(axes: Any, rows: Rows, column: str, count: int, ylabel: str) -> None:
    """The mean of a column over time, a curve for each point of a sweep."""
    edges, minutes = spans(rows, count)
    for colour, (label, part) in enumerate(drawing.groups(rows)):
        curves = drawing.per_seed(part, lambda r: _known_over_time(r, column, edges))
        drawing.band(axes, minutes, curves, label=label, colour=colour)
    axes.set(xlabel="time (min)", ylabel=ylabel)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()


def _known_over_time(rows: Rows, column: str, edges: Column) -> Column:
    values = rows[column]
    known = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(rows.count, bool)
    return drawing.over_time(rows.where(known), column, edges)


def draw_latency(axes: Any, rows: Rows) -> None:
    """The distribution of latency, a curve for each point of a sweep."""
    shares = np.linspace(0, 1, drawing.POINTS)
    for colour, (label, part) in enumerate(drawing.groups(rows)):
        curves = drawing.per_seed(part, lambda r: drawing.percentiles(r, "latency_s"))
        drawing.upright(axes, curves, shares, label=label, colour=colour)
    # The slowest hundredth may take minutes; what leads there is told by the figures.
    (most,) = quantiles(rows["latency_s"], (0.99,))
    axes.set(xlabel="latency (s)", ylabel="share of lookups", ylim=(0, 1))
    axes.set_xlim(0, 1.1 * most if rows.count else 1)
