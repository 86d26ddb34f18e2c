"""(o) Do engines and compiled events tell the same story of a network under churn?

The same scenario is run at fidelity ``protocol`` (the engines that ship) and ``message`` (their
rules compiled), with several seeds. The two draw their chance differently, so no two lookups are
the same; what must agree are distributions. Lookups of one run share a network, so a test on the
pooled lookups of all seeds would take chance for a difference: one bad network counts a thousand
times. So the two-sample Kolmogorov-Smirnov test is made on what each run came to (its means, its
95th percentile, the stale share of its tables at the end), one value a seed; and, for the eye, the
distance between the pooled distributions is printed beside it.

How many nodes happen to leave differs from run to run by a tenth, sessions being as uneven as they
are, and timeouts follow it. So five times as many runs are made of compiled events, which cost a
second each, and every run of engines is compared with the one in which as many nodes came.

    python -m benchmarks.sim_agreement --nodes 1000 --seeds 20
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.report import Row
from simulations.chance import Chance
from simulations.latency import LogNormal
from simulations.laws import Weibull
from simulations.message.run import simulate
from simulations.protocol.run import Run
from simulations.rows import Kind, Rows
from simulations.scenario import Churn, Network, Scenario, Traffic
from simulations.statistics import ks

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST = 0.001
"""With eight figures, one run in a hundred and twenty of two equals shows a smaller p."""
COLUMNS = ("requests", "timeouts", "latency_s", "hops", "success", "found_closest")


def scenario(nodes: int, duration: float) -> Scenario:
    """Churn in which a third of all nodes leave in an hour; a lookup a node every ten minutes."""
    return Scenario(
        duration=duration,
        network=Network(nodes=nodes, latency=LogNormal()),
        churn=Churn(session=Weibull.of_scale(6000.0, 0.6)),
        traffic=Traffic(rate=6.0, warmup=duration / 3),
    )


def of_messages(made: Scenario, seed: int) -> tuple[Rows, float]:
    """Lookups and the stale share of the end, of a run of compiled events."""
    outcome = simulate(made, Chance(seed))
    return outcome.lookups, float(outcome.samples["stale_share"][-1])


def of_engines(made: Scenario, seed: int) -> tuple[Rows, float]:
    """The same, of a run of engines."""
    run = Run(made, Chance(seed))
    run.world.run(made.duration)
    contacts = stale = 0
    for node in run.world.nodes:
        if node.alive and node.engine is not None:
            for contact in node.engine.table.contacts():
                there = run.world.at.get(contact.endpoint)
                contacts += 1
                stale += there is None or not there.alive or there.key != contact.key
    return run.finish(), stale / contacts


def summary(seen: tuple[Rows, float]) -> dict[str, float]:
    """One run in a few numbers."""
    rows, stale = seen
    rows = rows.where(rows["kind"] == Kind.LOOKUP)
    figures = {name: float(np.mean(rows[name])) for name in COLUMNS}
    figures["latency_s, p95"] = float(np.quantile(rows["latency_s"], 0.95))
    figures["requests, p95"] = float(np.quantile(rows["requests"], 0.95))
    figures["stale share"] = stale
    return figures


def compare(
    engines: Sequence[tuple[Rows, float]], messages: Sequence[tuple[Rows, float]]
) -> dict[str, tuple[float, float, float]]:
    """For each figure: its mean at either fidelity, and the p value of both being one."""
    ours, theirs = [summary(each) for each in engines], [summary(each) for each in messages]
    found = {}
    for name in ours[0]:
        a, b = np.array([s[name] for s in ours]), np.array([s[name] for s in theirs])
        found[name] = (float(a.mean()), float(b.mean()), ks(a, b)[1])
    return found


def matched(
    engines: Sequence[tuple[Rows, float]], messages: Sequence[tuple[Rows, float]]
) -> list[tuple[Rows, float]]:
    """For each run of ``engines`` that of ``messages`` in which as many nodes joined; each once."""
    left, chosen = list(messages), []
    for run in engines:
        wanted = joins(run)
        best = min(range(len(left)), key=lambda i: abs(joins(left[i]) - wanted))
        chosen.append(left.pop(best))
    return chosen


def joins(seen: tuple[Rows, float]) -> int:
    """How many nodes came in a run."""
    return int((seen[0]["kind"] == Kind.JOIN).sum())


def run(*, smoke: bool = False) -> list[Row]:
    """A row for each figure; each must be such as one and the same story gives."""
    made = scenario(40, 300.0) if smoke else scenario(300, 1800.0)
    seeds = 2 if smoke else 6
    candidates = [of_messages(made, 1000 + seed) for seed in range(5 * seeds)]
    engines = [of_engines(made, seed) for seed in range(seeds)]
    return [
        Row(
            name,
            f"engines {ours:.4f}",
            f"compiled {theirs:.4f}",
            f"p = {p:.2f}",
            "not one in a thousand",
            p > LEAST,
        )
        for name, (ours, theirs, p) in compare(engines, matched(engines, candidates)).items()
    ]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description="engines against compiled events, under churn")
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--duration", type=float, default=3600.0)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    made = scenario(asked.nodes, asked.duration)
    with ProcessPoolExecutor(asked.workers) as pool:
        # Different seeds on either side: nothing is to agree because it was the same chance.
        many = range(1000, 1000 + 5 * asked.seeds)
        candidates = list(pool.map(partial(of_messages, made), many))
        engines = list(pool.map(partial(of_engines, made), range(asked.seeds)))
    messages = matched(engines, candidates)
    print(f"{asked.nodes} nodes, {asked.seeds} seeds, {asked.duration:g} s")
    print(f"{'':16} {'protocol':>10} {'message':>10} {'p (KS)':>8}")
    for name, (ours, theirs, p) in compare(engines, messages).items():
        print(f"{name:16} {ours:10.4f} {theirs:10.4f} {p:8.3f}")
    for name in COLUMNS:
        pools = [
            np.concatenate([r.where(r["kind"] == Kind.LOOKUP)[name] for r, _ in side])
            for side in (engines, messages)
        ]
        print(f"pooled {name:16} distance {ks(*pools)[0]:.4f} of {len(pools[0])} rows")


if __name__ == "__main__":
    main()
