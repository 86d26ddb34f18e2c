"""What is remembered of a bitfield is what it says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from torrent.core.availability import PieceSet
from torrent.core.bitfield import Bitfield
from torrent.core.views import Views

COUNT = 13
SETS = st.sets(st.integers(0, COUNT - 1))
PIECES = PieceSet(COUNT)


@given(
    SETS,
    SETS,
    st.lists(
        st.tuples(st.sampled_from(["add", "discard", "want", "pass"]), st.integers(0, COUNT - 1))
    ),
)
def test_views_follow_their_bitfields(
    have: set[int], lacking: set[int], steps: list[tuple[str, int]]
) -> None:
    views, field, stranger = Views(PIECES), Bitfield(COUNT, have), Bitfield(COUNT, have)
    assert views.enter(field) == PIECES.of(have)
    for what, piece in steps:
        match what:
            case "add":
                field.add(piece)
                stranger.add(piece)
            case "discard":
                field.discard(piece)
                stranger.discard(piece)
                views.refresh()
            case "want":
                lacking.add(piece)
            case _:
                lacking.discard(piece)
        wanted = PIECES.of(lacking)
        for it in (field, stranger):
            assert views.of(it) == PIECES.of(it)
            expected = any(piece in lacking for piece in it)
            assert views.interesting(it, wanted, lacking.__contains__) == expected
    assert views.leave(field) == PIECES.of(field)
    assert not views._views


def test_a_witness_spares_the_search() -> None:
    views, field = Views(PIECES), Bitfield(COUNT, [2, 9])
    views.enter(field)
    lacking = {1, 2, 9}
    assert views.interesting(field, PIECES.of(lacking), lacking.__contains__)
    # As long as the last one is wanted, nobody looks at the set.
    assert views.interesting(field, 0, {9}.__contains__)
    assert not views.interesting(field, 0, {2}.__contains__)


def test_an_equal_bitfield_is_not_the_same() -> None:
    views, field = Views(PIECES), Bitfield(COUNT, [3])
    views.enter(field)
    twin = field.copy()
    field.add(4)
    assert views.of(twin) == PIECES.only(3)
    assert views.leave(twin) == PIECES.only(3)
    assert views.of(field) == PIECES.of([3, 4])
