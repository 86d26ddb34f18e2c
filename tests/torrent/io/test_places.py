"""Where each byte lies, beside a world in which every byte is a file of its own."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.torrent_samples import HYBRID, V1, V2, VERSIONS, Sample, sample
from torrent.io.places import NOWHERE, PAD, PARTS, Places

PIECE = 16384

sizes = st.one_of(
    st.integers(0, 40),
    st.sampled_from([PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 7]),
)
trees = st.lists(sizes, min_size=2, max_size=8).filter(any)


def torrent_of(lengths: list[int], version: object = V1) -> Sample:
    return sample({f"t/{number:03}": size for number, size in enumerate(lengths)}, version)


def stored(places: Places, torrent: Sample) -> dict[int, bytes]:
    """Every piece put where it belongs; what is in each file then."""
    disk = {index: bytearray(file.length) for index, file in enumerate(torrent.info.files)}
    written = 0
    for piece, data in enumerate(torrent.pieces):
        rest = data
        for file, offset, length in places.piece(piece):
            if file == PAD:
                assert not any(rest[:length])
            else:
                disk[file][offset : offset + length] = rest[:length]
                written += length
            rest = rest[length:]
        assert not rest
    assert written == torrent.info.size, "nothing is written twice"
    return {index: bytes(data) for index, data in disk.items()}


@given(trees, st.sampled_from(VERSIONS))
def test_all_present_the_bytes_are_the_files(lengths: list[int], version: object) -> None:
    torrent = torrent_of(lengths, version)
    places = Places(torrent.info)
    places.present[:] = b"\1" * len(torrent.info.files)
    found = stored(places, torrent)
    assert all(found[torrent.index(name)] == data for name, data in torrent.content.items())


@given(trees, st.data())
def test_bytes_of_absent_files_have_places_of_their_own(
    lengths: list[int], data: st.DataObject
) -> None:
    torrent = torrent_of(lengths)
    places = Places(torrent.info)
    for index in range(len(lengths)):
        places.present[index] = data.draw(st.booleans())
    used: list[tuple[int, int, int]] = []
    for piece in range(torrent.info.piece_count):
        spans = torrent.info.spans(piece * PIECE, torrent.info.piece_size(piece))
        if not any(places.present[index] for index, _, _ in spans):
            continue
        used += places.piece(piece)
    for (file, offset, length), (other, next_offset, _) in pairwise(sorted(used)):
        assert file != other or offset + length <= next_offset, "two pieces in one place"
    last = places.regions[-1]
    size = last.offset + last.head + last.tail
    assert all(offset + length <= size for file, offset, length in used if file == PARTS)


@given(trees, st.data())
def test_copies_are_what_the_file_lacks(lengths: list[int], data: st.DataObject) -> None:
    """Where the part file has a byte of a file, and where that goes when the file is made."""
    torrent = torrent_of(lengths)
    places = Places(torrent.info)
    index = data.draw(st.integers(0, len(lengths) - 1))
    copies = places.copies(index)
    file = torrent.info.files[index]
    for inside in range(0, file.length, 13):
        piece = (file.offset + inside) // PIECE
        kind, at, _ = places.within(piece, (file.offset + inside) % PIECE, 1)[0]
        if kind == NOWHERE:
            continue
        assert [to + at - base for base, to, size in copies if 0 <= at - base < size] == [inside]


@given(trees, st.sampled_from(VERSIONS), st.data())
def test_part_of_a_piece(lengths: list[int], version: object, data: st.DataObject) -> None:
    torrent = torrent_of(lengths, version)
    places = Places(torrent.info)
    places.present[:] = b"\1" * len(torrent.info.files)
    piece = data.draw(st.integers(0, torrent.info.piece_count - 1))
    size = torrent.info.piece_size(piece)
    begin = data.draw(st.integers(0, size - 1))
    length = data.draw(st.integers(1, size - begin))
    bytewise = [
        (file, offset + at) for file, offset, long in places.piece(piece) for at in range(long)
    ]
    found = places.within(piece, begin, length)
    assert [
        (file, offset + at if file != PAD else at)
        for file, offset, long in found
        for at in range(long)
        if file != PAD
    ] == [each for each in bytewise[begin : begin + length] if each[0] != PAD]
    assert sum(long for _, _, long in found) == length
    if len(found) == 1 and found[0].file != PAD:
        assert places.single(piece, begin, length) == found[0][:2]
    else:
        assert places.single(piece, begin, length)[0] in {NOWHERE, PAD}


@pytest.mark.parametrize("version", [V2, HYBRID])
def test_with_files_at_piece_borders_no_piece_is_shared(version: object) -> None:
    torrent = torrent_of([20000, 5, 16384, 40000], version)
    places = Places(torrent.info)
    assert all(region.head == 0 for region in places.regions)


def test_a_piece_of_files_nobody_wanted_has_no_place() -> None:
    torrent = torrent_of([100, 10 * PIECE])
    places = Places(torrent.info)
    assert places.piece(3) == [(NOWHERE, 0, PIECE)]


def test_what_was_remembered_is_forgotten_when_files_come() -> None:
    torrent = torrent_of([100, 100])
    places = Places(torrent.info)
    assert {place.file for place in places.piece(0)} == {PARTS}
    places.present[0] = 1
    places.changed()
    assert [place.file for place in places.piece(0)] == [0, PARTS]


def test_memory_of_places_is_bounded() -> None:
    torrent = torrent_of([200 * PIECE])
    places = Places(torrent.info)
    places.present[0] = 1
    for piece in range(200):
        places.piece(piece)
    assert len(places._recent) <= 64
