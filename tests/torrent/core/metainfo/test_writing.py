from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.codec.bencode import decode, encode
from tests.handmade import (
    FILES,
    LARGE,
    PIECE,
    SMALL,
    hybrid,
    hybrid_torrent,
    noise,
    several,
    single,
    torrent,
    v2,
    v2_torrent,
)
from tests.hashing import hashed
from torrent.core.metainfo import (
    About,
    Draft,
    Metainfo,
    SafePath,
    Source,
    Version,
    draft,
    piece_length_for,
    read_info,
    read_metainfo,
    wrapped,
)
from torrent.errors import MetainfoError

if TYPE_CHECKING:
    from collections.abc import Mapping

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def sources(files: Mapping[str, bytes], name: str = "top") -> list[Source]:
    return [
        Source(SafePath.of([name, *path.split("/")]), len(data)) for path, data in files.items()
    ]


def created(
    files: Mapping[str, bytes], version: Version, about: About | None = None, **more: int | None
) -> bytes:
    """A torrent of a directory ``top``."""
    plan = draft(sources(files), version, more.get("piece_length", PIECE))
    return hashed(plan, {f"top/{path}": data for path, data in files.items()}, about or About())


def test_v1_is_what_bep_3_draws() -> None:
    assert created(FILES, Version.V1) == torrent(several(FILES))


def test_v2_is_what_bep_52_draws() -> None:
    assert created(FILES, Version.V2) == v2_torrent(FILES)


def test_a_hybrid_is_both() -> None:
    assert created(FILES, Version.HYBRID) == hybrid_torrent(FILES)


@pytest.mark.parametrize("version", [Version.V1, Version.V2, Version.HYBRID])
def test_one_file(version: Version) -> None:
    plan = draft([Source(SafePath.of(["a.txt"]), len(LARGE))], version, PIECE)
    assert not plan.multifile
    found = decode(hashed(plan, {"a.txt": LARGE}))
    assert isinstance(found, dict)
    both = {Version.V1: single(LARGE), Version.V2: v2({"a.txt": LARGE}, b"a.txt")}
    expected = {}
    for part, info in both.items():
        expected |= info if part in version else {}
    assert found[b"info"] == expected


def test_a_directory_of_one_file_needs_no_pad() -> None:
    for version in (Version.V1, Version.HYBRID):
        info = read_metainfo(created({"a": LARGE}, version)).info
        assert [str(file.path) for file in info.files] == ["top/a"]


def test_a_v2_directory_of_one_file_is_a_file() -> None:
    """A tree of one file does not say whether it is in a directory, and is read as if not."""
    plan = draft(sources({"a": LARGE}), Version.V2, PIECE)
    assert [str(file.path) for file in plan.files] == ["a"]
    data = hashed(plan, {"a": LARGE})
    assert data == v2_torrent({"a": LARGE})
    assert read_metainfo(data).info.name == "a"


def test_the_order_of_files_does_not_count() -> None:
    files = {"b": SMALL, "a/z": LARGE, "a b": noise(PIECE, 7), "a-b/c": b"", "ä": b"1", "Z": b"2"}
    for version in (Version.V1, Version.V2, Version.HYBRID):
        data = created(files, version)
        assert data == created(dict(reversed(files.items())), version)
        names = [str(file.path) for file in read_metainfo(data).info.files if not file.pad]
        # As in the tree: by the bytes of each element, so that "a/z" comes before "a b".
        assert names == [f"top/{name}" for name in ("Z", "a/z", "a b", "a-b/c", "b", "ä")]


def test_everything_that_can_be_said() -> None:
    about = About(
        trackers=(("http://a/", "udp://b:1"), ("http://c/",)),
        web_seeds=("http://d/", "http://e/"),
        nodes=(("127.0.0.1", 6881),),
        comment="ünï",
        created_by="us",
        creation_date=1234567,
        private=True,
        source="here",
    )
    data = created(FILES, Version.HYBRID, about)
    found = read_metainfo(data)
    assert found.trackers == about.trackers
    assert found.web_seeds == about.web_seeds
    assert found.nodes == about.nodes
    assert (found.comment, found.created_by, found.creation_date) == ("ünï", "us", 1234567)
    assert found.info.private
    outer = decode(data)
    assert isinstance(outer, dict)
    assert outer[b"announce"] == b"http://a/"
    assert outer[b"info"][b"source"] == b"here"  # type: ignore[index, call-overload]


def test_one_tracker_and_one_web_seed_need_no_lists() -> None:
    about = About(trackers=(("http://a/",),), web_seeds=("http://d/",))
    outer = decode(created(FILES, Version.V1, about))
    assert isinstance(outer, dict)
    assert outer.keys() == {b"announce", b"info", b"url-list"}
    assert outer[b"url-list"] == b"http://d/"


def test_attributes_and_links() -> None:
    files = [
        Source(SafePath.of(["t", "run"]), 5, executable=True, hidden=True),
        Source(SafePath.of(["t", "link"]), 99, symlink=SafePath.of(["t", "run"])),
    ]
    for version in (Version.V1, Version.V2, Version.HYBRID):
        data = hashed(draft(files, version), {"t/run": b"12345", "t/link": b""})
        link, run = (file for file in read_metainfo(data).info.files if not file.pad)
        assert (run.executable, run.hidden, run.symlink) == (True, True, None)
        assert (link.length, str(link.symlink)) == (0, "t/run")


def path(text: str) -> Source:
    return Source(SafePath.of(text.split("/")), 5)


@pytest.mark.parametrize(
    ("given_sources", "fault"),
    [
        ([], "there are no files"),
        ([Source(SafePath.of(["t", "a"]), 0)], "0 pieces"),
        ([path("t/a"), path("t/b"), path("t/a")], "t/a: is in the way of t/a"),
        ([path("t/a"), path("t/a/b"), path("t/a-b")], "t/a: is in the way of t/a/b"),
        ([path("t/a"), path("u/b")], "u/b: not in the directory of the torrent, t"),
        ([path("t"), path("u")], "u: not in the directory of the torrent, t"),
        (
            [path("t/a"), Source(SafePath.of(["t", "l"]), 0, symlink=SafePath.of(["etc"]))],
            "t/l: not in the directory",
        ),
        ([Source(SafePath.of(["a"]), 2**44)], "a: 17592186044416 bytes"),
        ([Source(SafePath.of(["a"]), -1)], "a: -1 bytes"),
        (
            [Source(SafePath.of(["t", f"{n}"]), 2**43) for n in range(5)],
            "2621440 pieces, not 1 to",
        ),
    ],
)
def test_what_makes_no_torrent(given_sources: list[Source], fault: str) -> None:
    with pytest.raises(MetainfoError, match=fault):
        draft(given_sources, piece_length=None if given_sources[:1] != [] else PIECE)


@pytest.mark.parametrize("length", [0, -1, 8 * KIB, 3 * PIECE, 2**30])
def test_what_is_no_piece_length(length: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        draft([path("a")], piece_length=length)


def test_hashes_must_be_complete() -> None:
    plan = draft(sources(FILES), Version.HYBRID, PIECE)
    sha1s, roots = [b"x" * 20] * 5, [b"x" * 32] * 5
    assert plan.torrent(sha1s, roots)
    for first, second in (
        ((), roots),
        (sha1s, ()),
        (sha1s[1:], roots),
        (sha1s, [*roots[1:], b"x"]),
        (roots, sha1s),
    ):
        with pytest.raises(ValueError, match="5 hashes"):
            plan.torrent(first, second)
    with pytest.raises(ValueError, match="0 hashes"):
        draft(sources(FILES), Version.V1, PIECE).torrent([b"x" * 20] * 4, roots)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (1, 16 * KIB),
        (2_684_355, 16 * KIB),
        (2_684_356, 32 * KIB),
        (10_737_418, 32 * KIB),
        (10_737_419, 64 * KIB),
        (GIB, 512 * KIB),
        (100 * GIB, 4 * MIB),
        (703_687_441_777, 8 * MIB),
        (703_687_441_778, 16 * MIB),
        (2**43, 16 * MIB),
    ],
)
def test_automatic_piece_lengths(size: int, expected: int) -> None:
    assert piece_length_for(size) == expected
    assert draft([Source(SafePath.of(["a"]), size)]).piece_length == expected


names = st.text("abcÄ .-", min_size=1, max_size=4)
some_files = st.dictionaries(
    st.lists(names, min_size=1, max_size=3).map(lambda parts: SafePath.of(["top", *parts])),
    st.sampled_from([b"", SMALL, noise(PIECE, 3), noise(PIECE + 1, 4), LARGE]),
    min_size=1,
    max_size=5,
)


@given(some_files, st.sampled_from([Version.V1, Version.V2, Version.HYBRID]))
def test_what_is_created_is_read(files: dict[SafePath, bytes], version: Version) -> None:
    given_files = [Source(path, len(data)) for path, data in files.items()]
    try:
        plan = draft(given_files, version, PIECE)
    except MetainfoError as error:
        assert "in the way" in error.fault or "0 pieces" in error.fault  # noqa: PT017
        return
    content = {str(path): data for path, data in files.items()}
    if not plan.directory:
        content = {str(plan.files[0].path): data for data in content.values()}
    data = hashed(plan, content)
    info = read_metainfo(data).info
    assert info.version is version
    assert info.missing_layers == ()
    same_place(plan, info.files)
    outer = decode(data)
    assert outer is not None
    assert encode(outer) == data


def same_place(plan: Draft, files: object) -> None:
    """Index by index the same files, whatever they are called now."""
    assert isinstance(files, tuple)
    for drafted, read in zip(plan.files, files, strict=True):
        assert (drafted.length, drafted.offset, drafted.pad) == (read.length, read.offset, read.pad)
        assert drafted.path == read.path or drafted.path.parts[:-1] == read.path.parts[:-1]


def test_a_hybrid_of_bep_52_is_the_one_drawn_by_hand() -> None:
    files = {"a": LARGE, "b": b"", "c": SMALL, "d": noise(PIECE, 5)}
    found = decode(created(files, Version.HYBRID))
    assert isinstance(found, dict)
    assert found[b"info"] == hybrid(files)


@pytest.mark.parametrize("version", [Version.V1, Version.V2, Version.HYBRID])
def test_what_is_wrapped_is_read_again(version: Version) -> None:
    about = About(
        trackers=(("http://one/announce",), ("udp://two:1",)), web_seeds=("http://w/", "http://v/")
    )
    read = read_metainfo(created({"a": LARGE, "b": SMALL}, version, about))
    again = read_metainfo(wrapped(read))
    assert again == read
    assert again.info.raw == read.info.raw
    assert again.info.missing_layers == ()


def test_metadata_from_peers_is_wrapped_as_it_came() -> None:
    """Whatever order its keys have, and though its piece layers are not here yet."""
    read = read_metainfo(created({"a": LARGE}, Version.V2))
    bare = wrapped(Metainfo(read_info(read.info.raw)))
    assert bare == b"d4:info" + read.info.raw + b"e"
