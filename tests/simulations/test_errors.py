"""Errors of the simulator: one line, and what to do."""

from __future__ import annotations

import pytest

import simulations
from simulations.errors import INSTALL, MissingExtra, SimulationError, TraceError


@pytest.mark.parametrize("name", simulations.__all__)
def test_every_name_of_the_package_can_be_had(name: str) -> None:
    assert getattr(simulations, name) is not None
    assert name in dir(simulations)


def test_other_names_are_no_part_of_it() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = simulations.nonsense


@pytest.mark.parametrize("name", ["ConfigError", "MissingExtra", "ResultError", "TooBig"])
def test_all_stand_under_one_base(name: str) -> None:
    assert issubclass(getattr(simulations, name), SimulationError)


def test_a_trace_error_names_file_and_line() -> None:
    error = TraceError("a.csv", 7, "end is not a number: 'x'")
    assert str(error) == "a.csv, line 7: end is not a number: 'x'"
    assert (error.path, error.line) == ("a.csv", 7)
    assert str(TraceError("a.csv", 0, "holds no sessions")) == "a.csv: holds no sessions"


def test_a_missing_extra_says_how_to_get_it() -> None:
    error = MissingExtra("numba")
    assert str(error) == "this needs numba, which is not installed"
    assert error.hint == INSTALL == "pip install 'dhtctl[sim]'"
    assert MissingExtra("distributed", install="x").hint == "x"
