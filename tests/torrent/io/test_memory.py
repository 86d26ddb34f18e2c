"""What a session remembers: claimed, and believed no further than it was proved."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
import trio

from tests.torrent_samples import HYBRID, V1, contents, sample
from torrent.core.bitfield import Bitfield
from torrent.core.metainfo import Magnet
from torrent.errors import SessionError
from torrent.io.disk import Disk
from torrent.io.memory import Memory
from torrent.io.resume import Progress
from torrent.io.storage import Storage
from torrent.io.task import read_task

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = 16384
WHAT = sample({"t/a": 3 * BLOCK, "t/b": 2 * BLOCK}, HYBRID)
V1_NAME, V2_NAME = WHAT.info.infohashes


async def test_a_torrent_is_known_by_both_its_names(tmp_path: Path) -> None:
    task = read_task(WHAT.metainfo, tmp_path / "files")
    async with Memory.open(tmp_path) as memory:
        assert memory.recall(task.infohashes) is None
        await memory.remember(task)
        await memory.remember(task)
    async with Memory.open(tmp_path) as memory:
        (stored,) = memory.all()
        assert memory.recall((V2_NAME, V1_NAME)) == memory.recall((V1_NAME,)) == stored
        again = await memory.task(stored)
        assert again is not None
        assert (again.info, again.directory, again.resting) == (task.info, task.directory, True)


async def test_a_magnet_link_is_gone_on_with_and_learned(tmp_path: Path) -> None:
    link = str(Magnet.of(WHAT.info))
    task = read_task(link, tmp_path / "files")
    async with Memory.open(tmp_path) as memory:
        await memory.remember(task)
    async with Memory.open(tmp_path) as memory:
        again = await memory.task(memory.all()[0])
        assert again is not None
        assert (again.info, again.link) == (None, task.link)
        await memory.learned(again, task.infohashes[0])  # nothing yet
        await memory.learned(task.told(WHAT.info), task.infohashes[0])
        await memory.learned(task.told(WHAT.info), b"?" * 20)  # of nobody
    async with Memory.open(tmp_path) as memory:
        again = await memory.task(memory.all()[0])
        assert again is not None
        assert again.info is not None
        assert again.info.raw == WHAT.info.raw


async def test_what_was_chosen_is_chosen_again(tmp_path: Path) -> None:
    task = read_task(WHAT.metainfo, tmp_path / "files")
    async with Memory.open(tmp_path) as memory:
        await memory.remember(task)
        await memory.chose(task.infohashes[0], {1}, 2)
    async with Memory.open(tmp_path) as memory:
        again = await memory.task(memory.all()[0])
        assert again is not None
        assert again.wanted(WHAT.info) == {1}


async def test_what_is_forgotten_is_gone(tmp_path: Path) -> None:
    WHAT.write(tmp_path / "files")
    async with Memory.open(tmp_path / "state") as memory:
        await memory.remember(read_task(WHAT.metainfo, tmp_path / "files"))
        assert await memory.forget(V1_NAME)
        assert not await memory.forget(V1_NAME)
        assert memory.all() == ()
    async with Memory.open(tmp_path / "state") as memory:
        assert memory.all() == ()
    assert contents(tmp_path / "files") == WHAT.content


async def test_what_cannot_be_read_any_more_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Memory.open(tmp_path) as memory:
        await memory.remember(read_task(WHAT.metainfo, tmp_path))
        (stored,) = memory.all()
        memory._torrents.learned(V1_NAME, "t", b"this is no torrent")
        with caplog.at_level(logging.WARNING):
            assert await memory.task(stored) is None
        assert "t is remembered, but cannot be read" in caplog.text


async def test_a_state_that_cannot_be_opened_is_explained(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"somebody's file")
    with pytest.raises(SessionError):
        async with Memory.open(tmp_path / "state"):
            pytest.fail("it is a file")


async def test_claims_are_hashed_unless_it_rested_in_peace(tmp_path: Path) -> None:
    """Hashed means here: the damage, which hides behind an unchanged size and time, is found."""
    what, hashed = sample({"f": 4 * BLOCK}, V1), []
    what.write(tmp_path)
    async with Disk() as disk, Memory.open(tmp_path / "state") as memory:
        storage = Storage(disk, what.info, tmp_path)
        await storage.open()

        async def look(*, resting: bool) -> Bitfield | None:
            hashed.clear()
            return await memory.look(what.info, storage, resting=resting, progress=hashed.append)

        assert await look(resting=True) is None, "nothing is claimed"
        await memory.remember(read_task(what.metainfo, tmp_path))
        assert await look(resting=True) is None
        full = Bitfield(4)
        full.fill()
        for have, fingerprint, resting, expected in (
            (b"\xff" * 9, None, True, None),  # of another torrent
            (b"\x60", None, True, [1, 2]),  # no more than is claimed is looked at
            (full.to_bytes(), None, True, [0, 1, 2, 3]),
            (full.to_bytes(), b"otherwise", True, [0, 1, 2, 3]),
            (full.to_bytes(), await storage.fingerprint(), False, [0, 1, 2, 3]),
        ):
            name = what.info.infohashes[0]
            await memory.settle(name, Progress(name, have=have, fingerprint=fingerprint))
            await memory._load()
            found = await look(resting=resting)
            assert (None if found is None else list(found)) == expected
            assert bool(hashed) == (expected is not None)
        found = await look(resting=True)
        assert found == full
        assert not hashed, "it is as it was left"


async def test_what_another_process_wrote_is_seen(tmp_path: Path) -> None:
    async with Memory.open(tmp_path) as one, Memory.open(tmp_path) as other:
        await other.remember(read_task(WHAT.metainfo, tmp_path))
        assert one.all() == ()
        with trio.fail_after(30):
            await one.wait_changed()
        assert [stored.infohash for stored in one.all()] == [V1_NAME]
