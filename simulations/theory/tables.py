"""What a routing table holds, and what is left of it when nodes fail: V1 and V11."""

from __future__ import annotations

import math

NEGLIGIBLE = 1e-12
"""A bucket expected to hold less than this ends a sum over buckets."""


def binomial(trials: int, share: float, most: int) -> list[float]:
    """The probabilities of 0, 1, ... ``most`` successes in ``trials`` of chance ``share``."""
    if share >= 1:
        return [float(hits == trials) for hits in range(most + 1)]
    log, odds = trials * math.log1p(-share), math.log(share) - math.log1p(-share)
    found = []
    for hits in range(most + 1):
        found.append(math.exp(log) if hits <= trials else 0.0)
        if hits < trials:
            log += math.log(trials - hits) - math.log(hits + 1) + odds
    return found


def bucket_entries(nodes: int, k: int, bucket: int) -> float:
    """The mean number of contacts in ``bucket`` (0 is the farthest) of a full table.

    ``E[min(k, Bin(N - 1, 2**-(b + 1)))]``: that many others share b bits with a node, and differ
    in the next.
    """
    chances = binomial(nodes - 1, 2.0 ** -(bucket + 1), min(k, nodes - 1))
    return k - sum((k - count) * chance for count, chance in enumerate(chances))


def table_entries(nodes: int, k: int) -> float:
    """V1: the mean number of contacts of a full table: 197.52 for 10,000 nodes and k = 20."""
    total, bucket = 0.0, 0
    while (held := bucket_entries(nodes, k, bucket)) > NEGLIGIBLE:
        total += held
        bucket += 1
    return total


def bucket_lost(failed: float, k: int) -> float:
    """V11: the chance that nobody of a full bucket lives, when a share ``failed`` has failed."""
    return failed**k
