"""A session goes on with what the state says, whoever wrote it there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from tests.torrent_samples import HYBRID, V1, sample
from tests.waiting import PATIENCE, until
from torrent.core.metainfo import Magnet
from torrent.errors import SessionError
from torrent.io.results import Phase
from torrent.io.resume import Progress, StoredTorrent, Torrents
from torrent.io.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from torrent.core.metainfo import Info

BLOCK = 16384
HERE = (("127.0.0.1", 0),)
WHAT = sample({"t/a": 3 * BLOCK, "t/b": BLOCK}, V1)
NAME = WHAT.info.infohashes[0]


def session(**options: Any) -> Session:
    return Session(listen=HERE, same_host=True, **options)


def stored(directory: Path, **more: Any) -> StoredTorrent:
    return StoredTorrent("t", directory, 1.0, Progress(NAME), **more)


async def test_what_others_add_move_and_remove(tmp_path: Path) -> None:
    for place in ("one", "two"):
        WHAT.write(tmp_path / place)
    with Torrents.open(tmp_path / "state") as other:
        async with session(state=tmp_path / "state") as one, trio.open_nursery() as nursery:
            nursery.start_soon(one.follow)
            other.add(stored(tmp_path / "one"), WHAT.metainfo)
            await until(lambda: [t.phase for t in one.torrents] == [Phase.SEEDING])
            other.add(stored(tmp_path / "two"), WHAT.metainfo)
            await until(lambda: [t.task.directory.name for t in one.torrents] == ["two"])
            other.pause(NAME, paused=True)
            await until(lambda: not one.torrents)
            other.pause(NAME, paused=False)
            await until(lambda: len(one.torrents) == 1)
            other.remove(NAME)
            await until(lambda: not one.torrents)
            nursery.cancel_scope.cancel()


async def test_it_ends_when_none_is_left(tmp_path: Path) -> None:
    WHAT.write(tmp_path)
    with Torrents.open(tmp_path / "state") as other:
        async with session(state=tmp_path / "state") as one:
            torrent = await one.add(WHAT.metainfo, tmp_path)
            await torrent.ready()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(one.follow, [NAME])
                await trio.testing.wait_all_tasks_blocked()
                other.remove(NAME)
            with trio.fail_after(PATIENCE):
                await one.follow([NAME])


async def test_without_a_state_there_is_nothing_to_follow() -> None:
    async with session() as one:
        with pytest.raises(SessionError):
            await one.follow()


async def test_what_is_not_kept_is_remembered_but_not_restored(tmp_path: Path) -> None:
    WHAT.write(tmp_path)
    options = {"state": tmp_path / "state"}
    async with session(**options) as one:
        await (await one.add(WHAT.metainfo, tmp_path, kept=False)).ready()
    async with session(**options) as one:
        assert await one.restore() == ()
        torrent = await one.add(WHAT.metainfo, tmp_path, kept=False)
        await one.keep(torrent)
    async with session(**options) as one:
        assert [t.infohashes for t in await one.restore()] == [WHAT.info.infohashes]


async def test_adding_it_again_keeps_it(tmp_path: Path) -> None:
    WHAT.write(tmp_path)
    with Torrents.open(tmp_path / "state") as other:
        other.add(stored(tmp_path, paused=True), WHAT.metainfo)
    async with session(state=tmp_path / "state") as one:
        await (await one.add(WHAT.metainfo, tmp_path)).ready()
    with Torrents.open(tmp_path / "state") as other:
        [found] = other.all()
    assert not found.paused
    assert found.progress.have == b"\xf0"


async def test_the_metadata_and_nothing_more(tmp_path: Path) -> None:
    what = sample({"t/a": 3 * BLOCK}, HYBRID)
    what.write(tmp_path / "one")
    async with session() as one, session(state=tmp_path / "state") as other:
        await (await one.add(what.metainfo, tmp_path / "one")).ready()
        torrent = await other.add(
            str(Magnet.of(what.info)),
            tmp_path / "other",
            peers=[("127.0.0.1", one.port)],
            metadata_only=True,
        )
        with trio.fail_after(PATIENCE):
            info = await torrent.metadata()
        assert info.raw == what.info.raw
        assert torrent.phase is Phase.METADATA
        assert not (tmp_path / "other").exists()
        assert (torrent.sharing.dialled, torrent.sharing.answered, torrent.sharing.most) == (
            1,
            1,
            1,
        )
        assert torrent.sharing.began is not None


async def test_files_chosen_once_they_are_known(tmp_path: Path) -> None:
    WHAT.write(tmp_path / "one")

    def second(info: Info) -> list[int]:
        return [n for n, file in enumerate(info.files) if str(file.path) == "t/b"]

    async with session() as one, session(state=tmp_path / "state") as other:
        await (await one.add(WHAT.metainfo, tmp_path / "one")).ready()
        torrent = await other.add(
            str(Magnet.of(WHAT.info)),
            tmp_path / "other",
            peers=[("127.0.0.1", one.port)],
            select=second,
        )
        with trio.fail_after(PATIENCE):
            await torrent.completed()
    assert (tmp_path / "other" / "t" / "b").read_bytes() == WHAT.content["t/b"]
    assert not (tmp_path / "other" / "t" / "a").exists()
    with Torrents.open(tmp_path / "state", readonly=True) as torrents:
        [found] = torrents.all()
    # A later run wants the same, and what the magnet link stood for is known by then.
    assert (found.priorities, found.magnet) == (b"\0\1", None)
