"""Publications: kubo's wait for the dead, ours do not; both put the record where it belongs."""

from __future__ import annotations

import pytest

from simulations.errors import ConfigError
from simulations.statistics import digest
from tests.sim_experiments import figures, found, plotted, ran, rerun

SMALL = ("network.nodes=400", "traffic.lookups=60", "duration=30")
KUBO, OURS = "settings.client=kubo", "settings.client=ours"


def test_kubo_waits_for_the_dead_and_ours_does_not() -> None:
    kubo, ours = found("publish", *SMALL, KUBO), found("publish", *SMALL, OURS)
    # RFM17's quartiles, from another network: 7 to 23 s.
    assert 5 < kubo["seconds, 50%"] < 20
    assert ours["seconds, 50%"] < 0.8 * kubo["seconds, 50%"]
    assert kubo["holders, 50%"] < 20 <= ours["holders, 50%"]
    assert kubo["holders, 5%"] >= 12


def test_without_the_dead_it_is_the_dials_that_take_time() -> None:
    kubo = found("publish", *SMALL, KUBO, "network.dead=0")
    assert kubo["seconds, 50%"] < found("publish", *SMALL, KUBO)["seconds, 50%"]
    assert kubo["holders, 50%"] == 20
    assert kubo["of the k closest that live, hold it"] > 0.9


def test_one_seed_is_one_digest() -> None:
    one, again, other = (
        digest(ran("publish", *SMALL, KUBO)),
        digest(rerun("publish", *SMALL, KUBO)),
        digest(ran("publish", *SMALL, KUBO, seed=2)),
    )
    assert one == again != other


def test_its_plot_has_the_measured_points() -> None:
    left, right = plotted("publish", ran("publish", *SMALL, OURS))
    assert left.get_xlabel() == "time of a publication (s)"
    assert right.get_xlabel() == "nodes that took the record"
    assert [len(line.get_xdata()) for line in left.lines][-1] == 5
    told = figures("publish", ran("publish", *SMALL, OURS))
    assert told["publications"] == 60


@pytest.mark.parametrize(
    "wrong", ["network.streams=false", "traffic.puts=0.5", "traffic.lookups=0"]
)
def test_what_cannot_be_published_is_said(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"network\.streams|traffic"):
        rerun("publish", *SMALL, wrong)
