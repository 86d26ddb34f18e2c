"""Whole torrents to and from aria2, which finds us through trackers; and a swarm of all three.

Of v1 only: aria2 1.36 announces a hybrid under a name that nobody else knows, and refuses v2. See
:func:`test_aria2_gives_hybrids_a_name_of_its_own`.
"""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio

from dht.codec.bencode import decode, encode
from tests.interop.aria2_process import aria2, needs_aria2
from tests.interop.libtorrent_process import libtorrent_peer
from tests.interop.tracker_peers import npm_tracker
from tests.torrent_samples import HYBRID, V1, Sample, sample
from tests.tracker_server import Swarms, http_tracker, udp_tracker
from tests.waiting import until
from torrent.core.metainfo import Metainfo, Version, wrapped
from torrent.io.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from torrent.io.torrent import Torrent

pytestmark = [pytest.mark.interop, needs_aria2]

BLOCK = 16384
FILES = {"t/a/first": 1_000_000, "t/a/second": 3, "t/b": 2_500_001}
THIRDS = {f"t/{name}": 60 * BLOCK for name in "abc"}
PATIENCE = 60.0
HERE = (("127.0.0.1", 0),)


@contextmanager
def standard_library(kind: str) -> Iterator[str]:
    swarms = Swarms()
    if kind == "http":
        with http_tracker(swarms) as url:
            yield url
    else:
        with udp_tracker(swarms) as tracker:
            yield f"udp://127.0.0.1:{tracker.port}/announce"


@asynccontextmanager
async def tracking(whose: str, kind: str, what: Sample, root: Path) -> AsyncIterator[str]:
    """A tracker's URL."""
    if whose == "ours":
        with standard_library(kind) as url:
            yield url
    else:
        async with npm_tracker(what.info.infohashes[0], root) as urls:
            yield urls[kind]


trackers = pytest.mark.parametrize(
    ("whose", "kind"), [(whose, kind) for whose in ("ours", "npm") for kind in ("http", "udp")]
)


def torrent_file(what: Sample, url: str, root: Path) -> Path:
    path = root / "t.torrent"
    path.write_bytes(wrapped(Metainfo(what.info, ((url,),), ())))
    return path


def is_same(what: Sample, root: Path) -> bool:
    """Whether every file is there and whole. (Megabytes that differ would be *shown* differing.)"""
    paths = [(root / name, content) for name, content in what.content.items()]
    return all(path.exists() and path.read_bytes() == content for path, content in paths)


def assert_same(what: Sample, root: Path) -> None:
    assert is_same(what, root), root


def give(what: Sample, name: str, root: Path, part: slice = slice(None)) -> None:
    """Let it begin with a file, or with a part of it."""
    path = root / name
    path.parent.mkdir(parents=True)
    data = bytearray(len(what.content[name]))
    data[part] = what.content[name][part]
    path.write_bytes(data)


async def completed(*torrents: Torrent) -> None:
    with trio.fail_after(PATIENCE):
        await trio.lowlevel.checkpoint()
        for torrent in torrents:
            await torrent.completed()


async def until_same(what: Sample, root: Path) -> None:
    """Wait until aria2 has written everything; it tells nobody that it is complete."""
    await until(lambda: is_same(what, root), PATIENCE)


@trackers
async def test_from_aria2(whose: str, kind: str, tmp_path: Path) -> None:
    what = sample(FILES, V1, BLOCK * 4)
    what.write(tmp_path / "theirs")
    async with tracking(whose, kind, what, tmp_path) as url:
        path = torrent_file(what, url, tmp_path)
        async with aria2(path, tmp_path / "theirs"), Session(listen=HERE, same_host=True) as ours:
            await completed(await ours.add(path, tmp_path / "ours"))
    assert_same(what, tmp_path / "ours")


@trackers
async def test_to_aria2(whose: str, kind: str, tmp_path: Path) -> None:
    what = sample(FILES, V1, BLOCK * 4)
    what.write(tmp_path / "ours")
    async with tracking(whose, kind, what, tmp_path) as url:
        path = torrent_file(what, url, tmp_path)
        async with Session(listen=HERE, same_host=True) as ours:
            await completed(await ours.add(path, tmp_path / "ours"))
            async with aria2(path, tmp_path / "theirs"):
                await until_same(what, tmp_path / "theirs")


@pytest.mark.parametrize("files", [FILES, {"f": 100_000}], ids=["many", "one"])
@pytest.mark.parametrize("version", [V1, HYBRID])
async def test_aria2_gives_hybrids_a_name_of_its_own(
    version: Version, files: dict[str, int], tmp_path: Path
) -> None:
    """It hashes what it has made of ``info``, without the empty keys of BEP 52's file tree.

    Should this fail one day, aria2 has been mended, and can join swarms of hybrids.
    """
    what, swarms = sample(files, version, BLOCK * 4), Swarms()
    what.write(tmp_path / "theirs")
    with http_tracker(swarms) as url:
        async with aria2(torrent_file(what, url, tmp_path), tmp_path / "theirs"):
            await until(lambda: swarms.asked, PATIENCE)
    announced = swarms.asked[0]["info_hash"]
    assert announced == hashlib.sha1(encode(without_empty_keys(decode(what.info.raw)))).digest()
    assert (announced == what.info.infohash_v1) == (version is V1)


def without_empty_keys(value: Any) -> Any:
    """What is left of a torrent in which no key may be empty."""
    if isinstance(value, dict):
        return {key: without_empty_keys(each) for key, each in value.items() if key}
    return value


@pytest.mark.parametrize("kind", ["http", "udp"])
async def test_a_mixed_swarm_where_each_has_a_third(kind: str, tmp_path: Path) -> None:
    what = sample(THIRDS, V1, BLOCK * 4)
    roots = {name: tmp_path / name for name in ("one", "other", "libtorrent", "aria2")}
    # Two of ours have half of a third each, and no piece is cut by it.
    half = 32 * BLOCK
    give(what, "t/a", roots["one"], slice(half))
    give(what, "t/a", roots["other"], slice(half, None))
    give(what, "t/b", roots["libtorrent"])
    give(what, "t/c", roots["aria2"])
    with standard_library(kind) as url:
        path = torrent_file(what, url, tmp_path)
        async with (
            Session(listen=HERE, same_host=True) as one,
            Session(listen=HERE, same_host=True) as other,
            libtorrent_peer() as theirs,
            aria2(path, roots["aria2"]),
        ):
            await theirs.add(path, roots["libtorrent"])
            first = await one.add(path, roots["one"], peers=[theirs.endpoint])
            second = await other.add(path, roots["other"])
            await completed(first, second)
            await theirs.complete()
            await until_same(what, roots["aria2"])
    for root in roots.values():
        assert_same(what, root)
