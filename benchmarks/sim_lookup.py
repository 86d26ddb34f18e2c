"""(m) Lookups on whole networks: what building and looking up cost, against the number of nodes.

Each size runs in a process of its own, so that its memory is its own; the kernels are compiled
before the clock starts, and how long that takes from nothing is a row by itself. The rival is
PeerSim's Kademlia module, whose figures are quoted (it needs Java, and 2.4 GB for 10,000 nodes):
930 lookups a second at 10,000 nodes on a machine like ours. ``--large`` adds 4M nodes, which need 8
GB.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

from benchmarks.report import Row, ms

if TYPE_CHECKING:
    from collections.abc import Iterator

K = 20
THREADS = os.cpu_count() or 1
SIZES = (1_000, 10_000, 100_000, 1_000_000)
LARGEST = 4_000_000
"""Whether that is measured, too; set by ``--large``."""
PEERSIM = 930
"""Lookups a second of PeerSim's Kademlia module at 10,000 nodes."""
HOUR = 3600.0


def run(*, smoke: bool, large: bool = False) -> list[Row]:
    """All rows."""
    sizes = (1_000, 10_000) if smoke else SIZES
    if large and not smoke:
        sizes = (*sizes, LARGEST)
    rows = [_cold()] if not smoke else []
    for nodes in sizes:
        rows += _rows(nodes, measured(nodes, 2_000 if smoke else _lookups(nodes)))
    rows.append(_churn(1_000 if smoke else 100_000, HOUR / 10 if smoke else HOUR))
    return rows


def _lookups(nodes: int) -> int:
    """How many are made: the demand's million where it is made of a million nodes."""
    return 1_000_000 if nodes == SIZES[-1] else 200_000


def measured(nodes: int, lookups: int) -> dict[str, Any]:
    """What :func:`measure` says, in a process of its own."""
    return _apart("measure", nodes, lookups)


def _apart(what: str, *told: float, **more: str) -> dict[str, Any]:
    """Call a function below in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.sim_lookup", what, *map(str, told)]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | more
    )
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def _rows(nodes: int, made: dict[str, Any]) -> Iterator[Row]:
    """What a size has cost, beside what was promised of it."""
    gigabytes = made["memory"] / 1e9
    build = {1_000_000: (2.5, 2.0), LARGEST: (None, 8.0)}.get(nodes)
    met, demand = None, ""
    if build:
        seconds, most = build
        met = gigabytes <= most and (seconds is None or made["build"] <= seconds)
        demand = f"{f'<= {seconds} s, ' if seconds else ''}<= {most:g} GB"
    yield Row(
        f"{nodes:,} nodes built", f"{ms(made['build'])}, {gigabytes:.2f} GB", "", "", demand, met
    )
    rate = made["lookups"] / made["walk"]
    yield Row(
        f"{made['lookups']:,} full lookups on them",
        f"{made['walk']:.2f} s ({rate:,.0f}/s, {made['requests']:.2f} req, "
        f"processor {made['cpu']:.2f} s)",
        f"PeerSim {PEERSIM}/s at 10,000" if nodes == 10_000 else "",
        f"{rate / PEERSIM:.0f}x" if nodes == 10_000 else "",
        {10_000: ">= 100x", 1_000_000: "<= 15 s"}.get(nodes, ""),
        {10_000: rate >= 100 * PEERSIM, 1_000_000: made["walk"] <= 15}.get(nodes),
    )
    yield Row(
        "  of them with 30 % dead in the tables",
        f"{made['dead']:,.0f}/s, {made['dead_found']:.2%} of the closest found",
    )


def _cold() -> Row:
    """Compile everything from nothing, and find it compiled afterwards."""
    with tempfile.TemporaryDirectory() as empty:
        first = _apart("measure", 1_000, 1_000, NUMBA_CACHE_DIR=empty)["all"]
        second = _apart("measure", 1_000, 1_000, NUMBA_CACHE_DIR=empty)["all"]
    return Row(
        "kernels compiled, cold", ms(first), f"cached {ms(second)}", "", "<= 30 s", first <= 30
    )


def _churn(nodes: int, seconds: float) -> Row:
    """An hour of churn at lookup fidelity; a day is 24 of them."""
    made = _apart("churn", nodes, seconds)
    day = made["start"] + made["run"] * 24 * HOUR / seconds
    return Row(
        f"{nodes:,} nodes under churn, {seconds / HOUR:g} h, {made['lookups']:,} lookups",
        f"{made['start']:.1f} s to start, then {made['run']:.1f} s: a day in {day / 60:.1f} min",
        "",
        "",
        "a day in <= 45 min",
        day <= 45 * 60,
    )


# What runs in a process of its own.


class Sized:
    """A network of ``nodes`` with full tables, and lookups on it."""

    def __init__(self, nodes: int) -> None:
        import numpy as np

        from simulations.lookup.desk import World
        from simulations.lookup.tables import build, draw_ids

        self.rng = np.random.default_rng(1)
        ids = draw_ids(nodes, self.rng)
        begun = time.perf_counter()
        tables = build(ids, K, 1)
        self.seconds = time.perf_counter() - begun
        self.world = World(tables, np.ones(nodes, np.bool_), np.empty(0, np.int32))

    def kill(self, share: float) -> None:
        """Let a share of all die; their entries stay."""
        alive = self.rng.random(len(self.world.alive)) >= share
        self.world = self.world._replace(alive=alive)

    def look(self, count: int) -> dict[str, float]:
        """Make ``count`` lookups from live nodes to random keys."""
        import numpy as np

        from simulations.lookup.batch import shares_found, walks
        from simulations.lookup.rule import Patience, Rule

        sources = self.rng.choice(np.flatnonzero(self.world.alive), count)
        targets = self.rng.integers(0, 2**64 - 1, count, np.uint64)
        begun, cpu = time.perf_counter(), time.process_time()
        made = walks(self.world, Rule(), Patience(), sources, targets)
        took = {"walk": time.perf_counter() - begun, "cpu": time.process_time() - cpu}
        found = shares_found(self.world, K, sources, targets, made)[0]
        return took | {"requests": float(made.requests.mean()), "found": float(found.mean())}


def measure(nodes: int, lookups: int) -> dict[str, float]:
    """Build a network and look up on it; seconds of each."""
    begun, cpu = time.perf_counter(), time.process_time()
    from simulations.compiled import use_threads

    use_threads(THREADS)
    small = Sized(500)
    small.look(300)
    small.kill(0.3)
    small.look(300)
    compiling = {"all": time.perf_counter() - begun, "all_cpu": time.process_time() - cpu}
    network = Sized(nodes)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    made = network.look(lookups)
    network.kill(0.3)
    some = min(lookups, 20_000)
    slow = network.look(some)
    dead = {"dead": some / slow["walk"], "dead_cpu": slow["cpu"], "dead_found": slow["found"]}
    tables = sum(column.nbytes for column in network.world.tables)
    sizes = {"build": network.seconds, "memory": memory, "tables": tables, "lookups": lookups}
    return compiling | sizes | made | dead


def churn(nodes: int, seconds: float) -> dict[str, float]:
    """Run a network under churn with six lookups an hour from each node."""
    from simulations.chance import Chance
    from simulations.laws import Weibull
    from simulations.lookup import run as simulate
    from simulations.scenario import Churn, Network, Rules, Scenario

    def told(count: int, duration: float) -> Scenario:
        return Scenario(
            network=Network(nodes=count),
            rules=Rules(k=K, alpha=3),
            churn=Churn(session=Weibull(10_000.0, 0.6)),
            duration=duration,
            threads=THREADS,
        )

    simulate(told(500, 120.0), Chance(1))
    marks: list[float] = []
    begun = time.perf_counter()
    rows = simulate(told(nodes, seconds), Chance(1), lambda _: marks.append(time.perf_counter()))
    # The first word of progress comes after the first epoch.
    ended = time.perf_counter()
    epoch = (ended - marks[0]) / max(1, len(marks) - 2)
    start = marks[0] - begun - epoch
    return {"start": start, "run": ended - begun - start, "lookups": rows.count}


if __name__ == "__main__":
    chosen = {"measure": measure, "churn": churn}[sys.argv[1]]
    print(json.dumps(chosen(*(int(float(each)) for each in sys.argv[2:]))))
