"""What has gone wrong in other clients with names, bencode and links. Each is a case of ours.

The rest of the incidents (sockets, messages, web interfaces) are tested where these live.
"""

from __future__ import annotations

import tracemalloc

import pytest

from dht.codec.bencode import encode
from tests.handmade import SMALL, file_tree, files, named, several, single, torrent, v2, v2_file
from torrent.core.metainfo import read_info, read_magnet, read_metainfo
from torrent.errors import MetainfoError

UP = [b"..", b"..", b"..", b"home", b".bashrc"]


def escapes(raw_info: bytes) -> list[str]:
    """Elements of any path, or link target, that would lead elsewhere."""
    return [
        part
        for file in read_info(raw_info).files
        for path in (file.path, file.symlink or file.path)
        for part in path.parts
        if part in ("", ".", "..") or "/" in part or "\\" in part
    ]


@pytest.mark.parametrize(
    "info",
    [
        # CVE-2009-1760 (libtorrent < 0.14.4): `..` in the path of a file among several.
        several({}) | {b"files": [named(*UP, length=5)], b"pieces": b"x" * 20},
        # CVE-2007-1384, CVE-2007-1799 (KTorrent): the check for `..` looked at one place only.
        several({}) | {b"files": [named(b"../../x/..\\..", length=5)], b"pieces": b"x" * 20},
        several({}, name=b"../..") | {b"files": [named(b"x", length=5)], b"pieces": b"x" * 20},
        single(SMALL, b"../../etc/passwd"),
        # CVE-2026-57079 (Net::BitTorrent): v2's file tree, and metadata for magnet links (this
        # very door), were not checked where torrent files were.
        v2({}, file_tree={b"..": {b"..": {b"evil": v2_file(SMALL)}}}),
        v2({}, file_tree={b"/etc/passwd": v2_file(SMALL)}),
        v2({}, name=b"..", file_tree=file_tree({"a": SMALL, "b": SMALL})),
        # anacrolix: writes outside of the storage through a link, or through what a link is to.
        v2(
            {},
            file_tree={
                b"a": v2_file(b"", attr=b"l", symlink_path=[b"..", b"..", b"etc"]),
                b"b": v2_file(SMALL),
            },
        ),
    ],
)
def test_no_name_leads_out_of_the_directory(info: object) -> None:
    assert escapes(encode(info)) == []
    assert read_metainfo(torrent(info)).info == read_info(encode(info))


def test_a_file_below_a_link_is_not_below_it() -> None:
    """A link to a directory and a directory of its name: the link is called something else."""
    link = {b"attr": b"l", b"path": [b"d"], b"symlink path": [b"a"], b"length": 0}
    names = [str(file.path) for file in read_metainfo(files(link, named(b"d", b"x"))).info.files]
    assert names[1:] == ["top/d.1", "top/d/x"]


def test_a_path_of_any_length_is_cut() -> None:
    """CVE-2009-1759 (CTorrent): a long path ran over a buffer."""
    info = read_metainfo(files(named(*[b"n" * 20_000] * 50))).info
    assert all(len(part.encode()) <= 255 for part in info.files[1].path.parts)


@pytest.mark.parametrize("opening", [b"l", b"d1:a", b"ld1:a"])
@pytest.mark.parametrize("end", [b"", b"junk", b"i99999999999999999999e"])
def test_brackets_do_not_exhaust_the_stack(opening: bytes, end: bytes) -> None:
    """GO-2026-6894 (anacrolix): recursion as deep as the input."""
    with pytest.raises(MetainfoError):
        read_metainfo(opening * 1_000_000 + end)


@pytest.mark.parametrize(
    "data",
    [b"d4:info", b"d4:info9999999999:", b"d4:infoi", b"d4:infod5:files", b"d1", b"d-1:ae", b"d0"],
)
def test_what_is_cut_short_is_read_no_further(data: bytes) -> None:
    """CVE-2017-9847 (libtorrent): a decoder that read past the end; CVE-2018-10756
    (Transmission < 3.00): one that went on with what it had freed."""
    for end in range(len(data) + 1):
        with pytest.raises(MetainfoError):
            read_metainfo(data[:end])


def test_nothing_is_allocated_for_what_is_only_announced() -> None:
    """CVE-2026-57080 (Net::BitTorrent), and many others: a length is believed."""
    hostile = [
        b"d4:info9999999:x",
        torrent(single(SMALL, length=2**43, piece_length=1)),
        torrent(v2({}, file_tree={b"a": v2_file(SMALL, length=2**43)})),
    ]
    tracemalloc.start()
    for data in hostile:
        with pytest.raises(MetainfoError):
            read_metainfo(data)
    read_magnet("magnet:?xt=urn:btih:" + "a" * 40 + "&so=0-9999999")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_a_link_is_data_and_nothing_else() -> None:
    """CVE-2015-5474 (uTorrent): a magnet link became options of a command line."""
    magnet = read_magnet("magnet:?xt=urn:btih:" + "a" * 40 + '&dn="%20/DIRECTORY%20C:\\&tr=/x')
    assert magnet.name == '" /DIRECTORY C:\\'
    assert magnet.trackers == ()
    assert '"' not in str(magnet)
    assert " " not in str(magnet)


def test_trackers_cannot_write_into_a_request() -> None:
    for url in (b"http://a/\r\nX: y", b"http://a/ HTTP/1.1", b"http://a/\0", b"http://a\n/"):
        assert read_metainfo(torrent(single(SMALL), announce=url)).trackers == ()
        seeds = read_metainfo(torrent(single(SMALL), **{"url-list": url})).web_seeds
        assert not any(set(seed) & set("\r\n\0 ") for seed in seeds)
