"""``kill -9`` of a whole session in the middle of a download, again and again.

The seed lives here, in the test's process, and so survives and counts: what it uploaded, and what
the resume data claims after each death, say together how much was fetched twice.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, BinaryIO

import pytest
import trio

from torrent.core.bitfield import Bitfield
from torrent.core.effects import Banned, Failed
from torrent.core.metainfo import Version, read_metainfo
from torrent.io.disk import Disk
from torrent.io.hashing import create
from torrent.io.resume import Torrents
from torrent.io.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from torrent.io.torrent import Torrent

ROOT = Path(__file__).resolve().parents[3]
RIG = Path(__file__).with_name("session_rig.py")
HERE = (("127.0.0.1", 0),)
PIECE = 256 << 10
MIB = 1 << 20
PATIENCE = 60.0
UNDER_WAY = 6 * MIB
"""What may be on its way beside the last second's: 4 MiB asked of a peer, and the blocks of pieces
that were not whole yet."""


@dataclass
class Rig:
    """A torrent, its seed, and one directory in which it is fetched."""

    root: Path
    size: int
    seed: Torrent
    port: int
    sent: list[tuple[float, int]] = field(default_factory=list)
    true: set[int] = field(default_factory=set)

    @property
    def torrent_file(self) -> Path:
        return self.root / "t.torrent"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def file(self) -> Path:
        return self.root / "files" / "t"

    def uploaded(self) -> int:
        return self.seed.statistics().uploaded

    def since(self, then: float) -> int:
        """Bytes the seed has uploaded since ``then``."""
        return self.uploaded() - max((count for at, count in self.sent if at <= then), default=0)

    def claims(self) -> set[int]:
        """What the resume data says."""
        count = read_metainfo(self.torrent_file.read_bytes()).info.piece_count
        with Torrents.open(self.state, readonly=True) as torrents:
            found = torrents.all()
        have = found[0].progress.have if found else None
        return set(Bitfield.from_bytes(have, count)) if have else set()

    def on_disk(self, pieces: set[int]) -> bool:
        """Whether these are what the seed has."""
        with self.file.open("rb") as ours, (self.root / "seed" / "t").open("rb") as theirs:
            return all(read(ours, piece) == read(theirs, piece) for piece in pieces)

    async def sample(self) -> None:
        while True:
            self.sent.append((time.monotonic(), self.uploaded()))
            await trio.sleep(0.02)


def read(file: BinaryIO, piece: int) -> bytes:
    file.seek(piece * PIECE)
    return file.read(PIECE)


@asynccontextmanager
async def rig(root: Path, size: int, rate: float) -> AsyncIterator[Rig]:
    """A seed whose uplink is slow enough for a download to be killed in."""
    (root / "seed").mkdir(parents=True)
    rng = Random(size)
    with (root / "seed" / "t").open("wb") as file:
        for _ in range(0, size, MIB):
            file.write(rng.randbytes(MIB))
    async with Disk() as disk:
        made = await create(disk, root / "seed" / "t", Version.HYBRID, piece_length=PIECE)
    (root / "t.torrent").write_bytes(made.metainfo)
    async with Session(listen=HERE, upload=rate, same_host=True) as session:
        seed = await session.add(made.metainfo, root / "seed", intact=True)
        await seed.ready()
        async with trio.open_nursery() as nursery:
            it = Rig(root, size, seed, session.port)
            nursery.start_soon(it.sample)
            yield it
            nursery.cancel_scope.cancel()


@dataclass
class Life:
    """What one process told before it was killed."""

    listening: int
    pieces: dict[int, float] = field(default_factory=dict)
    completed: trio.Event = field(default_factory=trio.Event)

    def hear(self, line: str) -> None:
        match line.split():
            case ["complete"]:
                self.completed.set()
            case [piece, at]:
                self.pieces[int(piece)] = float(at)


@asynccontextmanager
async def living(it: Rig) -> AsyncIterator[tuple[Life, trio.Event]]:
    """One process, from when it has looked at its files; killed at the end of the block."""
    arguments = [it.torrent_file, it.state, it.file.parent, it.port]
    command = [sys.executable, "-P", RIG, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    options = {"stdout": subprocess.PIPE, "env": environment, "check": False}
    async with trio.open_nursery() as nursery:
        run = partial(trio.run_process, [str(each) for each in command], **options)
        process: trio.Process = await nursery.start(run)
        assert process.stdout is not None
        lines, moved = Lines(process.stdout), trio.Event()
        with trio.fail_after(PATIENCE):
            began, port, _ = (await lines.next()).split()
        assert began == "began"
        life = Life(int(port))
        nursery.start_soon(listen, lines, life, moved)
        try:
            yield life, moved
        finally:
            process.kill()


class Lines:
    """The lines of a pipe."""

    def __init__(self, pipe: trio.abc.ReceiveStream) -> None:
        self._pipe = pipe
        self._rest = b""

    async def next(self) -> str:
        """The next line; empty at the end."""
        while b"\n" not in self._rest:
            more = await self._pipe.receive_some()
            if not more:
                return ""
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()


async def listen(lines: Lines, life: Life, moved: trio.Event) -> None:
    while line := await lines.next():
        life.hear(line)
        if life.pieces or life.completed.is_set():
            moved.set()


async def one_life(it: Rig, seconds: float) -> tuple[int, int]:
    """Live so long after the first piece; bytes fetched, and bytes fetched in the last second."""
    before = it.uploaded()
    async with living(it) as (life, moved):
        with trio.fail_after(PATIENCE):
            await moved.wait()
        await trio.sleep(seconds)  # the moment of death, not a synchroniser
        died = time.monotonic()
    assert not it.true & set(life.pieces), "nothing that was safe is fetched again"
    claims = it.claims()
    safe = {piece for piece, at in life.pieces.items() if at < died - 1}
    assert it.true | safe <= claims, "nothing lost but the last second"
    assert it.on_disk(claims - it.true), "nothing false"
    it.true = claims
    return it.uploaded() - before, it.since(died - 1)


async def to_the_end(it: Rig) -> None:
    async with living(it) as (life, _):
        with trio.fail_after(PATIENCE):
            await life.completed.wait()


async def killed_again_and_again(it: Rig, kills: int, longest: float) -> None:
    rng, kept, twice = Random(kills), 0, 0
    for _ in range(kills):
        fetched, lately = await one_life(it, rng.uniform(0, longest))
        progress = len(it.true) * PIECE - kept
        kept += progress
        assert fetched - progress <= lately + UNDER_WAY, (fetched, progress, lately)
        twice += fetched - progress
    await to_the_end(it)
    print(f"{kills} kills: {kept >> 20} MiB were safe before the last life, {twice >> 20} lost")
    assert digest(it.file) == digest(it.root / "seed" / "t")


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


async def test_killed_six_times(tmp_path: Path) -> None:
    async with rig(tmp_path, 24 * MIB, 8.0 * MIB) as it:
        await killed_again_and_again(it, 6, 0.7)


@pytest.mark.slow
async def test_killed_thirty_times(tmp_path: Path) -> None:
    async with rig(tmp_path, 256 * MIB, 8.0 * MIB) as it:
        await killed_again_and_again(it, 30, 0.9)


async def test_damage_between_two_lives_is_not_served_but_mended(tmp_path: Path) -> None:
    async with rig(tmp_path, 24 * MIB, 12.0 * MIB) as it:
        while not it.true:
            await one_life(it, 0.8)
        damaged = min(it.true)
        damage(it.file, damaged * PIECE + 5)
        async with (
            living(it) as (life, moved),
            Session(listen=HERE, same_host=True) as session,
        ):
            witness = await session.add(
                it.torrent_file, tmp_path / "witness", peers=[("127.0.0.1", life.listening)]
            )
            events = witness.events()
            with trio.fail_after(PATIENCE):
                await moved.wait()
                await witness.completed()
            assert damaged in life.pieces, "it was fetched again"
            assert not [e for e in events.waiting() if isinstance(e, Failed | Banned)]
        assert digest(it.file) == digest(tmp_path / "witness" / "t") == digest(it.root / "seed/t")


def damage(path: Path, at: int) -> None:
    """Change a byte, and nothing that can be seen from outside."""
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
