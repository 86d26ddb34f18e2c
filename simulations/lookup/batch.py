"""Many lookups at once, spread over all threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulations.compiled import parallel, prange
from simulations.lookup.slate import depth, rank
from simulations.lookup.tables import CHUNKS
from simulations.lookup.walk import desk, walk

@parallel
def walks(tables, rule, sources, targets, closest, requests, waves):
    total = len(sources)
    for chunk in prange(CHUNKS):
        mine = desk(rule, np.empty(0, np.int32))
        for index in range(total * chunk // CHUNKS, total * (chunk + 1) // CHUNKS):
            count, asked, wave = walk(tables, rule, sources[index], targets[index], mine)
            requests[index] = asked
            waves[index] = wave
            for place in range(min(closest.shape[1], count)):
                closest[index, place] = rank(mine.cards[place])
