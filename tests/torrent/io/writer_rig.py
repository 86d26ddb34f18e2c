"""A download without peers, to be killed: ``writer_rig.py STATE DIRECTORY``.

It takes up what the state remembers, writes the pieces that are missing in a random order, and
prints one line for each piece that is stored, with the time, on a pipe that outlives it.
"""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

import trio

from tests.torrent_samples import Sample, sample
from torrent.core.bitfield import Bitfield
from torrent.io.disk import Disk
from torrent.io.journal import Journal
from torrent.io.resume import Progress, StoredTorrent, Torrents
from torrent.io.storage import Storage

if TYPE_CHECKING:
    from torrent.core.effects import Verdict

PIECES = 3000


def the_torrent() -> Sample:
    """Some files that share pieces, and one that is not wanted; small pieces: many of them."""
    last = (PIECES - 200) * 16384
    return sample({"t/a": 2_000_000, "t/b": 500_000, "t/c": 777_777, "t/d": last})


UNWANTED = 1


def wanted_pieces(torrent: Sample) -> list[int]:
    """The pieces that hold something of a wanted file."""
    info = torrent.info
    return [
        piece
        for piece in range(info.piece_count)
        if {index for index, _, _ in info.spans(piece * 16384, info.piece_size(piece))}
        != {UNWANTED}
    ]


async def run(state: str, directory: str) -> None:
    """Write what is missing."""
    torrent = the_torrent()
    infohash = torrent.info.infohashes[0]
    with Torrents.open(state) as torrents:
        found = torrents.all()
        if not found:
            stored = StoredTorrent("t", Path(directory), 0.0, Progress(infohash))
            torrents.add(stored, torrent.metainfo)
            found = torrents.all()
        count = torrent.info.piece_count
        have = Bitfield.from_bytes(found[0].progress.have or bytes((count + 7) // 8), count)
        print("began", len(have), flush=True)
        async with Disk() as disk, trio.open_nursery() as nursery:
            storage = Storage(disk, torrent.info, directory, wanted={0, 2, 3})
            await storage.open()
            journal = Journal(torrents)
            nursery.start_soon(journal.run)
            room = trio.Semaphore(16)

            def done(piece: int, verdict: Verdict) -> None:
                assert verdict.ok, verdict
                have.add(piece)
                journal.mark(infohash, lambda: Progress(infohash, have.to_bytes()))
                os.write(1, b"%d %f\n" % (piece, time.monotonic()))
                room.release()

            missing = [piece for piece in wanted_pieces(torrent) if piece not in have]
            SystemRandom().shuffle(missing)
            for piece in missing:
                await room.acquire()
                await trio.sleep(0.001)
                storage.write_verified(
                    piece, memoryview(bytearray(torrent.pieces[piece])), partial(done, piece)
                )
            for _ in range(16):
                await room.acquire()
            await journal.flush()
            nursery.cancel_scope.cancel()
    print("complete", len(have), flush=True)


if __name__ == "__main__":
    trio.run(run, sys.argv[1], sys.argv[2])
