"""Vertical counters beside a Counter."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.core.availability import MOST_PENDING, Availability, PieceSet

COUNTS = st.sampled_from([1, 7, 8, 9, 70, 130])


@given(COUNTS, st.data())
def test_sets_of_pieces_are_sets(count: int, data: st.DataObject) -> None:
    pieces = PieceSet(count)
    model = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
    bits = pieces.of(model)
    assert list(pieces.each(bits)) == sorted(model)
    assert pieces.first(bits) == min(model)
    assert pieces.last(bits) == max(model)
    assert bits == sum(pieces.only(piece) for piece in model)
    assert {pieces.nth(bits, number) for number in range(len(model))} == model
    assert pieces.all == pieces.of(range(count))
    assert bits & ~pieces.all == 0


def test_sets_lie_as_bep_3_sends_them() -> None:
    """ "The high bit in the first byte corresponding to piece index 0" """
    assert PieceSet(10).of([0, 9]).to_bytes(2, "big") == b"\x80\x40"


@given(COUNTS, st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1 << 140)), max_size=60))
def test_counts_agree_with_a_counter(count: int, steps: list[tuple[int, int]]) -> None:
    pieces = PieceSet(count)
    counters, peers, model = Availability(pieces), list[int](), Counter[int]()
    for what, number in steps:
        peer = number % len(peers) if peers else None
        piece = number % count
        if what == 0:
            bits = number & pieces.all
            peers.append(bits)
            counters.joined(bits)
            model.update(pieces.each(bits))
        elif what == 1:
            peers.append(pieces.all)
            counters.joined(pieces.all)
            model.update(range(count))
        elif peer is None:
            continue
        elif what == 2:
            bits = peers.pop(peer)
            counters.left(bits)
            model.subtract(pieces.each(bits))
        elif peers[peer] & pieces.only(piece):
            peers[peer] ^= pieces.only(piece)
            counters.dropped(piece)
            model[piece] -= 1
        else:
            peers[peer] |= pieces.only(piece)
            counters.gained(piece)
            model[piece] += 1
        if what == 5:
            check(counters, pieces, model)
    check(counters, pieces, model)


def check(counters: Availability, pieces: PieceSet, model: Counter[int]) -> None:
    everything = range(pieces.count)
    least = min(model[piece] for piece in everything)
    rarest = {piece for piece in everything if model[piece] == least}
    assert set(pieces.each(counters.rarest(pieces.all))) == rarest
    assert [counters.of(piece) for piece in everything] == [model[piece] for piece in everything]
    assert set(pieces.each(counters.anywhere)) == {it for it in everything if model[it]}
    more = (pieces.count - len(rarest)) / pieces.count
    assert counters.copies() == pytest.approx(least + more)
    assert counters.seeds >= 0


def test_single_pieces_are_counted_in_before_they_are_many() -> None:
    counters = Availability(PieceSet(100))
    for number in range(MOST_PENDING + 1):
        counters.gained(number % 3)
        assert len(counters._pending) <= MOST_PENDING
    assert [counters.of(piece) for piece in range(4)] == [171, 171, 171, 0]


@pytest.mark.parametrize("seeds", [0, 1])
def test_who_leaves_must_have_come(seeds: int) -> None:
    pieces = PieceSet(9)
    counters = Availability(pieces)
    for _ in range(seeds):
        counters.joined(pieces.all)
    for _ in range(seeds):
        counters.dropped(4)
    with pytest.raises(ValueError, match="a peer left with a piece that no peer had"):
        counters.left(pieces.only(4))
    with pytest.raises(ValueError, match="no peer had"):
        counters.dropped(4)


def test_a_torrent_of_empty_files_has_no_pieces() -> None:
    counters = Availability(PieceSet(0))
    counters.joined(0)
    assert counters.copies() == 0.0
    assert counters.anywhere == 0


def test_any_of_a_set_is_as_likely() -> None:
    pieces, rng = PieceSet(1000), Random(1)
    bits = pieces.of([0, 1, 2, 500, 999])
    drawn = Counter(pieces.nth(bits, rng.randrange(5)) for _ in range(5000))
    assert set(drawn) == {0, 1, 2, 500, 999}
    assert min(drawn.values()) > 900
