"""Bitfield against a Python set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from torrent.core.bitfield import Bitfield
from torrent.errors import WireError

COUNTS = st.integers(0, 70)


def sets(count: int) -> st.SearchStrategy[set[int]]:
    return st.sets(st.integers(0, count - 1)) if count else st.just(set())


class BitfieldAndSet(RuleBasedStateMachine):
    """Whatever is done to both, they hold the same."""

    @initialize(count=COUNTS)
    def begin(self, count: int) -> None:
        self.field = Bitfield(count)
        self.model: set[int] = set()

    @rule(piece=st.integers(-3, 75))
    def add(self, piece: int) -> None:
        if 0 <= piece < self.field.count:
            self.field.add(piece)
            self.model.add(piece)
        else:
            with pytest.raises(IndexError, match=f"no piece {piece} among"):
                self.field.add(piece)

    @rule(piece=st.integers(-3, 75))
    def discard(self, piece: int) -> None:
        self.field.discard(piece)
        self.model.discard(piece)

    @rule()
    def fill(self) -> None:
        self.field.fill()
        self.model.update(range(self.field.count))

    @rule(data=st.data())
    def compare(self, data: st.DataObject) -> None:
        model = data.draw(sets(self.field.count))
        other = Bitfield(self.field.count, model)
        assert self.field.lacks(other) == bool(model - self.model)
        assert list(self.field.missing_from(other)) == sorted(model - self.model)
        assert (self.field == other) == (self.model == model)

    @rule(piece=st.integers(0, 69))
    def copies_go_their_own_way(self, piece: int) -> None:
        twin = self.field.copy()
        assert twin == self.field
        twin.discard(piece)
        assert set(twin) == self.model - {piece}

    @invariant()
    def same(self) -> None:
        if not hasattr(self, "field"):
            return
        assert list(self.field) == sorted(self.model)
        assert len(self.field) == len(self.model)
        assert self.field.full == (len(self.model) == self.field.count)
        assert [piece for piece in range(-9, 80) if piece in self.field] == sorted(self.model)
        again = Bitfield.from_bytes(self.field.to_bytes(), self.field.count)
        assert again == self.field
        assert len(again) == len(self.field)


TestBitfield = BitfieldAndSet.TestCase


@pytest.mark.parametrize(
    ("count", "pieces", "data"),
    [
        (8, [0], b"\x80"),  # BEP 3: "the high bit in the first byte corresponding to piece index 0"
        (8, [7], b"\x01"),
        (9, [8], b"\x00\x80"),
        (10, range(10), b"\xff\xc0"),
        (0, [], b""),
    ],
)
def test_bytes(count: int, pieces: list[int], data: bytes) -> None:
    assert Bitfield(count, pieces).to_bytes() == data
    assert list(Bitfield.from_bytes(memoryview(data), count)) == list(pieces)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100])
def test_full_sets_have_no_spare_bits(count: int) -> None:
    field = Bitfield(count)
    field.fill()
    assert field.full
    assert field == Bitfield.from_bytes(field.to_bytes(), count)


@pytest.mark.parametrize(
    ("data", "count", "fault"),
    [
        (b"", 1, "0 bytes; 1 pieces take 1"),
        (b"\0\0", 8, "2 bytes; 8 pieces take 1"),
        (b"\0", 0, "1 bytes; 0 pieces take 0"),
        (b"\x01", 7, "bits beyond the last of 7"),
        (b"\xff\x7f", 10, "bits beyond the last of 10"),
        (b"\xff", 10**9, "1 bytes; 1000000000 pieces"),
    ],
)
def test_wrong_fields_are_refused(data: bytes, count: int, fault: str) -> None:
    with pytest.raises(WireError, match=fault):
        Bitfield.from_bytes(data, count)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.binary(max_size=40))))
def test_whatever_is_read_is_written_back(case: tuple[int, bytes]) -> None:
    count, data = case
    try:
        field = Bitfield.from_bytes(data, count)
    except WireError:
        return
    assert field.to_bytes() == data


def test_equality_and_name() -> None:
    assert Bitfield(3) != Bitfield(4)
    assert Bitfield(3) != {1}
    assert repr(Bitfield(10, [1, 2])) == "<Bitfield 2 of 10>"
    with pytest.raises(TypeError, match="unhashable"):
        hash(Bitfield(3))
