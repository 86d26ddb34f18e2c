"""V6: stationary churn. What is left of the sessions met at one moment is E[L²] / 2E[L] long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulations.laws import Exponential, LogNormal, Pareto, Weibull
from simulations.validation import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulations.chance import Chance

SESSIONS: Final = 400_000
"""At 10^5 a Weibull law of shape 0.5 is off by more than 1 % in one seed of twenty."""
LAWS: Final = (
    Exponential(3600.0),
    Weibull(3600.0, 0.5),
    LogNormal(3600.0, 1.0),
    Pareto(3600.0, 5.0),
)


def checks(chance: Chance) -> Iterator[Check]:
    """The mean residual of each law that has one."""
    for law in LAWS:
        left = law.residual(chance.stream(law.name).generator(), SESSIONS)
        yield Check(
            name=f"V6 mean residual session, {law.name}",
            expected=law.residual_mean,
            obtained=float(left.mean()),
            tolerance=0.02,
            unit="s",
            source="renewal theory: E[L²] / 2E[L]",
        )
