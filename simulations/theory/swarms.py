r"""What a swarm can do at best, and what it does on average.

**V7, the physical limit.** Content of :math:`F` bytes leaves the source once, enters each downlink
once, and all uplinks together carry it to each of :math:`N` receivers (Kumar and Ross 2006,
"Peer-assisted file distribution: the minimum distribution time"):

.. math:: T \ge \max\{F/u_s,\; F/d_{min},\; N F / (u_s + \sum_i u_i)\}

It is attained by fluid that can be passed on the moment it arrives. Real content comes in pieces,
which can be passed on once they are whole. With equal uplinks and unlimited downlinks, the last
piece leaves the source after :math:`M - 1` others, and the peers that have it can at best double
with each piece-time (Mundinger, Weber and Weiss 2008):

.. math:: T \ge M + \lfloor \log_2 N \rfloor

**V8, the fluid model** of Qiu and Srikant (SIGCOMM 2004). Peers arrive at rate :math:`\lambda`,
give up at rate :math:`\theta`, stay as seeds for :math:`1/\gamma`; uplink :math:`\mu` and downlink
:math:`c` in contents a second, and the share :math:`\eta` of a leech's uplink that is of use. Of
leeches :math:`x` and seeds :math:`y`

.. math:: x' = \lambda - \theta x - \min\{cx, \mu(\eta x + y)\}, \quad
          y' = \min\{cx, \mu(\eta x + y)\} - \gamma y

**V10, poison.** A piece of :math:`b` parts from as many independent sources, of which a share
:math:`f` lies, is clean with chance :math:`(1-f)^b`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


def fluid_bound(size: float, source: float, ups: Sequence[float], down: float = math.inf) -> float:
    """V7: seconds until all receivers can have ``size`` bytes, whatever they do.

    Args:
        size: Bytes.
        source: Uplink of the source, bytes a second.
        ups: Uplinks of the receivers.
        down: The slowest of their downlinks.
    """
    return max(size / source, size / down, len(ups) * size / (source + math.fsum(ups)))


def piece_bound(pieces: int, receivers: int) -> int:
    """V7: the same in piece-times, where all uplinks are equal and pieces are passed on whole."""
    return pieces + receivers.bit_length() - 1


def gathered_bound(pieces: int, receivers: int) -> float:
    r"""V7 where a piece may be gathered from several sources at once, in piece-times.

    Doubling is for those that fetch a piece from one peer. If all :math:`n` peers that have the
    last piece serve one more together, that one has it after :math:`1/n`; from the source alone to
    all receivers takes :math:`H_N` instead of :math:`1 + \lfloor\log_2 N\rfloor` piece-times.
    """
    return pieces - 1 + math.fsum(1 / n for n in range(1, receivers + 1))


class Steady(NamedTuple):
    """A swarm in its steady state.

    Attributes:
        leeches: How many fetch.
        seeds: How many have all.
        time: Seconds from arrival to the last piece, of those who wait for it.
    """

    leeches: float
    seeds: float
    time: float


def steady_state(
    arrivals: float,
    up: float,
    down: float,
    *,
    leaving: float,
    giving_up: float = 0.0,
    useful: float = 1.0,
) -> Steady:
    """V8: the fixed point of the fluid model.

    Args:
        arrivals: Peers a second (lambda).
        up: Uplink, contents a second (mu).
        down: Downlink, contents a second (c).
        leaving: Seeds leave at this rate (gamma).
        giving_up: Leeches leave at this rate (theta).
        useful: Share of a leech's uplink that is of use (eta).

    Raises:
        ValueError: Seeds leave so late that no leech ever needs another: there is no fixed point
            in which uplinks are the limit, and downlinks are infinite.
    """
    slow = (1 / useful) * (1 / up - 1 / leaving)
    wait = max(1 / down if down < math.inf else 0.0, slow)
    if wait <= 0:
        raise ValueError("seeds alone carry everybody: the time to fetch goes to zero")
    rate = 1 / wait
    stayed = 1 + giving_up / rate
    leeches, done = arrivals / (rate * stayed), arrivals / stayed
    return Steady(leeches, done / leaving, 1 / (giving_up + rate))


def clean(liars: float, sources: int) -> float:
    """V10: the chance that a piece of ``sources`` independent parts is true."""
    return float((1 - liars) ** sources)


def attempts(liars: float, sources: int) -> float:
    """V10: how often such a piece is fetched, on average, where nobody is banned."""
    return 1 / clean(liars, sources)
