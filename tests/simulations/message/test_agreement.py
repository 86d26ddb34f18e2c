"""Engines and compiled events tell the same story of a network under churn.

The small version; the whole one, 1,000 nodes and 20 seeds, is ``benchmarks/sim_agreement.py``.
"""

from __future__ import annotations

import pytest

# The wheel has no benchmarks, and neither has its test.
pytest.importorskip("benchmarks.sim_agreement")
from benchmarks.sim_agreement import compare, matched, of_engines, of_messages, scenario

SEEDS = 6
LEAST = 0.002
"""Ten figures are tested, each of which is below by chance once in 500 times."""


@pytest.mark.slow
def test_both_fidelities_agree_in_distribution() -> None:
    made = scenario(80, 1800.0)
    engines = [of_engines(made, seed) for seed in range(SEEDS)]
    messages = [of_messages(made, 1000 + seed) for seed in range(5 * SEEDS)]
    found = compare(engines, matched(engines, messages))
    assert len(found) == 9
    assert {name: p for name, (_, _, p) in found.items() if p < LEAST} == {}
    for name in ("requests", "hops", "latency_s"):
        ours, theirs, _ = found[name]
        assert theirs == pytest.approx(ours, rel=0.05)
