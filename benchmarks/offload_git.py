"""A clone from five mirrors beside a clone from a server, both behind 20 Mbit/s.

One computer publishes a repository and serves it by smart HTTP, too (``git http-backend`` behind
:mod:`benchmarks.origin`). Five others mirror it, each with a node that keeps what it mirrors, and
each behind an uplink as wide as the publisher's. Then somebody who was never there before clones
it, by HTTP and by name, with stock git; each clone has a home of its own, thus neither keys nor
contacts nor state. Its downlink is not limited.

**Theory.** By HTTP, a clone takes the packs' size by the server's uplink. By name it can take no
less than a sixth of that, since six have the packs. What comes on top of it is what a stranger has
to find out first: an interpreter starts, a name is looked up in the DHT, then who has the manifest,
then who has the packs, and connections are made, at 60 ms a round trip. So the ratio falls with the
repository's size, towards 0.17; which is said with the figure.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.child import Child
from benchmarks.computers import PORT, Computer, together
from benchmarks.netns import internet, throttle
from benchmarks.report import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

OPEN: Final = 1000.0
"""Mbit/s while mirrors are made: nobody measures that."""
DEMAND: Final = 0.35
_PATIENCE: Final = 60.0
"""Seconds in which everybody who mirrors must have been listed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is cloned from whom.

    Attributes:
        commits, files, size: How many commits, files in each, bytes in each file.
        mirrors: How many there are beside the publisher.
        uplink: Of each of them, Mbit/s.
        delay: Seconds from any computer to any other.
        clones: How many by name.
    """

    commits: int
    files: int
    size: int
    mirrors: int = 5
    uplink: float = 20.0
    delay: float = 0.03
    clones: int = 3


FULL: Final = Plan(commits=200, files=10, size=24_000)
SMOKE: Final = Plan(commits=2, files=2, size=24_000, mirrors=1, delay=0.0, clones=1)


@dataclass(slots=True)
class Outcome:
    """What was measured.

    Attributes:
        size: Bytes of the packs.
        http: Seconds of the clone by HTTP.
        named: Seconds of each clone by name.
        crossed: Bytes that left each uplink during the clones by name, the publisher's first.
    """

    size: int = 0
    http: float = 0.0
    named: list[float] = field(default_factory=list)
    crossed: list[int] = field(default_factory=list)


def history(plan: Plan) -> Iterator[bytes]:
    """A repository as ``git fast-import`` reads it, the same each time.

    What files hold cannot be compressed, so packs are as large as they are. They are small, and
    each commit adds some, as in any repository.
    """
    rng = Random(8)
    for commit in range(plan.commits):
        yield b"commit refs/heads/main\n"
        yield b"committer A <a@example.org> %d +0000\ndata 2\n%02d\n" % (
            10**9 + commit,
            commit % 100,
        )
        for number in range(plan.files):
            yield b"M 100644 inline d%d/f%d\ndata %d\n" % (commit, number, plan.size)
            yield rng.randbytes(plan.size) + b"\n"


def make(plan: Plan, root: Path) -> Path:
    """The repository, in one pack, below ``root``."""
    where = root / "git" / "tool.git"
    git = ["git", "-C", str(where)]
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", where], check=True)
    imported = subprocess.Popen([*git, "fast-import", "--quiet"], stdin=subprocess.PIPE)
    assert imported.stdin
    imported.stdin.writelines(history(plan))
    imported.stdin.close()
    if imported.wait():
        raise RuntimeError("git fast-import failed")
    subprocess.run([*git, "repack", "-adq"], check=True)
    return where


class Run:
    """One publisher, its mirrors, and who clones."""

    def __init__(self, plan: Plan, root: Path) -> None:
        self.plan, self.root = plan, root
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Build it, measure, take it down."""
        plan = self.plan
        uplinks = [OPEN] * (plan.mirrors + 2)
        with internet(uplinks, plan.delay) as (places, switch), ExitStack() as stack:
            door = f"{places[0].host}:{PORT}"
            origin, *mirrors, visitor = [
                Computer(at, self.root / str(number), door) for number, at in enumerate(places)
            ]
            repository = make(plan, self.root)
            web = Child(
                stack,
                "benchmarks.origin",
                origin.place.host,
                "80",
                str(self.root),
                inside=origin.place.inside,
            )
            web.hear()
            url = self.publish(stack, origin, repository)
            self.mirror(stack, mirrors, url)
            for each in (origin, *mirrors):
                throttle(each.place, plan.uplink)
            self.measure(switch, visitor, url, f"http://{origin.place.host}/git/tool.git")
        return self.outcome

    def publish(self, stack: ExitStack, origin: Computer, repository: Path) -> str:
        """Have the publisher's node run, and the repository published; its URL."""
        first = Computer(origin.place, origin.home, "")
        first.stay(stack, "--listen", origin.door, "node")
        answer = origin.ask("git", "publish", str(repository))
        self.outcome.size = answer["size_bytes"]
        return str(answer["url"])

    def mirror(self, stack: ExitStack, mirrors: list[Computer], url: str) -> None:
        """Have everybody mirror it, and wait until the DHT lists them."""
        for ready in [each.begin(stack, "node") for each in mirrors]:
            ready()
        together(lambda number: mirrors[number].ask("git", "mirror", url, "--once"), len(mirrors))
        last, end = mirrors[-1], time.monotonic() + _PATIENCE
        for torrent in last.answers("torrents"):
            listed: set[str] = set()
            while len(listed) <= len(mirrors):
                found = last.answers("find", "--as", "infohash", torrent["infohash"])
                listed = {each["host"] for each in found if each["type"] == "provider"}
                if time.monotonic() > end:
                    raise RuntimeError(f"of all mirrors, only {listed} were listed")

    def measure(self, switch: Child, visitor: Computer, url: str, server: str) -> None:
        """Clone by HTTP and by name."""
        self.outcome.http = self.clone(visitor, "http", server)
        switch.say({"do": "count"})
        for number in range(self.plan.clones):
            self.outcome.named.append(self.clone(visitor, f"name{number}", url))
        switch.leave()
        report = switch.hear()
        self.outcome.crossed = [sum(each) for each in report["crossed"]]
        assert not report["missed"] + report["refused"], f"the switch lost frames: {report}"

    def clone(self, visitor: Computer, called: str, url: str) -> float:
        """Clone from a home that was not there before; seconds."""
        newcomer = Computer(visitor.place, self.root / called, visitor.door)
        newcomer.home.mkdir()
        began = time.monotonic()
        newcomer.run("git", "clone", "--quiet", "--bare", url, "clone.git")
        took = time.monotonic() - began
        tip = self.tip(self.root / "git" / "tool.git")
        assert self.tip(newcomer.home / "clone.git") == tip, f"{url} gave another history"
        return took

    @staticmethod
    def tip(repository: Path) -> str:
        """What ``main`` is in a repository."""
        command = ["git", "-C", str(repository), "rev-parse", "refs/heads/main"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def run(*, smoke: bool) -> list[Row]:
    """Clone, and say how long it took."""
    plan = SMOKE if smoke else FULL
    with tempfile.TemporaryDirectory() as directory:
        return rows(plan, Run(plan, Path(directory)).run())


def rows(plan: Plan, outcome: Outcome) -> list[Row]:
    """The lines of the table."""
    ours = median(outcome.named)
    ratio = ours / outcome.http
    given = [sent / outcome.size / len(outcome.named) for sent in outcome.crossed[:-1]]
    print(f"clones by name took {', '.join(f'{took:.1f} s' for took in outcome.named)};")
    print(f"of the packs' size, uplinks gave {', '.join(f'{each:.2f}' for each in given)}")
    return [
        Row(
            f"git clone of {outcome.size / 1e6:.0f} MB from {plan.mirrors + 1} x {plan.uplink:.0f} "
            "Mbit/s",
            f"{ours:.1f} s",
            f"smart HTTP from one {outcome.http:.1f} s",
            f"{ratio:.2f}x",
            f"<= {DEMAND:.2f}x",
            ratio <= DEMAND,
        ),
    ]
