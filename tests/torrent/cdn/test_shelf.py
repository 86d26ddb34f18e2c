"""Versions on disk, what they have in common, and how one of them is shown."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.cdn_house import tree, write
from tests.naming import NAME
from tests.torrent_samples import HYBRID, V1, noise, sample
from torrent.cdn.carrying import carry, shelf_of
from torrent.cdn.errors import SiteError
from torrent.cdn.memory import Memory
from torrent.cdn.shelf import Shelf, check_free, switch, top_of
from torrent.cdn.site import take
from torrent.core.metainfo import read_metainfo
from torrent.errors import StorageError
from torrent.io.disk import Disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLD = {"s/a": 40_000, "s/b": 1000, "s/sub/c": 20_000}


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with Memory.open(tmp_path / "state") as memory:
        yield Shelf(tmp_path / "shelf", NAME, memory)


async def snapshot(source: Path, shelf: Shelf, **more: Any) -> Any:
    async with Disk(workers=1) as disk:
        return await take(disk, source, shelf, **more)


# What is common is taken over.


@pytest.mark.parametrize("lengths", [16384, 65536])
def test_files_are_known_by_their_root_whatever_the_pieces(tmp_path: Path, lengths: int) -> None:
    old = sample(OLD, HYBRID)
    old.write(tmp_path / "old")
    content = {"t/x": old.content["s/a"], "t/b": noise(1000, 99), "t/c": old.content["s/sub/c"]}
    new = sample(content, HYBRID, lengths)
    assert carry(shelf_of([(old.info, tmp_path / "old")]), new.info, tmp_path / "new") == 2
    assert tree(tmp_path / "new" / "t") == {"x": content["t/x"], "c": content["t/c"]}
    one, other = (tmp_path / "old" / "s" / "a").stat(), (tmp_path / "new" / "t" / "x").stat()
    assert one.st_ino == other.st_ino
    # What is there stays.
    assert carry(shelf_of([(old.info, tmp_path / "old")]), new.info, tmp_path / "new") == 0


def test_what_has_no_root_is_not_carried(tmp_path: Path) -> None:
    old = sample(OLD, V1)
    old.write(tmp_path / "old")
    assert carry(shelf_of([(old.info, tmp_path / "old")]), old.info, tmp_path / "new") == 0


def test_what_is_gone_or_a_link_is_not_carried(tmp_path: Path) -> None:
    old = sample(OLD, HYBRID)
    old.write(tmp_path / "old")
    (tmp_path / "old" / "s" / "a").unlink()
    (tmp_path / "old" / "s" / "b").unlink()
    (tmp_path / "old" / "s" / "b").symlink_to("/etc/passwd")
    assert carry(shelf_of([(old.info, tmp_path / "old")]), old.info, tmp_path / "new") == 1
    assert list(tree(tmp_path / "new")) == ["s/sub/c"]


def test_without_links_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", no)
    old = sample(OLD, HYBRID)
    old.write(tmp_path / "old")
    write(tmp_path / "new", {"s/.a.part": b"of somebody who was killed"})
    assert carry(shelf_of([(old.info, tmp_path / "old")]), old.info, tmp_path / "new") == 3
    assert tree(tmp_path / "new") == tree(tmp_path / "old")


def test_the_disk_refuses(tmp_path: Path) -> None:
    old = sample(OLD, HYBRID)
    old.write(tmp_path / "old")
    write(tmp_path / "new", {"s": b"in the way"})
    with pytest.raises(StorageError, match="something else of that name"):
        carry(shelf_of([(old.info, tmp_path / "old")]), old.info, tmp_path / "new")


# Snapshots.


async def test_a_snapshot_is_a_copy_that_links_what_did_not_change(
    tmp_path: Path, shelf: Shelf
) -> None:
    files = {"index.html": b"one", "big": noise(50_000), "empty": b""}
    source = write(tmp_path / "www", files)
    (source / "run").write_bytes(b"#!/bin/sh\n")
    (source / "run").chmod(0o755)
    (source / "link").symlink_to("big")
    one = await snapshot(source, shelf, origin="http://127.0.0.1/")
    shelf.add(1, one.infohash)
    assert tree(one.directory / "www") == tree(source)
    assert os.access(one.directory / "www" / "run", os.X_OK)
    assert one.metainfo.web_seeds == ("http://127.0.0.1/",)
    write(source, {"index.html": b"two"})
    two = await snapshot(source, shelf)
    assert tree(one.directory / "www")["index.html"] == b"one"
    inodes = {(each.directory / "www" / "big").stat().st_ino for each in (one, two)}
    assert len(inodes | {(source / "big").stat().st_ino}) == 2
    # The same again is the same.
    assert (await snapshot(source, shelf)).infohash == two.infohash


async def test_what_was_changed_meanwhile_is_not_published(tmp_path: Path, shelf: Shelf) -> None:
    source = write(tmp_path / "www", {"index.html": b"one"})
    made = await snapshot(source, shelf)
    write(made.directory / "www", {"index.html": b"two"})
    with pytest.raises(SiteError, match="was changed while it was published"):
        await snapshot(source, shelf)
    assert tree((await snapshot(source, shelf)).directory / "www") == tree(source)


async def test_a_file_is_no_site(tmp_path: Path, shelf: Shelf) -> None:
    with pytest.raises(SiteError, match="is no directory"):
        await snapshot(write(tmp_path, {"file": b"x"}) / "file", shelf)


# The shelf.


def test_pruning_clears_what_was_interrupted(shelf: Shelf) -> None:
    what = sample(OLD, HYBRID)
    infohashes = [bytes([n]) * 20 for n in range(3)]
    for seq, infohash in enumerate(infohashes, 1):
        write(shelf.place(infohash), {"s/a": b"x"})
        shelf.note(infohash, read_metainfo(what.metainfo))
        shelf.add(seq, infohash)
    write(shelf.root / "half", {"a": b"x"})
    assert shelf.prune(2) == [infohashes[0]]
    assert [each.seq for each in shelf.versions()] == [3, 2]
    names = {path.name.partition(".")[0] for path in shelf.root.iterdir()}
    assert names == {infohash.hex() for infohash in infohashes[1:]}
    # A torrent file that is not what it is called is none.
    assert shelf.metainfo(infohashes[2]) is None
    assert list(shelf.contents()) == []


def test_pruning_nothing(shelf: Shelf) -> None:
    assert shelf.prune(1) == []


def test_a_switch_is_one_step_and_done_once(tmp_path: Path) -> None:
    for word in ("one", "two"):
        write(tmp_path / word, {"file": word.encode()})
    target = tmp_path / "deep" / "site"
    check_free(target)
    assert [switch(target, tmp_path / word) for word in ("one", "one", "two")] == [
        True,
        False,
        True,
    ]
    assert tree(target) == {"file": b"two"}
    # Somebody was killed in between.
    target.with_name(".site.next").symlink_to("nowhere")
    assert switch(target, tmp_path / "one")
    assert tree(target) == {"file": b"one"}
    check_free(target)
    with pytest.raises(StorageError):
        switch(tmp_path / "one" / "file" / "site", tmp_path / "two")


def test_a_file_in_the_way_is_somebody_s(tmp_path: Path) -> None:
    write(tmp_path, {"site": b"mine"})
    with pytest.raises(SiteError):
        check_free(tmp_path / "site")


def test_what_is_shown(tmp_path: Path) -> None:
    assert top_of(sample(OLD, HYBRID).info, tmp_path) == tmp_path / "s"
    assert top_of(sample({"film": 9}, HYBRID).info, tmp_path) == tmp_path
