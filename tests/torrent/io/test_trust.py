"""Trust in pieces on disk: earned by hashing, lost by what others do, piece by piece."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests.torrent_samples import V1, sample
from torrent.io import trust as module
from torrent.io.disk import Disk
from torrent.io.places import PARTS
from torrent.io.storage import Storage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from torrent.io.files import OpenFile
    from torrent.io.trust import Trust

WHAT = sample({"t/a": 40_000, "t/b": 30_000}, V1, 16384)
"""Five pieces; the third is of both files."""


@asynccontextmanager
async def trusting(root: Path) -> AsyncIterator[tuple[Trust, Storage]]:
    """All of it is there, and was hashed."""
    WHAT.write(root)
    async with Disk() as disk:
        storage = Storage(disk, WHAT.info, root)
        await storage.open()
        assert (await storage.check()).full
        yield storage._trust, storage
        await storage.close()


def opened(storage: Storage, index: int) -> OpenFile:
    return storage._access._open(index)


@pytest.mark.parametrize(("index", "left"), [(0, {3, 4}), (1, {0, 1}), (PARTS, set())])
async def test_doubt_is_about_the_pieces_that_touch_the_file(
    tmp_path: Path, index: int, left: set[int]
) -> None:
    async with trusting(tmp_path) as (trust, _):
        trust.doubt(index)
        assert set(trust.pieces) == left


async def test_what_was_hashed_before_a_change_is_not_believed(tmp_path: Path) -> None:
    async with trusting(tmp_path) as (trust, storage):
        trust.nothing()
        before = storage._access.watch.changes
        storage._access.watch.forget()
        trust.believe([0, 1], before)
        assert set(trust.pieces) == set()
        trust.believe([0, 1], storage._access.watch.changes)
        assert set(trust.pieces) == {0, 1}


async def test_old_trust_goes_before_new_comes(tmp_path: Path) -> None:
    """Who hashed since the change knows the file as it is; who did before does not."""
    async with trusting(tmp_path) as (trust, storage):
        os.utime(tmp_path / "t" / "a", ns=(1, 1))
        assert not storage._access.watch.look(0, opened(storage, 0))
        trust.believe([1], storage._access.watch.changes)
        assert set(trust.pieces) == {1, 3, 4}
        assert not trust.settle(), "that was all"


async def test_a_file_that_is_served_is_looked_at_once_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    async with trusting(tmp_path) as (trust, storage):
        file = opened(storage, 1)
        assert trust.unchanged(1, file)
        os.utime(tmp_path / "t" / "b", ns=(1, 1))
        now += module.LOOK - 0.01
        assert trust.unchanged(1, file), "not looked at yet"
        assert storage.trusted.full
        now += 0.01
        assert not trust.unchanged(1, file)
        assert set(trust.pieces) == {0, 1}
        assert storage._access.opened(1) is None, "what has another name now is opened anew"
        now += module.LOOK
        assert trust.unchanged(1, opened(storage, 1)), "as it is now it has been seen"


async def test_files_are_looked_at_each_in_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 100.0))
    async with trusting(tmp_path) as (trust, storage):
        assert trust.unchanged(0, opened(storage, 0))
        os.utime(tmp_path / "t" / "b", ns=(1, 1))
        assert not trust.unchanged(1, opened(storage, 1))
