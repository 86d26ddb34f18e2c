"""A torrent is a torrent, in whatever form it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.torrent_samples import HYBRID, V1, V2, VERSIONS, sample
from torrent.core.metainfo import Magnet, Metainfo, Version, read_magnet, read_metainfo, wrapped
from torrent.errors import MetainfoError
from torrent.io.task import MAX_FILE, read_task

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"t/a": 20_000, "t/b": 5, "t/c": 40_000}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_form_of_a_torrent_file_is_the_same(version: Version, tmp_path: Path) -> None:
    what = sample(FILES, version)
    path = tmp_path / "a torrent"
    path.write_bytes(what.metainfo)
    forms = (path, str(path), what.metainfo, read_metainfo(what.metainfo))
    one, *others = [read_task(form, tmp_path, peers=[("h", 1)]) for form in forms]
    assert all(other == one for other in others)
    assert (one.infohashes, one.info, one.name) == (what.info.infohashes, what.info, "t")
    assert (one.peers, one.directory) == ((("h", 1),), tmp_path)
    assert one.metainfo is not None
    assert read_metainfo(one.metainfo).info == what.info
    assert one.link == ""


def test_trackers_and_web_seeds_are_taken_along(tmp_path: Path) -> None:
    what = sample(FILES, V1)
    tiers, seeds = (("http://a/announce", "udp://b:1"), ("http://c/announce",)), ("http://w/",)
    task = read_task(wrapped(Metainfo(what.info, tiers, seeds)), tmp_path)
    assert (task.trackers, task.web_seeds) == (tiers, seeds)
    assert task.metainfo is not None
    again = read_metainfo(task.metainfo)
    assert (again.trackers, again.web_seeds) == (tiers, seeds)


def test_a_magnet_link_learns_what_it_is(tmp_path: Path) -> None:
    info = sample(FILES, HYBRID).info
    link = f"magnet:?xt=urn:btih:{info.infohashes[0].hex()}&dn=film&tr=http://a/x&x.pe=10.0.0.1:5"
    one, other = read_task(link, tmp_path, peers=[("h", 1)]), read_task(read_magnet(link), tmp_path)
    assert one.trackers == other.trackers == (("http://a/x",),)
    assert one.peers == (("h", 1), ("10.0.0.1", 5))
    assert (one.info, one.metainfo, one.name) == (None, None, "film")
    assert read_magnet(one.link) == read_magnet(link)
    assert not one.private
    told = one.told(info)
    assert (told.info, told.name, told.infohashes) == (info, "t", info.infohashes)


def test_files_may_be_chosen(tmp_path: Path) -> None:
    what = sample(FILES, V2)
    indexes = frozenset(range(len(what.info.files)))
    link = str(Magnet.of(what.info))
    for source in (what.metainfo, link):
        assert read_task(source, tmp_path).wanted(what.info) is None
        assert read_task(source, tmp_path, select=[2, 0]).wanted(what.info) == {0, 2}
        assert read_task(source, tmp_path, select=[99]).wanted(what.info) == frozenset()
        chosen = read_task(source, tmp_path, select=lambda info: range(len(info.files)))
        assert chosen.wanted(what.info) == indexes


def test_the_link_chooses_unless_the_user_does(tmp_path: Path) -> None:
    """BEP 53: ``so`` names the files that are wanted."""
    what = sample(FILES, V2)
    link = f"{Magnet.of(what.info)}&so=1-2"
    assert read_task(link, tmp_path).wanted(what.info) == {1, 2}
    assert read_task(link, tmp_path, select=[0]).wanted(what.info) == {0}


def test_what_is_no_torrent_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    with path.open("wb") as file:
        file.truncate(MAX_FILE + 1)
    with pytest.raises(MetainfoError, match="this is no torrent"):
        read_task(path, tmp_path)
    with pytest.raises(MetainfoError):
        read_task(b"le", tmp_path)
    with pytest.raises(FileNotFoundError):
        read_task(tmp_path / "nowhere", tmp_path)
    with pytest.raises(MetainfoError):
        read_task("magnet:?dn=nameless", tmp_path)
