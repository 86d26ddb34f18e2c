"""The numbers of a lookup, as compiled kernels take them: tuples of plain numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dht.core.policy import Timeouts


class Rule(NamedTuple):
    """How to walk; the words are those of :class:`dht.core.policy.Policy`.

    Attributes:
        k: Size of an answer and of the result.
        alpha: Requests in flight, of all paths together.
        beta: How many of the closest must have answered.
        paths: Disjoint paths (:mod:`dht.core.disjoint`).
        edge: Whether the edge is asked about (:mod:`dht.core.edge`), where beta is k and there is
            one path; elsewhere it never is.
        per_subnet: Contacts of one subnet that may be asked; 0 for no limit.
    """

    k: int = 20
    alpha: int = 3
    beta: int = 20
    paths: int = 1
    edge: int = 1
    per_subnet: int = 0


class Patience(NamedTuple):
    """How long answers take and how long they are waited for, in seconds.

    The bounds are those of :class:`dht.core.policy.Timeouts`. Where floor, initial value and
    ceiling are one number the timeout is that number, else it adapts as :mod:`dht.core.timing`
    tells; at a constant round trip that is a function of the number of answers alone. Times are
    compared exactly, as the protocol fidelity compares them: delays that are sums of powers of two
    make both add up alike.

    Attributes:
        rtt: The round trip, the same for everybody.
        experience: Answers the asker had before the lookup: 0 for one that has just started.
    """

    rtt: float = 0.1
    short_floor: float = 0.03
    short_initial: float = 0.75
    short_ceiling: float = 1.5
    long_floor: float = 0.1
    long_initial: float = 2.0
    long_ceiling: float = 4.0
    forget_after: float = 10.0
    experience: int = 64


def patience(timeouts: Timeouts, rtt: float, experience: int) -> Patience:
    """Make the patience of a policy's timeouts."""
    return Patience(
        rtt,
        timeouts.short_floor,
        timeouts.short_initial,
        timeouts.short_ceiling,
        timeouts.long_floor,
        timeouts.long_initial,
        timeouts.long_ceiling,
        timeouts.forget_after,
        experience,
    )
