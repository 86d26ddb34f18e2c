r"""What comes and goes: how many are there, and what is lost with them. V5 and V6.

**V5 Replicas.** ``k`` holders whose lifetimes are independent; nobody repairs for ``T`` seconds.
The record is lost if all leave: with exponential lifetimes of mean :math:`\tau`,
:math:`(1 - e^{-T/\tau})^k`. Without any repair the last holder leaves after :math:`\tau H_k` on
average (the maximum of k exponentials; Rényi 1953). Holders are met at one moment of their
sessions, so for other laws the lifetime is the *residual* one:
:math:`P(R < T) = \int_0^T (1 - F(x))\,dx / E[L]`.

**V6 Stationary churn.** Nodes that come at rate :math:`\lambda` and stay :math:`E[L]` are
:math:`\lambda E[L]` (Little 1961); one met at a moment has been there as long, on average, as it
will stay: :math:`E[L^2] / 2E[L]` (the inspection paradox).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from simulations.laws import Law

STEPS: Final = 20_000
"""Of the integral; its error is below 1e-4 for every law we have, the steepest at 0 included."""


def departed(law: Law, interval: float) -> float:
    """The share of the nodes met at one moment that have left ``interval`` seconds later."""
    if interval <= 0:
        return 0.0
    # Steps that grow from 0 on: x = interval * t**3, since laws of small shape are steep there.
    total = 0.0
    for step in range(STEPS):
        t = (step + 0.5) / STEPS
        total += (1.0 - law.cdf(interval * t**3)) * 3 * t * t
    return min(1.0, total * interval / STEPS / law.mean)


def loss(law: Law, interval: float, holders: int) -> float:
    """V5: the chance that a record is lost between two repairs ``interval`` seconds apart."""
    return departed(law, interval) ** holders


def exponential_loss(mean: float, interval: float, holders: int) -> float:
    """V5 in closed form: 0.02549 for 8 holders and an interval of one mean lifetime."""
    return float((-math.expm1(-interval / mean)) ** holders)


def mean_time_to_loss(mean: float, holders: int) -> float:
    """V5: seconds until the last of ``holders`` leaves that nobody replaces: mean * H_holders."""
    return mean * sum(1.0 / n for n in range(1, holders + 1))


def population(rate: float, mean: float) -> float:
    """V6: how many nodes are there, of which ``rate`` come in a second and stay ``mean``."""
    return rate * mean
