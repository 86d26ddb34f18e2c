"""Torrents that go wrong in every way that libtorrent's test torrents do.

Facts about what is refused: libtorrent 2.1, ``test/test_torrent_info.cpp`` (the list
``test_error_torrents``), whose names the cases have where there is one. The bytes are made here.
``tests/interop/test_metainfo.py`` asks libtorrent itself about each of them.
"""

from __future__ import annotations

from tests.handmade import (
    BLOCK,
    FILES,
    KIB,
    LARGE,
    LINK,
    PIECE,
    SMALL,
    changed,
    deep,
    files,
    hybrid,
    layer_of,
    layered,
    linked,
    named,
    root_of,
    several,
    single,
    torrent,
    tree,
    v2,
    v2_file,
    without,
)

TREE = v2(FILES)
ROOT = root_of(LARGE)
LAYER = layer_of(LARGE)


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
    "hybrid_without_an_empty_file": (
        torrent(several({"a": LARGE[:PIECE]}) | v2({"a": LARGE[:PIECE], "e": b""})),
        "info.files",
    ),
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
