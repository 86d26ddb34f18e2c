"""Created torrents say what the stupid answer says, and what libtorrent says."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.torrent_samples import HYBRID, V1, V2, VERSIONS, noise, sample
from torrent.core.metainfo import About, read_metainfo
from torrent.errors import MetainfoError, StorageError
from torrent.io.disk import Disk
from torrent.io.hashing import create, hash_files, scan
from torrent.io.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from torrent.core.metainfo import Version

FILES = {"t/a": 40_000, "t/b/c": 70_000, "t/b/d": 0, "t/e": 100}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("piece_length", [16384, 65536])
async def test_it_is_the_stupid_answer(tmp_path: Path, version: Version, piece_length: int) -> None:
    torrent = sample(FILES, version, piece_length)
    torrent.write(tmp_path)
    told: list[tuple[int, int]] = []
    async with Disk() as disk:
        made = await create(
            disk,
            tmp_path / "t",
            version,
            piece_length=piece_length,
            progress=lambda *count: told.append(count),
        )
        assert made.metainfo == torrent.metainfo
        assert made.directory == tmp_path
        assert told[-1] == (torrent.info.piece_count,) * 2
        storage = Storage(disk, read_metainfo(made.metainfo).info, made.directory)
        await storage.open(create=False)
        assert (await storage.check()).full, "and can be seeded"


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from([0, 1, 16383, 16384, 50_000, 300_000]), min_size=1, max_size=5),
    st.sampled_from(VERSIONS),
    st.sampled_from([16384, 131072, 1048576]),
)
def test_any_sizes(sizes: list[int], version: Version, piece_length: int) -> None:
    if not any(sizes) or len(sizes) == 1:
        return
    torrent = sample({f"t/{n}": size for n, size in enumerate(sizes)}, version, piece_length)

    async def run(root: Path) -> bytes:
        async with Disk() as disk:
            made = await create(disk, root / "t", version, piece_length=piece_length)
            return made.metainfo

    with TemporaryDirectory() as name:
        torrent.write(Path(name))
        assert trio.run(run, Path(name)) == torrent.metainfo


@pytest.mark.parametrize("version", VERSIONS)
async def test_libtorrent_says_the_same(tmp_path: Path, version: Version) -> None:
    libtorrent = pytest.importorskip("libtorrent")
    torrent = sample(FILES, version, 32768)
    torrent.write(tmp_path)
    flags = {V1: libtorrent.create_torrent.v1_only, V2: libtorrent.create_torrent.v2_only}
    entries = [
        libtorrent.create_file_entry(name, len(data)) for name, data in torrent.content.items()
    ]
    theirs = libtorrent.create_torrent(entries, 32768, flags.get(version, 0))
    libtorrent.set_piece_hashes(theirs, str(tmp_path))
    expected = read_metainfo(libtorrent.bencode(theirs.generate())).info
    async with Disk() as disk:
        made = await create(disk, tmp_path / "t", version, piece_length=32768)
    ours = read_metainfo(made.metainfo).info
    assert ours.pieces == expected.pieces
    assert ours.piece_layers == expected.piece_layers
    assert [file.pieces_root for file in ours.files] == [
        file.pieces_root for file in expected.files
    ]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["f", "t"])
async def test_one_file_alone_or_in_a_directory(
    tmp_path: Path, version: Version, name: str
) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t/x").write_bytes(noise(20_000))
    (tmp_path / "f").write_bytes(noise(20_000))
    about = About(comment="for the record")
    async with Disk() as disk:
        made = await create(disk, tmp_path / name, version, about=about)
        metainfo = read_metainfo(made.metainfo)
        assert metainfo.comment == "for the record"
        storage = Storage(disk, metainfo.info, made.directory)
        await storage.open(create=False)
        assert (await storage.check()).full


async def test_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t/x").write_bytes(noise(20_000))
    monkeypatch.chdir(tmp_path / "t")
    async with Disk() as disk:
        made = await create(disk, ".", V1)
    assert read_metainfo(made.metainfo).info.name == "t"
    assert made.directory == tmp_path


def make_pipe(path: Path) -> None:
    os.mkfifo(path / "pipe")


def make_outward_link(path: Path) -> None:
    (path / "link").symlink_to("/etc/passwd")


def make_dangling_link(path: Path) -> None:
    (path / "link").symlink_to("nothing")


def make_upward_link(path: Path) -> None:
    (path / "link").symlink_to("..")


def make_odd_name(path: Path) -> None:
    (path / "dots..").write_bytes(b"x")


def make_case_twins(path: Path) -> None:
    (path / "a").write_bytes(b"x")
    (path / "A").write_bytes(b"x")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (make_pipe, "pipe is no file, directory or link"),
        (make_outward_link, "link is a symbolic link to /etc/passwd"),
        (make_dangling_link, "link is a symbolic link to .*/t/nothing, which is not part"),
        (make_upward_link, "which is not part of what you share"),
        (make_odd_name, r"dots\.\. cannot have this name .* it would be called t/dots: rename it"),
        (make_case_twins, "differs from another's only in case"),
    ],
)
def test_what_cannot_be_in_a_torrent_is_named(
    tmp_path: Path, make: Callable[[Path], None], told: str
) -> None:
    path = tmp_path / "t"
    path.mkdir()
    make(path)
    with pytest.raises(StorageError, match=told):
        scan(path)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"none \(No such file or directory\)"):
        scan(tmp_path / "none")


async def test_an_empty_directory_is_no_torrent(tmp_path: Path) -> None:
    async with Disk() as disk:
        with pytest.raises(MetainfoError, match="there are no files"):
            await create(disk, tmp_path)


@pytest.mark.parametrize("change", ["shorter", "longer", "other", "gone"])
async def test_files_that_change_meanwhile_are_named(
    tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torrent.io.hashing.RUN", 4 << 20)  # three runs of so small a torrent
    torrent = sample({"t/a": 6_000_000, "t/b": 6_000_000}, HYBRID)
    torrent.write(tmp_path)
    victim = tmp_path / "t/b"

    def interfere(done: int, total: int) -> None:
        if change == "shorter":
            os.truncate(victim, 10)
        elif change == "longer":
            os.truncate(victim, 7_000_000)
        elif change == "gone":
            victim.unlink(missing_ok=True)
        elif done == total:
            pass
        else:
            victim.write_bytes(noise(6_000_000, done))

    plan_of = read_metainfo(torrent.metainfo).info
    async with Disk(workers=1) as disk:
        with pytest.raises(StorageError, match=r"t/b .*(was changed while it was hashed|missing)"):
            await hash_files(disk, plan_of, tmp_path, interfere)
