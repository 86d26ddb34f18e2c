"""A key surrounded: who is denied what, with the defence and without."""

from __future__ import annotations

import numpy as np
import pytest

from simulations.errors import ConfigError
from simulations.rows import Rows
from simulations.statistics import digest
from tests.sim_experiments import found, plotted, ran

NAME = "eclipse-key"
SMALL = ("network.nodes=160", "traffic.lookups=40")
REGION = "traffic.region=2"  # of 160 nodes 40, as 8 bits hold of 10,000


def attack(kind: str, count: int, *more: str) -> dict[str, float]:
    return found(NAME, *SMALL, f"adversary.behaviour={kind}", f"adversary.count={count}", *more)


@pytest.mark.parametrize("kind", ["sybil", "eclipse"])
def test_as_many_sybils_as_holders_deny_all_reads_unless_the_region_holds_it(kind: str) -> None:
    near, wide = attack(kind, 20), attack(kind, 20, REGION)
    assert near["denied"] == 1
    assert near["honest copies"] == 0
    assert wide["honest copies"] >= 0.95 * wide["honest nodes in the region"] > 25
    assert wide["denied"] < 0.25
    assert wide["requests of a put"] > 3 * near["requests of a put"]


def test_the_region_is_reached_however_many_sybils_there_are() -> None:
    reached = [attack("sybil", count, REGION) for count in (0, 10, 45)]
    shares = [each["honest copies"] / each["honest nodes in the region"] for each in reached]
    assert shares == [1, 1, 1]
    costs = [each["requests of a put"] for each in reached]
    assert costs[0] < costs[2], "each Sybil is asked, and takes its copy"


def test_few_active_ones_win_only_where_lookups_stop_early() -> None:
    early = attack("eclipse", 5, "rules.beta=3")
    patient = attack("eclipse", 5, "rules.beta=8")
    assert patient["denied"] < early["denied"]
    assert patient["honest copies"] > 0


def test_without_sybils_nothing_is_denied() -> None:
    nobody = attack("sybil", 0)
    assert nobody["denied"] == nobody["Sybils among the closest"] == 0
    assert nobody["honest copies"] == 8
    assert nobody["keys to make (V9)"] == 0


def test_keys_that_follow_from_addresses_cannot_surround_it() -> None:
    free = attack("sybil", 20)
    bound = attack("sybil", 20, "network.ids=bep42")
    assert bound["denied"] < free["denied"] == 1
    assert bound["honest copies"] > 0


DETECT = (REGION, "settings.detect=true")


def test_a_publisher_who_looks_first_pays_for_the_region_only_where_sybils_are() -> None:
    quiet, hunted = attack("sybil", 0, *DETECT), attack("sybil", 20, *DETECT)
    careless = attack("sybil", 20)
    assert (quiet["detected"], hunted["detected"]) == (0, 1)
    assert quiet["honest copies"] == 8
    assert quiet["requests of a put"] < 30 < hunted["requests of a put"]
    assert hunted["honest copies"] >= 0.95 * hunted["honest nodes in the region"]
    assert hunted["denied"] < 0.25 < careless["denied"] == 1
    assert max(quiet["false alarms"], hunted["false alarms"]) < 0.1


def test_who_raises_the_alarm_at_nothing_raises_it_always_and_who_never_does_misses_all() -> None:
    nervous = attack("sybil", 0, *DETECT, "settings.threshold=0")
    deaf = attack("sybil", 20, *DETECT, "settings.threshold=99")
    assert nervous["detected"] == nervous["false alarms"] == 1
    assert deaf["detected"] == deaf["honest copies"] == 0
    assert deaf["denied"] == 1


def test_an_attacker_who_is_hardly_nearer_than_the_honest_is_not_seen_and_denies_little() -> None:
    shy = attack("sybil", 6, *DETECT, "settings.bits=5")
    assert shy["detected"] == 0
    assert shy["denied"] < 0.3


def test_readers_on_several_paths_meet_the_honest_of_the_region() -> None:
    one, four = (
        attack("eclipse", 20, REGION, "rules.beta=3", f"rules.paths={paths}") for paths in (1, 4)
    )
    assert four["denied"] < 0.1
    assert four["denied"] <= one["denied"]


def test_who_does_not_look_raises_no_alarm() -> None:
    assert np.isnan(attack("sybil", 20)["detected"])


@pytest.mark.parametrize("said", ["settings.probes=7", "settings.bits=0", "settings.bits=65"])
def test_settings_that_make_no_sense_are_refused(said: str) -> None:
    with pytest.raises(ConfigError, match="settings: probes"):
        attack("sybil", 1, said)


def test_one_seed_is_one_digest() -> None:
    one, again = (digest(ran(NAME, *SMALL)) for _ in range(2))
    assert one == again != digest(ran(NAME, *SMALL, seed=2))


def test_nobody_attacks_nothing() -> None:
    with pytest.raises(ConfigError, match="somebody must be after the key"):
        attack("none", 0)


def test_the_plot_is_against_the_number_of_sybils() -> None:
    few = [
        ran(NAME, *SMALL, f"adversary.count={count}").having(**{"adversary.count": count})
        for count in (0, 20)
    ]
    left, right = plotted(NAME, Rows.joined(few))
    assert left.get_xlabel() == right.get_xlabel() == "Sybils around the key"
    assert left.get_ylabel() == "share of reads denied"
    assert list(left.lines[0].get_ydata()) == [0, 1]  # type: ignore[arg-type]
    assert right.get_ylabel() == "requests of the put"
