"""(g) A seedbox: a thousand torrents in one process, its node running, beside libtorrent's."""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.child import Child
from benchmarks.report import Row, ms

START_S = 10.0
MEMORY = 150_000_000
IDLE = 0.03
CALM_S, WATCHED_S = 5.0, 20.0
"""Seconds after the start that are not watched, and that are."""


@dataclass(frozen=True, slots=True)
class Box:
    """How one client does with all of them."""

    seconds: float
    memory: int
    idle: float
    first: float


def run(*, smoke: bool) -> list[Row]:
    """The rows of (g)."""
    if not sys.platform.startswith("linux"):
        return []
    count = 20 if smoke else 1000
    with ExitStack() as stack:
        root = stack.enter_context(tempfile.TemporaryDirectory())
        Child(stack, "benchmarks.seedboxes", "make", root).ask(count)
        boxes = [watched(who, root, count, smoke=smoke) for who in ("ours", "libtorrent")]
    return rows(count, *boxes)


def watched(who: str, root: str, count: int, *, smoke: bool) -> Box:
    """Start one, and look at it while nothing happens."""
    calm, span = (0.1, 0.3) if smoke else (CALM_S, WATCHED_S)
    with ExitStack() as stack:
        crowd = Child(stack, "benchmarks.crowd", "50").hear()
        child = Child(stack, "benchmarks.seedboxes", who, root)
        told = child.ask(crowd)
        if told["seeding"] != count:
            raise RuntimeError(f"{who} seeds {told['seeding']} of {count}")
        busy = child.processor_time()
        time.sleep(calm)
        first = (child.processor_time() - busy) / calm
        busy, began = child.processor_time(), time.monotonic()
        time.sleep(span)
        idle = (child.processor_time() - busy) / (time.monotonic() - began)
        return Box(told["seconds"], child.resident(), idle, first)


def rows(count: int, mine: Box, theirs: Box) -> list[Row]:
    """What is said of them."""
    return [
        Row(
            f"{count} torrents: start with resume data",
            ms(mine.seconds),
            f"libtorrent {ms(theirs.seconds)}",
            f"{mine.seconds / theirs.seconds:.2f}x",
            f"<= {START_S:.0f} s",
            mine.seconds <= START_S,
        ),
        Row(
            "memory, with its DHT node",
            f"{mine.memory / 1e6:.0f} MB",
            f"libtorrent {theirs.memory / 1e6:.0f} MB",
            f"{mine.memory / theirs.memory:.2f}x",
            "<= 150 MB",
            mine.memory <= MEMORY,
        ),
        Row(
            "processor while idle",
            f"{mine.idle:.2%}",
            f"libtorrent {theirs.idle:.2%}",
            demand="< 3 % of a core",
            met=mine.idle < IDLE,
        ),
        Row(
            f"the first {CALM_S:.0f} s of that",
            f"{mine.first:.2%}",
            f"libtorrent {theirs.first:.2%}",
        ),
    ]
