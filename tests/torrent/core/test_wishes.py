"""Priorities beside a list, deadlines beside a sort."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.core.availability import PieceSet
from torrent.core.wishes import DEFAULT_PRIORITY, Wishes

COUNT = 11
PIECES = PieceSet(COUNT)


def check(wishes: Wishes, model: list[int], among: set[int]) -> None:
    top = max((model[piece] for piece in among), default=0)
    expected = {piece for piece in among if model[piece] == top}
    assert set(PIECES.each(wishes.most_wanted(PIECES.of(among)))) == expected
    assert set(PIECES.each(wishes.wanted)) == {it for it in range(COUNT) if model[it]}
    assert [wishes.priority(piece) for piece in range(COUNT)] == model


@given(
    st.lists(st.tuples(st.integers(0, COUNT - 1), st.integers(0, 7)), max_size=30),
    st.sets(st.integers(0, COUNT - 1)),
)
def test_the_most_wanted_are_found(changes: list[tuple[int, int]], among: set[int]) -> None:
    wishes, model = Wishes(PIECES), [DEFAULT_PRIORITY] * COUNT
    check(wishes, model, among)
    for piece, priority in changes:
        wishes.prefer(piece, priority)
        model[piece] = priority
        check(wishes, model, among)
    at_once = Wishes(PIECES)
    at_once.prefer_all(model)
    check(at_once, model, among)


@given(st.lists(st.tuples(st.integers(0, COUNT - 1), st.none() | st.integers(0, 5)), max_size=30))
def test_the_most_urgent_come_first(changes: list[tuple[int, int | None]]) -> None:
    wishes, model = Wishes(PIECES), dict[int, float]()
    for piece, at in changes:
        wishes.due(piece, at)
        if at is None:
            model.pop(piece, None)
        else:
            model[piece] = at
        assert wishes.deadlines == model
        assert [(model[it], it) for it in wishes.urgent] == sorted(
            (when, it) for it, when in model.items()
        )


def test_a_wrong_wish_changes_nothing() -> None:
    wishes = Wishes(PIECES)
    with pytest.raises(ValueError, match="a priority is 0 to 7, not 9"):
        wishes.prefer(1, 9)
    with pytest.raises(ValueError, match="2 priorities for 11 pieces"):
        wishes.prefer_all([1, 2])
    with pytest.raises(ValueError, match="0 to 7, not -1"):
        wishes.prefer_all([-1] * COUNT)
    check(wishes, [DEFAULT_PRIORITY] * COUNT, {1, 2})
