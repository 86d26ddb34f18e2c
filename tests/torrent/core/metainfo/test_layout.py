from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.core.metainfo.layout import File, Layout, Version
from torrent.core.metainfo.paths import SafePath

if TYPE_CHECKING:
    from collections.abc import Sequence

KIB16 = 16384
PIECE = 2 * KIB16


def laid_out(lengths: Sequence[int], version: Version, piece_length: int = PIECE) -> Layout:
    """Files of these lengths, by the rules of the three versions."""
    files: list[File] = []
    offset = 0
    for number, length in enumerate(lengths):
        if version is Version.V2:
            offset += -offset % piece_length
        files.append(File(SafePath.of(["t", f"{number}"]), length, offset))
        offset += length
        gap = -length % piece_length
        if version is Version.HYBRID and gap and number + 1 < len(lengths):
            files.append(File(SafePath.of(["t", ".pad", f"{gap}"]), gap, offset, pad=True))
            offset += gap
    return Layout("t", tuple(files), piece_length, version)


def row(layout: Layout) -> list[tuple[int, int] | None]:
    """Piece space byte by byte: which byte of which file; ``None`` in gaps. The oracle."""
    found: list[tuple[int, int] | None] = [None] * layout.length
    for index, file in enumerate(layout.files):
        for inside in range(file.length):
            found[file.offset + inside] = (index, inside)
    return found


lengths = st.lists(st.integers(0, 30), min_size=1, max_size=6).filter(any)
versions = st.sampled_from([Version.V1, Version.V2, Version.HYBRID])


@given(lengths, versions, st.sampled_from([1, 4, 8]), st.data())
def test_spans_are_the_row_of_bytes(
    sizes: list[int], version: Version, piece_length: int, data: st.DataObject
) -> None:
    layout = laid_out(sizes, version, piece_length)
    space = row(layout)
    assert layout.size == sum(sizes)
    offset = data.draw(st.integers(-2, layout.length + 2))
    length = data.draw(st.integers(0, 20))
    wanted = space[offset : offset + length] if offset >= 0 else [None]
    if length and (len(wanted) < length or None in wanted):
        with pytest.raises(ValueError, match="not in this torrent"):
            layout.spans(offset, length)
        return
    found = [
        (index, inside + n)
        for index, inside, size in layout.spans(offset, length)
        for n in range(size)
    ]
    assert found == wanted[:length]


@given(lengths, versions, st.sampled_from([4, 8]))
def test_pieces_are_the_row_cut_up(sizes: list[int], version: Version, piece_length: int) -> None:
    layout = laid_out(sizes, version, piece_length)
    space = row(layout)
    cut = [space[at : at + piece_length] for at in range(0, len(space), piece_length)]
    assert layout.piece_count == len(cut)
    for piece, stretch in enumerate(cut):
        real = [place for place in stretch if place is not None]
        assert layout.piece_size(piece) == len(real)
        unpadded = [place for place in real if not layout.files[place[0]].pad]
        expected = len(real) if version is Version.V1 else len(unpadded)
        assert layout.payload_size(piece) == expected
        assert stretch[0] is not None
        assert layout.file_at(piece) == stretch[0][0]
        assert sum(size for *_, size in layout.spans(piece * piece_length, len(real))) == len(real)


def test_a_v2_piece_ends_with_its_file() -> None:
    layout = laid_out([PIECE + 1, 0, 5], Version.V2)
    assert [file.offset for file in layout.files] == [0, 2 * PIECE, 2 * PIECE]
    assert [layout.piece_size(piece) for piece in range(3)] == [PIECE, 1, 5]
    assert [layout.block_count(piece) for piece in range(3)] == [2, 1, 1]
    assert layout.spans(PIECE, 1) == [(0, PIECE, 1)]
    assert layout.spans(2 * PIECE, 5) == [(2, 0, 5)]
    assert layout.length == 2 * PIECE + 5
    assert layout.size == PIECE + 6


@pytest.mark.parametrize(
    "place", [(PIECE, 2), (PIECE + 1, 1), (PIECE + 1, 0x10000), (-1, 1), (0, -1)]
)
def test_bytes_that_are_nowhere(place: tuple[int, int]) -> None:
    layout = laid_out([PIECE + 1, 0, 5], Version.V2)
    with pytest.raises(ValueError, match="not in this torrent"):
        layout.spans(*place)
    assert layout.spans(PIECE + 1, 0) == []


def test_a_hybrid_piece_is_whole_but_its_payload_is_not() -> None:
    layout = laid_out([PIECE + 1, 5], Version.HYBRID)
    assert [layout.piece_size(piece) for piece in range(3)] == [PIECE, PIECE, 5]
    assert [layout.payload_size(piece) for piece in range(3)] == [PIECE, 1, 5]
    assert [layout.block_count(piece) for piece in range(3)] == [2, 1, 1]
    spans = layout.spans(PIECE, PIECE)
    assert spans == [(0, PIECE, 1), (1, 0, PIECE - 1)]
    assert [layout.files[index].pad for index, *_ in spans] == [False, True]


@pytest.mark.parametrize(
    ("length", "width"), [(1, 1), (KIB16, 1), (KIB16 + 1, 2), (3 * KIB16, 4), (4 * KIB16 + 1, 4)]
)
def test_a_tree_over_a_piece_is_only_as_wide_as_a_short_file(length: int, width: int) -> None:
    layout = laid_out([length], Version.V2, 4 * KIB16)
    assert layout.leaf_width(layout.piece_count - 1) == width


@pytest.mark.parametrize("piece", [-1, 3])
def test_there_is_no_such_piece(piece: int) -> None:
    layout = laid_out([3 * PIECE], Version.V1)
    for ask in (layout.piece_size, layout.payload_size, layout.file_at, layout.leaf_width):
        with pytest.raises(IndexError, match="no piece"):
            ask(piece)


def test_versions() -> None:
    v1, v2, hybrid = (
        laid_out([5], version) for version in (Version.V1, Version.V2, Version.HYBRID)
    )
    assert [layout.is_v1 for layout in (v1, v2, hybrid)] == [True, False, True]
    assert [layout.is_v2 for layout in (v1, v2, hybrid)] == [False, True, True]


def test_a_directory_or_a_file() -> None:
    def of(*paths: list[str]) -> Layout:
        files = tuple(File(SafePath.of(path), 1, at) for at, path in enumerate(paths))
        return Layout("t", files, PIECE, Version.V1)

    assert not of(["a"]).multifile
    assert of(["t", "a"]).multifile
    assert of(["t", "a"], ["t", "b"]).multifile


def test_nothing_at_all_has_no_pieces() -> None:
    layout = Layout("t", (File(SafePath.of(["a"]), 0, 0),), PIECE, Version.V1)
    assert (layout.length, layout.piece_count) == (0, 0)
    assert layout.spans(0, 0) == []
