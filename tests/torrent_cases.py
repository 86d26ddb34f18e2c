"""Torrents that go wrong in every way that libtorrent's test torrents do, and some that must not.

Facts about what is refused: libtorrent 2.1, ``test/test_torrent_info.cpp`` (the lists
``test_torrents`` and ``test_error_torrents``), whose names the cases have where there is one. The
bytes are made here. ``tests/interop/test_metainfo.py`` asks libtorrent itself about each of them.
"""

from __future__ import annotations

from dht.codec.bencode import encode
from tests.torrents import (
    BLOCK,
    KIB,
    PIECE,
    hybrid,
    hybrid_torrent,
    layer_of,
    layers_of,
    noise,
    pieces_of,
    root_of,
    several,
    single,
    torrent,
    v2,
    v2_file,
    v2_torrent,
    without,
)

SMALL, LARGE = noise(500), noise(100_000, 2)
FILES = {"large": LARGE, "small": SMALL}
TREE = v2(FILES)
ROOT = root_of(LARGE)
LAYER = layer_of(LARGE)
LINK = {b"attr": b"l", b"length": 0, b"path": [b"link"]}


def files(*entries: object, **more: object) -> bytes:
    """A v1 torrent of one good file and some entries of no length."""
    good = {b"length": len(SMALL), b"path": [b"a", b"b", b"bar"]}
    info = several({}, **more) | {b"files": [good, *entries], b"pieces": pieces_of(SMALL)}
    return torrent(info)


def named(*path: bytes, length: int = 0) -> dict[bytes, object]:
    return {b"length": length, b"path": list(path)}


def linked(*target: bytes) -> dict[bytes, object]:
    return LINK | {b"symlink path": list(target)}


def tree(node: object, **more: object) -> bytes:
    """A v2 torrent with this file tree."""
    return torrent(v2({}, file_tree=node, **more))


def layered(layers: object) -> bytes:
    return torrent(TREE, piece_layers=layers)


def deep(levels: int) -> dict[bytes, object]:
    """A file under so many directories."""
    node = v2_file(SMALL)
    for _ in range(levels):
        node = {b"d": node}
    return node


def changed(data: bytes, old: bytes, new: bytes) -> bytes:
    """Damage on the level of bytes; what is replaced must be there."""
    assert data.count(old) == 1, (old, data)
    return data.replace(old, new)


def mismatched(index: int, **more: object) -> bytes:
    """A hybrid whose v1 half has another entry in one place."""
    info = hybrid(FILES)
    info[b"files"][index] |= {key.encode(): value for key, value in more.items()}
    return torrent(info)


REJECTED: dict[str, tuple[bytes, str]] = {
    # --- the outermost dictionary, and bencode -----------------------------------------------
    "empty": (b"", "torrent"),
    "string": (b"3:abc", "torrent"),
    "list": (b"le", "torrent"),
    "cut_short": (torrent(single())[:-3], "torrent"),
    "no_colon": (b"d4", "torrent"),
    "string_too_long": (b"d4:info99:x", "torrent"),
    "huge_string": (b"d4:info99999999999999999999:x", "torrent"),
    "key_not_a_string": (b"di1ei2ee", "torrent"),
    "key_without_value": (b"d4:infoe", "torrent"),
    "stray_end": (b"e", "torrent"),
    "no_digits": (b"d1:aiee", "torrent"),
    "unknown_type": (b"d1:ax", "torrent"),
    "deep_recursion": (b"d1:a" + b"l" * 99 + b"e" * 99 + b"e", "torrent"),
    "bomb_of_brackets": (b"l" * 1_000_000, "torrent"),
    "missing_info": (b"de", "info"),
    "invalid_info": (torrent(b"text"), "info"),
    # --- name --------------------------------------------------------------------------------
    "no_name": (torrent(without(single(), b"name")), "info.name"),
    "invalid_name": (torrent(single(name=5)), "info.name"),
    "empty_name": (torrent(single(name=b"")), "info.name"),
    "dot_name": (torrent(single(name=b".")), "info.name"),
    "parent_name": (torrent(single(name=b"..")), "info.name"),
    "slash_name": (torrent(single(name=b"//")), "info.name"),
    "bad_name": (torrent(single(name=b"\0\0\0\0")), "info.name"),
    # --- piece length ------------------------------------------------------------------------
    "missing_piece_len": (torrent(without(single(), b"piece length")), "info.piece length"),
    "invalid_piece_len": (torrent(single(piece_length=b"16384")), "info.piece length"),
    "negative_piece_len": (torrent(single(piece_length=-PIECE)), "info.piece length"),
    "zero_piece_len": (torrent(single(piece_length=0)), "info.piece length"),
    "huge_piece_len": (torrent(single(piece_length=32768 * BLOCK)), "info.piece length"),
    "v2_no_power2_piece": (torrent(v2(FILES, piece_length=PIECE - 1)), "info.piece length"),
    "v2_piece_size": (torrent(v2(FILES, piece_length=8 * KIB)), "info.piece length"),
    "many_pieces": (
        torrent(single(piece_length=1, length=0x200001)),
        "info.piece length",
    ),
    "v2_large_offset": (
        tree({b"a": v2_file(SMALL, length=BLOCK * 0x200001)}, piece_length=BLOCK),
        "info.piece length",
    ),
    # --- pieces ------------------------------------------------------------------------------
    "missing_pieces": (torrent(without(single(), b"pieces")), "info.pieces"),
    "invalid_pieces": (torrent(single(pieces=[b"x" * 20])), "info.pieces"),
    "unaligned_pieces": (torrent(single(pieces=b"x" * 24)), "info.pieces"),
    "too_few_pieces": (torrent(single(LARGE, pieces=b"x" * 60)), "info.pieces"),
    "too_many_pieces": (torrent(single(pieces=b"x" * 40)), "info.pieces"),
    "v2_with_false_pieces": (torrent(v2(FILES, pieces=b"x" * 21)), "info.pieces"),
    # --- lengths -----------------------------------------------------------------------------
    "missing_size": (torrent(without(single(), b"length")), "info.length"),
    "negative_size": (torrent(single(length=-1)), "info.length"),
    "text_size": (torrent(single(length=b"500")), "info.length"),
    "overflowing_size": (torrent(single(length=2**62)), "info.length"),
    "zero": (torrent(single(b"")), "info.length"),
    "zero2": (torrent(several({"a": b"", "b": b""})), "info.length"),
    "files_is_no_list": (torrent(single(files={}) | {b"length": b""}), "info.length"),
    "negative_file_size": (files(named(b"x", length=-5)), "info.files[1].length"),
    "invalid_file_size": (files(named(b"x", length=2**45)), "info.files[1].length"),
    "sum_overflows": (
        files(*[named(b"%d" % i, length=2**44 - BLOCK) for i in range(17)], piece_length=2**28),
        "info.length",
    ),
    "no_files": (torrent(several({})), "info.files"),
    "file_is_no_dict": (files(b"x"), "info.files[1]"),
    # --- paths -------------------------------------------------------------------------------
    "missing_path_list": (files({b"length": 0}), "info.files[1].path"),
    "empty_path_list": (files(named()), "info.files[1].path"),
    "path_is_no_list": (files({b"length": 0, b"path": b"x"}), "info.files[1].path"),
    "invalid_path_list": (files({b"length": 0, b"path": [b"x", 5]}), "info.files[1].path"),
    "invalid_path_utf8": (
        files(named(b"x") | {b"path.utf-8": [b"x", 5]}),
        "info.files[1].path.utf-8",
    ),
    "deep_path": (files(named(*[b"d"] * 101)), "info.files[1].path"),
    "invalid_symlink": (files(LINK | {b"symlink path": [5]}), "info.files[1].symlink path"),
    "deep_symlink": (files(linked(*[b"d"] * 101)), "info.files[1].symlink path"),
    "duplicate_files2": (files(*[named(b"same")] * 40), "info"),
    # --- v2 ----------------------------------------------------------------------------------
    "unknown_version": (torrent(v2(FILES, meta_version=3)), "info.meta version"),
    "missing_meta_version": (
        torrent(without(v2(FILES, length=5, pieces=b"x" * 20), b"meta version")),
        "info.meta version",
    ),
    "missing_file_tree": (torrent(without(TREE, b"file tree")), "info.file tree"),
    "file_tree_no_dict": (torrent(v2({}, file_tree=[])), "info.file tree"),
    "v2_no_files": (tree({}), "info.files"),
    "v2_empty_directories": (tree({b"a": {}, b"b": {b"c": {}}}), "info.files"),
    "v2_zero": (tree({b"a": v2_file(b"")}), "info.length"),
    "v2_invalid_file": (tree({b"a": {b"": 5}}), "info.file tree['a']"),
    "v2_invalid_directory": (tree({b"a": {b"b": 5}}), "info.file tree['a/b']"),
    "v2_file_and_directory": (
        tree({b"a": v2_file(SMALL) | {b"b": v2_file(SMALL)}}),
        "info.file tree['a/']",
    ),
    "v2_empty_filename": (tree({b"": v2_file(SMALL)}), "info.file tree['']"),
    "v2_deep_recursion": (tree(deep(96)), "torrent"),
    "v2_missing_length": (
        tree({b"a": {b"": {b"pieces root": ROOT}}}),
        "info.file tree['a'].length",
    ),
    "v2_large_file": (
        tree({b"a": v2_file(SMALL, length=2**44)}),
        "info.file tree['a'].length",
    ),
    "v2_missing_root": (
        tree({b"a": {b"": {b"length": 5}}}),
        "info.file tree['a'].pieces root",
    ),
    "v2_short_root": (
        tree({b"a": v2_file(SMALL, pieces_root=ROOT[:31])}),
        "info.file tree['a'].pieces root",
    ),
    "v2_zero_root": (
        tree({b"a": v2_file(LARGE, pieces_root=bytes(32))}),
        "info.file tree['a'].pieces root",
    ),
    "v2_zero_root_small": (
        tree({b"a": v2_file(SMALL, pieces_root=bytes(32))}),
        "info.file tree['a'].pieces root",
    ),
    "v2_invalid_pad_file": (
        tree({b"a": v2_file(SMALL, attr=b"p")}),
        "info.file tree['a'].attr",
    ),
    "v2_unordered_files": (
        changed(
            torrent(TREE),
            b"4:name3:top12:piece lengthi32768e",
            b"12:piece lengthi32768e4:name3:top",
        ),
        "info",
    ),
    "v2_duplicate_key": (changed(torrent(TREE), b"4:name3:top", b"4:name3:top4:name3:top"), "info"),
    "v2_overlong_integer": (changed(torrent(TREE), b"i32768e", b"i032768e"), "info"),
    "v2_overlong_string": (changed(torrent(TREE), b"4:name3:top", b"4:name03:top"), "info"),
    # --- piece layers ------------------------------------------------------------------------
    "v2_invalid_piece_layer": (layered({ROOT: 5}), f"piece layers.{ROOT.hex()}"),
    "v2_non_multiple_piece_layer": (layered({ROOT: LAYER + b"x"}), f"piece layers.{ROOT.hex()}"),
    "v2_invalid_piece_layer_size": (
        layered({ROOT: LAYER + LAYER[:32]}),
        f"piece layers.{ROOT.hex()}",
    ),
    "v2_empty_piece_layer": (layered({ROOT: b""}), f"piece layers.{ROOT.hex()}"),
    "v2_invalid_piece_layer_root": (
        layered({ROOT: bytes(len(LAYER))}),
        f"piece layers.{ROOT.hex()}",
    ),
    "v2_unknown_piece_layer_entry": (
        layered({ROOT: LAYER, b"u" * 32: LAYER}),
        f"piece layers.{b'u'.hex() * 32}",
    ),
    "v2_piece_layer_invalid_file_hash": (
        layered({ROOT: LAYER, b"short": LAYER}),
        f"piece layers.{b'short'.hex()}",
    ),
    "v2_layer_of_small_file": (
        layered({root_of(SMALL): root_of(SMALL)}),
        f"piece layers.{root_of(SMALL).hex()}",
    ),
    # --- hybrids -----------------------------------------------------------------------------
    "v2_mismatching_metadata": (mismatched(0, path=[b"other"]), "info.files[0].path"),
    "hybrid_other_length": (mismatched(0, length=99_999), "info.files[0].length"),
    "v2_bad_file_alignment": (mismatched(1, length=5), "info.files[2].length"),
    "hybrid_pad_is_no_pad": (mismatched(1, attr=b""), "info.files[1].length"),
    "hybrid_pad_is_too_long": (mismatched(3, length=5), "info.files"),
    "hybrid_without_pads": (torrent(several(FILES) | TREE), "info.files"),
    "hybrid_other_order": (
        torrent(several({"small": SMALL, "large": LARGE}) | v2({"small": LARGE, "large": SMALL})),
        "info.files",
    ),
    "hybrid_single_other_length": (
        torrent(single(SMALL) | v2({"a.txt": LARGE}, b"a.txt")),
        "info.files[0].length",
    ),
    "hybrid_single_other_name": (
        torrent(single(SMALL) | v2({"b.txt": SMALL}, b"a.txt")),
        "info.files[0].path",
    ),
}

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
"""What libtorrent accepts and we do, with the same result but where the exceptions say otherwise."""

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
