"""Small networks, and the stupid correct answers about them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from simulations.lookup.desk import World
from simulations.lookup.tables import NOBODY, build, draw_ids

EVERYWHERE = np.empty(0, np.int32)


def ids_lists(least: int = 2, most: int = 80) -> st.SearchStrategy[np.ndarray]:
    """Sorted ids, spread evenly or crowded under one prefix."""
    wide = st.integers(0, 2**64 - 1)
    crowded = st.integers(0, 255).map(lambda low: 0xABCD << 48 | low)
    lists = st.lists(st.one_of(wide, crowded), min_size=least, max_size=most, unique=True)
    return lists.map(lambda ids: np.array(sorted(ids), np.uint64))


def network(nodes: int, k: int, seed: int = 1, dead: float = 0.0, subnets: int = 0) -> World:
    rng = np.random.default_rng(seed)
    tables = build(draw_ids(nodes, rng), k, seed)
    alive = rng.random(nodes) >= dead
    crowd = rng.integers(-1, subnets, nodes).astype(np.int32) if subnets else EVERYWHERE
    return World(tables, alive, crowd)


def shared(one: int, other: int) -> int:
    """Leading bits in common."""
    return 64 - (int(one) ^ int(other)).bit_length()


def known(world_or_tables: Any, node: int) -> list[int]:
    tables = getattr(world_or_tables, "tables", world_or_tables)
    rows = tables.rows[node]
    return [int(each) for each in rows[rows != NOBODY]]


def closest(ids: np.ndarray, who: Any, target: int, n: int) -> list[int]:
    return sorted(who, key=lambda node: int(ids[node]) ^ int(target))[:n]


def targets(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64 - 1, count, np.uint64, endpoint=True)


def sources(world: World, count: int, seed: int = 2) -> np.ndarray:
    live = np.flatnonzero(world.alive)
    return live[np.random.default_rng(seed).integers(0, len(live), count)]
