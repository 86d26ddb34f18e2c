"""Files that are not wanted are not there; what they share with others is verified all the same."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storing import get, put
from tests.torrent_samples import Sample, contents, sample
from torrent.core.metainfo import Version, read_metainfo
from torrent.errors import StorageError
from torrent.io.allocation import Allocation
from torrent.io.disk import Disk
from torrent.io.hashing import create
from torrent.io.places import parts_name
from torrent.io.storage import Storage

FILES = {"t/a": 20_000, "t/b": 30_000, "t/c": 100, "t/d": 50_000, "t/e/f": 20_000}


def pieces_of(torrent: Sample, wanted: set[int]) -> list[int]:
    """The pieces that hold a byte of a wanted file."""
    length = torrent.info.piece_length
    return [
        piece
        for piece in range(torrent.info.piece_count)
        if any(
            index in wanted
            for index, _, _ in torrent.info.spans(piece * length, torrent.info.piece_size(piece))
        )
    ]


def names(torrent: Sample, indexes: set[int]) -> set[str]:
    return {str(torrent.info.files[index].path) for index in indexes}


async def fill(storage: Storage, torrent: Sample, pieces: list[int]) -> None:
    for piece in pieces:
        assert (await put(storage, piece, torrent.pieces[piece])).ok


async def test_unwanted_files_are_not_made(tmp_path: Path) -> None:
    torrent = sample(FILES)
    wanted = {1, 3}
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path, wanted=wanted)
        assert not await storage.open()
        mine = pieces_of(torrent, wanted)
        await fill(storage, torrent, mine)
        for piece in mine:
            data = torrent.pieces[piece]
            assert await get(storage, piece, 0, len(data)) == data, "shared pieces are served whole"
        assert list(await storage.check()) == mine
    assert contents(tmp_path) == {name: torrent.content[name] for name in names(torrent, wanted)}
    assert (tmp_path / parts_name(torrent.info)).exists()
    assert not (tmp_path / "t/e").exists()


async def test_a_file_that_becomes_wanted_gets_what_is_there(tmp_path: Path) -> None:
    torrent = sample(FILES)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path, wanted={1})
        await storage.open()
        before = pieces_of(torrent, {1})
        await fill(storage, torrent, before)
        await storage.select({0, 1, 2})
        assert list(await storage.check()) == before, "nothing is lost"
        await fill(storage, torrent, [p for p in pieces_of(torrent, {0, 2}) if p not in before])
        assert set(contents(tmp_path)) == {"t/a", "t/b", "t/c"}
        await storage.select(None)
        assert not (tmp_path / parts_name(torrent.info)).exists(), "no longer needed"
        await fill(storage, torrent, pieces_of(torrent, {3, 4}))
        assert storage.trusted.full
    assert contents(tmp_path) == torrent.content


async def test_a_file_no_longer_wanted_stays(tmp_path: Path) -> None:
    torrent = sample(FILES)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open()
        await fill(storage, torrent, list(range(torrent.info.piece_count)))
        await storage.select({0})
        assert (await storage.check()).full
    assert contents(tmp_path) == torrent.content


async def test_dying_while_a_file_is_made_loses_nothing(tmp_path: Path) -> None:
    """The new file has another name until it has everything; the next time it is made again."""
    torrent = sample(FILES)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path, wanted={1})
        await storage.open()
        before = pieces_of(torrent, {1})
        await fill(storage, torrent, before)
    # What a process that died in the middle leaves:
    (tmp_path / f"t/{parts_name(torrent.info)}.0").write_bytes(b"half of it")
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path, wanted={0, 1})
        await storage.open()
        assert list(await storage.check()) == before
    assert sorted(path.name for path in (tmp_path / "t").iterdir()) == ["a", "b"]


async def test_the_part_file_in_the_way(tmp_path: Path) -> None:
    torrent = sample(FILES)
    (tmp_path / parts_name(torrent.info)).symlink_to("/etc/passwd")
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path, wanted={1})
        with pytest.raises(StorageError, match=r"\.parts .*it is a symbolic link"):
            await storage.open()


@pytest.mark.parametrize("allocation", Allocation)
async def test_disk_space_is_taken_at_once_or_not(tmp_path: Path, allocation: Allocation) -> None:
    torrent = sample({"t/a": 1_000_000, "t/b": 0})
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path, allocation=allocation)
        await storage.open()
    found = (tmp_path / "t/a").stat()
    assert found.st_size == 1_000_000
    assert (found.st_blocks * 512 >= 1_000_000) == (allocation is Allocation.FULL)
    assert (tmp_path / "t/b").stat().st_size == 0


async def test_without_create_nothing_is_made(tmp_path: Path) -> None:
    torrent = sample(FILES)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path / "none")
        assert not await storage.open(create=False)
        assert not await storage.check()
        with pytest.raises(StorageError, match="it is missing"):
            await storage.trust(0)
    assert not (tmp_path / "none").exists()


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from([0, 1, 5000, 16384, 30_000, 70_000]), min_size=3, max_size=7),
    st.lists(st.sets(st.integers(0, 6)), min_size=1, max_size=4),
)
def test_any_selections_end_in_the_same_files(sizes: list[int], choices: list[set[int]]) -> None:
    """Wishes change, pieces come in between, everything ever written stays good."""
    if not any(sizes):
        return
    torrent = sample({f"t/{number}": size for number, size in enumerate(sizes)})

    async def run(root: Path) -> None:
        have: set[int] = set()
        async with Disk() as disk:
            storage = Storage(disk, torrent.info, root, wanted=choices[0])
            await storage.open()
            for choice in [*choices, set(range(len(sizes)))]:
                await storage.select(choice)
                new = [piece for piece in pieces_of(torrent, choice) if piece not in have]
                await fill(storage, torrent, new)
                have |= set(new)
                assert set(await storage.check()) == have
                assert set(contents(root)) >= names(torrent, choice & set(range(len(sizes))))
        assert contents(root) == torrent.content
        assert os.listdir(root) == ["t"]  # noqa: PTH208 - names are wanted

    with TemporaryDirectory() as name:
        trio.run(run, Path(name))


async def test_executables_and_links_are_made(tmp_path: Path) -> None:
    """BEP 47's attributes: ``x``, and ``l`` with a target inside the torrent."""
    source = tmp_path / "source" / "t"
    (source / "bin").mkdir(parents=True)
    (source / "bin/run").write_bytes(b"#!/bin/sh\n")
    (source / "bin/run").chmod(0o755)
    (source / "tool").symlink_to("bin/run")
    (source / "bin/up").symlink_to("../bin")
    async with Disk() as disk:
        made = await create(disk, source, Version.V1)
        info = read_metainfo(made.metainfo).info
        storage = Storage(disk, info, tmp_path / "copy")
        await storage.open()
        assert (await put(storage, 0, b"#!/bin/sh\n")).ok
        await storage.open()
    copy = tmp_path / "copy/t"
    assert os.access(copy / "bin/run", os.X_OK)
    assert (copy / "tool").readlink() == Path("bin/run")
    assert (copy / "bin/up").resolve() == copy / "bin"
    assert (copy / "tool").read_bytes() == b"#!/bin/sh\n"


async def test_a_piece_nobody_wants_is_not_kept(tmp_path: Path) -> None:
    torrent = sample(FILES)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path, wanted={0})
        await storage.open()
        verdict = await put(storage, 5, torrent.pieces[5])
        assert verdict.error == "piece 5 lies in files that are not wanted"
        assert not await storage.trust(5)
