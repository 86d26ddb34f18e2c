"""(j) Repositories: a clone from three peers beside one from ``git daemon``, and what moves.

The repository is made by ``git fast-import``, the same each time: files of text in directories, of
which each commit changes a few lines here and there. Two thirds of its history are published at
first, the rest in pushes of a hundred commits, so that there are several generations. Three
processes seed them, and stock git clones through its helper, in turns with ``git clone git://``
from the same machine; both write a bare repository. Imports, the DHT and all hashing are counted.

Our programs run from bytecode, as they do wherever pip has installed them: an environment that
forbids writing it (``PYTHONDONTWRITEBYTECODE``) had each clone compile two hundred modules first.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.report import Row, ms
from tests import git_house as house
from tests.dhtctl import dhtctl_in, environment
from tests.networks import network
from tests.running import Staying

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDS: Final = b"the of and a to in is that it was for on are with as they be at one have this"
_FILES: Final = 400
_LINES: Final = 120
_PUSH: Final = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of it.

    Attributes:
        commits: Of the whole history.
        pushes: Of a hundred commits each, the last ones.
        rounds: Clones of each kind.
    """

    commits: int
    pushes: int
    rounds: int


FULL: Final = Plan(4000, 3, 5)
SMOKE: Final = Plan(120, 1, 1)


def history(commits: int, chance: int = 1) -> Iterator[bytes]:
    """A stream for ``git fast-import``."""
    rng = Random(chance)
    files = [[_line(rng) for _ in range(_LINES)] for _ in range(_FILES)]
    for number in range(commits):
        message = b"Commit %d\n" % number
        yield b"commit refs/heads/main\ncommitter A <a@example.org> %d +0000\n" % (10**9 + number)
        yield b"data %d\n%b" % (len(message), message)
        changed = range(_FILES) if not number else rng.sample(range(_FILES), rng.randint(1, 5))
        for index in changed:
            lines = files[index]
            for _ in range(rng.randint(1, 6)):
                lines[rng.randrange(len(lines))] = _line(rng)
            data = b"".join(lines)
            path = b"part%d/unit%d/file%d.txt" % (index % 8, index % 40, index)
            yield b"M 100644 inline %b\ndata %d\n%b\n" % (path, len(data), data)


def _line(rng: Random) -> bytes:
    words = rng.choices(_WORDS.split(), k=rng.randint(3, 12))
    return b"%b %d\n" % (b" ".join(words), rng.getrandbits(20))


def run(*, smoke: bool) -> list[Row]:
    """Measure."""
    if shutil.which("git") is None:
        return [Row("git", "is not here")]
    plan = SMOKE if smoke else FULL
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dhtctl-bench-")))
        source = _made(home / "tool", plan)
        doors = stack.enter_context(network(20))
        return _measured(stack, home, source, doors, plan)


def _made(source: Path, plan: Plan) -> Path:
    source.mkdir()
    house.run(source, "init", "-q", "--bare", "-b", "main")
    house.run(source, "fast-import", "--quiet", stdin=b"".join(history(plan.commits)))
    house.run(source, "repack", "-adq")
    return source


def _measured(stack: ExitStack, home: Path, source: Path, doors: str, plan: Plan) -> list[Row]:
    tip = house.run(source, "rev-parse", "main")
    homes = [home / f"peer{number}" for number in range(3)]
    for each in homes:
        each.mkdir()
    node = stack.enter_context(Staying(homes[0], "node", DHTCTL_BOOTSTRAP=doors))
    node.told("joined")
    told = {}
    came = []
    for push in reversed(range(plan.pushes + 1)):
        house.run(source, "update-ref", "refs/heads/main", f"{tip}~{push * _PUSH}")
        told = _dhtctl(homes[0], doors, "git", "publish", str(source))
        mirrored = _dhtctl(homes[1], doors, "git", "mirror", told["name"], "--once")
        came.append(mirrored["downloaded_bytes"])
    for each in homes[1:]:
        mirror = Staying(each, "git", "mirror", told["name"], DHTCTL_BOOTSTRAP=doors)
        stack.enter_context(mirror)
        mirror.told("stays and serves it")
    one = len(_one_pack(source))
    address = stack.enter_context(_daemon(home))
    ours, theirs = _clones(home, told["url"], f"git://{address}/tool", doors, plan)
    objects = house.run(source, "count-objects", "-v").partition("in-pack: ")[2].split()[0]
    ratio, update, total = ours / theirs, max(came[1:]) / one, told["size_bytes"] / one
    return [
        Row(
            f"clone of {objects} objects from 3 peers",
            ms(ours),
            f"git daemon {ms(theirs)}",
            f"{ratio:.2f}",
            "at most 1.5, target 1.2",
            ratio <= 1.5,
        ),
        Row(
            f"a mirror's update, {_PUSH} commits (the worst of {plan.pushes})",
            f"{max(came[1:]):,} B",
            f"one pack {one:,} B",
            f"{update:.3f}",
            "at most 0.05",
            update <= 0.05,
        ),
        Row(
            f"{told['generations']} generations",
            f"{told['size_bytes']:,} B",
            f"one pack {one:,} B",
            f"{total:.3f}",
            "at most 1.10",
            total <= 1.10,
        ),
    ]


def _dhtctl(home: Path, doors: str, *words: str) -> dict[str, object]:
    done = dhtctl_in(home)(*words, "--json", DHTCTL_BOOTSTRAP=doors)
    if done.code:
        raise RuntimeError(done.err)
    found: dict[str, object] = json.loads(done.out.splitlines()[-1])
    return found


def _one_pack(source: Path) -> bytes:
    words = ["git", "pack-objects", "-q", "--all", "--stdout", "--delta-base-offset"]
    return subprocess.run(
        words, cwd=source, input=b"", capture_output=True, check=True, env=house.environment()
    ).stdout


@contextmanager
def _daemon(home: Path) -> Iterator[str]:
    """``git daemon``, serving what is below a directory."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [
        "git",
        "daemon",
        "--export-all",
        "--informative-errors",
        f"--base-path={home}",
        "--listen=127.0.0.1",
    ]
    with subprocess.Popen(
        [*words, f"--port={port}"], env=house.environment(), stderr=subprocess.DEVNULL
    ) as daemon:
        try:
            while True:
                with socket.socket() as probe:
                    if not probe.connect_ex(("127.0.0.1", port)):
                        break
                time.sleep(0.05)
            yield f"127.0.0.1:{port}"
        finally:
            daemon.terminate()


def _clones(home: Path, url: str, other: str, doors: str, plan: Plan) -> tuple[float, float]:
    """Seconds of a clone, ours and theirs: medians of rounds in turns."""
    reader = home / "reader"
    reader.mkdir()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    bytecode = {"PYTHONPYCACHEPREFIX": str(home / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    mine = house.environment(
        environment(reader, {"DHTCTL_BOOTSTRAP": doors, "PATH": path, **bytecode})
    )
    subprocess.run(["git", "ls-remote", url], env=mine, check=True, capture_output=True)
    taken: dict[str, list[float]] = {url: [], other: []}
    for _ in range(plan.rounds):
        for each, seconds in taken.items():
            target = reader / "copy.git"
            begun = time.perf_counter()
            subprocess.run(
                ["git", "clone", "-q", "--bare", each, str(target)],
                env=mine,
                check=True,
                cwd=reader,
            )
            seconds.append(time.perf_counter() - begun)
            shutil.rmtree(target)
    return median(taken[url]), median(taken[other])
