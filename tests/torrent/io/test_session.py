"""Two sessions on loopback: what one has, the other gets."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio

from tests.torrent_samples import HYBRID, V1, V2, VERSIONS, Sample, sample
from torrent.core.metainfo import Magnet, Version
from torrent.errors import SessionError, TorrentError
from torrent.io.events import Lost
from torrent.io.results import Phase
from torrent.io.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from torrent.io.torrent import Torrent

BLOCK = 16384
FILES = {"t/a/first": 100_000, "t/a/second": 3, "t/b": 250_001, "t/empty": 0}
PATIENCE = 20.0
"""Seconds that a transfer of some hundred kilobytes may take on a busy machine."""


@asynccontextmanager
async def session(**options: object) -> AsyncIterator[Session]:
    here = (("127.0.0.1", 0),)
    async with Session(**{"listen": here, "same_host": True, **options}) as one:  # type: ignore[arg-type]
        yield one


async def seed(one: Session, what: Sample, root: Path) -> Torrent:
    what.write(root)
    torrent = await one.add(what.metainfo, root)
    await torrent.ready()
    assert torrent.phase is Phase.SEEDING
    return torrent


def at(one: Session) -> list[tuple[str, int]]:
    return [("127.0.0.1", one.port)]


def assert_same(what: Sample, root: Path) -> None:
    for name, content in what.content.items():
        assert (root / name).read_bytes() == content, name


async def completed(torrent: Torrent) -> None:
    with trio.fail_after(PATIENCE):
        await torrent.completed()


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_torrent_is_fetched(version: Version, tmp_path: Path) -> None:
    what = sample(FILES, version, BLOCK * 2)
    async with session() as one, session() as other:
        await seed(one, what, tmp_path / "one")
        torrent = await other.add(what.metainfo, tmp_path / "other", peers=at(one))
        await completed(torrent)
        assert_same(what, tmp_path / "other")
        counts = torrent.statistics()
        assert (counts.done, counts.wasted) == (counts.size, 0)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_magnet_link_is_enough(version: Version, tmp_path: Path) -> None:
    what = sample(FILES, version, BLOCK * 2)
    async with session() as one, session() as other:
        await seed(one, what, tmp_path / "one")
        link = str(Magnet.of(what.info))
        torrent = await other.add(link, tmp_path / "other", peers=at(one))
        with trio.fail_after(PATIENCE):
            info = await torrent.metadata()
        assert info.raw == what.info.raw
        await completed(torrent)
        assert_same(what, tmp_path / "other")


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_made_here_is_served_here(version: Version, tmp_path: Path) -> None:
    what = sample(FILES, version, BLOCK)
    what.write(tmp_path / "one")
    async with session() as one, session() as other:
        made = await one.create(tmp_path / "one" / "t", version)
        assert made.phase is Phase.SEEDING
        assert made.info is not None
        link = str(Magnet.of(made.info))
        torrent = await other.add(link, tmp_path / "other", peers=at(one))
        await completed(torrent)
        assert_same(what, tmp_path / "other")


def test_the_package_shows_what_people_need() -> None:
    import torrent

    assert [getattr(torrent, name) for name in dir(torrent) if name in torrent.__all__]
    assert torrent.Session is Session
    with pytest.raises(AttributeError, match="no attribute"):
        torrent.Nothing  # noqa: B018


async def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    what = sample({"f": 40 * BLOCK}, V1, BLOCK)
    async with session() as one, session() as other:
        await seed(one, what, tmp_path / "one")
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "f").write_bytes(what.content["f"][: 30 * BLOCK] + bytes(10 * BLOCK))
        torrent = await other.add(what.metainfo, tmp_path / "other", peers=at(one))
        await completed(torrent)
        assert torrent.statistics().downloaded == 10 * BLOCK
        assert_same(what, tmp_path / "other")


async def test_only_the_files_selected(tmp_path: Path) -> None:
    what = sample({"t/x": 5 * BLOCK, "t/y": 5 * BLOCK, "t/z": 5 * BLOCK}, V2, BLOCK)
    async with session() as one, session() as other:
        await seed(one, what, tmp_path / "one")
        torrent = await other.add(what.metainfo, tmp_path / "other", peers=at(one), select=[1])
        await completed(torrent)
        assert (tmp_path / "other" / "t" / "y").read_bytes() == what.content["t/y"]
        assert not (tmp_path / "other" / "t" / "x").exists()
        assert torrent.statistics().downloaded == 5 * BLOCK


async def test_a_file_is_read_while_it_comes(tmp_path: Path) -> None:
    what = sample({"t/film": 600_000, "t/notes": 70_000}, HYBRID, BLOCK)
    async with session() as one, session() as other:
        await seed(one, what, tmp_path / "one")
        torrent = await other.add(what.metainfo, tmp_path / "other", peers=at(one))
        await torrent.ready()
        with trio.fail_after(PATIENCE):
            async with torrent.open(what.index("t/film")) as file:
                file.seek(500_000)
                assert await file.read(50_000) == what.content["t/film"][500_000:550_000]
                file.seek(0)
                assert b"".join([part async for part in file]) == what.content["t/film"]


async def test_damage_is_not_served_but_mended(tmp_path: Path) -> None:
    what = sample({"f": 8 * BLOCK}, V1, BLOCK)
    async with session(state=tmp_path / "state") as one:
        await seed(one, what, tmp_path / "one")
    path = tmp_path / "one" / "f"
    times = path.stat()
    data = bytearray(what.content["f"])
    data[3 * BLOCK] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    async with (
        session(state=tmp_path / "state") as one,
        session() as other,
        session() as third,
    ):
        (torrent,) = await one.restore()
        await seed(third, what, tmp_path / "third")
        fetching = await other.add(what.metainfo, tmp_path / "other", peers=at(one))
        with trio.fail_after(PATIENCE):
            async for event in torrent.events():
                if isinstance(event, Lost):
                    break
        torrent.add_peers(at(third))
        await completed(fetching)
        assert_same(what, tmp_path / "other")
        await completed(torrent)
        assert_same(what, tmp_path / "one")


async def test_a_download_goes_on_where_it_was(tmp_path: Path) -> None:
    what = sample({"f": 30 * BLOCK}, HYBRID, BLOCK)
    async with session() as one:
        await seed(one, what, tmp_path / "one")
        async with session(state=tmp_path / "state", download=300_000.0) as other:
            torrent = await other.add(what.metainfo, tmp_path / "other", peers=at(one))
            with trio.fail_after(PATIENCE):
                await torrent.has(next(iter(torrent.have), 7))
            before = len(torrent.have)
        async with session(state=tmp_path / "state") as other:
            (torrent,) = await other.restore()
            torrent.add_peers(at(one))
            await completed(torrent)
            assert torrent.statistics().downloaded <= (30 - before) * BLOCK
            assert_same(what, tmp_path / "other")


async def test_the_same_torrent_twice_is_one(tmp_path: Path) -> None:
    what = sample(FILES, HYBRID, BLOCK)
    async with session() as one:
        torrent = await one.add(what.metainfo, tmp_path)
        assert await one.add(str(Magnet.of(what.info)), tmp_path) is torrent
        assert one.torrents == (torrent,)


async def test_who_waits_is_told_of_removal(tmp_path: Path) -> None:
    what = sample(FILES, V1, BLOCK)
    async with session() as one:
        torrent = await one.add(what.metainfo, tmp_path)
        async with trio.open_nursery() as nursery:

            async def wait() -> None:
                with pytest.raises(TorrentError, match="removed"):
                    await torrent.completed()

            nursery.start_soon(wait)
            await torrent.ready()
            await one.remove(torrent)
        assert one.torrents == ()


async def test_an_upload_limit_is_kept(tmp_path: Path) -> None:
    what = sample({"f": 60 * BLOCK}, V1, BLOCK)
    rate = 20 * BLOCK
    async with session(upload=rate) as one, session() as other:
        await seed(one, what, tmp_path / "one")
        began = trio.current_time()
        torrent = await other.add(what.metainfo, tmp_path / "other", peers=at(one))
        await completed(torrent)
        # A second's worth may go at once; the rest has to wait.
        assert trio.current_time() - began >= 60 * BLOCK / rate - 1.1


async def test_a_download_limit_is_kept(tmp_path: Path) -> None:
    what = sample({"f": 60 * BLOCK}, V1, BLOCK)
    rate = 20 * BLOCK
    async with session() as one, session(download=rate) as other:
        await seed(one, what, tmp_path / "one")
        began = trio.current_time()
        torrent = await other.add(what.metainfo, tmp_path / "other", peers=at(one))
        await completed(torrent)
        assert trio.current_time() - began >= 60 * BLOCK / rate - 1.1


async def test_paused_and_resumed(tmp_path: Path) -> None:
    what = sample({"f": 30 * BLOCK}, V1, BLOCK)
    async with session() as one, session() as other:
        source = await seed(one, what, tmp_path / "one")
        source.pause()
        torrent = await other.add(what.metainfo, tmp_path / "other", peers=at(one))
        await torrent.ready()
        source.resume()
        source.add_peers(at(other))
        await completed(torrent)
        assert_same(what, tmp_path / "other")


# Where it is found.


async def test_it_listens_where_it_did_last_time(tmp_path: Path) -> None:
    """Peers, trackers and the DHT remember an address; a new one each time would be news each."""
    async with session(state=tmp_path) as one:
        usual = one.port
        async with session(state=tmp_path) as other:
            typed = other.port
            assert typed != usual, "two at once cannot have it"
    async with session(state=tmp_path) as one:
        assert one.port == usual
    async with session(state=tmp_path, listen=()) as one:
        assert one.port == 0
    async with session(state=tmp_path, listen=(("127.0.0.1", typed),)) as one:
        assert one.port == typed
    async with session(state=tmp_path) as one:
        assert one.port == usual, "what was typed once was meant once"


async def test_a_state_that_cannot_be_read_is_the_declared_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(SessionError, match="state"):
        async with session(state=tmp_path / "state"):
            raise AssertionError
