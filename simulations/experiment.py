"""What an experiment is: a question, the runs that answer it, its figures and its plot.

An experiment is a class registered by name, in a module of :mod:`simulations.experiments` with a
TOML file of defaults beside it, or in a file of yours:

    @register("experiment", "churn")
    class Churn(Experiment):
        '''How well lookups do while nodes come and go.'''

        fidelities = ("protocol", "message", "lookup")

        def summary(self, rows):
            return [Figure("success", rows["success"].mean())]

        def plot(self, axes, rows):
            ...

One instance serves one point of a sweep. Running, repeating with other seeds, intervals, files,
figures on disk and progress are the frame's business.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from simulations import engines
from simulations.scenario import FIDELITIES, Fidelity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.chance import Chance
    from simulations.engines import Progress
    from simulations.rows import Rows
    from simulations.scenario import Scenario


@dataclass(frozen=True)
class Figure:
    """One number that answers the question.

    Attributes:
        name: What it is: "latency, median".
        value: The number.
        unit: "s", "bytes"; "" for plain numbers.
    """

    name: str
    value: float
    unit: str = ""


@dataclass(frozen=True)
class NoSettings:
    """Of an experiment that has none of its own."""


class Experiment(ABC):
    """A question. The docstring of the subclass says what it shows, its first line in brief.

    Attributes:
        Settings: A frozen dataclass: what can be said under ``[settings]``, with defaults.
        fidelities: The engines that can answer.
        panels: Plots that stand side by side in its figure.
    """

    Settings: ClassVar[type[Any]] = NoSettings
    fidelities: ClassVar[tuple[Fidelity, ...]] = FIDELITIES
    panels: ClassVar[int] = 1

    def __init__(self, settings: Any = None, fidelity: Fidelity | None = None) -> None:
        self.settings = self.Settings() if settings is None else settings
        self.fidelity = fidelity or self.fidelities[0]

    def run(self, scenario: Scenario, chance: Chance, progress: Progress | None = None) -> Rows:
        """One run: by default that of the engine. All chance is drawn from ``chance``."""
        return engines.run(self.fidelity, scenario, chance, progress)

    @abstractmethod
    def summary(self, rows: Rows) -> list[Figure]:
        """The figures of one run. The frame takes their means and intervals over the seeds."""

    @abstractmethod
    def plot(self, axes: Sequence[Any], rows: Rows) -> None:
        """Draw the rows of all runs into ``panels`` matplotlib axes, with labels and units.

        Args:
            axes: Where to draw.
            rows: All rows, with the columns ``seed`` and, of a sweep, one for each key.
        """

    def memory(self, scenario: Scenario) -> int:
        """About how many bytes a run needs."""
        return engines.memory(self.fidelity, scenario)

    @classmethod
    def about(cls) -> str:
        """Its docstring."""
        return inspect.getdoc(cls) or ""

    @classmethod
    def brief(cls) -> str:
        """The first line of it."""
        return cls.about().partition("\n")[0]
