"""V1 to V4, V9, V11 and the chain of Roos et al.: tables and lookups of the compiled kernels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from simulations.lookup.greedy import hops, reached
from simulations.lookup.rounds import in_rounds
from simulations.lookup.rule import Rule
from simulations.lookup.tables import NOBODY, build, draw_ids
from simulations.lookup.truth import closest_live, live_before
from simulations.theory.hops import ROUNDS, hops_per_doubling
from simulations.theory.paths import clean_path
from simulations.theory.roos import rounds_until_named, total_variation
from simulations.theory.sybils import all_closest, mean_distance, nearest_distance_median
from simulations.theory.tables import bucket_lost, table_entries
from simulations.validation import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from simulations.chance import Chance
    from simulations.lookup.tables import Tables

LOOKUPS: Final = 100_000
SMALL, LARGE = 1 << 12, 1 << 18
"""The networks between which hops are seen to grow: 2^20 nodes would take 1.6 GB."""
WHOLE: Final = 2.0**64


def checks(chance: Chance) -> Iterator[Check]:
    """All of them."""
    yield from _tables(chance.stream("tables"))
    yield from _greedy(chance.stream("greedy"))
    yield from _rounds(chance.stream("rounds"))
    yield from _paths(chance.stream("paths"))
    yield from _sybils(chance.stream("sybils"))


def _network(nodes: int, k: int, chance: Chance) -> Tables:
    return build(draw_ids(nodes, chance.stream("ids").generator()), k, chance.word())


def _pairs(nodes: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sources and targets, never the same."""
    sources = rng.integers(0, nodes, LOOKUPS)
    return sources, (sources + rng.integers(1, nodes, LOOKUPS)) % nodes


def _tables(chance: Chance) -> Iterator[Check]:
    """V1, and V11 on buckets of 5."""
    for nodes in (10_000, 100_000):
        rows = _network(nodes, 20, chance.stream(nodes)).rows
        yield Check(
            name=f"V1 contacts of a table, N = {nodes:,}, k = 20",
            expected=table_entries(nodes, 20),
            obtained=float((rows != NOBODY).sum()) / nodes,
            tolerance=0.001,
            source="derived",
        )
    rows = _network(100_000, 5, chance.stream("failed")).rows
    failed = chance.stream("dead").generator().random(len(rows)) < 0.5  # noqa: PLR2004
    full = rows[rows[:, :, -1] != NOBODY]
    yield Check(
        name="V11 full buckets lost, k = 5, half of all nodes dead",
        expected=bucket_lost(float(failed.mean()), 5),
        obtained=float(failed[full].all(axis=1).mean()),
        tolerance=0.02,
        source="Maymounkov & Mazières 2002; derived",
    )


def _greedy(chance: Chance) -> Iterator[Check]:
    """V2: the slope of hops over the logarithm of the size."""
    for k in (1, 8, 20):
        mean = []
        for nodes in (SMALL, LARGE):
            stream = chance.stream(k, nodes)
            sources, targets = _pairs(nodes, stream.stream("pairs").generator())
            mean.append(float(hops(_network(nodes, k, stream), sources, targets).mean()))
        yield Check(
            name=f"V2 greedy hops more for each doubling, k = {k}",
            expected=hops_per_doubling(k),
            obtained=(mean[1] - mean[0]) / math.log2(LARGE / SMALL),
            tolerance=0.01,
            source="derived; constants of Cai & Devroye, arXiv:1309.5866",
        )


def _rounds(chance: Chance) -> Iterator[Check]:
    """V3, and the distribution of rounds against the chain."""
    nodes = 10_000
    tables, alive = _network(nodes, 20, chance), np.ones(nodes, np.bool_)
    rng = chance.stream("pairs").generator()
    sources, targets = _pairs(nodes, rng)
    keys = rng.integers(0, 2**64 - 1, LOOKUPS, np.uint64, endpoint=True)
    made = in_rounds(tables, alive, Rule(), sources, keys)
    for what, got, expected in zip(
        ("requests", "rounds", "round that names the closest"),
        (made.requests, made.rounds, made.known),
        ROUNDS[nodes],
        strict=True,
    ):
        yield Check(
            name=f"V3 strict rounds, N = {nodes:,}, k = 20, alpha = 3: {what}",
            expected=expected,
            obtained=float(got.mean()),
            tolerance=0.01,
            source="table of an independent program",
        )
    for alpha in (1, 3):
        rule = Rule(20, alpha, 20)
        made = in_rounds(tables, alive, rule, sources, tables.ids[targets])
        seen = (np.bincount(made.known) / LOOKUPS).tolist()
        yield Check(
            name=f"Roos chain, N = {nodes:,}, k = 20, alpha = {alpha}: total variation",
            expected=0.0,
            obtained=total_variation(seen, rounds_until_named(nodes, 20, alpha)),
            tolerance=0.02,
            sense="at most",
            source="Roos, Salah & Strufe 2013, arXiv:1307.7000",
        )


def _paths(chance: Chance) -> Iterator[Check]:
    """V4, with the distribution of hops as measured; hostile nodes are drawn many times."""
    nodes, draws = 10_000, 20
    tables = _network(nodes, 16, chance)
    sources, targets = _pairs(nodes, chance.stream("pairs").generator())
    between = (np.bincount(hops(tables, sources, targets))[1:] / LOOKUPS).tolist()
    for share in (0.1, 0.2, 0.3):
        for paths in (1, 2, 4, 8):
            got = []
            for draw in range(draws):
                rng = chance.stream(f"{share}", paths, draw).generator()
                hostile = rng.random(nodes) < share
                some = slice(draw, None, draws)
                got.append(reached(tables, hostile, sources[some], targets[some], paths).mean())
            yield Check(
                name=f"V4 lookups that arrive, {share:.0%} hostile, {paths} paths",
                expected=clean_path(share, paths, between),
                obtained=float(np.mean(got)),
                tolerance=0.015,
                sense="absolute",
                source="Baumgart & Mies 2007; derived",
            )


def _sybils(chance: Chance) -> Iterator[Check]:
    """V9: who is closest to random keys, if a third are Sybils.

    10,000 nodes have only some thousands of different closest three, however many keys there are;
    so who is a Sybil is drawn many times.
    """
    nodes, k, keys, draws = 10_000, 3, 100_000, 60
    rng = chance.generator()
    ids, alive = draw_ids(nodes, rng), np.ones(nodes, np.bool_)
    before, closest = live_before(alive), np.empty((keys, k), np.int64)
    targets = rng.integers(0, 2**64 - 1, keys, np.uint64, endpoint=True)
    for index, target in enumerate(targets):
        closest[index] = closest_live(ids, alive, before, target, NOBODY, k)
    away = (ids[closest] ^ targets[:, np.newaxis]).astype(np.float64) / WHOLE
    yield Check(
        name="V9 keys whose 3 closest are all Sybils, a third of all",
        expected=all_closest(nodes // 3, nodes, k),
        obtained=float(np.mean([_taken(closest, rng.permutation(nodes)) for _ in range(draws)])),
        tolerance=0.05,
        source="hypergeometric",
    )
    yield Check(
        name="V9 median distance of the nearest node, N = 10,000, in 1/N",
        expected=nearest_distance_median(nodes) * nodes,
        obtained=float(np.median(away[:, 0])) * nodes,
        tolerance=0.02,
        source="derived: ln 2",
    )
    yield Check(
        name="V9 mean distance of the third closest, N = 10,000, in 1/N",
        expected=mean_distance(k, nodes) * nodes,
        obtained=float(away[:, 2].mean()) * nodes,
        tolerance=0.02,
        source="order statistics",
    )


def _taken(closest: NDArray[np.int64], order: NDArray[np.int64]) -> float:
    """The share of rows of ``closest`` that lie in the first third of ``order``."""
    sybil = np.zeros(len(order), np.bool_)
    sybil[order[: len(order) // 3]] = True
    return float(sybil[closest].all(axis=1).mean())
