"""The agenda against a dictionary that is searched from end to end."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dht.core.agenda import Agenda

ITEMS = st.integers(0, 9)
MOMENTS = st.sampled_from([-math.inf, -1.5, 0.0, 1.0, 2.0, 2.5, 7.0, math.inf])


class AgendaMachine(RuleBasedStateMachine):
    """Equal moments come in the order in which they were set: the model keeps (moment, order)."""

    def __init__(self) -> None:
        super().__init__()
        self.agenda: Agenda[int] = Agenda()
        self.model: dict[int, tuple[float, int]] = {}
        self.step = 0

    @rule(item=ITEMS, moment=MOMENTS)
    def set(self, item: int, moment: float) -> None:
        self.step += 1
        self.agenda.set(item, moment)
        self.model[item] = (moment, self.step)

    @rule(item=ITEMS)
    def drop(self, item: int) -> None:
        self.agenda.drop(item)
        self.model.pop(item, None)

    @rule(now=MOMENTS, limit=st.none() | st.integers(0, 5))
    def ready(self, now: float, limit: int | None) -> None:
        order = sorted(self.model, key=self.model.__getitem__)
        expected = [item for item in order if self.model[item][0] <= now]
        assert self.agenda.ready(now, limit) == expected[:limit]

    @invariant()
    def agrees(self) -> None:
        first = min(self.model, key=self.model.__getitem__, default=None)
        assert self.agenda.first() == first
        assert self.agenda.next() == (math.inf if first is None else self.model[first][0])
        assert len(self.agenda) == len(self.model)
        for item in range(10):
            assert (item in self.agenda) == (item in self.model)
            assert self.agenda.moment(item) == self.model.get(item, (None,))[0]

    @invariant()
    def garbage_is_bounded(self) -> None:
        assert len(self.agenda._heap) <= 2 * len(self.agenda) + 8


AgendaMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAgenda = AgendaMachine.TestCase


def test_empty() -> None:
    agenda: Agenda[str] = Agenda()
    assert agenda.next() == math.inf
    assert agenda.first() is None
    assert agenda.ready(math.inf) == []
    agenda.drop("nothing")
    assert len(agenda) == 0


def test_items_need_no_order_of_their_own() -> None:
    agenda: Agenda[object] = Agenda()
    several = [object(), "text", 3, None, (1, "x")]
    for item in several:
        agenda.set(item, 1.0)
    assert agenda.ready(1.0) == several


def test_a_moved_item_comes_after_its_equals() -> None:
    agenda: Agenda[str] = Agenda()
    for name in "abc":
        agenda.set(name, 1.0)
    agenda.set("a", 1.0)
    assert agenda.ready(1.0) == ["b", "c", "a"]


def test_what_is_ready_stays() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.set("a", 1.0)
    assert agenda.ready(2.0) == agenda.ready(2.0) == ["a"]


@pytest.mark.parametrize("live", [1, 10, 1000])
def test_moving_entries_for_ever_costs_no_memory(live: int) -> None:
    agenda: Agenda[int] = Agenda()
    rng = Random(live)
    for step in range(20_000):
        agenda.set(rng.randrange(live), step + rng.random())
        assert len(agenda._heap) <= 2 * live + 8
    assert len(agenda) == live


@given(st.lists(st.tuples(ITEMS, MOMENTS | st.floats(allow_nan=False)), max_size=60))
def test_draining_sorts(entries: list[tuple[int, float]]) -> None:
    agenda: Agenda[int] = Agenda()
    for item, moment in entries:
        agenda.set(item, moment)
    drained = []
    while (first := agenda.first()) is not None:
        drained.append(agenda.next())
        agenda.drop(first)
    assert drained == sorted(dict(entries).values())
