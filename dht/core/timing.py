"""How long to wait for an answer, learnt from how long answers took.

The estimator is that of TCP (RFC 6298, section 2; Jacobson 1988): a smoothed round trip
``srtt`` and a smoothed deviation ``rttvar``, and patience is the mean and some deviations. It
differs in what it watches. A TCP connection sees one path many times; a DHT node sees thousands
of contacts a few times each. So one estimator watches all answers: its deviation is mostly the
spread *between* contacts, which is exactly the uncertainty about a contact met for the first
time. For a contact we know, its own smoothed round trip takes the place of the mean, and the
common deviation stays.

Every request has two timeouts (libtorrent's idea; its values are fixed, 1 s and 15 s):

* after the *short* one, ``srtt + 2 * rttvar``, its slot in the lookup goes to another contact.
  Too early costs at most one request more, so it may be wrong for one answer in twenty;
* after the *long* one, twice the short, the lookup stops counting on it. Too early costs a
  contact in the closest set. TCP's ``srtt + 4 * rttvar`` lies between the two.

**The slowest of late.** A mean forgets slowly: after a stretch in which everything was slow (our
own machine was busy while we joined, say) it takes 25 quick answers until the timeouts are back
where they belong; and what single contacts needed then stands in the table until they answer
again, which the dead among them never do. So no timeout is longer than the slowest of the last
answers would justify. That needs no assumption about how round trips are spread: if all come from
one distribution, the next one exceeds all of the last n once in n + 1 times. A contact that really
is so far away is cut short once, answers late, and is then itself the slowest of late.

An answer that comes later than either still counts, and is observed here: without that, a node
whose link suddenly became slow would never learn it. RFC 6298's back-off (double the timeout
after each loss) is left out on purpose. It exists to drain a congested path; here silence nearly
always means that the contact is gone, and waiting longer for the next one would punish it for
the death of another.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dht.core.policy import Timeouts

MEAN_GAIN: Final = 1 / 8
"""RFC 6298's alpha: the weight of a new sample in the mean."""
DEVIATION_GAIN: Final = 1 / 4
"""RFC 6298's beta: the weight of a new sample in the deviation."""
DEVIATIONS: Final = 2
"""Deviations above the mean that the short timeout allows. RFC 6298's K is 4, but TCP has one
timeout that must serve as both. Simulated lookups with 40 % of the contacts dead end a fifth
earlier with 2 than with 4 (95th percentile); healthy ones make 2 % more requests."""
LONG_OVER_SHORT: Final = 2
"""The long timeout over the short one, before both are clamped. With it, of round trips spread
evenly over 100 to 300 ms none is given up, of normal ones (200 ± 100 ms) one in 10,000, of
exponential ones one in 100, and most of these still count as late answers."""
RECENT: Final = 16
"""Answers in a block; the slowest of the last one to two blocks bounds the short timeout. It is
then exceeded once in 17 to 33 times, which is as often as ``mean + 2 * spread`` is meant to be."""


class Timing:
    """One node's estimate of round trips, and the patience that follows from it."""

    __slots__ = ("_bounds", "_count", "_mean", "_peak", "_slowest", "_spread")

    def __init__(self, bounds: Timeouts) -> None:
        self._bounds = bounds
        self._mean: float | None = None
        self._spread = 0.0
        # A sliding maximum in two numbers: of the block before, and of this one so far.
        self._slowest = math.inf
        self._peak = 0.0
        self._count = 0

    @property
    def mean(self) -> float | None:
        """The smoothed round trip over all contacts; ``None`` before the first answer."""
        return self._mean

    @property
    def spread(self) -> float:
        """The smoothed deviation of round trips from their mean."""
        return self._spread

    def observe(self, rtt: float) -> None:
        """An answer took ``rtt`` seconds.

        Samples are cut at the longest timeout we would ever use: a contact that answers after
        ten seconds, out of trouble or malice, must not make us patient with all others.
        """
        rtt = min(max(rtt, 0.0), self._bounds.long_ceiling)
        if self._mean is None:  # RFC 6298, 2.2
            self._mean, self._spread = rtt, rtt / 2
        else:  # RFC 6298, 2.3: the deviation first, from the mean as it was
            self._spread += DEVIATION_GAIN * (abs(self._mean - rtt) - self._spread)
            self._mean += MEAN_GAIN * (rtt - self._mean)
        self._peak = max(self._peak, rtt)
        self._count += 1
        if self._count == RECENT:
            self._slowest, self._peak, self._count = self._peak, 0.0, 0

    def patience(self, rtt: float | None) -> tuple[float, float]:
        """The short and the long timeout for a contact.

        Args:
            rtt: The contact's own smoothed round trip, or ``None`` if it never answered us.

        Returns:
            Seconds after which its slot is freed, and after which it is given up. The long one
            is never below the short one.
        """
        bounds = self._bounds
        if self._mean is None:
            # Nobody answered yet, so nothing is known of deviations: a round trip remembered
            # from an earlier life may lengthen the initial values, never shorten them.
            short = max(bounds.short_initial, rtt or 0.0)
            long = max(bounds.long_initial, LONG_OVER_SHORT * short)
        else:
            short = (self._mean if rtt is None else rtt) + DEVIATIONS * self._spread
            short = min(short, max(self._slowest, self._peak))
            long = LONG_OVER_SHORT * short
        short = min(max(short, bounds.short_floor), bounds.short_ceiling)
        long = min(max(long, bounds.long_floor), bounds.long_ceiling)
        return short, max(short, long)
