"""From wishes and chores to operations."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from dht.core import commands as do
from dht.core.disjoint import DisjointLookup
from dht.core.edge import EdgeLookup
from dht.core.keys import Key
from dht.core.lookup import Lookup
from dht.core.messages import FindNode, Get, Provider, Providers, Sample
from dht.core.operations import Locating, Operation, Retrieving, Surveying
from dht.core.planning import MAX_JOIN_WALKS, Planner
from dht.core.region import RegionWalk
from dht.core.table import RoutingTable
from dht.core.upkeep import Refresh, Replicate, Republish
from dht.core.writing import Publishing, Writing
from tests.strategies import AMINO, MAINLINE

POLICY = MAINLINE.policy
KEY = Key(77)
RECORD = MAINLINE.records.signed(b"v", 3, salt=b"salt")
PROVIDER = Provider(("10.0.0.1", 1))


def make() -> tuple[Planner, RoutingTable]:
    table = RoutingTable(Key(0), POLICY)
    for contact in MAINLINE.crowd(60, Random(1)):
        table.answered(contact, 0.1, 0.0)
    return Planner(table, POLICY), table


WISHES = [
    (do.Walk(1, KEY), Operation, FindNode(KEY)),
    (do.Retrieve(1, KEY, b"s", 4), Retrieving, Get(KEY, 4, b"s")),
    (do.Publish(1, RECORD, 2), Publishing, Get(RECORD.key, 3, b"salt")),
    (do.Locate(1, KEY, scrape=True), Locating, Providers(KEY, scrape=True)),
    (do.Provide(1, KEY, PROVIDER), Writing, Providers(KEY)),
    (do.Survey(1, KEY), Surveying, Sample(KEY)),
]


@pytest.mark.parametrize(("wish", "kind", "request_"), WISHES)
def test_each_wish_has_its_operation(wish: do.Walk, kind: type, request_: object) -> None:
    planner, _ = make()
    operation = planner.operation(wish, 5.0)
    assert type(operation) is kind
    assert operation.request == request_
    assert (operation.id, operation.started, operation.promise) == (1, 5.0, None)
    assert isinstance(operation.walker, EdgeLookup)
    assert operation.next()


def test_a_network_that_stops_early_takes_the_edge_on_trust() -> None:
    table = RoutingTable(Key(0), AMINO.policy)
    operation = Planner(table, AMINO.policy).operation(do.Walk(1, KEY), 0.0)
    assert isinstance(operation.walker, Lookup)


def test_a_rule_of_ones_own_makes_the_walks_of_one_path() -> None:
    class Mine(Lookup):
        pass

    for policy, kind in ((MAINLINE.policy, EdgeLookup), (AMINO.policy, Mine)):
        ruled = replace(policy, lookup=Mine)
        planner = Planner(RoutingTable(Key(0), ruled), ruled)
        assert type(planner.operation(do.Walk(1, KEY), 0.0).walker) is kind
        several = planner.operation(do.Walk(1, KEY, paths=2), 0.0)
        assert isinstance(several.walker, DisjointLookup)


def test_a_rule_that_is_no_lookup_ends_in_its_own_way() -> None:
    ruled = replace(
        POLICY, lookup=lambda target, policy, seeds, *, own: RegionWalk(target, policy, seeds, 3)
    )
    planner = Planner(RoutingTable(Key(0), ruled), ruled)
    assert type(planner.operation(do.Walk(1, KEY), 0.0).walker) is RegionWalk


def test_paths_and_regions_choose_the_walker() -> None:
    planner, _ = make()
    assert isinstance(planner.operation(do.Walk(1, KEY, paths=3), 0.0).walker, DisjointLookup)
    region = do.Publish(1, RECORD, region=4)
    assert isinstance(planner.operation(region, 0.0).walker, RegionWalk)
    assert isinstance(
        planner.operation(do.Provide(1, KEY, PROVIDER, region=4), 0.0).walker, RegionWalk
    )


def test_chores_of_upkeep() -> None:
    planner, _ = make()
    refresh = planner.chore(Refresh(KEY), -1, 0.0)
    assert (type(refresh), refresh.request) == (Operation, FindNode(KEY))
    replicate = planner.chore(Replicate(RECORD), -2, 0.0)
    assert type(replicate) is Publishing
    for what, key in ((RECORD, RECORD.key), (PROVIDER, KEY)):
        renewal = planner.chore(Republish(do.Promise(9, key, what, 0.0)), -3, 0.0)
        assert isinstance(renewal, Writing)
        assert (renewal.promise, renewal.target) == (9, key)


def test_walks_ask_for_the_families_of_all_relatives() -> None:
    planner, _ = make()
    planner.families = frozenset({"n4", "n6"})
    walk = planner.operation(do.Walk(1, KEY), 0.0)
    assert walk.request == FindNode(KEY, frozenset({"n4", "n6"}))


def test_far_buckets_are_refreshed_up_to_the_nearest_neighbour() -> None:
    planner, table = make()
    assert planner.far((), Random(1)) == []
    for depth in (0, 2, 5, 9):
        nearest = MAINLINE.contact(1 << 159 - depth, 1 << 24)
        chores = planner.far((nearest,), Random(1))
        shared = [POLICY.space.prefix_length(table.own, chore.target) for chore in chores]
        assert len(chores) == min(depth, MAX_JOIN_WALKS)
        buckets = len(table.statistics().buckets)
        assert all(prefix == i or i >= buckets - 1 for i, prefix in enumerate(shared))
