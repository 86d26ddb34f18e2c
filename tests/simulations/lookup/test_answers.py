from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulations.lookup.answers import ANYWHERE, answer, sort
from simulations.lookup.tables import build
from simulations.lookup.truth import closest_live, live_before
from tests.simulations.lookup.small import closest, ids_lists, known


def said(tables: Any, node: int, target: int, limit: int, bound: int = ANYWHERE) -> list[int]:
    who, away = np.empty(limit + 8, np.int32), np.empty(limit + 8, np.uint64)
    count = answer(tables, node, np.uint64(target), limit, bound, who, away)
    for index in range(count):
        assert int(away[index]) == int(tables.ids[who[index]]) ^ target
    return sorted(int(each) for each in who[:count])


@given(ids_lists(), st.integers(1, 8), st.integers(1, 20), st.integers(0, 2**64 - 1), st.data())
def test_an_answer_holds_the_closest_of_the_table(
    ids: Any, k: int, limit: int, target: int, data: st.DataObject
) -> None:
    tables = build(ids, k, 1)
    node = data.draw(st.integers(0, len(ids) - 1))
    goal = data.draw(st.sampled_from([target, int(ids[0]), int(ids[-1]) ^ 1, int(ids[node])]))
    expected = sorted(closest(ids, known(tables, node), goal, limit))
    assert said(tables, node, goal, limit) == expected


@given(ids_lists(), st.integers(1, 8), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_a_bound_leaves_out_only_who_is_beyond_it(
    ids: Any, k: int, target: int, bound: int
) -> None:
    tables = build(ids, k, 1)
    nearest = closest(ids, known(tables, 0), target, k)
    expected = sorted(node for node in nearest if int(ids[node]) ^ target <= bound)
    assert said(tables, 0, target, k, np.uint64(bound)) == expected


@given(st.lists(st.integers(0, 100), max_size=30), st.integers(0, 30))
def test_sorting_brings_the_nearest_to_the_front(distances: list[int], limit: int) -> None:
    away, who = np.array(distances, np.uint64), np.arange(len(distances), dtype=np.int32)
    limit = min(limit, len(distances))
    sort(who, away, 0, len(away), limit)
    assert away[:limit].tolist() == sorted(distances)[:limit]
    assert [distances[each] for each in who[:limit]] == away[:limit].tolist()


@given(ids_lists(), st.integers(1, 12), st.integers(0, 2**64 - 1), st.data())
def test_the_truth_is_what_sorting_everybody_finds(
    ids: Any, k: int, target: int, data: st.DataObject
) -> None:
    count = len(ids)
    alive = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    own = data.draw(st.integers(0, count - 1))
    found = closest_live(ids, alive, live_before(alive), np.uint64(target), own, k)
    live = [node for node in range(count) if alive[node] and node != own]
    assert found.tolist() == closest(ids, live, target, k)
