"""Compiled patience is that of dht.core, number for number."""

from __future__ import annotations

from random import Random

import pytest

from dht.core.policy import Timeouts
from dht.core.timing import Timing
from tests import kernels


@pytest.mark.parametrize("seed", range(3))
def test_the_same_round_trips_make_the_same_patience(seed: int) -> None:
    rng = Random(seed)
    world = kernels.world(nodes=2)
    timing = Timing(Timeouts())
    for _ in range(200):
        for rtt in (-1.0, 0.02, 0.3, 3.0):
            ours = kernels.patience(world, 0, rtt)
            assert ours == timing.patience(None if rtt < 0 else rtt)
        rtt = rng.choice([rng.lognormvariate(-2.0, 0.6), rng.uniform(0.0, 9.0), 0.1])
        kernels.observe(world, 0, rtt)
        timing.observe(rtt)
