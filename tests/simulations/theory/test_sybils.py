"""The detector of Sybils around a key, against figures computed elsewhere for 20 of 10,000."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulations.theory.sybils import THRESHOLD, divergence, prefix_shares

NODES, K, KEYS = 10_000, 20, 2_000


def divergences(sybils: int, believed: float = NODES) -> list[float]:
    """Of many keys: honest nodes anywhere, ``sybils`` nearer than the nearest of them."""
    rng, shares = np.random.default_rng(7), prefix_shares(believed, K)
    found = []
    for _ in range(KEYS):
        honest = np.cumsum(rng.exponential(1 / NODES, K))
        near = np.sort(np.concatenate([honest, rng.random(sybils) * honest[0]]))[:K]
        found.append(divergence([int(-math.log2(distance)) for distance in near], shares))
    return found


def test_shares_are_shares_of_all() -> None:
    for nodes, k in ((10_000, 20), (300, 8), (5, 20)):
        shares = prefix_shares(nodes, k)
        assert min(shares) >= 0
        assert sum(shares) == pytest.approx(min(1, nodes / k), abs=1e-9 if nodes > k else 0.01)


def test_honest_keys_diverge_as_published() -> None:
    found = divergences(0)
    assert np.quantile(found, [0.5, 0.9, 0.99]) == pytest.approx([0.254, 0.45, 0.772], rel=0.12)
    assert np.mean(np.array(found) > THRESHOLD) < 0.01


@pytest.mark.parametrize(("sybils", "share"), [(5, 0.318), (10, 0.851), (15, 0.993)])
def test_sybils_are_detected_as_published(sybils: int, share: float) -> None:
    assert np.mean(np.array(divergences(sybils)) > THRESHOLD) == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize(("scale", "share"), [(0.7, 0.010), (1.4, 0.138)])
def test_who_mistakes_the_size_raises_false_alarms(scale: float, share: float) -> None:
    found = divergences(0, NODES * scale)
    assert np.mean(np.array(found) > THRESHOLD) == pytest.approx(share, abs=0.025)


def test_what_is_as_expected_does_not_diverge() -> None:
    shares = [0.0, 0.5, 0.25, 0.25]
    assert divergence([1, 1, 2, 3], shares) == 0
    assert divergence([1, 1, 1, 1], shares) == pytest.approx(math.log(2))
    assert divergence([99], shares) == pytest.approx(math.log(4)), "beyond the last is the last"
    assert divergence([0], shares) > 20
