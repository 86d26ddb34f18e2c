"""What experiments with swarms have in common: settings, the run, curves of who is done when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from simulations import drawing, swarm
from simulations.engines import OVERHEAD
from simulations.experiment import Experiment, Figure
from simulations.swarm.results import durations, fetching, least_makespan, makespan, waste
from simulations.swarm.settings import SwarmSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.chance import Chance
    from simulations.engines import Progress
    from simulations.rows import Rows
    from simulations.scenario import Fidelity, Scenario

BYTES_A_PEER = 2_000_000
"""Of a real swarm: buffers of some pieces, and what it knows of its peers."""


@dataclass(frozen=True)
class SwarmStudy:
    """What is simulated.

    Attributes:
        swarm: The swarm.
    """

    swarm: SwarmSettings = field(default_factory=SwarmSettings)


class SwarmExperiment(Experiment):
    """A question to a swarm. Its rows are those of :mod:`simulations.swarm.results`.

    Two columns are added: ``limit_s``, before which no swarm could have brought the content to all
    (V7), and ``size``, bytes of the content.
    """

    Settings = SwarmStudy
    fidelities: ClassVar[tuple[Fidelity, ...]] = ("message", "protocol")
    panels = 2

    def run(self, scenario: Scenario, chance: Chance, progress: Progress | None = None) -> Rows:
        """One swarm; of the scenario nothing is needed."""
        settings: SwarmSettings = self.settings.swarm

        def told(now: float) -> None:
            if progress is not None:
                progress(scenario.duration * now / settings.horizon)

        rows = swarm.run(settings, chance, told, fidelity=self.fidelity)
        limit = least_makespan(settings, rows)
        return rows.having(limit_s=limit, size=float(settings.content.size))

    def memory(self, scenario: Scenario) -> int:
        """About how many bytes a run needs."""
        settings: SwarmSettings = self.settings.swarm
        if self.fidelity == "protocol":
            return OVERHEAD + BYTES_A_PEER * settings.peers
        from simulations.swarm.fast import memory  # noqa: PLC0415 - needs numba

        return OVERHEAD + memory(settings)

    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Left: who is done when. Right: what each uploaded for what it downloaded."""
        for colour, (label, part) in enumerate(drawing.groups(rows)):
            done_over_time(axes[0], part, label, colour)
            share_ratios(axes[1], part, label, colour)
        finish(axes)


def basics(rows: Rows) -> list[Figure]:
    """The figures of any swarm."""
    wanting = fetching(rows)
    took = durations(wanting)
    done = np.isfinite(took)
    end = makespan(rows)
    limit = float(rows["limit_s"][0])
    last = end if np.isfinite(end) else np.nan
    return [
        Figure("finished", float(done.mean())),
        Figure("makespan", last, "s"),
        Figure("makespan over the limit", last / limit),
        Figure(
            "time to fetch, median", float(np.median(took[done])) if done.any() else np.nan, "s"
        ),
        Figure("uplinks used", _used(rows, last)),
        Figure("wasted", waste(rows)),
    ]


def _used(rows: Rows, end: float) -> float:
    """The share of all uplinks, from the beginning to the end, that carried something."""
    stayed = np.minimum(rows["left_s"], end) - np.minimum(rows["arrival_s"], end)
    able = float((rows["up_bps"] * stayed).sum())
    return float(rows["uploaded"].sum()) / able if able > 0 else np.nan


def done_over_time(axes: Any, rows: Rows, label: str, colour: int) -> None:
    """The share of peers that have finished, against time in units of the limit."""
    shares = np.linspace(0, 1, drawing.POINTS)

    def curve(part: Rows) -> Any:
        took = durations(fetching(part)) / part["limit_s"][0]
        # Who never finishes is beyond the axis, and no number.
        found = np.quantile(np.nan_to_num(took, nan=np.inf), shares, method="higher")
        return np.where(np.isfinite(found), found, np.nan)

    drawing.upright(axes, drawing.per_seed(rows, curve), shares, label=label, colour=colour)
    axes.set(xlabel="time / physical limit", ylabel="share of peers that have all", ylim=(0, 1))


def share_ratios(axes: Any, rows: Rows, label: str, colour: int) -> None:
    """The distribution of what peers uploaded, in units of what they downloaded."""

    def curve(part: Rows) -> Any:
        wanting = fetching(part)
        ratio = wanting["uploaded"] / np.maximum(wanting["downloaded"], 1.0)
        return np.percentile(ratio, np.linspace(0, 100, drawing.POINTS))

    shares = np.linspace(0, 1, drawing.POINTS)
    drawing.upright(axes, drawing.per_seed(rows, curve), shares, label=label, colour=colour)
    axes.set(xlabel="uploaded / downloaded", ylabel="share of peers", ylim=(0, 1))


def finish(axes: Sequence[Any]) -> None:
    """A legend where there is something to tell apart."""
    if axes[0].get_legend_handles_labels()[0]:
        axes[0].legend()
