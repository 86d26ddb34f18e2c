"""A whole session whose disk fails: it says why, and goes on once that is mended."""

from __future__ import annotations

import os
import resource
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import pytest
import trio

from tests.torrent_samples import Sample, sample
from torrent.core.effects import Banned, Failed
from torrent.core.metainfo import Version
from torrent.errors import StorageError
from torrent.io import trust
from torrent.io.results import Phase
from torrent.io.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from torrent.io.torrent import Torrent

BLOCK = 16384
PATIENCE = 30.0
HERE = (("127.0.0.1", 0),)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@asynccontextmanager
async def a_download(
    root: Path, *, upload: float = 60.0 * BLOCK
) -> AsyncIterator[tuple[Sample, Torrent]]:
    """One that has begun and will take some seconds."""
    what = sample({"t/f": 120 * BLOCK, "t/g": 30 * BLOCK}, Version.HYBRID, BLOCK)
    what.write(root / "seed")
    async with (
        Session(listen=HERE, upload=upload, same_host=True) as one,
        Session(listen=HERE, same_host=True) as other,
    ):
        await (await one.add(what.metainfo, root / "seed")).ready()
        yield what, await other.add(what.metainfo, root / "ours", peers=one.addresses)


async def failure(torrent: Torrent) -> str:
    """Wait until it has failed; what it says."""
    with trio.fail_after(PATIENCE), pytest.raises(StorageError) as problem:
        await torrent.completed()
    assert torrent.phase is Phase.FAILED
    assert torrent.fault is problem.value
    return str(problem.value)


async def mended(what: Sample, torrent: Torrent, root: Path) -> None:
    torrent.resume()
    with trio.fail_after(PATIENCE):
        await torrent.completed()
    for name, content in what.content.items():
        assert (root / name).read_bytes() == content, name


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """What a full disk does to a write, without filling one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def some(torrent: Torrent, pieces: int = 10) -> None:
    with trio.fail_after(PATIENCE):
        await torrent.ready()
        while len(torrent.have) < pieces:
            await torrent.moved()


async def test_no_room_while_it_downloads(tmp_path: Path) -> None:
    async with a_download(tmp_path) as (what, torrent):
        await some(torrent)
        with no_file_above(5 * BLOCK):
            assert "f (File too large)" in await failure(torrent)
        had = len(torrent.have)
        await mended(what, torrent, tmp_path / "ours")
        twice = torrent.statistics().downloaded - torrent.statistics().size
        assert twice < (150 - had) * BLOCK


async def test_a_file_that_goes_missing_while_it_downloads(tmp_path: Path) -> None:
    async with a_download(tmp_path) as (what, torrent):
        await some(torrent)
        (tmp_path / "ours" / "t" / "f").unlink()
        assert "f (No such file or directory): it is missing" in await failure(torrent)
        await mended(what, torrent, tmp_path / "ours")


@needs_root
async def test_a_directory_that_may_not_be_written(tmp_path: Path) -> None:
    for directory in (tmp_path, *tmp_path.parents[:3]):
        directory.chmod(directory.stat().st_mode | 0o055)
    (tmp_path / "ours").mkdir()
    os.seteuid(65534)
    try:
        async with Session(listen=HERE) as ours:
            what = sample({"f": 5 * BLOCK})
            torrent = await ours.add(what.metainfo, tmp_path / "ours")
            assert "f (Permission denied)" in await failure(torrent)
            os.seteuid(0)
            what.write(tmp_path / "ours")
            await mended(what, torrent, tmp_path / "ours")
    finally:
        os.seteuid(0)


async def test_a_file_changed_while_it_is_seeded_is_not_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "LOOK", 0.0)
    what = sample({"f": 60 * BLOCK}, Version.V1, BLOCK)
    what.write(tmp_path / "one")
    async with (
        Session(listen=HERE, upload=20.0 * BLOCK, same_host=True) as one,
        Session(listen=HERE, same_host=True) as other,
    ):
        seed = await one.add(what.metainfo, tmp_path / "one")
        await seed.ready()
        torrent = await other.add(what.metainfo, tmp_path / "other", peers=one.addresses)
        events = torrent.events()
        await some(torrent, 5)
        (tmp_path / "one" / "f").write_bytes(bytes(60 * BLOCK))
        with trio.fail_after(PATIENCE):
            while seed.phase is Phase.SEEDING:
                await seed.moved()
        assert not [e for e in events.waiting() if isinstance(e, Failed | Banned)]
        assert len(torrent.have) < 60
