"""Whole torrents to and from libtorrent: every version, by file and by magnet link."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
import trio

from tests.interop.libtorrent_process import libtorrent_peer
from tests.torrent_samples import VERSIONS, Sample, sample
from tests.waiting import until
from torrent.core.metainfo import Magnet, Version
from torrent.io.session import Session

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.interop

BLOCK = 16384
FILES = {"t/a/first": 1_000_000, "t/a/second": 3, "t/b": 2_500_001, "t/empty": 0}
PATIENCE = 40.0
HERE = (("127.0.0.1", 0),)

by_file_and_link = pytest.mark.parametrize("by", ["file", "link"])
every_version = pytest.mark.parametrize("version", VERSIONS)


def assert_same(what: Sample, root: Path) -> None:
    for name, content in what.content.items():
        assert (root / name).read_bytes() == content, name


async def written(what: Sample, root: Path) -> None:
    """Wait until libtorrent, which calls itself complete, has written all of it."""

    def lacks(name: str) -> bool:
        path = root / name
        return not path.exists() or path.read_bytes() != what.content[name]

    with contextlib.suppress(trio.TooSlowError):  # What differs is said better below.
        await until(lambda: not any(map(lacks, what.content)), PATIENCE)
    assert_same(what, root)


def torrent_file(what: Sample, path: Path) -> Path:
    path.write_bytes(what.metainfo)
    return path


@every_version
@by_file_and_link
async def test_from_libtorrent(version: Version, by: str, tmp_path: Path) -> None:
    what = sample(FILES, version, BLOCK * 4)
    what.write(tmp_path / "theirs")
    async with libtorrent_peer() as theirs, Session(listen=HERE) as ours:
        await theirs.add(torrent_file(what, tmp_path / "t.torrent"), tmp_path / "theirs")
        source = what.metainfo if by == "file" else str(Magnet.of(what.info))
        torrent = await ours.add(source, tmp_path / "ours", peers=[theirs.endpoint])
        with trio.fail_after(PATIENCE):
            await torrent.completed()
    assert_same(what, tmp_path / "ours")


@every_version
@by_file_and_link
async def test_to_libtorrent(version: Version, by: str, tmp_path: Path) -> None:
    what = sample(FILES, version, BLOCK * 4)
    what.write(tmp_path / "ours")
    async with libtorrent_peer() as theirs, Session(listen=HERE) as ours:
        torrent = await ours.add(what.metainfo, tmp_path / "ours")
        await torrent.ready()
        path = torrent_file(what, tmp_path / "t.torrent")
        source = path if by == "file" else str(Magnet.of(what.info))
        await theirs.add(source, tmp_path / "theirs")
        await theirs.ask("connect", peers=[["127.0.0.1", ours.port]])
        await theirs.complete()
        await written(what, tmp_path / "theirs")


@every_version
async def test_each_has_half(version: Version, tmp_path: Path) -> None:
    what = sample({"t/a": 64 * BLOCK, "t/b": 64 * BLOCK}, version, BLOCK * 4)
    for who, half in (("ours", "t/a"), ("theirs", "t/b")):
        path = tmp_path / who / half
        path.parent.mkdir(parents=True)
        path.write_bytes(what.content[half])
    async with libtorrent_peer() as theirs, Session(listen=HERE) as ours:
        await theirs.add(torrent_file(what, tmp_path / "t.torrent"), tmp_path / "theirs")
        torrent = await ours.add(what.metainfo, tmp_path / "ours", peers=[theirs.endpoint])
        with trio.fail_after(PATIENCE):
            await torrent.completed()
        await theirs.complete()
        await written(what, tmp_path / "theirs")
    assert_same(what, tmp_path / "ours")
