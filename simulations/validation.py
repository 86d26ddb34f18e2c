r"""What theory expects, and what we obtain: the rows of ``dhtctl sim validate``.

A *validator* is a module of :mod:`simulations.validators` with a function ``checks(chance)`` that
yields :class:`Check`\ s, each a closed form or a published figure beside what our engines make of
it. Whoever adds one adds a file; nothing else knows their names.
"""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, cast

import simulations.validators

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulations.chance import Chance

Sense = Literal["relative", "absolute", "at least", "at most"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One figure that has to come out.

    Attributes:
        name: What it is, with the number of its closed form: "V1 entries of a table, N = 10,000".
        expected: What theory says.
        obtained: What we saw.
        tolerance: How far off is still right, in the way that ``sense`` says.
        sense: ``relative``: a share of what is expected; ``absolute``: in its unit; ``at least``
            and ``at most``: what is expected is a bound, and the tolerance, in its unit, how far it
            may be overstepped (by rounding, or by chance).
        unit: Of expected and obtained; "" for a plain number.
        source: Where the expectation comes from: a paper, or "derived".
    """

    name: str
    expected: float
    obtained: float
    tolerance: float
    sense: Sense = "relative"
    unit: str = ""
    source: str = ""

    @property
    def passed(self) -> bool:
        """Whether it came out. Not a number never does."""
        off = self.obtained - self.expected
        match self.sense:
            case "relative":
                return abs(off) <= self.tolerance * abs(self.expected)
            case "absolute":
                return abs(off) <= self.tolerance
            case "at least":
                return off >= -self.tolerance
            case "at most":
                return off <= self.tolerance

    @property
    def verdict(self) -> str:
        """``pass`` or ``FAIL``."""
        return "pass" if self.passed else "FAIL"


class Validator(Protocol):
    """A module of :mod:`simulations.validators`."""

    def checks(self, chance: Chance) -> Iterator[Check]:
        """Compute and yield, one after the other; all chance comes from ``chance``."""
        ...


def validators() -> list[str]:
    """The names of all validators, in the order in which they run."""
    return sorted(found.name for found in pkgutil.iter_modules(simulations.validators.__path__))


def validate(chance: Chance, names: list[str] | None = None) -> Iterator[Check]:
    """Run validators, all or the named ones; each has a stream of its own."""
    for name in validators() if names is None else names:
        module = cast("Validator", import_module(f"simulations.validators.{name}"))
        yield from module.checks(chance.stream("validate", name))
