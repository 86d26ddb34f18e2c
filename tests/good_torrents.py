"""Torrents that are odd and have to be read all the same, and where we differ from libtorrent.

The names are those of libtorrent's test torrents (2.1, ``test/test_torrent_info.cpp``, the list
``test_torrents``) where there is one. The bytes are made here. ``tests/interop/test_metainfo.py``
compares what either reads.
"""

from __future__ import annotations

from dht.codec.bencode import encode
from tests.handmade import (
    BLOCK,
    FILES,
    LARGE,
    LINK,
    PIECE,
    SMALL,
    changed,
    deep,
    files,
    hybrid,
    hybrid_torrent,
    layers_of,
    linked,
    named,
    noise,
    several,
    single,
    torrent,
    tree,
    v2,
    v2_file,
    v2_torrent,
    without,
)

TREE = v2(FILES)

UNSORTED = b"d4:infod12:piece lengthi32768e6:pieces20:%s4:name1:a6:lengthi5eee" % (b"x" * 20)

ACCEPTED: dict[str, bytes] = {
    "base": torrent(single(SMALL)),
    "several": torrent(several(FILES)),
    "single_multi_file": torrent(single(SMALL) | several({"a": SMALL})),
    "unordered": UNSORTED,
    "first_key_counts": changed(UNSORTED, b"4:name1:a", b"4:name1:a4:name1:b"),
    "leading_zero": changed(UNSORTED, b"i5e", b"i05e"),
    "minus_zero": changed(UNSORTED, b"i5e", b"i5e7:privatei-0e"),
    "trailing_bytes": torrent(single(SMALL)) + b"\r\n",
    "nested_just_so": b"d1:a" + b"l" * 98 + b"e" * 98 + torrent(single(SMALL))[1:],
    "long_name": torrent(single(SMALL, name=b"n" * 300 + b".torrent")),
    "long_name_no_extension": torrent(single(SMALL, name=b"n" * 300)),
    "long_name_wide": torrent(single(SMALL, name="ü€😀".encode() * 60 + b".mp3")),
    "name_utf8_first": torrent(single(SMALL, b"latin") | {b"name.utf-8": "ünï".encode()}),
    "invalid_name2": files(name=b".."),
    "empty_name_multi": files(name=b""),
    "latin1_name": torrent(single(SMALL, "café tout noir.txt".encode("latin-1"))),
    "broken_utf8": torrent(
        single(SMALL, b"a\x80b\xc3(c\xe2\x28\xa1d\xf0\x28\x8c\xbce\xf8xxxxf\xffg")
    ),
    "surrogates": torrent(single(SMALL, b"a\xed\xa0\x80b\xc0\xafc")),
    "controls": torrent(single(SMALL, "a\x01b\x7fc\x85d".encode())),
    "bidi": torrent(single(SMALL, "a\u202egpj.exe\u200b\ufeff\u061c\u2064\u2066".encode())),
    "slash_path": files(named(b"/", b"/", b"bar")),
    "slash_path2": files(named(b"abc/../../d/../def", b"/..", b"bar")),
    "backslash_path": files(named(b"..\\..\\x", b"\\")),
    "parent_path": files(named(b"..", b"..", b"etc", b"passwd")),
    "hidden_parent_path": files(named(b"a", b"..", b".", b"b")),
    "empty_path": files(named(b"", b"x"), named(b"x", b"")),
    "absolute_filename": files(named(b"/abcde"), named(b"/foo", b"/bar")),
    "dots": files(named(b"...a"), named(b".hidden")),
    "path_utf8_first": files(named(b"latin") | {b"path.utf-8": [b"utf"]}),
    "path_utf8_no_list": files(named(b"latin") | {b"path.utf-8": b"utf"}),
    "as_deep_as_may_be": files(named(*[b"d"] * 93)),
    "duplicate_files": files(named(b"c", b"bar"), named(b"C", b"bar")),
    "duplicates_with_extension": files(*[named(b"x.tar.gz")] * 5, named(b"x.tar.9.gz")),
    "file_in_the_way": files(named(b"a"), named(b"a", b"b"), named(b"A", b"B")),
    "pad_file": files(named(b".pad", b"0") | {b"attr": b"p"}),
    "pad_file_no_path": files({b"length": 0, b"attr": b"p"}),
    "bitcomet_pad": files(named(b"_____padding_file_0_if you see this")),
    "attributes": files(named(b"x") | {b"attr": b"xhz\xff"}, named(b"y") | {b"attr": 5}),
    "symlink1": files(linked(b"a", b"b", b"bar")),
    "symlink_to_directory": files(linked(b"a", b"b")),
    "symlink_relative": files(linked(b"bar") | {b"path": [b"a", b"b", b"link"]}),
    "symlink_relative_directory": files(linked(b"b") | {b"path": [b"a", b"link"]}),
    "symlink_through_link": files(
        linked(b"c", b"bar") | {b"path": [b"z"]}, linked(b"a", b"b") | {b"path": [b"c"]}
    ),
    "symlink_to_link": files(linked(b"c") | {b"path": [b"z"]}, linked(b"a") | {b"path": [b"c"]}),
    "symlink_through_links": files(
        linked(b"one", b"b", b"bar") | {b"path": [b"zero"]},
        linked(b"two") | {b"path": [b"one"]},
        linked(b"a") | {b"path": [b"two"]},
    ),
    "symlink_circle": files(
        linked(b"y", b"q") | {b"path": [b"x"]}, linked(b"x", b"q") | {b"path": [b"y"]}
    ),
    "symlink_outside": files(linked(b"..", b"..", b"etc", b"passwd")),
    "symlink_dots_dropped": files(linked(b"..", b"a", b".", b"b", b"bar")),
    "symlink_absolute": files(linked(b"/etc", b"passwd")),
    "symlink_nowhere": files(linked(b"nowhere")),
    "symlink_empty": files(linked(), linked(b"..")),
    "symlink_missing": files(LINK),
    "symlink_with_size": files(linked(b"a") | {b"length": 2**60}),
    "symlink_filtered": files(named(b"c", b"/", b"x"), linked(b"c", b"//", b"x")),
    "private": torrent(single(SMALL, private=1)),
    "large_piece_size": torrent(single(SMALL, piece_length=32767 * BLOCK)),
    "tiny_piece": torrent(single(b"abc", piece_length=1, pieces=b"x" * 60)),
    "info_of_version_1": torrent(single(SMALL, meta_version=1)),
    "negative_version": torrent(single(SMALL, meta_version=-2)),
    "v2_only": v2_torrent(FILES),
    "v2_single": v2_torrent({"a.bin": LARGE}, name=b"a.bin"),
    "v2_single_other_name": v2_torrent({"a.bin": LARGE}, name=b"title"),
    "v2_single_in_directory": v2_torrent({"d/a.bin": LARGE}),
    "v2_whole_pieces": v2_torrent({"a": noise(2 * PIECE), "b": noise(PIECE, 3)}),
    "v2_with_empty": v2_torrent({"a": b"", "b": LARGE, "c": b"", "d": SMALL, "e": b""}),
    "v2_nested": v2_torrent({"a/b/c": LARGE, "a/b/d": SMALL, "e/f": SMALL}),
    "v2_twins": v2_torrent({"a": LARGE, "b": LARGE}),
    "v2_empty_directory": tree({b"a": {}, b"b": v2_file(SMALL)}),
    "v2_deep": tree(deep(93)),
    "v2_invalid_filename": tree(
        {b"/": v2_file(SMALL), b"\xffstMB": v2_file(SMALL), b"..": v2_file(SMALL)}
    ),
    "v2_attributes": tree({b"a": v2_file(SMALL, attr=b"xh")}),
    "v2_symlinks": tree(
        {
            b"Current": v2_file(b"", attr=b"l", symlink_path=[b"Versions", b"A"]),
            b"Headers": v2_file(b"", attr=b"l", symlink_path=[b"Current", b"Headers"]),
            b"Versions": {b"A": {b"Headers": {b"x.h": v2_file(SMALL)}}},
        }
    ),
    "v2_symlink_missing": tree({b"a": v2_file(b"", attr=b"l"), b"b": v2_file(SMALL)}),
    "v2_no_piece_layers": torrent(TREE),
    "v2_incomplete_piece_layer": torrent(
        v2({"a": LARGE, "b": noise(70_000)}), piece_layers=layers_of({"a": LARGE})
    ),
    "v2_layers_no_dict": torrent(TREE, piece_layers=b""),
    "v2_hybrid": hybrid_torrent(FILES),
    "hybrid_without_tail": torrent(hybrid(FILES, tail=False), piece_layers=layers_of(FILES)),
    "hybrid_single": torrent(
        single(LARGE, b"a.txt") | v2({"a.txt": LARGE}, b"a.txt"),
        piece_layers=layers_of({"a.txt": LARGE}),
    ),
    "hybrid_directory_of_one": hybrid_torrent({"a": LARGE}),
    "empty-files": torrent(
        hybrid({"1": b"", "2": SMALL, "3": b"", "4": LARGE, "5": b"", "6": b""})
    ),
    "empty-files-elsewhere": torrent(
        hybrid({"2": SMALL, "3": b"", "4": SMALL, "5": b""}, tail=False)
    ),
}
"""What libtorrent accepts and we do, with the same result."""

_EMPTY_BEFORE_PAD = hybrid({"2": SMALL, "3": b"", "4": SMALL})
_LIST = _EMPTY_BEFORE_PAD[b"files"]
_LIST[1], _LIST[2] = _LIST[2], _LIST[1]
ACCEPTED["empty-files-2"] = encode({b"info": _EMPTY_BEFORE_PAD})

_TWINS = v2({"a": LARGE, "b": LARGE})
_TWINS[b"file tree"][b"b"][b""][b"length"] = 2 * PIECE

EXCEPTIONS: dict[str, tuple[bytes, str]] = {
    "trailing_space": (files(named(b"x "), name=b"top "), "Windows cannot hold such a name"),
    "trailing_dots": (files(named(b"x..."), named(b"...")), "Windows cannot hold such a name"),
    "device": (files(named(b"con"), named(b"NUL .txt")), "Windows takes it for a device"),
    "drive": (files(named(b"C:", b"x")), "Windows takes it for a drive"),
    "case_beyond_ascii": (
        files(named("É".encode()), named("e\u0301".encode())),
        "one file where case and form do not count; libtorrent folds ASCII only",
    ),
    "duplicate_of_a_renamed": (
        files(named(b"x"), named(b"x"), named(b"x.1")),
        "libtorrent ends with two files x.1",
    ),
    "long_invalid": (
        files(named(b"\x80" * 300)),
        "libtorrent does not cut what is not UTF-8, and no file system takes 300 bytes",
    ),
    "overlong_integer_unread": (
        changed(UNSORTED, b"i5e", b"i5e5:otheri99999999999999999999e"),
        "an integer of more than 64 bits is taken for 0 unless it matters",
    ),
    "overlong_integer_read": (
        files(named(b"x") | {b"length": 2**64}),
        "an integer of more than 64 bits is taken for 0",
    ),
    "hybrid_without_pieces": (
        torrent(without(hybrid(FILES), b"pieces")),
        "there would be a v1 torrent that nobody can verify",
    ),
    "twins_of_two_lengths": (
        torrent(_TWINS, piece_layers=layers_of({"a": LARGE})),
        "files of different lengths cannot have one root",
    ),
    "magnet_in_a_file": (
        encode({b"magnet-uri": "magnet:?xt=urn:btih:" + "a" * 40}),
        "a file without info is no torrent; the link itself can be given",
    ),
}
"""Where we differ from libtorrent on purpose, and why."""
