"""Patience, learnt from round trips: the rules of :mod:`dht.core.timing`, number for number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dht.core.timing import DEVIATION_GAIN, DEVIATIONS, LONG_OVER_SHORT, MEAN_GAIN, RECENT
from simulations.message.parts import part

if TYPE_CHECKING:
    from simulations.message.state import Row, Rules


@part
def observe(node: Row, rules: Rules, rtt: float) -> None:
    """An answer took ``rtt`` seconds."""
    rtt = min(max(rtt, 0.0), rules.long_ceiling)
    if node.mean < 0.0:
        node.mean = rtt
        node.spread = rtt / 2
    else:
        node.spread += DEVIATION_GAIN * (abs(node.mean - rtt) - node.spread)
        node.mean += MEAN_GAIN * (rtt - node.mean)
    node.peak = max(node.peak, rtt)
    node.count += 1
    if node.count == RECENT:
        node.slowest = node.peak
        node.peak = 0.0
        node.count = 0


@part
def patience(node: Row, rules: Rules, rtt: float) -> tuple[float, float]:
    """The short and the long timeout for a contact; ``rtt`` below 0 if it never answered us."""
    if node.mean < 0.0:
        short = max(rules.short_initial, rtt)
        long = max(rules.long_initial, LONG_OVER_SHORT * short)
    else:
        short = (node.mean if rtt < 0.0 else rtt) + DEVIATIONS * node.spread
        short = min(short, max(node.slowest, node.peak))
        long = LONG_OVER_SHORT * short
    short = min(max(short, rules.short_floor), rules.short_ceiling)
    long = min(max(long, rules.long_floor), rules.long_ceiling)
    return short, max(short, long)
