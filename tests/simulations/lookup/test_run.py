from __future__ import annotations

import hashlib
from typing import Any

import pytest

from simulations.chance import Chance
from simulations.errors import ConfigError
from simulations.latency import Constant, Plane
from simulations.laws import Exponential
from simulations.lookup import memory, run
from simulations.lookup.run import population, rule_of
from simulations.rows import LOOKUPS
from simulations.scenario import (
    Adversary,
    Choice,
    Churn,
    NatShares,
    Network,
    Rules,
    Scenario,
    Traffic,
)

SMALL = Network(nodes=1000)


def digest(rows: Any) -> str:
    whole = hashlib.sha256()
    for name, column in rows.items():
        whole.update(name.encode() + column.tobytes())
    return whole.hexdigest()


def scenario(**changes: Any) -> Scenario:
    told = {"network": SMALL, "traffic": Traffic(lookups=500), "duration": 600.0}
    return Scenario(**told | changes)


def test_a_healthy_network_finds_everybody() -> None:
    rows = run(scenario(network=Network(nodes=1000, latency=Constant(0.05))), Chance(1))
    assert list(rows) == list(LOOKUPS)
    assert rows.count == 500
    assert rows["success"].all()
    assert (rows["found_closest"] == 1).all()
    assert (rows["timeouts"] == 0).all()
    assert (rows["time_s"][1:] >= rows["time_s"][:-1]).all()
    trips = rows["latency_s"] / 0.1
    assert abs(trips - trips.round()).max() < 1e-9
    assert rows["hops"].min() >= 1


def test_the_dead_cost_timeouts_and_are_got_round() -> None:
    rows = run(scenario(network=Network(nodes=1000, dead=0.3)), Chance(1))
    assert rows["timeouts"].mean() > 1
    assert rows["found_closest"].mean() > 0.98
    assert rows["success"].mean() > 0.99


def test_churn_goes_on_while_lookups_are_made() -> None:
    told = scenario(churn=Churn(session=Exponential(1800.0)), traffic=Traffic(rate=20.0))
    seconds: list[float] = []
    rows = run(told, Chance(1), seconds.append)
    assert rows.count == pytest.approx(20 / 3600 * 1000 * 600, rel=0.1)
    assert rows["timeouts"].mean() > 0.5
    assert rows["time_s"].max() < 600
    assert seconds == sorted(seconds)
    assert seconds[-1] == 600.0


def test_nothing_is_recorded_before_the_warmup() -> None:
    traffic = Traffic(lookups=100, warmup=330.0)
    told = scenario(churn=Churn(session=Exponential(1800.0)), traffic=traffic)
    rows = run(told, Chance(1))
    assert rows.count == 100
    assert rows["time_s"].min() >= 330


def test_no_traffic_gives_no_rows() -> None:
    assert run(scenario(traffic=Traffic(rate=0.0)), Chance(1)).count == 0


@pytest.mark.parametrize("churn", [None, Churn(session=Exponential(1800.0))])
def test_one_root_one_digest_whatever_the_threads(churn: Churn | None) -> None:
    digests = [
        digest(run(scenario(churn=churn, threads=threads), Chance(root)))
        for threads, root in ((1, 5), (2, 5), (2, 6))
    ]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"network": Network(latency=Plane())}, "latency"),
        ({"network": Network(loss=0.1)}, "loss"),
        ({"network": Network(nat=NatShares(restricted=0.5))}, "nat"),
        ({"network": Network(start="joined")}, "joined"),
        ({"network": Network(dead=0.1), "churn": Churn()}, "dead"),
        ({"rules": Rules(lookup=Choice(name="mine"))}, "rules.lookup"),
        ({"rules": Rules(switches={"max_failures": 3})}, "max_failures"),
        ({"adversary": Adversary(behaviour=Choice(name="sybil"), share=0.1)}, "adversary"),
        ({"codec": True}, "codec"),
        ({"traffic": Traffic(puts=0.5)}, "puts"),
    ],
)
def test_what_it_does_not_know_it_refuses_by_name(change: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word) as caught:
        run(scenario(**change), Chance(1))
    assert "protocol" in caught.value.hint


def test_it_says_all_that_it_does_not_know_and_how_to_do_without() -> None:
    wide = Network(nodes=1000, latency=Plane(), loss=0.01)
    with pytest.raises(ConfigError, match=r"latency .* constant, network\.loss are") as caught:
        run(scenario(network=wide), Chance(1))
    assert "model = 'constant', seconds = 0.05" in caught.value.hint
    assert "--set network.loss=0, or take" in caught.value.hint
    with pytest.raises(ConfigError, match=r"loss, traffic\.puts") as mixed:
        run(scenario(network=Network(nodes=1000, loss=0.01), traffic=Traffic(puts=0.5)), Chance(1))
    assert mixed.value.hint.startswith("take fidelity")


@pytest.mark.parametrize(
    ("rules", "numbers"),
    [
        (Rules(), (8, 4, 8, 1, 1)),
        (Rules(k=20), (20, 4, 20, 1, 1)),
        (Rules(k=20, beta=3, alpha=7, paths=2), (20, 7, 3, 2, 1)),
        (Rules(policy="amino"), (20, 10, 3, 1, 1)),
        (Rules(policy="amino", k=8), (8, 10, 3, 1, 1)),
        (Rules(switches={"edge": False}), (8, 4, 8, 1, 0)),
    ],
)
def test_numbers_are_the_policys_unless_said(rules: Rules, numbers: tuple[int, ...]) -> None:
    assert tuple(rule_of(rules))[:5] == numbers


def test_amino_is_what_the_protocol_fidelity_takes_for_it() -> None:
    from simulations.protocol.amino import amino_policy

    policy = amino_policy()
    assert (policy.k, policy.alpha, policy.beta) == tuple(rule_of(Rules(policy="amino")))[:3]


def test_memory_is_about_what_tables_need() -> None:
    told = scenario(network=Network(nodes=1_000_000), rules=Rules(k=20))
    assert 1.5e9 < memory(told) < 2.2e9
    away = Churn(session=Exponential(60.0), absence=Exponential(180.0))
    assert population(scenario(churn=away)) == 4000
    assert population(scenario(churn=Churn())) == 2000
