"""Names: ours, yours, and nearly right ones."""

from __future__ import annotations

import pytest

from simulations import laws
from simulations.errors import ConfigError
from simulations.registry import find, names, nearest, register


def test_ours_are_known_by_their_names() -> None:
    assert find("law", "weibull") is laws.Weibull
    assert names("latency") == ["constant", "log-normal", "matrix", "plane"]
    assert names("law") == ["exponential", "fixed", "log-normal", "pareto", "weibull"]


def test_experiments_are_found_by_their_files_and_imported_when_wanted() -> None:
    assert "churn" in names("experiment")
    assert find("experiment", "churn").__name__ == "Churn"


def test_what_is_registered_is_found_and_later_ones_win() -> None:
    @register("lookup", "test-greedy")
    class First:
        pass

    assert find("lookup", "test-greedy") is First

    @register("lookup", "test-greedy")
    class Second:
        pass

    assert find("lookup", "test-greedy") is Second
    assert "test-greedy" in names("lookup")


def test_kinds_do_not_mix() -> None:
    with pytest.raises(ConfigError, match="there is no adversary called 'weibull'"):
        find("adversary", "weibull")


def test_a_thing_may_be_named_by_where_it_stands() -> None:
    assert find("law", "simulations.laws:Pareto") is laws.Pareto


@pytest.mark.parametrize(
    "name", ["simulations.laws:Nothing", "simulations.nowhere:X", ":X", "simulations.laws:"]
)
def test_what_does_not_stand_there_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"rules\.lookup: .* cannot be had"):
        find("lookup", name, "rules.lookup")


@pytest.mark.parametrize(
    ("kind", "name", "hint"),
    [
        ("law", "weibul", "did you mean 'weibull'?"),
        ("experiment", "chrun", "did you mean 'churn'?"),
        ("latency", "qqq", "known: constant, log-normal, matrix, plane"),
    ],
)
def test_what_is_unknown_names_what_was_meant(kind: str, name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=f"here: there is no {kind} called {name!r}") as caught:
        find(kind, name, "here")  # type: ignore[arg-type]
    assert caught.value.hint == hint


def test_where_nothing_is_known_there_is_no_hint() -> None:
    assert nearest("x", []) == ""
