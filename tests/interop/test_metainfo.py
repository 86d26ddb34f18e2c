"""libtorrent as the oracle: the same bytes to both, the same verdict, names, sizes and places."""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING, Any

import libtorrent as lt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dht.codec.bencode import decode, encode
from tests.bad_torrents import REJECTED
from tests.good_torrents import ACCEPTED, EXCEPTIONS
from tests.handmade import FILES, LARGE, PIECE, SMALL, noise
from tests.hashing import hashed
from torrent.core.metainfo import (
    About,
    Info,
    Magnet,
    SafePath,
    Source,
    Version,
    draft,
    piece_length_for,
    read_magnet,
    read_metainfo,
)
from torrent.errors import MetainfoError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.interop

FLAGS = {Version.V1: "v1_only", Version.V2: "v2_only"}
Listed = list[tuple[str, int, int, bool, bool, bool, str]]


def theirs(data: bytes) -> Any:
    """What libtorrent reads; ``None`` if it refuses."""
    try:
        return lt.load_torrent_buffer(data)
    except RuntimeError:
        return None


def ours(data: bytes) -> Any:
    try:
        return read_metainfo(data)
    except MetainfoError:
        return None


def their_files(info: Any) -> Listed:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        files = info.files()  # the names after duplicates were renamed
    flag = lt.file_storage
    return [
        (
            files.file_path(n),
            files.file_size(n),
            files.file_offset(n),
            bool(files.file_flags(n) & flag.flag_pad_file),
            bool(files.file_flags(n) & flag.flag_executable),
            bool(files.file_flags(n) & flag.flag_hidden),
            files.symlink(n),
        )
        for n in range(files.num_files())
        # It has pads between the files of v2 torrents too; ours have none.
        if info.info_hashes().has_v1() or not files.file_flags(n) & flag.flag_pad_file
    ]


def our_files(info: Info) -> Listed:
    return [
        (
            str(file.path),
            file.length,
            file.offset,
            file.pad,
            file.executable,
            file.hidden,
            str(file.symlink or ""),
        )
        for file in info.files
    ]


def their_hashes(hashes: Any) -> tuple[bytes | None, bytes | None]:
    return (
        hashes.v1.to_bytes() if hashes.has_v1() else None,
        hashes.v2.to_bytes() if hashes.has_v2() else None,
    )


def compare(data: bytes) -> None:
    them, us = theirs(data), ours(data)
    assert (them is None) == (us is None)
    if them is None:
        return
    info = us.info
    assert their_files(them.ti) == our_files(info)
    assert their_hashes(them.ti.info_hashes()) == (info.infohash_v1, info.infohash_v2)
    assert them.ti.name() == info.name
    assert them.ti.num_pieces() == info.piece_count
    assert them.ti.piece_length() == info.piece_length
    assert them.ti.priv() == info.private
    assert bytes(them.ti.info_section()) == info.raw
    if info.is_v1:
        hashes = [bytes(them.ti.hash_for_piece(piece)) for piece in range(info.piece_count)]
        assert hashes == [info.piece_hash(piece) for piece in range(info.piece_count)]


def test_version() -> None:
    print(f"libtorrent {lt.__version__}")
    assert tuple(map(int, lt.__version__.split(".")[:2])) >= (2, 1)


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_it_accepts_we_read_alike(case: str) -> None:
    assert theirs(ACCEPTED[case]) is not None
    compare(ACCEPTED[case])


@pytest.mark.parametrize("case", REJECTED)
def test_what_we_reject_it_rejects(case: str) -> None:
    assert theirs(REJECTED[case][0]) is None


@pytest.mark.parametrize("case", EXCEPTIONS)
def test_the_exceptions_still_are_exceptions(case: str) -> None:
    data, reason = EXCEPTIONS[case]
    assert reason
    with pytest.raises(AssertionError):
        compare(data)


def plain(element: bytes) -> bool:
    """Whether an element is none of the exceptions: nothing that only Windows minds."""
    stripped = element.lower().translate(None, b"\0/\\")
    return not (
        stripped.rstrip(b" .") != stripped or stripped.split(b".")[0].strip() in {b"con", b"aux"}
    )


elements = st.one_of(
    st.text("ab./\\\0\t\u202e", max_size=6).map(str.encode),
    st.text("abü€😀", min_size=75, max_size=130).map(str.encode),
    st.binary(max_size=8),
).filter(plain)


@settings(max_examples=300)
@given(st.lists(elements, min_size=1, max_size=4))
def test_any_name_is_mended_alike(path: list[bytes]) -> None:
    """Invisible characters alone may leave a dot or a space at the end; those are skipped."""
    info = {b"name": b"top", b"piece length": PIECE, b"pieces": b"x" * 20}
    info[b"files"] = [{b"length": 5, b"path": path}]  # type: ignore[assignment]
    found = theirs(encode({b"info": info}))
    assert found is not None
    names = their_files(found.ti)[0][0].split("/")
    if all(name.rstrip(" .") == name for name in names) and not any(":" in name for name in names):
        assert read_metainfo(encode({b"info": info})).info.files[0].path.parts == tuple(names)


def created_by_them(root: Path, files: Mapping[str, bytes], version: Version) -> Any:
    """A torrent of files on disk, made by libtorrent."""
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    entries = [lt.create_file_entry(path, len(data)) for path, data in sorted(files.items())]
    name = FLAGS.get(version)
    flags = getattr(lt.create_torrent, name) if name else 0
    making = lt.create_torrent(entries, PIECE, flags)
    making.set_creation_date(0)
    lt.set_piece_hashes(making, str(root))
    return making


def created_by_us(
    files: Mapping[str, bytes], version: Version, about: About | None = None
) -> bytes:
    sources = [Source(SafePath.of(path.split("/")), len(data)) for path, data in files.items()]
    plan = draft(sources, version, PIECE)
    content = dict(files)
    if len(files) == 1 and not plan.directory:
        content = {str(plan.files[0].path): data for data in files.values()}
    return hashed(plan, content, about)


TREES: dict[str, dict[str, bytes]] = {
    "one": {"a.bin": LARGE},
    "small": {"a.bin": SMALL},
    "whole": {"a.bin": noise(2 * PIECE)},
    "directory": {f"t/{path}": data for path, data in FILES.items()},
    "directory_of_one": {"t/a": LARGE},
    "nested": {"t/a/b/c": LARGE, "t/a/d": SMALL, "t/e": noise(3 * PIECE + 1), "t/f": b"x"},
    "empty": {"t/a": b"", "t/b": SMALL, "t/c": b"", "t/d": LARGE, "t/e": b""},
    "whole_pieces": {"t/a": noise(PIECE), "t/b": noise(2 * PIECE, 5), "t/c": noise(PIECE, 6)},
    "twins": {"t/a": LARGE, "t/b": LARGE, "t/c": SMALL, "t/d": SMALL},
}


@pytest.mark.parametrize(
    ("name", "version"),
    list(itertools.product(TREES, [Version.V1, Version.V2, Version.HYBRID])),
)
def test_we_create_the_same_bytes(name: str, version: Version, tmp_path: Path) -> None:
    files = TREES[name]
    their_bytes = lt.bencode(created_by_them(tmp_path, files, version).generate())
    our_bytes = created_by_us(files, version)
    assert decode(our_bytes) == decode(their_bytes)
    assert our_bytes == their_bytes
    compare(our_bytes)


def test_we_say_the_same_beside_info(tmp_path: Path) -> None:
    making = created_by_them(tmp_path, TREES["directory"], Version.HYBRID)
    for url, tier in (("http://a/", 0), ("udp://b:1", 0), ("http://c/", 1)):
        making.add_tracker(url, tier)
    making.add_url_seed("http://d/")
    making.add_url_seed("http://e/")
    making.add_node("127.0.0.1", 6881)
    making.set_comment("ünï")
    making.set_creator("us")
    making.set_priv(True)
    about = About(
        (("http://a/", "udp://b:1"), ("http://c/",)),
        ("http://d/", "http://e/"),
        (("127.0.0.1", 6881),),
        "ünï",
        "us",
        private=True,
    )
    our_bytes = created_by_us(TREES["directory"], Version.HYBRID, about)
    assert our_bytes == lt.bencode(making.generate())
    them, us = theirs(our_bytes), read_metainfo(our_bytes)
    assert list(them.trackers) == [url for tier in us.trackers for url in tier]
    assert list(them.url_seeds) == list(us.web_seeds)
    assert list(them.dht_nodes) == list(us.nodes)
    assert (them.comment, them.created_by) == (us.comment, us.created_by)


@pytest.mark.parametrize("size", [1, 2_684_354, 2_684_355, 10**9, 10**11, 703_687_441_778])
def test_automatic_piece_lengths(size: int) -> None:
    making = lt.create_torrent([lt.create_file_entry("a", size)], 0, lt.create_torrent.v1_only)
    assert making.piece_length() == piece_length_for(size)


def test_magnets_of_either_are_read_by_the_other() -> None:
    for case in ("base", "v2_only", "v2_hybrid"):
        found = read_metainfo(ACCEPTED[case])
        link = str(Magnet.of(found))
        assert their_hashes(lt.parse_magnet_uri(link).info_hashes) == (
            found.info.infohash_v1,
            found.info.infohash_v2,
        )
        back = read_magnet(lt.make_magnet_uri(theirs(ACCEPTED[case])))
        assert back.infohashes == found.info.infohashes


def test_every_hint_of_a_magnet_is_read_alike() -> None:
    link = (
        "magnet:?xt=urn:btih:" + "ab" * 20 + "&dn=a+b%20c&tr=http%3A%2F%2Fa%2F&tr.1=udp://b:1"
        "&ws=http%3A%2F%2Fd%2Fe%20f&x.pe=127.0.0.1:80&x.pe=[::1]:81&so=0,2,4-6"
    )
    them, us = lt.parse_magnet_uri(link), read_magnet(link)
    assert them.name == us.name
    assert tuple(them.trackers) == us.trackers
    assert them.peers == list(us.peers)
    selected = [n for n, priority in enumerate(them.file_priorities) if priority]
    assert selected == [n for n in range(99) if us.selects(n)]
    assert [url.replace(" ", "%20") for url in them.url_seeds] == list(us.web_seeds)
