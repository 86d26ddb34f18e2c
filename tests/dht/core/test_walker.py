"""What all kinds of lookup have in common, whoever drives them."""

from __future__ import annotations

from random import Random

import pytest

from dht.core.disjoint import DisjointLookup
from dht.core.edge import EdgeLookup
from dht.core.keys import Key
from dht.core.lookup import Lookup
from dht.core.region import RegionWalk
from dht.core.walker import Walker
from tests.strategies import MAINLINE

POLICY = MAINLINE.policy
CROWD = sorted(MAINLINE.crowd(30, Random(1)), key=lambda contact: contact.key)
MEMBERS = {name for name in vars(Walker) if not name.startswith("_")}


def walkers() -> list[Walker]:
    return [
        Lookup(Key(0), POLICY, CROWD),
        EdgeLookup(Lookup(Key(0), POLICY, CROWD), POLICY.k),
        DisjointLookup(Key(0), POLICY, CROWD, 2),
        RegionWalk(Key(0), POLICY, CROWD, 3),
    ]


@pytest.fixture(params=range(4), ids=["lookup", "edge", "disjoint", "region"])
def walker(request: pytest.FixtureRequest) -> Walker:
    return walkers()[request.param]


def drive(walker: Walker) -> None:
    while not walker.finished:
        for contact in walker.next():
            walker.answered(contact.key, ())


def test_each_kind_has_every_member(walker: Walker) -> None:
    assert {"next", "answered", "slow", "failed", "dismiss", "closest", "target"} <= MEMBERS
    assert all(hasattr(walker, name) for name in MEMBERS)


def test_who_is_dismissed_after_answering_is_passed_over(walker: Walker) -> None:
    drive(walker)
    before = walker.closest(8)
    assert list(before) == CROWD[:8]
    assert walker.dismiss(CROWD[0].key)
    drive(walker)
    assert CROWD[0] not in walker.closest(8)
    assert list(walker.closest(7)) == CROWD[1:8]


def test_who_is_dismissed_before_it_was_asked_is_not_asked(walker: Walker) -> None:
    assert walker.dismiss(CROWD[0].key)
    asked = set()
    while not walker.finished:
        for contact in walker.next():
            asked.add(contact)
            walker.answered(contact.key, ())
    assert CROWD[0] not in asked
    assert set(CROWD[1:8]) <= asked


def test_a_stranger_cannot_be_dismissed(walker: Walker) -> None:
    assert not walker.dismiss(Key(12345))


def test_who_failed_is_not_dismissed_as_well(walker: Walker) -> None:
    (first, *_) = walker.next()
    assert walker.failed(first.key)
    assert not walker.dismiss(first.key)
