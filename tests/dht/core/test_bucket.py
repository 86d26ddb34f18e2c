"""Rows, ledgers and buckets by themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.core.bucket import MOST_FAILURES, NOWHERE, Bucket, Ledger, Row, fingerprint, places
from tests.strategies import AMINO, MAINLINE, NETWORKS, Network

LIMIT = 2


def row(index: int, *, heard: float = 1.0, subnet: int | None = None, failures: int = 0) -> Row:
    contact = MAINLINE.spread(index, index)
    return Row(contact, 1000 + index, index + 1 if subnet is None else subnet, heard, 0.5, failures)


def test_fingerprints_tell_places_apart_and_keep_zero_for_nowhere() -> None:
    assert fingerprint(None) == NOWHERE
    assert fingerprint(0) != NOWHERE  # an int hashes to itself
    assert fingerprint("10.0.0") == fingerprint("10.0." + str(0))
    assert len({fingerprint(f"10.{i}.{j}") for i in range(50) for j in range(50)}) == 2500


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_places_follow_the_rules_of_the_network(network: Network) -> None:
    rules = network.policy.contacts
    here, neighbour = network.endpoint(80 << 24 | 1), network.endpoint(80 << 24 | 2)
    elsewhere, home = network.endpoint(81 << 24), network.endpoint(127 << 24 | 1)
    assert places(here, rules)[0] == places(network.endpoint(80 << 24 | 1, 7), rules)[0]
    assert places(here, rules)[0] != places(neighbour, rules)[0]
    assert places(here, rules)[1] == places(neighbour, rules)[1]
    assert places(here, rules)[1] != places(elsewhere, rules)[1]
    assert places(home, rules)[1] == NOWHERE


def test_networks_differ_in_how_endpoints_are_written() -> None:
    assert MAINLINE.endpoint(1, 2) == ("0.0.0.1", 2)
    assert AMINO.endpoint(1, 2) == ("/ip4/0.0.0.1/tcp/2",)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.integers(0, 3)), max_size=60))
def test_a_ledger_is_a_list_with_holes(steps: list[tuple[bool, int, int]]) -> None:
    ledger, model = Ledger(LIMIT), dict[int, Row]()
    for enter, number, failures in steps:
        if enter:
            it = row(number, heard=float(number), failures=failures)
            slot = ledger.enter(it)
            assert slot not in model
            model[slot] = it
        elif model:
            slot = sorted(model)[number % len(model)]
            ledger.release(slot)
            del model[slot]
        assert len(ledger) == len(model)
        for slot, it in model.items():
            assert ledger.row(slot) == it
            assert ledger.bad(slot) == (it.failures >= LIMIT)
        for address in range(1000, 1032):
            at = ledger.at(address)
            assert (at is not None) == any(it.address == address for it in model.values())
            assert at is None or model[at].address == address
    # Holes are used before the columns grow.
    assert len(ledger.contacts) <= len(steps)


def test_holes_are_filled_first_and_live_nowhere() -> None:
    ledger = Ledger(LIMIT)
    slots = [ledger.enter(row(index)) for index in range(4)]
    ledger.release(slots[1])
    ledger.release(slots[3])
    assert ledger.subnets.count(2) == 0
    assert ledger.at(1003) is None
    assert sorted(ledger.enter(row(index)) for index in (7, 8)) == [slots[1], slots[3]]
    assert ledger.enter(row(9)) == 4


def test_strikes_add_up_to_bad_and_an_answer_clears_them() -> None:
    ledger = Ledger(LIMIT)
    slot = ledger.enter(row(1))
    ledger.strike(slot)
    assert not ledger.bad(slot)
    ledger.strike(slot)
    assert ledger.bad(slot)
    ledger.revive(slot)
    assert not ledger.bad(slot)


def test_failures_do_not_overflow_their_byte() -> None:
    ledger = Ledger(LIMIT)
    slot = ledger.enter(row(1, failures=MOST_FAILURES - 1))
    for _ in range(3):
        ledger.strike(slot)
    assert ledger.row(slot).failures == MOST_FAILURES


def test_members_keep_their_order_and_drop_the_cached_answer() -> None:
    bucket = Bucket(5.0)
    assert (bucket.members, bucket.spares, bucket.good, bucket.touched) == ((), (), None, 5.0)
    a, b, c = (row(index).contact for index in range(3))
    for contact, slot in ((a, 7), (b, 0), (c, 4)):
        assert bucket.slot(contact.key) is None
        bucket.good = bucket.members
        bucket.add(contact, slot)
        assert bucket.good is None
        assert bucket.slot(contact.key) == slot
    bucket.good = bucket.members
    bucket.discard(0)
    assert (bucket.members, bucket.keys, bucket.slots) == ((a, c), (a.key, c.key), (7, 4))
    assert bucket.good is None


def test_a_bucket_is_filled_at_once() -> None:
    one_by_one, at_once = Bucket(0.0), Bucket(0.0)
    members = [row(index).contact for index in range(3)]
    for slot, contact in enumerate(members, 5):
        one_by_one.add(contact, slot)
    at_once.fill(members, 5)
    assert at_once.members == one_by_one.members
    assert [at_once.slot(each.key) for each in members] == [5, 6, 7]


class Cache:
    """A bucket's spares beside the stupid list they must equal."""

    def __init__(self, per_subnet: int, most: int) -> None:
        self.per_subnet, self.most = per_subnet, most
        self.bucket, self.waiting = Bucket(0.0), Ledger(LIMIT)
        self.model: list[Row] = []

    def keep(self, it: Row) -> None:
        slot = self.waiting.enter(it)
        self.bucket.keep(slot, self.waiting, per_subnet=self.per_subnet, most=self.most)
        others = [
            other
            for other in self.model
            if other.contact.key != it.contact.key and other.address != it.address
        ]
        alike = [other for other in others if it.subnet == other.subnet != NOWHERE]
        crowded_out = alike[self.per_subnet - 1 :]
        self.model = [it, *(other for other in others if other not in crowded_out)][: self.most]

    def spares(self) -> list[Row]:
        return [self.waiting.row(slot) for slot in self.bucket.spares]


spare_rows = st.builds(
    lambda key, address, subnet, heard: Row(
        MAINLINE.spread(key, address), address, subnet, heard, 0.1
    ),
    st.integers(0, 9),
    st.integers(1, 12),
    st.integers(0, 4),
    st.floats(0, 100),
)


@given(st.integers(1, 3), st.integers(1, 8), st.lists(spare_rows, max_size=40))
def test_the_cache_equals_its_model(per_subnet: int, most: int, rows: list[Row]) -> None:
    cache = Cache(per_subnet, most)
    for it in rows:
        cache.keep(it)
        assert cache.spares() == cache.model
        assert len(cache.waiting) == len(cache.bucket.spares) <= most


def test_the_last_to_answer_stands_first_and_the_oldest_goes() -> None:
    cache = Cache(per_subnet=1, most=3)
    for index in range(5):
        cache.keep(row(index))
    assert [it.contact.key for it in cache.spares()] == [4, 3, 2]


def test_one_host_cannot_wash_the_cache_out() -> None:
    cache = Cache(per_subnet=1, most=8)
    for index in range(8):
        cache.keep(row(index))
    for index in range(100, 200):
        cache.keep(row(index, subnet=77))
    assert [it.contact.key for it in cache.spares()] == [199, 7, 6, 5, 4, 3, 2, 1]


def test_a_forgotten_spare_frees_its_slot() -> None:
    cache = Cache(per_subnet=1, most=3)
    for index in range(3):
        cache.keep(row(index))
    cache.bucket.forget(cache.bucket.spares[1], cache.waiting)
    assert [it.contact.key for it in cache.spares()] == [2, 0]
    assert len(cache.waiting) == 2
