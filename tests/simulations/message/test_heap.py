"""Moments come out in the order of (time, serial), as from the heap of the standard library."""

from __future__ import annotations

import heapq
from random import Random

import numpy as np
import pytest

from simulations.message import state as st
from tests import kernels


@pytest.mark.parametrize("seed", range(5))
def test_moments_come_in_order(seed: int) -> None:
    rng = Random(seed)
    moments = np.zeros(600, st.MOMENT)
    expected: list[tuple[float, int]] = []
    for serial in range(2000):
        if expected and (len(expected) > 500 or rng.random() < 0.45):
            first = moments[0]
            assert (first["time"], first["serial"]) == heapq.heappop(expected)
            assert first["index"] == 7 * first["serial"]
            kernels.drop_first(moments, len(expected) + 1)
        else:
            time = float(rng.randrange(20))  # Many at the same time.
            kernels.push(moments, len(expected), time, serial, 1, 7 * serial)
            heapq.heappush(expected, (time, serial))
    while expected:
        assert (moments[0]["time"], moments[0]["serial"]) == heapq.heappop(expected)
        kernels.drop_first(moments, len(expected) + 1)
