"""(e) Making torrents and checking them again, beside libtorrent, from the page cache.

Both read the same file in the same process, in turn; of several turns the median counts.
libtorrent makes torrents with one thread, and checks with as many as it is told: with its default,
which is one, and with two, and the better of the two stands beside ours. Processor time is told as
well: it says the same on a busy machine, where the wall clock tells who was let run.
"""

from __future__ import annotations

import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import libtorrent
import trio

from benchmarks.report import Row, ms
from torrent.core.metainfo import Version, read_metainfo
from torrent.io.disk import Disk
from torrent.io.hashing import create
from torrent.io.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable

FULL = 1 << 30
SMOKE = 16 << 20
PIECE = 1 << 20
NAME = "data"
NAMES = {Version.V1: "v1", Version.V2: "v2", Version.HYBRID: "hybrid"}
FLAGS = {
    Version.V1: libtorrent.create_torrent.v1_only,
    Version.V2: libtorrent.create_torrent.v2_only,
    Version.HYBRID: 0,
}
QUIET = {
    "listen_interfaces": "127.0.0.1:0",
    "alert_mask": libtorrent.alert.category_t.status_notification,
    **dict.fromkeys(("enable_dht", "enable_lsd", "enable_upnp", "enable_natpmp"), False),
}


class Taken(NamedTuple):
    """What something took, or a point of time; the shorter is the less.

    Attributes:
        wall: Seconds on the clock.
        cpu: Seconds of processor time, of all threads.
    """

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Taken:
        """The point of time."""
        return cls(time.perf_counter(), time.process_time())

    @classmethod
    def since(cls, start: Taken) -> Taken:
        """What was taken from then on."""
        now = cls.now()
        return cls(now.wall - start.wall, now.cpu - start.cpu)


def run(*, smoke: bool) -> list[Row]:
    """Create and check, in each version."""
    size, turns = (SMOKE, 1) if smoke else (int(os.environ.get("HASHING_SIZE", FULL)), 5)
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        write(root / NAME, size)
        return [row for version in NAMES for row in compared(root, version, size, turns)]


def write(path: Path, size: int) -> None:
    """A file that nothing can compress or share."""
    block = os.urandom(PIECE)
    with path.open("wb") as file:
        for number in range(size // PIECE):
            file.write(number.to_bytes(8, "big") + block[8:])


def compared(root: Path, version: Version, size: int, turns: int) -> list[Row]:
    """Two rows: to create, to check."""
    metainfo = trio.run(make, root, version)
    contestants: dict[str, Callable[[], Taken]] = {
        "create": partial(trio.run, create_ours, root, version),
        "create theirs": partial(create_theirs, root, version),
        "check": partial(trio.run, check_ours, root, metainfo),
        "check theirs": partial(check_theirs, root, metainfo, 0),
        "check theirs, two threads": partial(check_theirs, root, metainfo, 2),
    }
    taken: dict[str, list[Taken]] = {name: [] for name in contestants}
    for _ in range(turns):
        for name, contestant in contestants.items():
            taken[name].append(contestant())
    best = {name: sorted(times)[len(times) // 2] for name, times in taken.items()}
    theirs = min(best["check theirs"], best["check theirs, two threads"])
    return [
        row(f"create {NAMES[version]}", size, best["create"], best["create theirs"]),
        row(f"check {NAMES[version]}", size, best["check"], theirs),
    ]


def row(what: str, size: int, ours: Taken, theirs: Taken) -> Row:
    """One line; the ratio says how many times as fast we are."""
    return Row(
        f"{what}, {size >> 20} MiB",
        f"{ms(ours.wall)} ({size / ours.wall / 1e9:.2f} GB/s, processor {ms(ours.cpu)})",
        f"libtorrent {ms(theirs.wall)} (processor {ms(theirs.cpu)})",
        f"{theirs.wall / ours.wall:.2f}x",
        "faster" if "hybrid" in what else "no slower",
        theirs.wall >= ours.wall,
    )


async def make(root: Path, version: Version) -> bytes:
    """The torrent that is checked afterwards."""
    async with Disk() as disk:
        return (await create(disk, root / NAME, version, piece_length=PIECE)).metainfo


async def create_ours(root: Path, version: Version) -> Taken:
    """How long it takes to make a torrent."""
    async with Disk() as disk:
        start = Taken.now()
        await create(disk, root / NAME, version, piece_length=PIECE)
        return Taken.since(start)


def create_theirs(root: Path, version: Version) -> Taken:
    """The same with libtorrent."""
    start = Taken.now()
    entry = libtorrent.create_file_entry(NAME, (root / NAME).stat().st_size)
    torrent = libtorrent.create_torrent([entry], PIECE, FLAGS[version])
    libtorrent.set_piece_hashes(torrent, str(root))
    libtorrent.bencode(torrent.generate())
    return Taken.since(start)


async def check_ours(root: Path, metainfo: bytes) -> Taken:
    """How long it takes to hash all that is there and compare."""
    async with Disk() as disk:
        start = Taken.now()
        storage = Storage(disk, read_metainfo(metainfo).info, root)
        await storage.open()
        assert (await storage.check()).full
        return Taken.since(start)


def check_theirs(root: Path, metainfo: bytes, threads: int) -> Taken:
    """The same with libtorrent: from adding the torrent until it says that it is checked."""
    settings: dict[str, Any] = {**QUIET, "hashing_threads": threads} if threads else QUIET
    session = libtorrent.session(settings)
    start = Taken.now()
    adding = libtorrent.load_torrent_buffer(metainfo)
    adding.save_path = str(root)
    # Or else it waits for half a second before it begins.
    adding.flags &= ~(libtorrent.torrent_flags.auto_managed | libtorrent.torrent_flags.paused)
    handle = session.add_torrent(adding)
    while not any(
        isinstance(alert, libtorrent.torrent_checked_alert) for alert in session.pop_alerts()
    ):
        session.wait_for_alert(1000)
    taken = Taken.since(start)
    assert handle.status().is_seeding
    return taken
