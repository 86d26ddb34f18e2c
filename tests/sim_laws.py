"""A law of sessions that nobody ships: two crowds of visitors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from simulations.errors import ConfigError
from simulations.laws import Law

if TYPE_CHECKING:
    from numpy.random import Generator

    from simulations.laws import Floats


@dataclass(frozen=True)
class TwoCrowds(Law):
    """Half of all sessions last ``brief`` of the mean, the others make up for it."""

    brief: float = 0.2
    name: ClassVar[str] = "two-crowds"

    @property
    def second_moment(self) -> float:
        return float(self.mean**2 * (self.brief**2 + (2 - self.brief) ** 2) / 2)

    def cdf(self, x: float) -> float:
        return ((x >= self.brief * self.mean) + (x >= (2 - self.brief) * self.mean)) / 2

    def draw(self, rng: Generator, size: int) -> Floats:
        return self._mixed(rng, size, 0.5)

    def biased(self, rng: Generator, size: int) -> Floats:
        return self._mixed(rng, size, self.brief / 2)

    def _mixed(self, rng: Generator, size: int, brief: float) -> Floats:
        return self.mean * np.where(rng.random(size) < brief, self.brief, 2 - self.brief)

    def code(self) -> tuple[int, float, float]:
        raise ConfigError("two-crowds is no law that a kernel knows")
