"""Region failure: time is lost, not success, and upkeep brings the time back."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulations.errors import ConfigError
from simulations.experiments.region_failure import recovery
from simulations.rows import Rows
from simulations.statistics import digest
from tests.sim_experiments import figures, found, plotted, ran, rerun

SMALL = ("network.nodes=100", "duration=1500")
SHORT = ("network.nodes=60", "duration=400")
STALE = "dead contacts in tables"


def test_a_region_lost_costs_time_until_tables_are_swept() -> None:
    told = found("region-failure", *SMALL)
    assert told["before: timeouts"] < 0.2
    assert told["first minute: timeouts"] > 1
    assert told["first minute: latency, median"] > 1.2 * told["before: latency, median"]
    assert told["first minute: success"] > 0.9
    assert told["reads that succeed after it"] > 0.95, "k holders do not die together"
    assert told[f"first minute: {STALE}"] == pytest.approx(0.25, abs=0.12)
    assert told[f"end: {STALE}"] < told[f"first minute: {STALE}"] / 2
    assert told["end: timeouts"] < told["first minute: timeouts"] / 4
    assert 0 < told["recovery of timeouts"] < 1200


def test_a_region_of_nobody_leaves_no_trace() -> None:
    nobody = 'events=[{ name = "failure", at = 300, region = 9 }]'
    told = found("region-failure", *SMALL, nobody)
    assert told[f"first minute: {STALE}"] == told[f"end: {STALE}"] == 0
    assert told["first minute: timeouts"] < 0.2


def test_a_failure_must_be_planned() -> None:
    with pytest.raises(ConfigError, match="there is no failure"):
        ran("region-failure", *SHORT, "events=[]")


def test_one_seed_is_one_digest() -> None:
    one, again = digest(ran("region-failure", *SHORT)), digest(rerun("region-failure", *SHORT))
    assert one == again


def test_the_plot_marks_the_moment() -> None:
    rows = ran("region-failure", *SHORT)
    left, right = plotted("region-failure", rows)
    assert right.get_ylabel() == "timeouts of a lookup"
    for each in (left, right):
        assert np.asarray(each.lines[-1].get_xdata())[0] == pytest.approx(5)
    empty = plotted("region-failure", rows.where(np.zeros(rows.count, bool)))
    assert empty[0].get_xlabel()
    assert math.isnan(
        figures("region-failure", rows.where(np.zeros(rows.count, bool)))["recovery of timeouts"]
    )


def course(*after: float) -> Rows:
    """One lookup a minute: two before, and these after."""
    values = [0.0, 0.0, *after]
    return Rows({"since_s": np.arange(-2.0, len(after)) * 60 + 1, "x": values})


@pytest.mark.parametrize(
    ("after", "spans"),
    [((4, 3, 2, 0, 0, 0), 3), ((4, 0, 0, 2, 0, 0), 4), ((0, 0, 0, 0), 0), ((4, 4, 4, 4), math.nan)],
)
def test_recovered_is_what_stays_so(after: tuple[float, ...], spans: float) -> None:
    rows = course(*after)
    length = rows["since_s"].max() / len(after)
    assert recovery(rows, "x", len(after)) == pytest.approx(spans * length, nan_ok=True)


def test_with_nothing_before_or_after_there_is_no_recovery() -> None:
    rows = course(1, 2)
    assert math.isnan(recovery(rows.where(rows["since_s"] < 0), "x", 2))
    assert math.isnan(recovery(rows.where(rows["since_s"] > 0), "x", 2))
