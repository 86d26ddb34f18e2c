"""``kill -9`` of storage and journal without a session: nothing lost, nothing false.

The pieces are small and many, and some lie partly in a file that is not wanted. A whole session is
killed in :mod:`test_killed`, and more often.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import trio

from tests.torrent.io.writer_rig import UNWANTED, the_torrent, wanted_pieces
from tests.torrent_samples import Sample, contents
from torrent.core.bitfield import Bitfield
from torrent.io.disk import Disk
from torrent.io.resume import Torrents
from torrent.io.storage import Storage

ROOT = Path(__file__).resolve().parents[3]
RIG = Path(__file__).with_name("writer_rig.py")


def life(tmp_path: Path, seconds: float | None) -> tuple[dict[int, float], float]:
    """Let the writer live so long after its first piece; what it stored and when, and its end."""
    command = [sys.executable, "-P", str(RIG), str(tmp_path / "state"), str(tmp_path / "files")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as writer:
        assert writer.stdout
        assert writer.stdout.readline().startswith(b"began")
        if seconds is None:
            told = writer.stdout.read()
            assert writer.wait() == 0
        else:
            first = writer.stdout.readline()
            time.sleep(seconds)  # the moment of death, not a synchroniser
            writer.send_signal(signal.SIGKILL)
            ended = time.monotonic()
            told = first + writer.stdout.read()
    lines = [line.split() for line in told.splitlines()]
    pieces = {int(piece): float(at) for piece, at in lines if piece.isdigit()}
    return pieces, time.monotonic() if seconds is None else ended


def claimed(tmp_path: Path, torrent: Sample) -> Bitfield:
    count = torrent.info.piece_count
    with Torrents.open(tmp_path / "state", readonly=True) as torrents:
        have = torrents.all()[0].progress.have
    return Bitfield.from_bytes(have or bytes((count + 7) // 8), count)


async def true_pieces(tmp_path: Path, torrent: Sample) -> Bitfield:
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path / "files", wanted={0, 2, 3})
        await storage.open(create=False)
        return await storage.check()


def killed_and_killed_again(tmp_path: Path, kills: int, longest: float) -> None:
    torrent, rng = the_torrent(), Random(kills)
    before: set[int] = set()
    for _ in range(kills):
        pieces, ended = life(tmp_path, rng.uniform(0, longest))
        assert not before & set(pieces), "nothing is written twice"
        claims = set(claimed(tmp_path, torrent))
        true = set(trio.run(true_pieces, tmp_path, torrent))
        assert claims <= true, "nothing false"
        old = {piece for piece, at in pieces.items() if at < ended - 1}
        assert before | old <= claims, "nothing lost but the last second"
        before = claims
    life(tmp_path, None)
    assert set(claimed(tmp_path, torrent)) == set(wanted_pieces(torrent))
    unwanted = str(torrent.info.files[UNWANTED].path)
    assert contents(tmp_path / "files") == {
        name: data for name, data in torrent.content.items() if name != unwanted
    }


def test_killed_five_times(tmp_path: Path) -> None:
    killed_and_killed_again(tmp_path, 5, 1.4)
