"""A piece is what both sides of its torrent say, or it is not."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.torrent_samples import HYBRID, V1, V2, VERSIONS, sample
from torrent.errors import StorageError
from torrent.io.judging import hashes, judge, settled

if TYPE_CHECKING:
    from torrent.core.metainfo import Version

FILES = {"t/a": 40_000, "t/b": 100_000, "t/c": 16384}


def digests(data: bytes) -> tuple[bytes, ...]:
    return tuple(
        hashlib.sha256(data[at : at + 16384]).digest() for at in range(0, len(data), 16384)
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("piece_length", [16384, 65536])
def test_true_pieces_are_good_and_others_are_not(version: Version, piece_length: int) -> None:
    torrent = sample(FILES, version, piece_length)
    for piece, data in enumerate(torrent.pieces):
        assert judge(torrent.info, piece, memoryview(data)).ok
        # Damage in the padding of a hybrid matters too: the v1 side has it.
        for at in (0, torrent.info.payload_size(piece) - 1):
            false = bytearray(data)
            false[at] ^= 1
            verdict = judge(torrent.info, piece, memoryview(false))
            assert not verdict.ok
            assert verdict.error is None
            payload = false[: torrent.info.payload_size(piece)]
            assert verdict.digests == digests(bytes(payload))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("chunk", [16384, 32768, 262144])
def test_bit_by_bit_it_is_the_same(version: Version, chunk: int) -> None:
    torrent = sample(FILES, version, 65536)
    for piece, data in enumerate(torrent.pieces):
        view = memoryview(data)
        chunks = [view[at : at + chunk] for at in range(0, len(view), chunk)]
        assert settled(torrent.info, piece, *hashes(torrent.info, piece, chunks))


def test_v2_leaves_come_for_nothing_and_v1_digests_when_asked_for() -> None:
    for version, asked in [(V1, False), (V1, True), (V2, False), (HYBRID, False)]:
        torrent = sample({"f": 50_000}, version, 65536)
        data = torrent.pieces[0]
        verdict = judge(torrent.info, 0, memoryview(data), digests=asked)
        assert verdict.ok
        assert verdict.digests == (() if (version, asked) == (V1, False) else digests(data))


def test_a_hybrid_of_two_contents_is_the_torrents_fault() -> None:
    torrent = sample(FILES, HYBRID, 65536)
    sha1s = torrent.info.pieces
    other = replace(torrent.info, pieces=bytes(20) + sha1s[20:])
    verdict = judge(other, 0, memoryview(torrent.pieces[0]))
    assert not verdict.ok
    assert "the torrent is broken: piece 0 is right by one of its two hashes" in str(verdict.error)
    with pytest.raises(StorageError, match="the torrent is broken"):
        settled(other, 0, *hashes(other, 0, [memoryview(torrent.pieces[0])]))
    false = memoryview(bytearray(len(torrent.pieces[0])))
    assert judge(other, 0, false).error is None, "false by both: that is the peer's"


def test_without_its_layer_a_v2_piece_cannot_be_judged() -> None:
    torrent = sample(FILES, V2, 65536)
    bare = replace(torrent.info, piece_layers={})
    piece = torrent.info.files[torrent.index("t/b")].offset // 65536
    verdict = judge(bare, piece, memoryview(torrent.pieces[piece]))
    assert not verdict.ok
    assert "are not known yet" in str(verdict.error)
    assert judge(bare, 0, memoryview(torrent.pieces[0])).ok, "a file of one piece needs none"


def test_without_its_layer_a_hybrid_piece_is_judged_by_v1() -> None:
    torrent = sample(FILES, HYBRID, 65536)
    bare = replace(torrent.info, piece_layers={})
    assert all(judge(bare, n, memoryview(data)).ok for n, data in enumerate(torrent.pieces))
