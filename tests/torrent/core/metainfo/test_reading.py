from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.codec.bencode import encode
from tests.bad_torrents import REJECTED
from tests.good_torrents import ACCEPTED, EXCEPTIONS
from tests.handmade import (
    FILES,
    LARGE,
    PIECE,
    SMALL,
    files,
    hybrid_torrent,
    layers_of,
    named,
    noise,
    pieces_of,
    root_of,
    several,
    sha1,
    sha256,
    single,
    torrent,
    v2,
    v2_torrent,
)
from torrent.core.metainfo import SafePath, Version, read_info, read_metainfo, reading
from torrent.core.metainfo.bencoding import decode
from torrent.errors import MetainfoError


@pytest.mark.parametrize("case", REJECTED)
def test_what_is_wrong_is_named(case: str) -> None:
    data, field = REJECTED[case]
    with pytest.raises(MetainfoError) as caught:
        read_metainfo(data)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ")


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_is_right_is_read_and_so_is_its_info_alone(case: str) -> None:
    data = ACCEPTED[case]
    info = read_metainfo(data).info
    assert info.raw == decode(data, "torrent")[1]
    alone = read_info(info.raw)
    assert alone.with_layers(info.piece_layers) == info
    assert alone.infohashes == info.infohashes
    assert all(isinstance(file.path, SafePath) for file in info.files)


@pytest.mark.parametrize("case", [name for name in REJECTED if REJECTED[name][1][0] not in "tp"])
def test_metadata_of_a_magnet_passes_the_same_checks(case: str) -> None:
    """CVE-2026-57079: names were checked in files, and not in metadata that peers sent."""
    data, field = REJECTED[case]
    raw = decode(data, "torrent")[1]
    with pytest.raises(MetainfoError) as caught:
        read_info(raw)
    assert caught.value.field == field


def paths_of(case: str) -> list[str]:
    data = ACCEPTED[case] if case in ACCEPTED else EXCEPTIONS[case][0]
    return [str(file.path) for file in read_metainfo(data).info.files]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("base", ["a.txt"]),
        ("several", ["top/large", "top/small"]),
        ("single_multi_file", ["top/a"]),
        ("name_utf8_first", ["ünï"]),
        ("slash_path", ["top/a/b/bar", "top/_/_/bar"]),
        ("slash_path2", ["top/a/b/bar", "top/abc....d..def/_/bar"]),
        ("backslash_path", ["top/a/b/bar", "top/....x/_"]),
        # CVE-2009-1760, CVE-2007-1799: `..` in paths.
        ("parent_path", ["top/a/b/bar", "top/_/_/etc/passwd"]),
        ("hidden_parent_path", ["top/a/b/bar", "top/a/_/_/b"]),
        ("absolute_filename", ["top/a/b/bar", "top/abcde", "top/foo/bar"]),
        ("duplicate_files", ["top/a/b/bar", "top/c/bar", "top/C/bar.1"]),
        ("file_in_the_way", ["top/a/b/bar", "top/a.1", "top/a/b.1", "top/A/B.2"]),
        ("pad_file_no_path", ["top/a/b/bar", ".pad/0"]),
        ("v2_single", ["a.bin"]),
        ("v2_single_other_name", ["a.bin"]),
        ("v2_single_in_directory", ["top/d/a.bin"]),
        ("v2_invalid_filename", ["top/_", "top/_.1", "top/_stMB"]),
        ("v2_hybrid", ["top/large", "top/.pad/31072", "top/small", "top/.pad/32268"]),
        ("hybrid_without_tail", ["top/large", "top/.pad/31072", "top/small"]),
        ("device", ["top/a/b/bar", "top/_con", "top/_NUL .txt"]),
        ("drive", ["top/a/b/bar", "top/C_/x"]),
        ("duplicate_of_a_renamed", ["top/a/b/bar", "top/x", "top/x.1", "top/x.1.1"]),
    ],
)
def test_names(case: str, expected: list[str]) -> None:
    assert paths_of(case) == expected


def test_a_name_of_no_use_gives_way_to_the_infohash() -> None:
    info = read_metainfo(ACCEPTED["invalid_name2"]).info
    assert info.name == sha1(info.raw).hex()
    assert info.files[0].path.parts[0] == info.name
    info = read_metainfo(v2_torrent(FILES, name=b"..")).info
    assert info.name == sha256(info.raw).hex()


def test_links() -> None:
    def of(case: str) -> list[str]:
        return [str(f.symlink) for f in read_metainfo(ACCEPTED[case]).info.files if f.symlink]

    assert of("symlink1") == ["top/a/b/bar"]
    assert of("symlink_relative") == ["top/a/b/bar"]
    assert of("symlink_through_links") == ["top/one/b/bar", "top/two", "top/a"]
    assert of("symlink_dots_dropped") == ["top/a/b/bar"]
    assert of("symlink_filtered") == ["top/c/_/x"]
    for outside in ("symlink_outside", "symlink_absolute", "symlink_nowhere"):
        assert of(outside) == ["top/link"]  # itself
    assert of("symlink_empty") == of("symlink_missing") == []
    assert of("v2_symlinks") == ["top/Versions/A", "top/Current/Headers"]


def test_attributes() -> None:
    _, x, y = read_metainfo(ACCEPTED["attributes"]).info.files
    assert (x.executable, x.hidden, x.pad) == (True, True, False)
    assert (y.executable, y.hidden, y.pad) == (False, False, False)
    assert read_metainfo(ACCEPTED["bitcomet_pad"]).info.files[1].pad


def test_v1() -> None:
    info = read_metainfo(torrent(several(FILES))).info
    assert info.version is Version.V1
    assert (info.name, info.piece_length, info.piece_count) == ("top", PIECE, 4)
    assert (info.length, info.size) == (100_500, 100_500)
    assert [(file.offset, file.length) for file in info.files] == [(0, 100_000), (100_000, 500)]
    assert info.infohash_v1 == sha1(info.raw)
    assert info.infohash_v2 is None
    assert not info.private
    assert info.multifile


def test_v2() -> None:
    info = read_metainfo(v2_torrent(FILES)).info
    assert info.version is Version.V2
    assert (info.piece_count, info.length, info.size) == (5, 4 * PIECE + 500, 100_500)
    assert [(file.offset, file.length) for file in info.files] == [(0, 100_000), (4 * PIECE, 500)]
    assert [file.pieces_root for file in info.files] == [root_of(LARGE), root_of(SMALL)]
    assert dict(info.piece_layers) == layers_of(FILES)
    assert info.infohash_v1 is None
    assert info.infohash_v2 == sha256(info.raw)


def test_hybrid() -> None:
    info = read_metainfo(hybrid_torrent(FILES)).info
    assert info.version is Version.HYBRID
    assert (info.piece_count, info.length, info.size) == (5, 5 * PIECE, 100_500)
    assert [file.pad for file in info.files] == [False, True, False, True]
    assert [file.pieces_root for file in info.files] == [root_of(LARGE), None, root_of(SMALL), None]
    padded = LARGE + bytes(31_072) + SMALL + bytes(32_268)
    assert info.pieces == pieces_of(padded)
    assert (info.infohash_v1, info.infohash_v2) == (sha1(info.raw), sha256(info.raw))


def test_pieces_beside_v2_only_are_not_v1() -> None:
    info = read_metainfo(torrent(v2(FILES, pieces=b"x" * 100))).info
    assert info.version is Version.V2
    assert info.pieces == b""


def test_info_is_hashed_as_received() -> None:
    """BEP 3: the infohash is of the substring; encoding it anew would give another."""
    info = read_metainfo(ACCEPTED["unordered"]).info
    assert info.infohash_v1 == sha1(ACCEPTED["unordered"][7:-1])
    assert info.raw != encode(decode(ACCEPTED["unordered"], "")[0][b"info"])


@pytest.mark.parametrize("raw", [b"", b"le", b"de", b"de1:xde", b"dee", b"4:text", b"i1e"])
def test_metadata_that_is_not_one_dictionary(raw: bytes) -> None:
    with pytest.raises(MetainfoError) as caught:
        read_info(raw)
    assert caught.value.field.startswith("info")


def test_metadata_with_something_after_it() -> None:
    raw = read_metainfo(ACCEPTED["unordered"]).info.raw
    for tail in (b"e", b"1:x1:y", b"4:infode", b"junk"):
        with pytest.raises(MetainfoError):
            read_info(raw + tail)


def test_size_is_bounded_before_anything_else() -> None:
    data = torrent(single(SMALL))
    with pytest.raises(MetainfoError, match="are allowed") as caught:
        read_metainfo(data, max_size=len(data) - 1)
    assert caught.value.field == "torrent"
    assert read_metainfo(data, max_size=len(data)).info
    raw = read_metainfo(data).info.raw
    with pytest.raises(MetainfoError, match="are allowed"):
        read_info(raw, max_size=len(raw) - 1)
    with pytest.raises(MetainfoError, match="10000000"):
        read_metainfo(b"x" * 10_000_001)
    large = encode(single(SMALL, comment=b"x" * 11_000_000))
    assert read_info(large).raw == large


def test_more_directories_than_bencode_would_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torrent.core.metainfo.bencoding.MAX_DEPTH", 300)
    node: dict[bytes, object] = {b"": {b"length": 5, b"pieces root": root_of(SMALL)}}
    for _ in range(99):
        node = {b"d": node}
    assert len(read_metainfo(torrent(v2({}, file_tree=node))).info.files[0].path.parts) == 100
    with pytest.raises(MetainfoError, match="100 levels"):
        read_metainfo(torrent(v2({}, file_tree={b"a": {b"b": {b"c": node}}})))


# --- beside info -----------------------------------------------------------------------------


def trackers(**more: object) -> tuple[tuple[str, ...], ...]:
    return read_metainfo(torrent(single(SMALL), **more)).trackers


def test_trackers_come_in_tiers() -> None:
    tiers = [[b"http://a/x", b" udp://b:80"], b"junk", [], [b"http://a/x", b"HTTPS://c", 5]]
    assert trackers(**{"announce-list": tiers, "announce": b"http://z/"}) == (
        ("http://a/x", "udp://b:80"),
        ("HTTPS://c",),
    )


@pytest.mark.parametrize("listed", [None, 5, [], [[]], [[b"wss://x"]], [[b"http://a b/"]]])
def test_announce_counts_where_the_list_is_of_no_use(listed: object) -> None:
    more = {} if listed is None else {"announce-list": listed}
    assert trackers(announce=b"http://z/", **more) == (("http://z/",),)
    assert trackers(**more) == ()


def seeds(listed: object, info: object = None) -> tuple[str, ...]:
    return read_metainfo(encode({b"info": info or several(FILES), b"url-list": listed})).web_seeds


def test_web_seeds() -> None:
    assert seeds(b"http://a/x") == ("http://a/x/",)
    assert seeds(b"http://a/x", single(SMALL)) == ("http://a/x",)
    assert seeds([b"http://a/b c/", b"http://a/b c/", 5, b"https://b/"]) == (
        "http://a/b%20c/",
        "https://b/",
    )
    for useless in (5, b"", [b""], {}, b"ftp://a/", b"file:///etc/passwd", b"http:///x", b"x"):
        assert seeds(useless) == ()


def test_nodes() -> None:
    nodes = [[b"127.0.0.1", 6881], [b"a", 0], [b"a", 65536], [b"a"], 5, [5, 5], [b"h", 1, b"more"]]
    found = read_metainfo(torrent(single(SMALL), nodes=nodes)).nodes
    assert found == (("127.0.0.1", 6881), ("h", 1))
    assert read_metainfo(torrent(single(SMALL), nodes=5)).nodes == ()


def test_texts_and_date() -> None:
    found = read_metainfo(
        torrent(single(SMALL), comment="ü".encode(), created_by=b"\xff", creation_date=1234567)
    )
    assert (found.comment, found.created_by, found.creation_date) == ("ü", "\ufffd", 1234567)
    found = read_metainfo(
        encode(
            {b"info": single(SMALL), b"comment": b"a", b"comment.utf-8": b"b", b"creation date": -1}
        )
    )
    assert (found.comment, found.created_by, found.creation_date) == ("b", "", None)


# --- under Hypothesis ------------------------------------------------------------------------

names = st.text("abcÄ .", min_size=1, max_size=5)
some_files = st.dictionaries(
    st.lists(names, min_size=1, max_size=3).map("/".join),
    st.sampled_from([b"", SMALL, noise(PIECE, 3), noise(PIECE + 1, 4)]),
    min_size=1,
    max_size=5,
)


@given(some_files)
def test_files_of_v1_are_found_again(content: dict[str, bytes]) -> None:
    if not any(content.values()):
        return
    info = read_metainfo(torrent(several(content))).info
    assert [file.length for file in info.files] == [len(data) for data in content.values()]
    joined = b"".join(content.values())
    for file, data in zip(info.files, content.values(), strict=True):
        assert joined[file.offset : file.offset + file.length] == data
    assert [info.piece_hash(piece) for piece in range(info.piece_count)] == [
        sha1(joined[at : at + PIECE]) for at in range(0, len(joined), PIECE)
    ]


@given(st.data())
def test_any_value_in_the_place_of_any_other(data: st.DataObject) -> None:
    """Only the declared error leaves, whatever type a field has."""
    base = data.draw(st.sampled_from([ACCEPTED["v2_hybrid"], ACCEPTED["symlink1"]]))
    values = copy.deepcopy(decode(base, "")[0])
    node: object = values
    for _ in range(data.draw(st.integers(0, 5))):
        keys = (
            sorted(node)
            if isinstance(node, dict)
            else range(len(node))
            if isinstance(node, list)
            else []
        )
        inner = [key for key in keys if isinstance(node[key], dict | list)]  # type: ignore[index]
        if not inner:
            break
        node = node[data.draw(st.sampled_from(inner))]  # type: ignore[index]
    keys = sorted(node) if isinstance(node, dict) else list(range(len(node)))  # type: ignore[arg-type]
    replacement = data.draw(
        st.sampled_from([0, -1, 2**62, b"", b"x" * 20, [], [b"x"], {}, {b"": {}}, {b"": 5}, [[]]])
    )
    if keys:
        node[data.draw(st.sampled_from(keys))] = replacement  # type: ignore[index]
    try:
        info = read_metainfo(encode(values)).info
    except MetainfoError as error:
        assert error.field  # noqa: PT017
    else:
        assert info.piece_count <= reading.MAX_PIECES


def test_forty_thousand_files_are_read_in_a_moment() -> None:
    info = read_metainfo(files(*[named(b"d", b"%d" % n) for n in range(40_000)])).info
    assert len(info.files) == 40_001
