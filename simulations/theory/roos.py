r"""The distribution of hops as a Markov chain (Roos, Salah & Strufe 2013, arXiv:1307.7000).

Their insight is that a lookup need not remember ids, only *bit distances*: a contact whose distance
to the target has d bits knows the target's side of the id space as a subtree of 2^(d-1) ids, and
its contacts there are anywhere in it. So the bit distances of the alpha contacts asked in a round
decide, as chances, those of the next round; whether one of the answers names the target; and from
the source's own bit distance on, all follows.

For full k-buckets, answers of k contacts and strict rounds:

* **Named.** A contact at bit distance d shares its subtree with
  :math:`X \sim Bin(N - 2, 2^{d-1-b})` others beside the target. It knows k of these X + 1: the
  target with chance :math:`\min(1, k / (X + 1))`.
* **Next.** If it does not, it names k others, each at j bits or fewer with chance
  :math:`2^{j-(d-1)}`. The alpha smallest of all that were named are asked next.

The chain is an approximation where the chances of one round are taken as independent: of the next
one (that a subtree was too full to be known whole says something of those inside it), and of each
other (contacts of one small subtree name the same nodes). Contacts of earlier rounds count no
more: those of the new round are nearer. Each matters where a subtree holds about k nodes, which is
once in a lookup; all together they change the distribution by less than 0.02 (total variation),
which is what a simulation is held to. The paper treats KAD, iMDHT and other shapes of buckets by
other chances in the same chain.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import groupby

from simulations.theory.tables import binomial

Levels = tuple[int, ...]
"""Bit distances, ascending, counted from the top: 0 for the whole space, -1 for half of it."""

ROUNDS = 24
"""Rounds after which whatever is left is neglected; each gains bits_per_hop bits."""
TINY = 1e-9
"""States less likely than this are dropped."""
CROWDED = 3000.0
"""A subtree of so many nodes on average holds that many."""


def rounds_until_named(nodes: int, k: int, alpha: int) -> list[float]:
    """The chances that the target is first named by the own table, in round 1, in round 2 ...

    Args:
        nodes: N, source and target among them.
        k: Size of buckets and answers.
        alpha: Contacts asked in a round.

    Raises:
        ValueError: One answer would not fill a round.
    """
    if k < alpha:
        raise ValueError(f"an answer of {k} contacts does not fill a round of alpha = {alpha}")
    lowest = -math.ceil(math.log2(nodes)) - 8
    states: dict[Levels, float] = {(level,): 2.0 ** (level - 1) for level in range(lowest, 1)}
    chances = []
    for _ in range(ROUNDS):
        named, following = 0.0, dict[Levels, float]()
        for asked, chance in states.items():
            missed = _unnamed(asked, nodes, k)
            named += chance * (1 - missed)
            if chance * missed > TINY:
                for levels, share in _next(asked, k, alpha, lowest).items():
                    following[levels] = following.get(levels, 0.0) + chance * missed * share
        chances.append(named)
        states = following
    return chances


@lru_cache(maxsize=100_000)
def _unnamed(asked: Levels, nodes: int, k: int) -> float:
    """The chance that none of those asked knows the target; equals share their subtree."""
    chance = 1.0
    for level, same in groupby(asked):
        chance *= _unknown(level, len(list(same)), nodes, k)
    return chance


@lru_cache(maxsize=10_000)
def _unknown(level: int, times: int, nodes: int, k: int) -> float:
    """The chance that ``times`` contacts at ``level`` all do not know the target."""
    share = 2.0 ** (level - 1)
    mean = (nodes - 2) * share
    if mean > CROWDED:
        return float((1 - k / (mean + 1)) ** times)
    most = min(nodes - 2, int(mean + 12 * math.sqrt(mean) + 40))
    others = binomial(nodes - 2, share, most)
    return math.fsum(
        chance * (1 - k / (count + 1)) ** times
        for count, chance in enumerate(others)
        if count + 1 > k
    )


@lru_cache(maxsize=100_000)
def _next(asked: Levels, k: int, alpha: int, lowest: int) -> dict[Levels, float]:
    """The chances of the alpha nearest levels that ``asked`` name, from the nearest level on."""
    partial: dict[Levels, float] = {(): 1.0}
    whole: dict[Levels, float] = {}
    for level in range(lowest, 1):
        counts = _counts(level, asked, k, alpha)
        following: dict[Levels, float] = {}
        for levels, chance in partial.items():
            for count, share in enumerate(counts):
                longer = (levels + (level,) * count)[:alpha]
                into = whole if len(longer) == alpha else following
                into[longer] = into.get(longer, 0.0) + chance * share
        partial = {levels: chance for levels, chance in following.items() if chance > TINY}
    return whole


def _counts(level: int, asked: Levels, k: int, alpha: int) -> list[float]:
    """The chances that 0, 1, ... alpha or more at ``level`` are named, given none nearer."""
    counts = [1.0] + [0.0] * alpha
    for top in asked:
        if level > top - 1:
            continue
        # Uniform in a subtree of top - 1 bits: half of it has that many, a quarter one less.
        hazard = 2.0 ** (level - top) / (1 - 2.0 ** (level - top))
        named = binomial(k, hazard, alpha)
        named[alpha] += 1 - sum(named)
        mixed = [0.0] * (alpha + 1)
        for count, chance in enumerate(counts):
            for more, share in enumerate(named):
                mixed[min(count + more, alpha)] += chance * share
        counts = mixed
    return counts


def total_variation(one: list[float], other: list[float]) -> float:
    """Half the sum of differences of two distributions over 0, 1, 2 ...: 0 if equal, at most 1."""
    length = max(len(one), len(other))
    padded = [list(each) + [0.0] * (length - len(each)) for each in (one, other)]
    return sum(abs(a - b) for a, b in zip(padded[0], padded[1], strict=True)) / 2
