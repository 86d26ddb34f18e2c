"""(h) The swarm that users have: unequal uplinks, people who come and go, one seed.

Each peer is a process of its own in a network of its own (:mod:`benchmarks.netns`), behind an
uplink of 2 to 20 Mbit/s and 30 ms from everybody else, each way. They arrive within a minute, and
each is told who is there already, as a tracker would; two leave the moment they are complete. The
same swarm, with the same arrivals, is run with our peers and with libtorrent's, with defaults.

Beside them stands what no client can beat (:func:`bound`).
"""

from __future__ import annotations

import filecmp
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import correlation, median
from typing import TYPE_CHECKING, Final

import libtorrent
import trio

from benchmarks.child import Child
from benchmarks.hashing import write
from benchmarks.netns import internet, obstacle
from benchmarks.report import Row
from torrent.core.metainfo import Version
from torrent.io.disk import Disk
from torrent.io.hashing import create

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.netns import Place

OURS: Final = "benchmarks.swarm_peer"
THEIRS: Final = "tests.interop.libtorrent_peer"
PATIENCE: Final = 600.0
"""Seconds after which a swarm has failed."""
GOODPUT: Final = 1448 / 1514
"""Of a full Ethernet frame, the share that TCP hands on; the bucket counts the whole frame."""
STEP: Final = 0.01


@dataclass(frozen=True, slots=True)
class Plan:
    """A swarm. Uplinks in Mbit/s, times in seconds, sizes in bytes.

    Attributes:
        seed: The uplink of who has the file; it is there from the beginning.
        uplinks: Those of the others.
        arrivals: When each of them comes.
        leavers: Who of them leaves when complete.
        size: Of the file.
        piece: Of a piece.
        delay: Of each frame.
    """

    seed: float
    uplinks: tuple[float, ...]
    arrivals: tuple[float, ...]
    leavers: frozenset[int]
    size: int
    piece: int = 256 << 10
    delay: float = 0.03


def plan(size: int, within: float, chance: int = 1) -> Plan:
    """Sixteen peers that come within so many seconds, the first at once."""
    rng = Random(chance)
    uplinks = [2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 8, 8, 10, 12, 16, 20]
    rng.shuffle(uplinks)
    later = sorted(rng.uniform(0, within) for _ in uplinks[1:])
    return Plan(10, tuple(uplinks), (0.0, *later), frozenset({3, 12}), size)


def bound(swarm: Plan) -> float:
    """Seconds before which not everybody can be complete.

    What has been delivered by a time is no more than the uplinks of those present could carry; nor
    can anybody have what the seed has not sent yet, so it is no more than that for each of those
    present. This is the bound of Kumar and Ross (max of F/u_s and N·F/(u_s+Σu)) for peers that
    arrive. That a piece must be whole before it is passed on is not in it, nor what TCP's
    acknowledgements take from the uplinks of who downloads; the frames' headers are.
    """
    rate = {index: mbit * GOODPUT / 8e-6 for index, mbit in enumerate(swarm.uplinks)}
    source = swarm.seed * GOODPUT / 8e-6
    delivered, now = 0.0, 0.0
    while delivered < len(rate) * swarm.size - 1:
        now += STEP
        present = [index for index, at in enumerate(swarm.arrivals) if at <= now]
        carried = delivered + STEP * (source + sum(rate[index] for index in present))
        delivered = min(carried, len(present) * min(swarm.size, source * now))
    return now


@dataclass(slots=True)
class Outcome:
    """What became of a swarm.

    Attributes:
        finished: When each peer was complete, in seconds from the beginning.
        statuses: What each peer says of itself, the seed first.
        crossed: Bytes by second that left each uplink, the seed's first.
        missed: Frames that the switch lost: none, or the figures mean nothing.
    """

    finished: dict[int, float] = field(default_factory=dict)
    statuses: dict[int, dict[str, int]] = field(default_factory=dict)
    crossed: list[list[int]] = field(default_factory=list)
    missed: int = 0

    @property
    def last(self) -> float:
        """When the last was complete."""
        return max(self.finished.values())

    def waits(self, swarm: Plan) -> list[float]:
        """How long it took each of them, from its own arrival."""
        return [self.finished[index] - at for index, at in enumerate(swarm.arrivals)]


class Run:
    """One swarm of one client at work."""

    def __init__(self, swarm: Plan, client: str, root: Path) -> None:
        self.swarm, self.client, self.root = swarm, client, root
        self.outcome = Outcome()
        self.children: list[Child] = []
        self.here: list[tuple[str, int]] = []
        self.gate = threading.Lock()
        self.began = 0.0

    def run(self) -> Outcome:
        """Build it, let it run, take it down."""
        rates = (self.swarm.seed, *self.swarm.uplinks)
        with internet(rates, self.swarm.delay) as (places, switch), ExitStack() as stack:
            self.children = [Child(stack, self.client, inside=at.inside) for at in places]
            homes = [self.open(child, at) for child, at in zip(self.children, places, strict=True)]
            switch.say({"do": "count"})
            self.began = time.monotonic()
            self.arrive(0, homes[0])
            threads = [
                threading.Thread(target=self.live, args=(index, home))
                for index, home in enumerate(homes[1:])
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.outcome.statuses[0] = self.status(0)
            switch.leave()
            report = switch.hear()
            self.outcome.crossed = report["crossed"]
            self.outcome.missed = report["missed"] + report["refused"]
        return self.outcome

    def open(self, child: Child, place: Place) -> tuple[str, int]:
        """Start a session; where it listens."""
        answer = child.ask({"do": "open", "host": place.host, "abroad": True})
        return place.host, answer["port"]

    def arrive(self, number: int, home: tuple[str, int]) -> None:
        """Let a peer take part, and tell it who is there."""
        directory = self.root / str(number)
        directory.mkdir(exist_ok=True)
        torrent = {"torrent": str(self.root / "torrent"), "directory": str(directory)}
        child = self.children[number]
        child.ask({"do": "add", **torrent})
        with self.gate:
            present = list(self.here)
            self.here.append(home)
        child.ask({"do": "connect", "peers": present})

    def live(self, index: int, home: tuple[str, int]) -> None:
        """A peer's life: it comes, waits until it has everything, and perhaps leaves."""
        number = index + 1
        time.sleep(max(self.began + self.swarm.arrivals[index] - time.monotonic(), 0))
        self.arrive(number, home)
        answer = self.children[number].ask({"do": "wait", "seconds": PATIENCE})
        self.outcome.finished[index] = time.monotonic() - self.began
        if not answer["complete"]:
            raise RuntimeError(f"peer {index} of {self.client} was not complete in {PATIENCE} s")
        self.outcome.statuses[number] = self.status(number)
        if index in self.swarm.leavers:
            with self.gate:
                self.here.remove(home)
            self.children[number].leave()

    def status(self, number: int) -> dict[str, int]:
        """What a peer says of itself."""
        found: dict[str, int] = self.children[number].ask({"do": "status"})["torrents"][0]
        return found


def fairness(swarm: Plan, outcome: Outcome) -> float:
    """Rank correlation (Spearman) of what peers can give and how fast they were served."""
    speeds = [1 / wait for wait in outcome.waits(swarm)]
    return correlation(ranks(swarm.uplinks), ranks(speeds))


def ranks(values: Sequence[float]) -> list[float]:
    """The place of each among the others; equals share theirs."""
    return [
        sum(other < value for other in values) + sum(other == value for other in values) / 2
        for value in values
    ]


def describe(name: str, swarm: Plan, outcome: Outcome) -> str:
    """The peers of one swarm in order of their uplinks: what they gave, how fast they got."""
    lines = [f"\n{name}: uplink Mbit/s, arrived, took, used of its uplink, uploaded/file"]
    waits = outcome.waits(swarm)
    for index in sorted(range(len(waits)), key=lambda index: swarm.uplinks[index]):
        at, wait, mbit = swarm.arrivals[index], waits[index], swarm.uplinks[index]
        sent = outcome.crossed[index + 1]
        used = sum(sent) * 8e-6 / mbit / (outcome.last - at)
        given = sum(sent) / swarm.size
        gone = " left" if index in swarm.leavers else ""
        lines.append(f"{mbit:6.0f} {at:8.1f} {wait:8.1f} {used:8.0%} {given:8.2f}{gone}")
    seed = sum(outcome.crossed[0])
    lines.append(f"the seed sent {seed / swarm.size:.2f} times the file")
    return "\n".join(lines)


async def prepare(root: Path, size: int, piece: int) -> None:
    """The file of the seed, and its torrent."""
    (root / "0").mkdir()
    write(root / "0" / "data", size)
    async with Disk() as disk:
        made = await create(disk, root / "0" / "data", Version.V1, piece_length=piece)
    (root / "torrent").write_bytes(made.metainfo)


def run(*, smoke: bool) -> list[Row]:
    """Our swarm and libtorrent's, one after the other."""
    if why := obstacle():
        print(f"SKIPPED: the swarm in network namespaces: {why}", file=sys.stderr, flush=True)
        return []
    swarm = plan(4 << 20, 3.0) if smoke else plan(64 << 20, 60.0)
    ours, theirs = swarm_of(OURS, swarm), swarm_of(THEIRS, swarm)
    print(describe("dhtctl", swarm, ours))
    print(describe(f"libtorrent {libtorrent.__version__}", swarm, theirs))
    return rows(swarm, ours, theirs)


def rows(swarm: Plan, ours: Outcome, theirs: Outcome) -> list[Row]:
    """The lines of the table."""
    least = bound(swarm)
    last, middle = ours.last / theirs.last, median(ours.waits(swarm)) / median(theirs.waits(swarm))
    return [
        Row(
            f"{len(swarm.uplinks)} peers fetch {swarm.size >> 20} MiB: the last is complete",
            f"{ours.last:.1f} s",
            f"libtorrent {theirs.last:.1f} s",
            f"{last:.2f}x",
            "<= 1.00x",
            last <= 1,
        ),
        Row(
            "half of them, each from its arrival",
            f"{median(ours.waits(swarm)):.1f} s",
            f"libtorrent {median(theirs.waits(swarm)):.1f} s",
            f"{middle:.2f}x",
            "<= 1.00x",
            middle <= 1,
        ),
        Row(
            "the last, beside what is possible",
            f"{ours.last:.1f} s",
            f"bound {least:.1f} s",
            f"{ours.last / least:.2f}x",
            "<= 1.10x",
            ours.last <= 1.1 * least,
        ),
        Row(
            "fairness: rank correlation of uplink and speed",
            f"{fairness(swarm, ours):.2f}",
            f"libtorrent {fairness(swarm, theirs):.2f}",
        ),
    ]


def swarm_of(client: str, swarm: Plan) -> Outcome:
    """Run one, and compare every byte."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        trio.run(prepare, root, swarm.size, swarm.piece)
        outcome = Run(swarm, client, root).run()
        for number in range(1, len(swarm.uplinks) + 1):
            same = filecmp.cmp(root / "0" / "data", root / str(number) / "data", shallow=False)
            assert same, f"peer {number} of {client} has a false file"
    assert not outcome.missed, f"the switch lost {outcome.missed} frames"
    return outcome
