"""Directories made of a list of files."""

from __future__ import annotations

import pytest

from tests.good_torrents import ACCEPTED
from tests.torrent_samples import HYBRID, V1, VERSIONS, sample
from torrent.cdn.gateway.core import tree as module
from torrent.cdn.gateway.core.errors import Refused
from torrent.cdn.gateway.core.tree import Entry, Tree
from torrent.core.metainfo import Version, read_metainfo

FILES = {"t/index.html": 5, "t/a/b/c": 20_000, "t/a/d": 0, "t/z": 3}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_torrent_is_its_directory(version: Version) -> None:
    what = sample(FILES, version)
    tree = Tree(what.info)
    assert {"/".join(path) for path in tree.files} == {name[2:] for name in FILES}
    for name in FILES:
        index = tree.file(tuple(name.split("/")[1:]))
        assert index is not None
        assert str(what.info.files[index].path) == name
    assert tree.entries(()) == [Entry("a", None), Entry("index.html", 5), Entry("z", 3)]
    assert tree.entries(("a",)) == [Entry("b", None), Entry("d", 0)]
    assert [tree.is_directory(path) for path in ((), ("a", "b"), ("z",), ("x",))] == [
        True,
        True,
        False,
        False,
    ]
    assert tree.file(("a",)) is tree.file(("..",)) is None
    with pytest.raises(KeyError):
        tree.entries(("z",))


def test_a_single_file_is_in_the_root() -> None:
    tree = Tree(sample({"film.mkv": 7}, HYBRID).info)
    assert tree.entries(()) == [Entry("film.mkv", 7)]
    assert tree.file(("film.mkv",)) == 0


def test_too_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 1)
    with pytest.raises(Refused, match="4 files, more than"):
        Tree(sample(FILES, V1).info)


def test_links_are_followed_to_their_files_and_rings_end() -> None:
    linked = [read_metainfo(data).info for data in ACCEPTED.values()]
    found = 0
    for info in linked:
        tree = Tree(info)
        for path, index in tree.files.items():
            if info.files[index].symlink is not None:
                found += 1
                end = tree.file(path)
                assert end is None or info.files[end].symlink is None
                assert all(
                    entry.size is None or entry.size >= 0 for entry in tree.entries(path[:-1])
                )
    assert found
