"""What flows by itself is what would have been served, step by step."""

from __future__ import annotations

import numpy as np
import pytest

from simulations.swarm.arrays import ASIDE, EDGE, LINE, PART, PEER, SLOT, WIDE, allocate
from simulations.swarm.results import durations, fetching, makespan
from tests.sim_swarms import PIECE, Access, swarmed

JUST_BELOW = WIDE * PIECE / 2
"""A downlink that is never the limit, either, but that nobody takes for one that cannot be."""


def test_records_are_lines_of_the_cache_and_begin_where_they_do() -> None:
    assert PEER.itemsize == 3 * LINE
    assert [record.itemsize for record in (EDGE, SLOT, PART)] == [LINE // 2] * 3
    assert ASIDE.itemsize == LINE // 4
    arrays = allocate(3, 70, np.full(3, 2), slots=5, chunks=2, liars=False)
    for array in (arrays.peers, arrays.edges, arrays.slots, arrays.parts, arrays.have, arrays.near):
        assert array.ctypes.data % LINE == 0
    arrays.peers["row"][1] = 77
    assert arrays.lines[1, 0, :4].view(np.int32)[0] == 77, "the same memory"


@pytest.mark.parametrize("sources", [1, 4])
def test_what_flows_by_itself_is_what_steps_would_carry(sources: int) -> None:
    seen = []
    for down in (np.inf, JUST_BELOW):
        how = {"content__sources": sources, "access": (Access(down=down),)}
        runs = [swarmed(seed, peers=40, pieces=60, **how)[1] for seed in range(8)]
        for rows in runs:
            assert rows["uploaded"].sum() == pytest.approx(rows["downloaded"].sum())
            assert fetching(rows)["downloaded"] == pytest.approx(60 * PIECE)
        spent = np.mean([durations(fetching(rows)).mean() for rows in runs])
        seen.append((spent, np.mean([makespan(rows) for rows in runs])))
    # Not the same runs: who helps with a last piece depends on the order within a step.
    assert seen[0] == pytest.approx(seen[1], rel=0.02)
