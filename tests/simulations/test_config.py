"""Studies: layers, sweeps, hashes, and what is refused before anything runs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations import config
from simulations.config import assigned, literal, nested, overlaid, parse, point, study, swept
from simulations.errors import ConfigError
from simulations.scenario import Network
from tests.sim_studies import NoFiles, table

KEYS = st.text("abc", min_size=1, max_size=2)
TABLES = st.recursive(
    st.dictionaries(KEYS, st.integers(), max_size=3),
    lambda inner: st.dictionaries(KEYS, st.one_of(st.integers(), inner), max_size=3),
    max_leaves=8,
)


def test_toml_is_read_and_what_is_none_says_where() -> None:
    assert parse("a = 1", "x.toml") == {"a": 1}
    with pytest.raises(ConfigError, match=r"x\.toml is no TOML: .* line 2"):
        parse("a = 1\nb = =", "x.toml")


def test_a_study_has_defaults_for_its_seeds() -> None:
    made = study(table())
    assert (made.name, list(made.seeds), made.root) == ("churn", list(range(1, 11)), 1)


@pytest.mark.parametrize(
    ("said", "fault", "hint"),
    [
        ({}, "experiment is missing", 'say experiment = "churn"'),
        (table(netwrok={}), "unknown key 'netwrok'", "did you mean 'network'?"),
        (table(seeds=0), "seeds is 0, but must be a whole number from 1", ""),
        (table(seeds=True), "seeds is True", ""),
        (table(seeds=[1, 2]), "seeds is", ""),
        (table(seeds=10**9), "seeds is 1000000000", ""),
        (table(seed=-1), "seed is -1, but must be a whole number from 0", ""),
    ],
)
def test_an_impossible_study_is_refused(said: dict[str, Any], fault: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=fault) as caught:
        study(said)
    assert hint in caught.value.hint


# Points.


def test_a_point_is_scenario_and_experiment() -> None:
    made = point(table(network={"nodes": 50}, settings={"spans": 3}), {}, NoFiles())
    assert made.scenario.network == Network(nodes=50)
    assert made.experiment.settings.spans == 3
    assert made.experiment.fidelity == "protocol"


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (table(fidelity="lokup"), "fidelity is 'lokup', but churn runs at"),
        ({"experiment": "chrun"}, "there is no experiment called 'chrun'"),
        (table(settings={"span": 3}), r"unknown key 'settings\.span'"),
        (table(settings={"spans": 0}), r"settings\.spans is 0"),
        (table(network={"nodes": 1}), r"network\.nodes is 1"),
        (table(code=3), "code is 3, but must be a path"),
        (table(code=[3]), "code is"),
    ],
)
def test_an_impossible_point_is_refused(said: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        point(said, {}, NoFiles())


def hashed(**values: Any) -> str:
    return point(table(**values), {}, NoFiles()).hash


def test_what_can_change_a_row_changes_the_hash() -> None:
    hashes = [
        hashed(),
        hashed(duration=60),
        hashed(fidelity="message"),
        hashed(settings={"spans": 3}),
        hashed(network={"nodes": 999}),
        hashed(churn={"session": {"law": "fixed", "mean": 3600}}),
        hashed(rules={"switches": {"max_failures": 3}}),
    ]
    assert len(set(hashes)) == len(hashes)


def test_what_changes_no_row_does_not() -> None:
    assert hashed() == hashed(threads=2) == hashed(seeds=3) == hashed(seed=9)
    assert hashed(duration=3600) == hashed(duration="1 h") == hashed()


def test_another_file_of_code_is_another_point() -> None:
    class Shelf(NoFiles):
        def __init__(self, contents: str) -> None:
            self.contents = contents

        def code(self, path: str) -> str:
            return self.contents

    one, other = (point(table(code="x.py"), {}, Shelf(text)).hash for text in ("a", "b"))
    assert one != other


def test_a_hash_that_holds_for_good() -> None:
    """Shards are named by it: a change makes every study run again."""
    assert len(hashed()) == 16
    assert hashed() == hashed()


# Sweeps.


def test_no_sweep_is_one_point() -> None:
    assert swept({}) == [{}]


def test_a_sweep_is_every_combination_in_order() -> None:
    points = swept({"sweep": {"a.b": [1, 2], "c": ["x", "y"]}})
    assert points == [
        {"a.b": 1, "c": "x"},
        {"a.b": 1, "c": "y"},
        {"a.b": 2, "c": "x"},
        {"a.b": 2, "c": "y"},
    ]


@pytest.mark.parametrize(
    ("sweep", "fault"),
    [
        (3, "sweep is 3, but must be a table"),
        ({"a": 3}, "sweep.'a' is 3, but must be a list"),
        ({"a": []}, "must be a list of values"),
        ({"a": list(range(1000)), "b": list(range(1000))}, "the sweep has 1,000,000 points"),
    ],
)
def test_an_impossible_sweep_is_refused(sweep: object, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        swept({"sweep": sweep})


def test_every_point_is_checked_before_any_runs() -> None:
    made = study(table(sweep={"network.nodes": [10, 20, 1]}))
    with pytest.raises(ConfigError, match=r"network\.nodes is 1"):
        made.points(NoFiles())


def test_points_of_a_sweep_have_their_values() -> None:
    made = study(table(network={"loss": 0.1}, sweep={"network.nodes": [10, 20]}))
    points = made.points(NoFiles())
    assert [each.scenario.network.nodes for each in points] == [10, 20]
    assert [each.scenario.network.loss for each in points] == [0.1, 0.1]
    assert [each.values for each in points] == [{"network.nodes": 10}, {"network.nodes": 20}]


# Layers.


def test_assignments_are_toml_or_words() -> None:
    assert assigned(["a.b=3", "a.c = [1, 2]", "d=log-normal", "e=true", "f=10 min"]) == {
        "a": {"b": 3, "c": [1, 2]},
        "d": "log-normal",
        "e": True,
        "f": "10 min",
    }
    assert assigned(['x={law="fixed", mean=3}']) == {"x": {"law": "fixed", "mean": 3}}
    assert literal("1_000") == 1000
    assert literal("a=b") == "a=b"


@pytest.mark.parametrize("word", ["nonsense", "=3", " =3"])
def test_what_sets_nothing_is_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="sets nothing"):
        assigned([word])


def test_later_layers_win_table_by_table() -> None:
    below = {"a": {"x": 1, "y": 2}, "b": 3}
    assert overlaid(below, {"a": {"y": 9}, "c": 4}) == {"a": {"x": 1, "y": 9}, "b": 3, "c": 4}
    assert below == {"a": {"x": 1, "y": 2}, "b": 3}


def test_another_law_keeps_the_mean_and_nothing_else() -> None:
    below = {"session": {"law": "weibull", "mean": 60, "shape": 0.5}}
    above = nested({"session.law": "exponential"})
    assert overlaid(below, above) == {"session": {"law": "exponential", "mean": 60}}
    same = nested({"session.law": "weibull"})
    assert overlaid(below, same) == below


def test_a_sweep_is_replaced_as_a_whole() -> None:
    below = {"sweep": {"a": [1, 2]}}
    assert overlaid(below, {"sweep": {"b": [3]}}) == {"sweep": {"b": [3]}}


@given(TABLES)
def test_overlaying_nothing_changes_nothing(said: dict[str, Any]) -> None:
    assert overlaid(said, {}) == said
    assert overlaid({}, said) == said
    assert overlaid(said, said) == said


def test_dots_are_tables() -> None:
    assert nested({"a.b.c": 1, "a.d": 2}) == {"a": {"b": {"c": 1}, "d": 2}}


def test_the_own_keys_are_no_part_of_a_scenario() -> None:
    assert not set(config.OWN) & set(config.Scenario.__dataclass_fields__)
