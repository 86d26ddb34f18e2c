"""Which torrents may be manifests, since strangers made them; and from whom packs come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from dht.codec.bencode import encode
from tests import git_house as house
from tests.git_house import Publisher, needs_git
from tests.naming import NAME, record
from tests.torrent_samples import noise
from torrent.cdn.memory import Memory
from torrent.cdn.name import Version
from torrent.core.metainfo import read_info
from torrent.git.core.manifest import MAX_SIZE
from torrent.git.fetching import Fetcher, manifest_file
from torrent.git.releasing import held, release
from torrent.git.store import Store
from torrent.git.taking import take
from torrent.io.disk import Disk
from torrent.io.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from torrent.io.config import SessionOptions
    from torrent.io.torrent import Torrent

PAD: dict[bytes, Any] = {b"attr": b"p", b"length": 16384, b"path": [b"pad"]}
FILE: dict[bytes, Any] = {b"length": 100, b"path": [b"manifest"]}
HUGE: dict[bytes, Any] = {b"length": MAX_SIZE + 1, b"path": [b"manifest"]}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([FILE], (0,)),
        ([FILE, PAD], (0,)),
        ([PAD], ()),
        ([PAD, FILE], ()),
        ([FILE, {**FILE, b"path": [b"another"]}], ()),
        ([HUGE], ()),
    ],
)
def test_one_file_that_is_no_padding(
    files: list[dict[bytes, Any]], expected: tuple[int, ...]
) -> None:
    size = sum(file[b"length"] for file in files)
    fields = {b"files": files, b"name": b"x", b"piece length": 16384}
    info = read_info(encode({**fields, b"pieces": bytes(20 * -(-size // 16384))}))
    assert manifest_file(info) == expected


@needs_git
async def test_packs_come_from_who_had_the_manifest(tmp_path: Path) -> None:
    """Nobody but the manifest's peers is known, and the pack has many pieces."""
    source = house.repository(tmp_path / "source")
    (source / "noise").write_bytes(noise(600_000))
    house.commit(source)
    publisher = Publisher(source, tmp_path / "home")
    published = await publisher.publish()
    async with Disk() as disk:
        first = await release(disk, publisher.store, published)
        rest = await held(disk, publisher.store, published)
    here: SessionOptions = {"listen": (("127.0.0.1", 0),), "same_host": True}
    async with Session(**here) as seeding, Session(**here) as reading:
        for each in (first, *rest):
            await seeding.add(each.metainfo, each.directory, intact=True)

        def told(torrent: Torrent) -> None:
            if first.infohash in torrent.infohashes:
                torrent.add_peers([("127.0.0.1", seeding.port)])

        version = Version.of(record(1, first.infohash))
        assert version is not None
        with Memory.open(tmp_path / "other") as memory, trio.fail_after(30):
            store = Store(tmp_path / "other", NAME, memory)
            fetcher = Fetcher(reading, tmp_path / "dht", store, told)
            manifest = await fetcher.manifest(version)
            assert manifest == published
            git = house.bare(tmp_path / "copy")
            for keep in await take(git, fetcher, manifest):
                keep.unlink()
        assert not reading.torrents
    house.point(git.directory, manifest)
    assert house.objects(git.directory) == house.objects(source)
    assert house.whole(git.directory)
