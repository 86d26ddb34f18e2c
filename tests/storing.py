"""Pieces into and out of a storage, as a session would do it; and damage to its files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from pathlib import Path

    from torrent.core.effects import Verdict
    from torrent.io.storage import Storage


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


def damage(path: Path, at: int) -> None:
    """Change a byte and hide it: size and time stay."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0xFF]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
