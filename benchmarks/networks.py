"""(b) Networks of 200 nodes, and (c) the same with a share of them dead and still in the tables.

Each network lives in one process, on one core, driven through the same plan: again and again one
node puts, another gets what was put, a third asks for what nobody has. Where nodes are dead, no
node starts two operations, so that each meets its table as it was left.

Beside ours: PyPI's ``kademlia``. Of its rounds with dead nodes only a few are run: each operation
waits 5 s for every round that meets one.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.child import Child
from benchmarks.report import Row, Timings, ms

KINDS = ("put", "get", "miss")
DELAY = (0.1, 0.05)
"""Seconds every datagram travels in the delayed networks: mean, and spread to either side."""
REQUESTS_PER_PUT = {20: 45, 8: 28}
DEAD_BOUND, DEAD_TARGET, DELAYED_BOUND = 1.0, 0.3, 2.5


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of one network."""

    nodes: int = 200
    k: int = 8
    dead: float = 0.0
    delay: tuple[float, float] | None = None
    operations: int = 40
    seeds: tuple[int, ...] = (1, 2)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the runs of a plan came to, together."""

    timings: dict[str, Timings]
    bytes_per_node: float
    joined: float
    lost: int

    def p95(self, kind: str) -> float:
        """Of ``kind`` of operation."""
        return self.timings[kind].p95


def carry_out(plan: Plan, *modules: str) -> list[Outcome]:
    """Run ``plan`` on the network of each module, seed by seed in turn."""
    raw: list[list[dict[str, Any]]] = [[] for _ in modules]
    for seed in plan.seeds:
        for module, results in zip(modules, raw, strict=True):
            with ExitStack() as stack:
                job = {name: getattr(plan, name) for name in Plan.__slots__}
                results.append(Child(stack, module).ask({**job, "seed": seed}))
    return [pool(results) for results in raw]


def pool(results: list[dict[str, Any]]) -> Outcome:
    """Throw the measurements of several runs together."""
    timings = {}
    for kind in KINDS:
        pairs = [pair for result in results for pair in result[kind]]
        timings[kind] = Timings(tuple(s for s, _ in pairs), tuple(r for _, r in pairs))
    return Outcome(
        timings,
        max(result["bytes_per_node"] for result in results),
        max(result["joined"] for result in results),
        sum(result["lost"] for result in results),
    )


OURS, RIVAL = "benchmarks.network", "benchmarks.rival"


FULL = Plan()
SMOKE = Plan(nodes=15, operations=1, seeds=(1,))


def healthy(plan: Plan) -> tuple[list[Row], list[Row]]:
    """The rows of (b), and the row about the memory a node of a network takes."""
    rival, rows = compare(replace(plan, k=20, operations=plan.operations * 2))
    (small,) = carry_out(plan, OURS)
    rows += [Row(f"{kind}, k = 8: p50 / p95", str(small.timings[kind])) for kind in KINDS]
    rows.append(requests_row(8, small))
    memory = Row(
        "memory of a testnet node",
        f"{small.bytes_per_node / 1024:.0f} KiB (k = 8)",
        f"kademlia {rival.bytes_per_node / 1024:.0f} KiB (k = 20)",
        f"{small.bytes_per_node / rival.bytes_per_node:.2f}x",
        "<= 60 KiB",
        small.bytes_per_node <= 60 * 1024,
    )
    return rows, [memory]


def compare(plan: Plan) -> tuple[Outcome, list[Row]]:
    """Ours beside kademlia's at the same k; kademlia's outcome too."""
    ours, theirs = carry_out(plan, OURS, RIVAL)
    rows = [
        Row(
            f"{kind}, k = {plan.k}: p50 / p95",
            str(ours.timings[kind]),
            f"kademlia {theirs.timings[kind]}",
            f"{ours.timings[kind].p50 / theirs.timings[kind].p50:.2f}x",
            "p50 <= 1x",
            ours.timings[kind].p50 <= theirs.timings[kind].p50,
        )
        for kind in KINDS
    ]
    lost = Row("gets that found nothing", str(ours.lost), f"kademlia {theirs.lost}", "", "0")
    return theirs, [*rows, replace(lost, met=not ours.lost), requests_row(plan.k, ours)]


def requests_row(k: int, outcome: Outcome) -> Row:
    """What a put costs."""
    each, bound = outcome.timings["put"].each, REQUESTS_PER_PUT[k]
    return Row(f"requests a put, k = {k}", f"{each:.1f}", "", "", f"<= {bound}", each <= bound)


def dead(plan: Plan, *, smoke: bool) -> list[Row]:
    """The rows of (c)."""
    rows: list[Row] = []
    shares = (0.2,) if smoke else (0.2, 0.4)
    rival = None if smoke else carry_out(replace(plan, k=20, dead=0.2, operations=2), RIVAL)[0]
    for delay in (None, (0.01, 0.005) if smoke else DELAY):
        if delay is not None:  # a join takes seconds then, and ratios are not that fine
            plan = replace(plan, seeds=plan.seeds[:1], nodes=plan.nodes // 2)
        (alive,) = carry_out(replace(plan, delay=delay), OURS)
        for share in shares:
            worse = replace(plan, delay=delay, dead=share)
            (hurt,) = carry_out(worse, OURS)
            beside = rival if delay is None and share == 0.2 else None
            rows += [wounded(kind, worse, hurt, alive, beside) for kind in KINDS]
            found = Row(f"gets that found nothing, {share:.0%} dead{told(delay)}", str(hurt.lost))
            rows.append(found)
    return rows


def told(delay: tuple[float, float] | None) -> str:
    """The delay in words."""
    return "" if delay is None else f", {delay[0] * 1000:.0f}±{delay[1] * 1000:.0f} ms"


def wounded(kind: str, plan: Plan, hurt: Outcome, healthy: Outcome, rival: Outcome | None) -> Row:
    """An operation among the dead, beside the same among the living."""
    ratio = hurt.p95(kind) / healthy.p95(kind)
    demand, met = "", None
    if plan.delay is not None:
        demand, met = f"p95 <= {DELAYED_BOUND}x healthy", ratio <= DELAYED_BOUND
    elif plan.dead == 0.2 and kind != "get":
        demand = f"p95 <= {DEAD_BOUND:.0f} s, target {DEAD_TARGET} s"
        met = hurt.p95(kind) <= DEAD_BOUND
    beside = f"healthy {ms(healthy.p95(kind))}"
    if rival is not None:
        beside += f"; kademlia {ms(rival.p95(kind))}"
    what = f"{kind}, {plan.dead:.0%} dead{told(plan.delay)}: p50 / p95"
    return Row(what, str(hurt.timings[kind]), beside, f"{ratio:.2f}x", demand, met)
