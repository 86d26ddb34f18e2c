"""Tables into dataclasses: types, tags, units, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping  # noqa: TC003 - read at run time
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.decoding import decode, encoded, seconds
from simulations.errors import ConfigError
from simulations.latency import Constant, Latency, Matrix, Plane
from simulations.laws import Exponential, Law, Weibull
from simulations.scenario import Choice, Churn, Scenario, Trace
from tests.sim_studies import NoFiles

SESSIONS = Trace(np.zeros(1, np.uint32), np.zeros(1), np.ones(1), "t.csv")
DELAYS = Matrix.of(np.ones((2, 2), np.float32))


class Shelf(NoFiles):
    """Has one trace and one matrix."""

    def trace(self, path: str) -> Trace:
        assert path == "t.csv"
        return SESSIONS

    def matrix(self, path: str) -> Matrix:
        assert path == "m.csv"
        return DELAYS


@dataclass(frozen=True)
class Inner:
    deep: int = 0


@dataclass(frozen=True)
class Thing:
    must: int
    share: float = 0.5
    flag: bool = False
    word: str = ""
    one: Literal["red", "green"] = "red"
    maybe: int | None = None
    several: tuple[float, ...] = ()
    inner: Inner = field(default_factory=Inner)
    law: Law | None = None
    delay: Latency = field(default_factory=Constant)
    rule: Choice = field(default_factory=lambda: Choice(name="shipped"))
    trace: Trace | None = None
    any: Mapping[str, Any] = field(default_factory=dict)
    maybe_flag: bool | None = None
    hidden: int = field(default=0, metadata={"said": False})
    derived: int = field(default=0, init=False)


def thing(**table: Any) -> Thing:
    return decode(Thing, {"must": 1, **table}, "a", Shelf())


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({}, {}),
        ({"must": 7.0}, {"must": 7}),
        ({"share": 1}, {"share": 1.0}),
        ({"share": "90 min"}, {"share": 5400.0}),
        ({"flag": True}, {"flag": True}),
        ({"word": "x"}, {"word": "x"}),
        ({"one": "green"}, {"one": "green"}),
        ({"maybe": 3}, {"maybe": 3}),
        ({"maybe": False}, {"maybe": None}),
        ({"maybe_flag": False}, {"maybe_flag": False}),
        ({"several": [1, "2 s", 0.5]}, {"several": (1.0, 2.0, 0.5)}),
        ({"inner": {"deep": 4}}, {"inner": Inner(4)}),
        ({"law": {"law": "exponential", "mean": "1 h"}}, {"law": Exponential(3600.0)}),
        ({"law": {"law": "weibull", "mean": 5, "shape": 0.5}}, {"law": Weibull(5.0, 0.5)}),
        ({"law": False}, {"law": None}),
        ({"delay": {"model": "plane", "base": 0.02}}, {"delay": Plane(base=0.02)}),
        ({"delay": {"model": "matrix", "path": "m.csv"}}, {"delay": DELAYS}),
        ({"rule": "greedy"}, {"rule": Choice(name="greedy")}),
        (
            {"rule": {"name": "greedy", "width": 3}},
            {"rule": Choice(name="greedy", options={"width": 3})},
        ),
        ({"trace": "t.csv"}, {"trace": SESSIONS}),
        ({"any": {"x": [1, 2]}}, {"any": {"x": [1, 2]}}),
    ],
)
def test_what_can_be_said(table: dict[str, Any], expected: dict[str, Any]) -> None:
    assert thing(**table) == Thing(**{"must": 1, **expected})


@pytest.mark.parametrize(
    ("table", "fault", "hint"),
    [
        ({"shar": 1}, "unknown key 'a.shar'", "did you mean 'share'?"),
        ({"hidden": 1}, "unknown key 'a.hidden'", ""),
        ({"derived": 1}, "unknown key 'a.derived'", ""),
        ({"inner": {"depp": 4}}, r"unknown key 'a\.inner\.depp'", "did you mean 'deep'?"),
        ({"inner": 4}, r"a\.inner is 4, but must be a table", ""),
        ({"must": 1.5}, r"a\.must is 1\.5, but must be a whole number", ""),
        ({"must": True}, r"a\.must is True, but must be a whole number", ""),
        ({"must": "many"}, r"a\.must is 'many', but must be a whole number", ""),
        ({"share": "much"}, r"a\.share is 'much', but must be a number", "times may carry a unit"),
        ({"share": "1e5 parsec"}, r"a\.share is '1e5 parsec'", "ms, s, min, h, d"),
        ({"share": "1.2.3 s"}, r"a\.share is '1\.2\.3 s'", ""),
        ({"share": math.nan}, r"a\.share is nan, but must be a number", ""),
        ({"share": True}, r"a\.share is True", ""),
        ({"flag": 1}, r"a\.flag is 1, but must be true or false", ""),
        ({"word": 1}, r"a\.word is 1, but must be a text", ""),
        ({"one": "gren"}, r"a\.one is 'gren', which there is not", "did you mean 'green'?"),
        ({"several": 3}, r"a\.several is 3, but must be a list", ""),
        ({"several": ["x"]}, r"a\.several\[0\] is 'x'", ""),
        ({"law": {"mean": 3}}, r"a\.law\.law is missing", 'say law = "..."'),
        ({"law": {"law": "weibul"}}, r"a\.law\.law: there is no law", "did you mean 'weibull'?"),
        ({"law": {"law": "weibull", "mean": 1}}, r"a\.law\.shape is missing", ""),
        ({"law": {"law": "fixed", "mean": 1, "shape": 2}}, r"'a\.law\.shape'", "known: mean"),
        ({"law": {"law": "fixed", "mean": -1}}, "mean of the fixed law is -1.0", ""),
        ({"delay": {"model": "plane", "places": []}}, r"'a\.delay\.places'", ""),
        ({"rule": {"width": 3}}, r"a\.rule\.name is missing", ""),
        ({"rule": 3}, r"a\.rule is 3", ""),
        ({"any": 3}, r"a\.any is 3, but must be a table", ""),
        ({"trace": 3}, r"a\.trace is 3, but must be a text", ""),
    ],
)
def test_what_cannot_be_said_is_refused_by_its_name(
    table: dict[str, Any], fault: str, hint: str
) -> None:
    with pytest.raises(ConfigError, match=fault) as caught:
        thing(**table)
    assert hint in caught.value.hint


def test_what_must_be_said_is_missed() -> None:
    with pytest.raises(ConfigError, match=r"a\.must is missing"):
        decode(Thing, {}, "a", Shelf())
    with pytest.raises(ConfigError, match=r"^must is missing"):
        decode(Thing, {}, "", Shelf())


def test_a_whole_scenario_can_be_said() -> None:
    table = {
        "duration": "1 d",
        "network": {"nodes": 1e6, "latency": {"model": "constant", "seconds": "80 ms"}},
        "rules": {"policy": "amino", "k": 20},
        "churn": {"session": {"law": "pareto", "mean": "2 h", "shape": 2.0}, "trace": "t.csv"},
        "adversary": {"behaviour": "silent", "share": 0.1},
    }
    scenario = decode(Scenario, table, "", Shelf())
    assert scenario.duration == 86_400
    assert scenario.network.nodes == 1_000_000
    assert scenario.network.latency == Constant(0.08)
    assert scenario.churn is not None
    assert scenario.churn.trace is SESSIONS


@given(st.floats(min_value=0, max_value=1e6), st.sampled_from(["ms", "s", "min", "h", "d"]))
def test_times_carry_units(amount: float, unit: str) -> None:
    size = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400}[unit]
    assert seconds(f"{amount!r} {unit}", "x") == pytest.approx(amount * size)
    assert seconds(f" {amount!r}{unit} ", "x") == pytest.approx(amount * size)


def test_a_number_in_quotes_is_a_number() -> None:
    assert seconds("12.5", "x") == 12.5


def test_what_is_encoded_is_json_and_tells_everything_apart() -> None:
    scenarios = [
        Scenario(),
        Scenario(duration=60.0),
        Scenario(churn=Churn()),
        Scenario(churn=Churn(session=Weibull(3600.0, 1.0))),
        Scenario(churn=Churn(trace=SESSIONS)),
        Scenario(churn=Churn(trace=Trace(SESSIONS.node, SESSIONS.start, SESSIONS.end * 2))),
    ]
    texts = {json.dumps(encoded(each), sort_keys=True) for each in scenarios}
    assert len(texts) == len(scenarios)


def test_maps_and_lists_are_encoded_in_one_order() -> None:
    assert encoded({"b": (1, 2), "a": [3]}) == {"a": [3], "b": [1, 2]}
    assert list(encoded({"b": 1, "a": 1})) == ["a", "b"]
