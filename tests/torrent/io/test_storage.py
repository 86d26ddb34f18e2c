"""Pieces go in, blocks come out, on real files; beside the stupid answer of tests/torrents.py."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import trio

from tests.torrent_samples import VERSIONS, contents, sample
from torrent.io.disk import Disk
from torrent.io.storage import Storage

if TYPE_CHECKING:
    from pathlib import Path

    from torrent.core.effects import Verdict

TREE = {"t/a": 40_000, "t/b/c": 10, "t/b/d": 0, "t/e": 70_000, "t/f": 16384}


async def put(storage: Storage, piece: int, data: bytes, *, digests: bool = False) -> Verdict:
    """Write a piece and wait for the verdict."""
    told: list[Verdict] = []
    ended = trio.Event()

    def done(verdict: Verdict) -> None:
        told.append(verdict)
        ended.set()

    storage.write_verified(piece, memoryview(bytearray(data)), done, digests=digests)
    await ended.wait()
    return told[0]


async def get(storage: Storage, piece: int, begin: int, length: int) -> bytes | None:
    """Read a block as a session does."""
    if span := storage.readable(piece, begin, length):
        return os.pread(span.fd, length, span.offset)
    buffer = bytearray(length)
    return bytes(buffer) if await storage.read(piece, begin, length, memoryview(buffer)) else None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("piece_length", [16384, 65536])
async def test_what_is_written_is_the_files(
    tmp_path: Path, version: object, piece_length: int
) -> None:
    torrent = sample(TREE, version, piece_length)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        assert not await storage.open()
        for piece, data in enumerate(torrent.pieces):
            assert (await put(storage, piece, data)).ok
        assert storage.trusted.full
        for piece, data in enumerate(torrent.pieces):
            for begin in range(0, len(data), 16384):
                block = data[begin : begin + 16384]
                assert await get(storage, piece, begin, len(block)) == block
        await storage.flush()
        await storage.close()
    assert contents(tmp_path) == torrent.content
