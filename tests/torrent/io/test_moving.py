"""Moving: renamed or copied, interrupted anywhere, never lost."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from tests.storing import damage, get, put
from tests.torrent_samples import Sample, contents, sample
from torrent.errors import StorageError
from torrent.io import moving
from torrent.io.disk import Disk
from torrent.io.moving import Mover
from torrent.io.places import Places, parts_name
from torrent.io.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILES = {"t/a": 40_000, "t/b/c": 70_000, "t/b/d": 0, "t/e": 100}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A directory on another file system."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK) or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has only one file system")
    directory = Path(tempfile.mkdtemp(dir=shared))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(params=["same file system", "other file system"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "same file system":
        return tmp_path / "target"
    found: Path = request.getfixturevalue("elsewhere")
    return found / "target"


async def test_everything_moves_and_goes_on(tmp_path: Path, target: Path) -> None:
    torrent = sample(FILES)
    source = tmp_path / "source"
    told: list[tuple[int, int]] = []
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, source, wanted={0, 1, 2})
        await storage.open()
        for piece in range(4):
            assert (await put(storage, piece, torrent.pieces[piece])).ok
        (source / "t/mine").write_bytes(b"not the torrent's")
        await storage.move(target, lambda *count: told.append(count))
        assert storage.directory == target
        for piece, data in enumerate(torrent.pieces):
            if piece < 4:
                assert await get(storage, piece, 0, 10) == data[:10]
            else:
                assert (await put(storage, piece, data)).ok
        assert (await storage.check()).full
    assert contents(target) == {name: torrent.content[name] for name in ("t/a", "t/b/c", "t/b/d")}
    assert (target / parts_name(torrent.info)).exists()
    assert contents(source) == {"t/mine": b"not the torrent's"}
    assert not (source / "t/b").exists()
    if told:
        assert told[-1][0] <= told[-1][1]


async def test_pieces_that_arrive_meanwhile_are_held_back(tmp_path: Path, elsewhere: Path) -> None:
    torrent = sample(FILES)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open()
        assert (await put(storage, 0, torrent.pieces[0])).ok
        async with trio.open_nursery() as nursery:
            nursery.start_soon(storage.move, elsewhere)
            for piece in range(1, len(torrent.pieces)):
                nursery.start_soon(put, storage, piece, torrent.pieces[piece])
            nursery.start_soon(get, storage, 0, 0, 100)
        assert (await storage.check()).full
    assert contents(elsewhere) == torrent.content


async def test_to_where_it_is(tmp_path: Path) -> None:
    torrent = sample(FILES)
    torrent.write(tmp_path)
    (tmp_path / "same").symlink_to(tmp_path)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open()
        await storage.move(tmp_path / "same")
        assert (await storage.check()).full
    assert (tmp_path / "t/a").exists()


async def test_what_is_in_the_way_is_seen_before_anything_moves(
    tmp_path: Path, target: Path
) -> None:
    torrent = sample(FILES)
    torrent.write(tmp_path / "source")
    (target / "t").mkdir(parents=True)
    (target / "t/e").write_bytes(b"somebody else's")
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path / "source")
        await storage.open()
        with pytest.raises(StorageError, match="t/e is in the way"):
            await storage.move(target)
        assert storage.directory == tmp_path / "source"
        assert (await storage.check()).full
    assert contents(tmp_path / "source") == torrent.content
    assert contents(target) == {"t/e": b"somebody else's"}


class DiedError(BaseException):
    """As if the process were killed here."""


CALLS = ("rename", "unlink", "fsync", "utime", "ftruncate", "rmdir")


def dying_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Die at the ``count``-th change of the disk."""
    left = iter(range(count))

    def guarded(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            if next(left, None) is None:
                raise DiedError
            return real(*args, **kwargs)

        return call

    for name in CALLS:
        monkeypatch.setattr(moving.os, name, guarded(getattr(os, name)))


def whole_somewhere(torrent: Sample, *roots: Path) -> bool:
    return all(
        any(contents(root).get(name) == data for root in roots)
        for name, data in torrent.content.items()
    )


@pytest.mark.parametrize("count", range(30))
def test_dying_anywhere_and_doing_it_again(
    tmp_path: Path, target: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torrent = sample(FILES)
    source = tmp_path / "source"
    torrent.write(source)
    places = Places(torrent.info, ".parts")

    async def move() -> None:
        await trio.to_thread.run_sync(Mover(places, source, target).run)

    with monkeypatch.context() as dying:
        dying_after(count, dying)
        try:
            trio.run(move)
        except DiedError:
            assert whole_somewhere(torrent, source, target)
    trio.run(move)
    assert contents(target) == torrent.content
    assert not (source / "t").exists()
    assert not list(target.glob(".*"))


async def test_a_move_can_be_cancelled_and_finished(
    tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "_STEP", 4096)
    torrent = sample(FILES)
    torrent.write(tmp_path)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open()
        with trio.CancelScope() as scope:
            await storage.move(elsewhere, lambda *_: scope.cancel())
        assert scope.cancelled_caught
        assert whole_somewhere(torrent, tmp_path, elsewhere)
        await storage.move(elsewhere)
        assert (await storage.check()).full
    assert contents(elsewhere) == torrent.content


async def test_holes_stay_holes(tmp_path: Path, elsewhere: Path) -> None:
    torrent = sample({"f": 4 * 1024 * 1024}, piece_length=65536)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open()
        assert (await put(storage, 30, torrent.pieces[30])).ok
        await storage.move(elsewhere)
        assert list(await storage.check()) == [30]
    found = (elsewhere / "f").stat()
    assert found.st_size == 4 * 1024 * 1024
    assert found.st_blocks * 512 < 1024 * 1024


async def test_links_move_as_links(tmp_path: Path, elsewhere: Path) -> None:
    torrent = sample(FILES)
    torrent.write(tmp_path)
    (tmp_path / "t/e").unlink()
    (tmp_path / "t/e").symlink_to("a")
    mover = Mover(Places(torrent.info, ".parts"), tmp_path, elsewhere)
    await trio.to_thread.run_sync(mover.run)
    assert (elsewhere / "t/e").readlink() == Path("a")
    assert not (tmp_path / "t").exists()


async def test_a_copy_is_what_was_there_not_what_should_be(tmp_path: Path, elsewhere: Path) -> None:
    torrent = sample(FILES)
    torrent.write(tmp_path)
    damage(tmp_path / "t/a", 20_000)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open()
        assert len(await storage.check()) == torrent.info.piece_count - 1
        await storage.move(elsewhere)
        assert not storage.trusted, "a copy is trusted when it was hashed"
        assert await get(storage, 1, 0, 10) is None
