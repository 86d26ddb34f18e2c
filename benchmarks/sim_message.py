"""(l) Networks under churn, every message an event, compiled.

Mainline's own rules and periods (k = 8, tables looked after every 15 minutes), sessions after
Stutzbach & Rejaie (Weibull, shape 0.6, scale 10,000 s), six lookups a node and hour. Each network
first lives half an hour untimed, since a network just planted has nothing to look after. What is
timed is the half hour (or two hours) after that; a whole day is extrapolated from it, and said to
be, unless ``--long`` asks for the day itself:

    python -m benchmarks.sim_message --long
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.report import Row, table

EVENTS_DEMAND = 600_000
DAY_DEMAND = 8 * 60
COMPILE_DEMAND = 30
WARM = 1800.0
DAY = 86_400.0


def measure(nodes: int, seconds: float, warm: float) -> dict[str, float]:
    """Let a network live; seconds of wall and processor, and moments."""
    from simulations.chance import Chance
    from simulations.latency import LogNormal
    from simulations.laws import Weibull
    from simulations.message import state as st
    from simulations.message.keeping import Keeping
    from simulations.message.run import pass_time
    from simulations.message.setup import make_world
    from simulations.scenario import Churn, Network, Scenario

    def world(count: int) -> Any:
        made = Scenario(
            network=Network(nodes=count, latency=LogNormal()),
            churn=Churn(session=Weibull.of_scale(10_000.0, 0.6)),
        )
        return make_world(made, Keeping(), Chance(1))

    compiling = time.process_time()
    pass_time(world(50), 10.0)
    compiling = time.process_time() - compiling
    w = pass_time(world(nodes), warm)
    before, begun, cpu = int(w.tally[st.EVENTS]), time.perf_counter(), time.process_time()
    w = pass_time(w, warm + seconds)
    return {
        "wall": time.perf_counter() - begun,
        "cpu": time.process_time() - cpu,
        "moments": int(w.tally[st.EVENTS]) - before,
        "compiling": compiling,
    }


def apart(nodes: int, seconds: float, warm: float, **env: str) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.sim_message", "--measure"]
    command += [str(nodes), str(seconds), str(warm)]
    told = subprocess.run(command, env=os.environ | env, capture_output=True, text=True, check=True)
    seen: dict[str, float] = json.loads(told.stdout)
    return seen


def run(*, smoke: bool = False, long: bool = False) -> list[Row]:
    """Measure; the rows of the table."""
    sizes = [(200, 600.0)] if smoke else [(1000, 7200.0), (10_000, DAY if long else 1800.0)]
    rows = []
    for nodes, seconds in sizes:
        seen = apart(nodes, seconds, 60.0 if smoke else WARM)
        rate, day = seen["moments"] / seen["wall"], seen["wall"] * DAY / seconds
        judged = nodes == sizes[-1][0]
        rows.append(
            Row(
                f"{nodes:,} nodes, {seconds / 3600:g} h: events a second",
                f"{rate / 1e6:.2f} M/s",
                f"{seen['moments'] / seen['cpu'] / 1e6:.2f} M/s of processor time",
                demand="0.6 M/s" if judged else "",
                met=rate >= EVENTS_DEMAND if judged else None,
            )
        )
        rows.append(
            Row(
                f"{nodes:,} nodes, 24 h",
                f"{day / 60:.1f} min{'' if seconds == DAY else ', extrapolated'}",
                f"{seen['moments'] / nodes / (seconds / 3600):.0f} events a node and hour",
                demand="8 min" if judged else "",
                met=day <= DAY_DEMAND if judged else None,
            )
        )
    if not smoke:
        with tempfile.TemporaryDirectory() as cache:
            cold = apart(50, 1.0, 1.0, NUMBA_CACHE_DIR=cache)["compiling"]
        met = cold <= COMPILE_DEMAND
        rows.append(Row("cold compilation", f"{cold:.0f} s of processor", "", "", "30 s", met))
    return rows


def main() -> None:
    """Print the table, or measure for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--long", action="store_true", help="live the whole day: some minutes")
    parser.add_argument("--measure", nargs=3, type=float, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        nodes, seconds, warm = asked.measure
        print(json.dumps(measure(int(nodes), seconds, warm)))
        return
    print(table("(l) Networks under churn", run(smoke=asked.smoke, long=asked.long)))


if __name__ == "__main__":
    main()
