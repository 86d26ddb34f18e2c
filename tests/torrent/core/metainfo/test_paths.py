from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.core.metainfo.paths import (
    MAX_DEPTH,
    Directories,
    SafePath,
    _numbered,
    sanitised,
    unique,
)
from torrent.errors import MetainfoError


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        (b"plain.txt", "plain.txt"),
        ("ünï", "ünï"),
        (b"", "_"),
        (b".", None),
        (b"..", None),
        (b"/", None),
        (b"\\/\\", None),
        (b"./.", None),
        ("\u202e.\u200b.", None),
        (b"...x", "...x"),
        (b".hidden", ".hidden"),
        (b"a/b", "ab"),
        (b"../../x", "....x"),
        (b"a\0b", "ab"),
        (b"a\nb\x7f", "a_b_"),
        ("a\u0085b".encode(), "a_b"),
        ("gpj\u202eexe".encode(), "gpjexe"),
        (b"\xff\xfe", "__"),
        (b"\xe9.txt", "_xt"),  # libtorrent skips as many bytes as the first one promised
        (b"\xe9", "_"),
        ("\ud800", "_"),
        (b"C:", "C_"),
        (b"c:\\windows", "c_windows"),
        (b"ab:c", "ab:c"),
        (b"con", "_con"),
        (b"NUL.tar.gz", "_NUL.tar.gz"),
        (b"com1 .txt", "_com1 .txt"),
        ("LPT²".encode(), "_LPT²"),
        (b"console", "console"),
        (b"x. . ", "x"),
        (b" ", None),
        (b"...", None),
        (b"n" * 300, "n" * 240),
        (b"n" * 300 + b".torrent", "n" * 240 + ".torrent"),
        (b"n" * 300 + b".toolong!!!", "n" * 240),
        (b"n" * 239 + b".x", "n" * 239),
        ("é".encode() * 119 + b"ab.c", "é" * 119 + "ab.c"),
        (b"\x80" * 400, "_" * 240),
    ],
)
def test_an_element_is_mended(element: bytes | str, expected: str | None) -> None:
    assert sanitised(element) == expected


def test_a_path_has_the_elements_it_was_given() -> None:
    path = SafePath.of([b"..", "a", b"", b"/"])
    assert path.parts == ("_", "a", "_", "_")
    assert str(path) == "_/a/_/_"
    assert repr(path) == "SafePath('_/a/_/_')"


def test_a_path_in_a_url() -> None:
    path = SafePath.of(["a b", "ü?#%.mkv", "..", "x&y"])
    assert path.quoted() == "a%20b/%C3%BC%3F%23%25.mkv/_/x%26y"


def test_there_is_no_other_way_to_make_one() -> None:
    with pytest.raises(TypeError, match=r"SafePath\.of"):
        SafePath()


@pytest.mark.parametrize("count", [0, MAX_DEPTH + 1])
def test_too_many_or_no_elements(count: int) -> None:
    with pytest.raises(MetainfoError) as caught:
        SafePath.of([b"x"] * count)
    assert caught.value.field == "path"


def test_as_many_elements_as_may_be() -> None:
    assert len(SafePath.of([b"x"] * MAX_DEPTH).parts) == MAX_DEPTH


def test_paths_are_values() -> None:
    a, b = SafePath.of(["a", "x"]), SafePath.of([b"a", b"x"])
    assert a == b
    assert hash(a) == hash(b)
    assert a != SafePath.of(["a"])
    assert a != "a/x"
    assert SafePath.of(["a", "x"]) < SafePath.of(["a b"]) <= SafePath.of(["b"])
    assert pickle.loads(pickle.dumps(a)) == a


elements = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=300),
    st.text("./\\ :\0\u202e\u200bcon\ud800", max_size=12),
    st.builds(bytes.__mul__, st.binary(min_size=1, max_size=4), st.integers(1, 300)),
)


@given(st.lists(elements, min_size=1, max_size=4))
def test_whatever_comes_in_a_path_stays_inside(components: list[bytes | str]) -> None:
    path = SafePath.of(components)
    assert len(path.parts) == len(components)
    for part in path.parts:
        assert part not in ("", ".", "..")
        assert not set(part) & set("/\\\0\u202e\u200b")
        assert part.isprintable() or part.replace("_", "").strip()
        assert part[-1] not in " ."
        assert len(part.encode()) <= 255
        assert part.casefold().split(".")[0] not in {"con", "nul", "aux"}
        assert part[1:2] != ":" or not part[0].isascii() or not part[0].isalpha()


@given(elements)
def test_what_is_mended_needs_no_mending(element: bytes | str) -> None:
    once = sanitised(element)
    # Cutting looks at the length before the characters that are left out, so it may cut again.
    if once is not None and len(once.encode()) < 240:
        assert sanitised(once) == once


names = st.sampled_from(["a", "A", "b", "a.txt", "A.TXT", "a.1.txt", "é", "É", "ss", "ß", "a b"])
trees = st.lists(st.lists(names, min_size=1, max_size=3).map(SafePath.of), max_size=10)


def folded(path: SafePath) -> str:
    return str(path).casefold()


@given(trees)
def test_unique_names_are_unique_and_in_nobodys_way(paths: list[SafePath]) -> None:
    found = unique(paths)
    keys = [folded(path) for path in found]
    assert len(set(keys)) == len(keys)
    parents = {folded(path).rpartition("/")[0] for path in found}
    ancestors = {"/".join(p.split("/")[: n + 1]) for p in parents for n in range(p.count("/") + 1)}
    assert not ancestors & set(keys)
    for before, after in zip(paths, found, strict=True):
        assert after.parts[:-1] == before.parts[:-1]
    assert unique(found) == found


def test_the_first_keeps_its_name() -> None:
    paths = [SafePath.of([name]) for name in ("x.tar.gz", "X.tar.gz", "x", "X", ".x", ".x")]
    assert [str(path) for path in unique(paths)] == [
        "x.tar.gz",
        "X.tar.1.gz",
        "x",
        "X.1",
        ".x",
        ".1.x",
    ]


def test_names_that_differ_in_unicode_form_only() -> None:
    paths = [SafePath.of([name]) for name in ("\u00c9", "e\u0301", "\u212a", "k")]
    assert [str(path) for path in unique(paths)] == ["\u00c9", "e\u0301.1", "\u212a", "k.1"]


def test_a_long_name_makes_room_for_its_number() -> None:
    long = SafePath.of(["ä" * 119 + "xy.torrents"])
    first, second = unique([long, long])
    assert first == long
    assert str(second).endswith(".1.torrents")
    assert len(str(second).encode()) <= 255


def test_a_name_of_every_byte_there_is_makes_room_for_a_long_number() -> None:
    longest = SafePath.of([b"t", b"n" * 239 + "😀".encode() + b"." + b"e" * 8])
    assert len(longest.parts[1].encode()) == 252
    renamed = _numbered(longest, 100)
    assert renamed.parts == ("t", "n" * 227 + ".100.eeeeeeee")


def test_a_few_duplicates_of_each_of_many_names_are_no_attack() -> None:
    paths = [SafePath.of([f"{n}"]) for n in range(2000)] * 2
    assert len(set(unique(paths))) == 4000


def test_too_many_of_one_name() -> None:
    assert len(set(unique([SafePath.of(["x"])] * 32))) == 32
    with pytest.raises(MetainfoError, match="500 duplicate"):
        unique([SafePath.of(["x"])] * 34)


@given(st.lists(st.lists(st.sampled_from("abc-."), min_size=1, max_size=4), max_size=8))
def test_directories_are_the_ancestors(paths: list[list[str]]) -> None:
    found = Directories("/".join(path) for path in paths)
    ancestors = {"/".join(path[:depth]) for path in paths for depth in range(1, len(path))}
    for candidate in ancestors | {"a", "a/b", "b/a", "-", "a/-", "zz", "a/b/c"}:
        assert (candidate in found) == (candidate in ancestors)
