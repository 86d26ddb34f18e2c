"""Numbers of simulations, as people and as programs read them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulations.statistics import Interval

_BIG = 1_000
_DIGITS = 4
_NOTHING = 1e-12
"""What rounding leaves of a difference of equal numbers."""


def number(value: float) -> str:
    """Four digits that matter: '0.9987', '12.35', '1,235'."""
    if not math.isfinite(value):
        return "-"
    if abs(value) < _NOTHING:
        return "0"
    if value == int(value) or abs(value) >= _BIG:
        return f"{value:,.0f}"
    return f"{value:.{_DIGITS}g}"


def plus_minus(interval: Interval) -> str:
    """Half the width, with two digits: more would say that we know it better than we do."""
    return f"{interval.half:.2g}" if math.isfinite(interval.half) else "-"


def finite(value: float) -> float | None:
    """A number as JSON can say it."""
    return value if math.isfinite(value) else None


def interval(one: Interval, prefix: str = "") -> dict[str, Any]:
    """An interval as members of a JSON object."""
    return {
        f"{prefix}mean": finite(one.middle),
        f"{prefix}low": finite(one.low),
        f"{prefix}high": finite(one.high),
    }


def told(values: Mapping[str, Any]) -> str:
    """What a sweep set: 'rules.alpha = 3, network.nodes = 1000'."""
    return ", ".join(f"{key} = {value}" for key, value in values.items())
