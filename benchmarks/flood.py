"""(a) One node flooded with queries, beside libtorrent with its limits off, in the same run.

Everything is interleaved: for each kind of query, in each round, the echo, libtorrent and ours are
flooded one after the other, so that whatever else the machine does hits all of them. What counts
is the ratio within a round; the table shows the median over the rounds.

Two rates are measured. Replies a second is what a user gets; on a machine that does other things
meanwhile it wavers. Replies per second of the server's own processor time does not, and says who
would win on a core of its own.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.child import Child
from benchmarks.report import Row

KINDS = ("find_node", "get_peers", "get")
SERVERS = ("echo", "libtorrent", "ours")
CROWD = 250
FLOOR, SENDER_LEAD = 1.0, 2.0


@dataclass
class Rates:
    """The floods of one server with one kind of query, a figure for each round."""

    replies: list[float] = field(default_factory=list)
    per_cpu: list[float] = field(default_factory=list)
    lost: int = 0

    def over(self, other: Rates, *, cpu: bool = False) -> float:
        """How many times the rate of ``other``, round by round; the median."""
        mine, theirs = (self.per_cpu, other.per_cpu) if cpu else (self.replies, other.replies)
        return median(a / b for a, b in zip(mine, theirs, strict=True))


def measure(rounds: int, seconds: float) -> dict[tuple[str, str], Rates]:
    """Flood every server with every kind of query; rates by kind and server."""
    found: dict[tuple[str, str], Rates] = defaultdict(Rates)
    with ExitStack() as stack:
        crowd = Child(stack, "benchmarks.crowd", str(CROWD)).hear()
        jobs: list[tuple[str, Child, dict[str, Any]]] = []
        for index, name in enumerate(SERVERS):
            child = Child(stack, "benchmarks.servers", name, f"127.77.{index + 1}.1")
            hello = child.ask(crowd)
            print(f"flood: {name} {hello['version']} has {hello['contacts']} contacts", flush=True)
            jobs.append((name, child, {**hello, "source": f"127.78.{index + 1}.1"}))
        sender = Child(stack, "benchmarks.sender")
        for kind in KINDS:
            for turn in range(rounds):
                for name, child, job in jobs:
                    job |= {"kind": kind, "seconds": seconds, "seed": turn}
                    one_flood(sender, child, job, found[kind, name])
    return found


def one_flood(sender: Child, server: Child, job: dict[str, Any], rates: Rates) -> None:
    """Have the sender do ``job``; note what it came to in ``rates``."""
    before = server.processor_time()
    result = sender.ask(job)
    used = max(server.processor_time() - before, 0.01)
    if result["strange"]:
        raise RuntimeError(f"{result['strange']} of the samples of {job} were no answers")
    rates.replies.append(result["replies"] / result["seconds"])
    rates.per_cpu.append(result["replies"] / used)
    rates.lost += result["lost"]


def run(*, smoke: bool) -> list[Row]:
    """The rows of (a)."""
    if not sys.platform.startswith("linux"):
        return [Row("flood", "needs Linux (sendmmsg, /proc)")]
    found = measure(rounds=1 if smoke else 5, seconds=0.2 if smoke else 2.0)
    return [row for kind in KINDS for row in compare(kind, found)]


def compare(kind: str, found: dict[tuple[str, str], Rates]) -> list[Row]:
    """Ours beside libtorrent, and the sender beside ours."""
    echo, theirs, ours = (found[kind, name] for name in SERVERS)
    ratio, lead = ours.over(theirs), echo.over(ours)
    return [
        Row(
            f"{kind}, replies/s",
            f"{median(ours.replies):,.0f} ({ours.lost} lost)",
            f"libtorrent {median(theirs.replies):,.0f} ({theirs.lost} lost)",
            f"{ratio:.2f}x",
            ">= 1.0x, target 1.5x",
            ratio >= FLOOR,
        ),
        Row(
            f"{kind}, replies per cpu s",
            f"{median(ours.per_cpu):,.0f}",
            f"libtorrent {median(theirs.per_cpu):,.0f}",
            f"{ours.over(theirs, cpu=True):.2f}x",
        ),
        Row(
            f"{kind}, room of the sender",
            f"{median(ours.replies):,.0f}",
            f"echo {median(echo.replies):,.0f}",
            f"{lead:.2f}x",
            ">= 2x",
            lead >= SENDER_LEAD,
        ),
    ]
