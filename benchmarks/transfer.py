"""(f) One torrent from a seed to leechers, beside libtorrent, in the same run.

Ours is the whole client: picker, choker, extensions, accounting of limits, and a running DHT node
in each process (libtorrent's DHT is off, as its uTP is: nothing there but the stream). libtorrent
runs with its defaults and with ``high_performance_seed``, and the better of the two stands beside
ours. In each round every contestant transfers the same file once, so whatever else the machine
does hits all of them; ratios are taken within a round, and the median over the rounds counts.

The clock starts before a leecher knows the torrent, thus before it makes a file, and stops when
it says that all is verified. With ours all is then in its files; libtorrent may still hold some in
memory, which it is forgiven here: its flush waits for a clock of its own. Neither syncs. Processor
time is that of both sides until all is in the files; the seed's check of its file came before.
Leechers are new processes each time; seeds go on from round to round.

A virtual machine may hand the memory that it does not use back to its host, within seconds; taking
it again costs a hypervisor's fault a page. On one such machine writing 1 GiB took 0.12 s just after
another GiB had been deleted, and 1.6 s after a pause of ten seconds, charged to whoever writes.
So before each clock starts as much is cached and dropped: every contestant finds warm memory,
however long it took to start its processes.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import trio

from benchmarks.child import Child
from benchmarks.hashing import NAME, make, write
from benchmarks.report import Row
from torrent.core.metainfo import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS, DEFAULT, TUNED = "ours", "libtorrent default", "libtorrent high_performance_seed"
RIVALS = (DEFAULT, TUNED)
PROGRAM = {OURS: "benchmarks.sharer"} | dict.fromkeys(RIVALS, "tests.interop.libtorrent_peer")
PROFILE = {TUNED: "seed"}
PATIENCE = 120
SPARE = 3 << 29
"""Bytes of free memory that a host may take back while a transfer lasts: what Linux reports to it
in one go, every two seconds, was a sixteenth of 24 GiB."""
BUILD = Path(__file__).parents[1] / "build"
"""On the disk that holds the checkout: ``/tmp`` may be memory."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured: bytes, rounds, leechers of the swarm, and in which versions."""

    size: int
    rounds: int
    swarm_rounds: int
    crowd: int
    versions: tuple[Version, ...]


FULL = Plan(1 << 30, 5, 5, 4, (Version.V1, Version.V2))
SMOKE = Plan(16 << 20, 1, 1, 2, (Version.V1,))


@dataclass
class Course:
    """The transfers of one contestant, a figure for each round.

    Attributes:
        seconds: From start to stop, the last leecher's.
        seeding, leeching: Processor time of the seed, and of all leechers together.
        peak: Bytes that a leecher had resident at most.
    """

    seconds: list[float] = field(default_factory=list)
    seeding: list[float] = field(default_factory=list)
    leeching: list[float] = field(default_factory=list)
    peak: list[int] = field(default_factory=list)

    @property
    def processor(self) -> list[float]:
        """Processor time of all."""
        return [a + b for a, b in zip(self.seeding, self.leeching, strict=True)]


class Contestant:
    """One implementation: its seed, and leechers as they are needed."""

    def __init__(self, name: str, index: int, stack: ExitStack) -> None:
        self.name = name
        self._hosts = (f"127.{80 + index}.{number}.1" for number in range(1, 255))
        self._nodes: list[Any] = []
        self.seed, self.address = self.start(stack)

    def start(self, stack: ExitStack) -> tuple[Child, tuple[str, int]]:
        """A process, and where it listens."""
        host = next(self._hosts) if self.name == OURS else "127.0.0.1"
        child = Child(stack, PROGRAM[self.name])
        job = {"host": host, "profile": PROFILE.get(self.name), "bootstrap": self._nodes}
        hello = child.ask({"do": "open", **job})
        self._nodes = self._nodes or [hello["node"]] if "node" in hello else []
        return child, (host, hello["port"])

    def transfer(self, torrent: Path, directory: Path, count: int, course: Course) -> None:
        """Have ``count`` new leechers fetch the torrent, and note what it took."""
        with ExitStack() as stack:
            leechers = [self.start(stack) for _ in range(count)]
            children = [child for child, _ in leechers]
            warm(directory, count * torrent.with_name(NAME).stat().st_size)
            before = self.seed.processor_time()
            idle = sum(child.processor_time() for child in children)
            begun = time.perf_counter()
            self._add(children, torrent, directory)
            for index, child in enumerate(children):
                peers = [self.address, *(address for _, address in leechers[:index])]
                child.ask({"do": "connect", "peers": peers})
            together(children, {"do": "wait", "seconds": PATIENCE})
            course.seconds.append(time.perf_counter() - begun)
            together(children, {"do": "flush"})
            course.seeding.append(self.seed.processor_time() - before)
            course.leeching.append(sum(child.processor_time() for child in children) - idle)
            course.peak.append(max(child.peak() for child in children))

    @staticmethod
    def _add(children: list[Child], torrent: Path, directory: Path) -> None:
        for index, child in enumerate(children):
            job = {"torrent": str(torrent), "directory": str(directory / str(index))}
            child.say({"do": "add", **job})
        for child in children:
            child.hear()


def together(children: list[Child], job: dict[str, Any]) -> None:
    """Have all of them do something at the same time.

    Raises:
        RuntimeError: One of them could not.
    """
    for child in children:
        child.say(job)
    for child in children:
        if False in (answer := child.hear()).values():
            raise RuntimeError(f"{job['do']}: {answer}")


@dataclass
class Race:
    """Everybody's transfers of one file."""

    root: Path
    courses: dict[str, Course] = field(default_factory=lambda: defaultdict(Course))

    def run(self, version: Version, rounds: int, count: int) -> None:
        """Run ``rounds`` rounds, each contestant to ``count`` leechers in each."""
        torrent = self.root / f"{version.name}.torrent"
        torrent.write_bytes(trio.run(make, self.root, version))
        with ExitStack() as stack:
            contestants = [Contestant(n, i, stack) for i, n in enumerate(PROGRAM)]
            for contestant in contestants:
                job = {"torrent": str(torrent), "directory": str(self.root)}
                contestant.seed.ask({"do": "add", **job})
            for _ in range(rounds):
                for contestant in contestants:
                    self._one(contestant, torrent, count)

    def _one(self, contestant: Contestant, torrent: Path, count: int) -> None:
        directory = self.root / "leechers"
        for index in range(count):
            (directory / str(index)).mkdir(parents=True)
        try:
            contestant.transfer(torrent, directory, count, self.courses[contestant.name])
            for index in range(count):
                same(self.root / NAME, directory / str(index) / NAME)
        finally:
            shutil.rmtree(directory)

    def best(self, what: str) -> float:
        """The lower of libtorrent's two medians of seconds or processor time."""
        return min(median(getattr(self.courses[name], what)) for name in RIVALS)

    def ratio(self, what: str) -> float:
        """Ours to the better of libtorrent's, round by round; the median."""
        mine = getattr(self.courses[OURS], what)
        both = zip(*(getattr(self.courses[name], what) for name in RIVALS), strict=True)
        return median(a / min(pair) for a, pair in zip(mine, both, strict=True))


def warm(directory: Path, size: int) -> None:
    """Have the machine hold as much free memory as ``size`` bytes of files take, and some more."""
    with (directory / "warm").open("w+b", buffering=0) as sparse:
        sparse.truncate(size + SPARE)
        buffer = bytearray(1 << 20)
        while sparse.readinto(buffer):
            pass
    (directory / "warm").unlink()


def same(one: Path, other: Path) -> None:
    """Make sure of it, a piece at a time.

    Raises:
        RuntimeError: They differ.
    """
    with one.open("rb") as a, other.open("rb") as b:
        if any(x != y for x, y in zip(pieces(a), pieces(b), strict=True)):
            raise RuntimeError(f"{other} is not what the seed has")


def pieces(file: Any) -> Iterator[bytes]:
    """A file, bit by bit."""
    return iter(partial(file.read, 1 << 20), b"")


def run(*, smoke: bool) -> list[Row]:
    """The rows of (f)."""
    if not sys.platform.startswith("linux"):
        return [Row("transfer", "needs Linux (/proc)")]
    plan, rows = SMOKE if smoke else FULL, []
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as directory:
        root = Path(directory)
        print(f"transfer: files below {directory}", flush=True)
        write(root / NAME, plan.size)
        pairs = {}
        for version in plan.versions:
            race = pairs[version] = Race(root)
            race.run(version, plan.rounds, 1)
            rows += compared(f"{version.name.lower()}, 1 to 1", race, plan.size)
        if len(pairs) > 1:
            rows.append(versions(pairs))
        swarm = Race(root)
        swarm.run(Version.V1, plan.swarm_rounds, plan.crowd)
        rows += crowded(f"v1, 1 to {plan.crowd}", swarm, plan.size * plan.crowd)
    return rows


def compared(what: str, race: Race, size: int) -> list[Row]:
    """One leecher: speed, work, memory."""
    faster, work = 1 / race.ratio("seconds"), race.ratio("processor")
    peak, theirs = (max(race.courses[name].peak) / 1e6 for name in (OURS, DEFAULT))
    return [
        speed(what, race, size, ">= 1.2x, target 1.6x", met=faster >= 1.2),
        Row(
            f"{what}, cpu s (seed + leech)",
            spent(race.courses[OURS]),
            f"libtorrent {race.best('processor'):.2f}",
            f"{work:.2f}x",
            "<= 1.0x, target 0.7x",
            work <= 1,
        ),
        Row(
            f"{what}, leecher's peak memory",
            f"{peak:.0f} MB",
            f"libtorrent {theirs:.0f} MB",
            f"{peak / theirs:.2f}x",
            "<= 150 MB",
            peak <= 150,
        ),
    ]


def crowded(what: str, race: Race, size: int) -> list[Row]:
    """A swarm: all its leechers' bytes by the time the last one needs."""
    row = speed(what, race, size, ">= 1.0x, target 1.3x", met=race.ratio("seconds") <= 1)
    work = Row(
        f"{what}, cpu s (seed + leech)",
        spent(race.courses[OURS]),
        f"libtorrent {race.best('processor'):.2f}",
        f"{race.ratio('processor'):.2f}x",
    )
    return [row, work]


def speed(what: str, race: Race, size: int, demand: str, *, met: bool) -> Row:
    """The row of a race's speed."""
    mine, theirs = median(race.courses[OURS].seconds), race.best("seconds")
    return Row(
        f"{what}, MB/s",
        f"{size / mine / 1e6:,.0f}",
        f"libtorrent {size / theirs / 1e6:,.0f}",
        f"{1 / race.ratio('seconds'):.2f}x",
        demand,
        met,
    )


def spent(course: Course) -> str:
    """Processor time, and who spent it."""
    parts = f"{median(course.seeding):.2f} + {median(course.leeching):.2f}"
    return f"{median(course.processor):.2f} ({parts})"


def versions(pairs: dict[Version, Race]) -> Row:
    """v2 beside v1, both ours; by processor time, since the two did not run in the same round."""
    v1, v2 = (pairs[each].courses[OURS] for each in (Version.V1, Version.V2))
    ratio = median(v2.processor) / median(v1.processor)
    return Row(
        "v2 beside v1, cpu s",
        f"v2 {median(v2.processor):.2f}",
        f"v1 {median(v1.processor):.2f}",
        f"{ratio:.2f}x",
        "within 10 %",
        ratio <= 1.1,
    )
