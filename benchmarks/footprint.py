"""(d) What a node and the command weigh: memory of an idle node, time until help is shown."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.child import Child
from benchmarks.report import Row, ms

IDLE_MEMORY = 45 << 20
HELP_TIME = 0.2
DHTCTL = str(Path(sys.executable).parent / "dhtctl")


def run(*, smoke: bool) -> list[Row]:
    """The rows of (d) but the one about testnets, which the networks know."""
    rows = [] if not sys.platform.startswith("linux") else [idle()]
    return [*rows, *help_time(1 if smoke else 11)]


def idle() -> Row:
    """A node that joined a crowd and now waits, state on disk, beside libtorrent in the same."""
    with ExitStack() as stack:
        crowd = Child(stack, "benchmarks.crowd", "50").hear()
        sizes = {}
        for index, name in enumerate(("ours", "libtorrent")):
            child = Child(stack, "benchmarks.servers", name, f"127.77.{index + 10}.1")
            child.ask(crowd)
            sizes[name] = child.resident()
    mine, theirs = sizes["ours"], sizes["libtorrent"]
    return Row(
        "memory of an idle node",
        f"{mine / 2**20:.1f} MiB",
        f"libtorrent in Python {theirs / 2**20:.1f} MiB",
        f"{mine / theirs:.2f}x",
        "<= 45 MB",
        mine <= IDLE_MEMORY,
    )


def help_time(times: int) -> list[Row]:
    """``dhtctl --help``, beside Python doing nothing, in turn."""
    ours, nothing = [], []
    for _ in range(times + 1):  # the first writes the byte code
        ours.append(duration(DHTCTL, "--help"))
        nothing.append(duration(sys.executable, "-c", "pass"))
    mine, floor = median(ours[1:]), median(nothing[1:])
    row = Row("dhtctl --help", ms(mine), f"python -c pass {ms(floor)}", f"{mine / floor:.1f}x")
    return [Row(*row.cells()[:4], demand="<= 0.2 s", met=mine <= HELP_TIME)]


def duration(*command: str) -> float:
    """How long ``command`` runs."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start
