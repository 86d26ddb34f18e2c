"""Provider records through churn: k, republication and return keep them, as theory says."""

from __future__ import annotations

import numpy as np
import pytest

from simulations.errors import ConfigError
from simulations.experiments.durability import DurabilitySettings, whole
from simulations.laws import Weibull
from simulations.rows import Rows
from simulations.statistics import digest
from tests.sim_experiments import figures, found, plotted, ran, rerun

SMALL = ("network.nodes=100", "duration=21600", "settings.records=150")


def test_fewer_holders_are_lost_sooner_as_v5_says() -> None:
    few, many = found("durability", *SMALL, "rules.k=2"), found("durability", *SMALL, "rules.k=12")
    law = Weibull(4.57 * 3600, shape=0.67)
    rests = law.residual(np.random.default_rng(1), 100_000)
    gone = float((rests < 21600 - 600).mean())
    # A share of the writes of the first minutes went to who was leaving: nearly k copies.
    assert 1 - few["alive at the end"] == pytest.approx(gone**2, abs=0.15)
    assert many["alive at the end"] > 0.97 > few["alive at the end"]


def test_publishing_again_keeps_what_is_lost_without() -> None:
    never = found("durability", *SMALL, "rules.k=2")
    often = found("durability", *SMALL, "rules.k=2", "settings.republish=1800")
    assert often["never without a copy"] > never["never without a copy"] + 0.1
    assert often["copies, median"] > never["copies, median"]


def test_nodes_that_come_back_bring_their_copies() -> None:
    absence = "churn.absence={law='exponential', mean=3600}"
    stay = found("durability", *SMALL, "rules.k=8", absence)
    gone = found("durability", *SMALL, "rules.k=8")
    assert stay["copies, median"] > gone["copies, median"]
    assert stay["alive at the end"] == 1


def test_once_lost_is_lost_even_if_it_is_published_again() -> None:
    rows = Rows(
        {
            "time_s": [1.0, 1.0, 2.0, 2.0, 3.0, 3.0],
            "record": [0, 1, 0, 1, 0, 1],
            "copies": [2, 2, 0, 1, 3, 1],
        }
    )
    assert whole(rows) == 0.5
    assert np.isnan(whole(Rows({"time_s": [], "record": [], "copies": []})))
    assert figures("durability", rows)["of the time alive"] == pytest.approx(5 / 6)


def test_one_seed_is_one_digest() -> None:
    sets = (*SMALL, "rules.k=2")
    assert digest(ran("durability", *sets)) == digest(rerun("durability", *sets))


def test_its_plot_has_k_on_one_side_and_time_on_the_other() -> None:
    parts = [ran("durability", *SMALL, f"rules.k={k}").having(**{"rules.k": k}) for k in (2, 12)]
    left, right = plotted("durability", Rows.joined(parts))
    assert left.get_xlabel() == "holders, k"
    few, many = left.lines[0].get_ydata()
    assert few < many
    assert (right.get_xlabel(), right.get_ylabel()) == (
        "time (h)",
        "live copies at k = 12, quartiles",
    )
    assert len(right.lines) == 1


@pytest.mark.parametrize("wrong", [{"records": 0}, {"republish": -1.0}, {"every": 0.0}])
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        DurabilitySettings(**wrong)  # type: ignore[arg-type]
