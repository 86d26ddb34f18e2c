"""Two versions side by side: width helps at once, k needs the others."""

from __future__ import annotations

import numpy as np
import pytest

from simulations.statistics import digest
from tests.sim_experiments import found, plotted, ran, rerun

SMALL = ("network.nodes=150", "duration=120", "traffic.lookups=200")


def test_who_stops_early_is_sooner_done_than_who_asks_all() -> None:
    told = found("mixed-versions", *SMALL)
    assert told["new: latency, median"] < 0.8 * told["old: latency, median"]
    assert told["new: requests"] < told["old: requests"]
    assert told["old: success"] > 0.98
    assert told["new: success"] > 0.98
    assert told["new: lookups"] == pytest.approx(told["old: lookups"], rel=0.4)


def test_equal_versions_do_equally_well() -> None:
    same = ("rules.others.k=8", "rules.others.alpha=4", "rules.others.beta=8")
    told = found("mixed-versions", *SMALL, *same)
    assert told["new: latency, median"] == pytest.approx(told["old: latency, median"], rel=0.15)
    assert told["new: requests"] == pytest.approx(told["old: requests"], rel=0.1)


def test_a_larger_k_is_worth_more_the_more_have_it() -> None:
    few, most = (
        found("mixed-versions", *SMALL, f"rules.others.share={share}") for share in (0.15, 0.9)
    )
    name = "new: found of its k closest"
    assert few[name] < most[name] - 0.02


def test_one_seed_is_one_digest() -> None:
    one, again = digest(ran("mixed-versions", *SMALL)), digest(rerun("mixed-versions", *SMALL))
    assert one == again


def test_old_and_new_are_drawn_on_one_scale() -> None:
    rows = ran("mixed-versions", *SMALL)
    left, right = plotted("mixed-versions", rows)
    assert (left.get_title(), right.get_title()) == ("old", "new")
    assert left.get_xlim() == right.get_xlim()
    assert set(np.unique(rows["new"])) == {0, 1}
