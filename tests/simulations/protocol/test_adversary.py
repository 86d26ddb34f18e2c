from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dht.core.messages import Answer, FindNode, Get, Origin, Ping, Put
from dht.mainline.nodeid import is_secure
from simulations.protocol.adversary import Adversary as Mind
from simulations.registry import register
from simulations.rows import Kind, Rows
from simulations.scenario import Adversary, Network, Rules, Traffic
from tests.sim_worlds import choice, made, ran

if TYPE_CHECKING:
    from dht.core.effects import Evidence
    from dht.core.messages import Request, Response
    from simulations import protocol
    from simulations.protocol.world import World

MIXED = Traffic(lookups=80, puts=0.3, gets=0.7)


def attack(name: str, count: int = 0, share: float = 0.0, **options: object) -> Adversary:
    return Adversary(behaviour=choice(name, **options), count=count, share=share)


def mean(rows: Rows, kind: Kind, column: str) -> float:
    return float(rows.where(rows["kind"] == kind)[column].mean())


def asked(run: protocol.Run, request: Request, member: int = 0) -> Response | None:
    """What one of the band says to an honest node."""
    node = run.band[member]
    asker = run.world.nodes[0]
    assert node.adversary is not None
    origin = Origin(asker.key, asker.endpoint, (asker, 1))
    return node.adversary.answer(request, origin, run.world)


def test_without_an_adversary_everybody_is_honest() -> None:
    run = made()
    assert run.band == []
    assert all(node.adversary is None for node in run.world.nodes)


def test_a_share_of_the_nodes_is_the_attackers_and_makes_no_requests_of_users() -> None:
    run = made(adversary=attack("drop", share=0.2), traffic=Traffic(lookups=60))
    assert len(run.band) == 20
    assert len(run.truth) == 80
    band = {node.index for node in run.band}
    assert band.isdisjoint(run.finish()["source"].tolist())


def test_droppers_stay_in_tables_and_answer_nothing() -> None:
    run = made(adversary=attack("drop", share=0.2))
    key = run.target
    assert asked(run, Ping()) == Answer()
    assert asked(run, FindNode(key)) is asked(run, Get(key)) is None
    assert asked(run, Put(run.network.record(b"x"))) is None
    rows = ran(adversary=attack("drop", share=0.2), traffic=Traffic(lookups=60))
    assert rows["timeouts"].mean() > 1


def test_misleaders_name_their_own_and_disjoint_paths_help() -> None:
    run = made(adversary=attack("mislead", share=0.3))
    said = asked(run, FindNode(run.target))
    band = {node.contact for node in run.band}
    assert isinstance(said, Answer)
    assert said.closer
    assert set(said.closer) <= band
    wide = Network(nodes=400)
    share = attack("mislead", share=0.4)
    lookups = Traffic(lookups=100)
    one = ran(network=wide, adversary=share, traffic=lookups, rules=Rules(k=4, alpha=2))
    four = ran(network=wide, adversary=share, traffic=lookups, rules=Rules(k=4, alpha=2, paths=4))
    assert mean(four, Kind.LOOKUP, "success") > mean(one, Kind.LOOKUP, "success")


@pytest.mark.parametrize("name", ["sybil", "eclipse", "flood"])
def test_sybils_stand_nearer_to_the_key_than_all_honest_nodes(name: str) -> None:
    run = made(adversary=attack(name, count=20))
    nearest = min(node.key ^ run.target for node in run.world.nodes[:100])
    assert len(run.world.nodes) == 120
    assert all(node.key ^ run.target < nearest for node in run.band)


def test_with_keys_from_addresses_they_stand_where_these_allow() -> None:
    run = made(adversary=attack("sybil", count=20), network=Network(nodes=100, ids="bep42"))
    assert all(is_secure(node.key, node.endpoint[0]) for node in run.band)  # type: ignore[index]
    honest = run.truth.closest(run.target, 8)
    assert max(node.key ^ run.target for node in run.band) > (honest[-1] ^ run.target)


def test_sybils_take_and_deny() -> None:
    run = made(adversary=attack("sybil", count=20, hunt=True))
    record = run.network.record(b"censored")
    (member, *_) = run.band
    assert member.engine is not None
    member.engine.records.put(record, 0.0)
    said = asked(run, Get(record.key))
    assert isinstance(said, Answer)
    assert said.record is None
    assert said.closer


def test_the_hunted_key_is_eclipsed_and_others_are_not() -> None:
    lookups = Traffic(lookups=40)
    hunted = ran(adversary=attack("eclipse", count=20, hunt=True), traffic=lookups)
    others = ran(adversary=attack("eclipse", count=20), traffic=lookups)
    assert mean(hunted, Kind.LOOKUP, "found_closest") == 0
    assert mean(others, Kind.LOOKUP, "found_closest") > 0.85


def test_a_region_reaches_behind_passive_sybils() -> None:
    run = made(adversary=attack("sybil", count=20), traffic=Traffic(rate=0.0, region=3))
    honest, seen = run.world.nodes[0], []
    record = run.network.record(b"wanted")
    near = type(record)(run.target, record.value)
    found = run.world.on_finished

    def finished(node: object, number: int, evidence: Evidence) -> None:
        seen.append(evidence)
        assert found is not None

    run.world.on_finished = finished
    run.users.seek(honest, near.key)
    run.world.run(20.0)
    (evidence,) = seen
    band = {node.contact for node in run.band}
    assert set(evidence.closest) <= band, "the k closest are all Sybils"


def test_liars_are_seen_through_where_values_are_checked_and_only_there() -> None:
    share = attack("liar", share=0.08)
    checked = ran(adversary=share, traffic=MIXED)
    opened = ran(adversary=share, traffic=MIXED, rules=Rules(switches={"records": "open"}))
    assert mean(checked, Kind.GET, "success") == 1
    assert mean(opened, Kind.GET, "success") < 0.95


def test_limits_per_subnet_keep_a_flood_out_of_the_table() -> None:
    """Twenty nodes from five subnets: the limits let in one of each, and more without."""

    def captured(**switches: int) -> int:
        run = made(
            duration=900.0,
            network=Network(nodes=100, crowd=4),
            rules=Rules(switches=switches),
            adversary=attack("flood", count=20),
            traffic=Traffic(rate=0.0),
        )
        run.finish()
        band = {node.key for node in run.band}
        engines = [node.engine for node in run.world.nodes if node.adversary is None]
        return max(sum(key in engine.table for key in band) for engine in engines if engine)

    open_house = {"per_subnet_bucket": 100, "per_subnet_table": 100, "per_subnet_lookup": 100}
    assert captured(per_subnet_table=1) <= 5 < captured(**open_house)


def test_an_idea_of_ones_own_is_a_small_class() -> None:
    @register("adversary", "test-mute")
    class Mute(Mind):
        def answer(self, request: Request, origin: Origin, world: World) -> Response | None:
            return None

    @register("adversary", "test-honest")
    class Honest(Mind):
        pass

    lookups = Traffic(lookups=40)
    mute = ran(adversary=attack("test-mute", share=0.3), traffic=lookups)
    honest = ran(adversary=attack("test-honest", share=0.3), traffic=lookups)
    assert mute["timeouts"].mean() > 1
    assert honest["timeouts"].mean() == 0


def test_adversaries_speak_the_codec_and_join_like_others() -> None:
    joined = Network(nodes=60, start="joined")
    rows = ran(
        network=joined, adversary=attack("sybil", count=6), traffic=Traffic(lookups=40), codec=True
    )
    assert rows["success"].mean() > 0.9


def test_the_dead_say_nothing() -> None:
    run = made(adversary=attack("mislead", share=0.1))
    run.population.leave(run.band[0])
    assert asked(run, Ping()) is None
