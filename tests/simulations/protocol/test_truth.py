from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dht.core.keys import Key, KeySpace
from simulations.protocol.truth import Truth

SPACE = KeySpace(16)
keys = st.integers(0, (1 << SPACE.bits) - 1).map(Key)


@given(st.sets(keys, max_size=60), keys, st.integers(1, 20), st.data())
def test_it_equals_sorting_everybody(
    there: set[Key], target: Key, n: int, data: st.DataObject
) -> None:
    but = data.draw(st.sampled_from([None, target, *sorted(there)]))
    expected = sorted(there - {but}, key=lambda key: key ^ target)[:n]
    assert Truth(SPACE, there).closest(target, n, but) == expected


@given(st.lists(st.tuples(st.booleans(), keys), max_size=40))
def test_it_follows_who_comes_and_goes(changes: list[tuple[bool, Key]]) -> None:
    truth, model = Truth(SPACE), set()
    for comes, key in changes:
        if comes and key not in model:
            truth.add(key)
            model.add(key)
        elif not comes:
            truth.discard(key)
            model.discard(key)
        assert len(truth) == len(model)
        assert (key in truth) == (key in model)
    assert truth.closest(Key(0), 99) == sorted(model)
