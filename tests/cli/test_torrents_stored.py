"""What the state says of a torrent, and in which words it is told."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from cli.errors import UnreachableError
from cli.torrents.stored import Held, find
from cli.torrents.swarming import _fruitless, status
from tests.torrent_samples import HYBRID, V1, sample
from torrent.core.metainfo import Magnet, read_metainfo
from torrent.io.results import Phase, TorrentStatistics
from torrent.io.resume import Progress, Standing, StoredTorrent, Torrents

if TYPE_CHECKING:
    from pathlib import Path

WHAT = sample({"t/a": 32 * 1024, "t/b": 16 * 1024, "t/empty": 0}, V1, 16384)
"""Three pieces: two of the first file, one of the second."""
NAME = WHAT.info.infohashes[0]


def held(home: Path, standing: Standing | None = None, **more: Any) -> Held:
    """The one torrent of a state, with that standing written down."""
    progress = Progress(NAME, have=more.pop("have", b"\xa0"))
    with Torrents.open(home) as torrents:
        torrents.add(StoredTorrent("t", home / "data", 1.0, progress, **more), WHAT.metainfo)
        torrents.tell([standing] if standing else [])
    [found] = Held.all(home)
    return found


def at_work(process: int, phase: str = "downloading", **more: Any) -> Standing:
    usual = {"peers": 1, "download_rate": 0.0, "upload_rate": 0.0, "fault": ""}
    return Standing(NAME, process, phase, **{**usual, **more})


# How much is here.


@pytest.mark.parametrize(
    ("have", "priorities", "share", "size"),
    [
        (b"\xa0", None, 2 / 3, 48 * 1024),
        (b"\xa0", b"\1\0\0", 1 / 2, 32 * 1024),
        (b"\xa0", b"\0\1\0", 1.0, 16 * 1024),
        (b"\xa0", b"\0\0\1", 1.0, 0),
        (b"\xe0", None, 1.0, 48 * 1024),
        (None, None, 0.0, 48 * 1024),
        (b"\xff\xff", None, 0.0, 48 * 1024),
    ],
)
def test_what_is_here_is_counted_by_the_pieces_wanted(
    tmp_path: Path, have: bytes | None, priorities: bytes | None, share: float, size: int
) -> None:
    """A bitfield of another release's torrent claims nothing."""
    found = held(tmp_path, have=have, priorities=priorities)
    assert (found.share, found.size) == (share, size)


# Who has it at work.


def test_what_a_living_process_says_is_told(tmp_path: Path) -> None:
    busy = at_work(os.getpid(), peers=2, download_rate=2048.0, upload_rate=3 << 20)
    found = held(tmp_path, busy)
    assert found.state == "downloading"
    assert found.told() == f"downloading, 2 peers, 2 KiB/s down, 3.0 MiB/s up  {tmp_path}/data"
    facts = found.facts()
    assert (facts["pid"], facts["peers"], facts["fault"]) == (os.getpid(), 2, None)
    assert (facts["download_bytes_per_s"], facts["upload_bytes_per_s"]) == (2048, 3 << 20)


def test_a_rate_of_nothing_is_not_told_and_a_fault_is(tmp_path: Path) -> None:
    idle = at_work(os.getpid(), "failed", download_rate=0.9, fault="the disk is full")
    found = held(tmp_path, idle)
    assert found.told().startswith("failed, 1 peer, the disk is full  ")
    assert found.facts()["fault"] == "the disk is full"


def test_what_a_dead_process_said_is_not(tmp_path: Path) -> None:
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], check=True, capture_output=True
    )
    found = held(tmp_path, at_work(int(dead.stdout), peers=7))
    assert (found.standing, found.state, found.facts()["peers"]) == (None, "waiting", 0)
    assert held(tmp_path, at_work(int(dead.stdout)), paused=True).state == "stopped"
    done = held(tmp_path, at_work(int(dead.stdout)), paused=True, have=b"\xe0")
    assert (done.state, done.promised) == ("complete", False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may signal everybody")
def test_a_process_of_somebody_else_is_alive(tmp_path: Path) -> None:
    assert held(tmp_path, at_work(1)).standing is not None


# Finding it.


def test_a_hybrid_is_found_by_either_name_and_rubbish_by_none(tmp_path: Path) -> None:
    both = sample({"f": 5}, HYBRID)
    with Torrents.open(tmp_path) as torrents:
        torrents.add(StoredTorrent("x", tmp_path, 1.0, Progress(b"x" * 20)), b"no torrent")
        first, second = both.info.infohashes
        torrents.add(StoredTorrent("f", tmp_path, 2.0, Progress(first)), both.metainfo)
        for name in (first, second):
            found = find(torrents, name)
            assert found is not None
            assert found.infohash == first
        assert find(torrents, b"?" * 20) is None
    rubbish, _ = Held.all(tmp_path)
    assert (rubbish.known, rubbish.share, rubbish.size) == (None, 0.0, 0)


def test_a_torrent_whose_metainfo_is_known_has_a_link_of_its_own(tmp_path: Path) -> None:
    link = str(Magnet.of(read_metainfo(WHAT.metainfo)))
    assert held(tmp_path).facts()["magnet"] == link
    assert held(tmp_path, magnet="magnet:?xt=mine").facts()["magnet"] == "magnet:?xt=mine"


# While it goes on.


class Standin:
    """A torrent, as far as the words about it need one."""

    def __init__(self, phase: Phase, **more: Any) -> None:
        usual: dict[str, Any] = {
            name: 0 for name in TorrentStatistics.__dataclass_fields__ if name != "phase"
        }
        self._now = TorrentStatistics(**{**usual, "phase": phase, **more})
        self.sharing = self
        self.dialled, self.answered = 3, 1
        self.most = self._now.peers

    def statistics(self) -> TorrentStatistics:
        return self._now


@pytest.mark.parametrize(
    ("torrent", "words"),
    [
        (Standin(Phase.METADATA, peers=2), "looking for its metadata, 2 peers"),
        (Standin(Phase.CHECKING, checked=0.375), "checking what is there, 38 %"),
        (
            Standin(Phase.DOWNLOADING, size=4096, done=1024, download_rate=1024.0, peers=1),
            "25 % of 4 KiB, 1 KiB/s, 1 peer, 3 s left",
        ),
        (Standin(Phase.DOWNLOADING, size=4096), "0 % of 4 KiB, 0 bytes/s, 0 peers"),
        (Standin(Phase.SEEDING, size=0), "100 % of 0 bytes, 0 bytes/s, 0 peers"),
    ],
)
def test_how_it_stands(torrent: Any, words: str) -> None:
    assert status(torrent) == words


def test_why_nothing_moved() -> None:
    waited = UnreachableError("fetch t: no progress for 30 s")
    alone: Any = Standin(Phase.METADATA)
    error = _fruitless(waited, alone, None)
    assert error.achieved == "dialled 3 peers, 1 answered"
    assert "nobody has it now" in error.hint
    together: Any = Standin(Phase.DOWNLOADING, size=4096, done=2048, peers=1)
    error = _fruitless(waited, together, None)
    assert error.achieved == ("dialled 3 peers, 1 answered; 50 % of 4 KiB, 0 bytes/s, 1 peer")
    assert "they have nothing that we lack" in error.hint
    assert (error.facts["done_bytes"], error.facts["peers_dialled"]) == (2048, 3)
