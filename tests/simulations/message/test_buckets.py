"""The compiled table against the shipped one: the same history, the same table."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

from dht.core.keys import Key
from dht.core.messages import Contact
from dht.core.table import RoutingTable
from simulations.protocol.networks import address, network
from tests import kernels

WIDTH = 160 - 64
POLICY = network("mainline").policy


def key(number: int) -> Key:
    """A 64-bit id as a key of Mainline: equal leading bits, nothing behind them."""
    return Key(int(number) << WIDTH)


class Pair:
    """One table twice: the engine's, and the kernel's."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.world = kernels.world(nodes=4096)  # for tables deep enough
        self.own = int(self.world.nodes["id"][0])
        kernels.forget_all(self.world, 0)
        self.table = RoutingTable(key(self.own), POLICY)
        self.contacts: dict[int, Contact] = {}
        self.now = 0.0

    def somebody(self) -> int:
        """An id that shares few or many bits with ours; often one met before."""
        if self.contacts and self.rng.random() < 0.7:
            return self.rng.choice(list(self.contacts))
        shared = self.rng.randrange(16)
        drawn = self.own ^ (self.rng.getrandbits(63 - shared) | 1 << (63 - shared))
        self.contacts[drawn] = Contact(key(drawn), address(len(self.contacts)))
        return drawn

    def step(self) -> None:
        """Let the same happen to both."""
        who = self.somebody()
        contact, verb = self.contacts[who], self.rng.random()
        self.now += self.rng.random() * 10.0
        if verb < 0.5:
            rtt = float(np.float32(self.rng.random()))
            kernels.answered(self.world, 0, kernels.word(who), 1, rtt, self.now)
            self.table.answered(contact, rtt, self.now)
        elif verb < 0.8:
            kernels.failed(self.world, 0, kernels.word(who), self.now)
            self.table.failed(contact.key, self.now, contact.endpoint)
        else:
            ours = kernels.heard(self.world, 0, kernels.word(who), self.now)
            assert ours == self.table.heard(contact.key, contact.endpoint, self.now)

    def check(self) -> None:
        """Both are the same."""
        for contact in self.contacts.values():
            drawn = kernels.word(contact.key >> WIDTH)
            assert kernels.room(self.world, 0, drawn) == self.table.room(contact)
        buckets = self.table._buckets
        expected = [sorted(c.key >> WIDTH for c in bucket.members) for bucket in buckets]
        assert kernels.members(self.world, 0) == expected
        waiting = self.table._waiting.contacts
        assert kernels.spares(self.world, 0) == [
            [waiting[slot].key >> WIDTH for slot in bucket.spares] for bucket in buckets
        ]
        held = zip(self.table.contacts(), self.table._slots(), strict=True)
        gone = {c.key >> WIDTH for c, slot in held if self.table._ledger.bad(slot)}
        assert kernels.bad(self.world, 0) == gone
        assert len(self.table) == self.world.nodes[0]["known"]


@pytest.mark.parametrize("seed", range(8))
def test_one_history_makes_one_table(seed: int) -> None:
    pair = Pair(seed)
    for count in range(1500):
        pair.step()
        if count % 50 == 0:
            pair.check()
    pair.check()


def good(pair: Pair) -> list[int]:
    gone = kernels.bad(pair.world, 0)
    return [
        each for bucket in kernels.members(pair.world, 0) for each in bucket if each not in gone
    ]


@pytest.mark.parametrize("seed", range(4))
def test_the_closest_are_those_of_brute_force(seed: int) -> None:
    pair = Pair(seed)
    for _ in range(800):
        pair.step()
    for most in (8, 16):
        for _ in range(100):
            target = pair.somebody()
            count = kernels.nearest_known(pair.world, 0, kernels.word(target), most)
            named = sorted(map(int, pair.world.scratch["id"][:count]))
            expected: list[Any] = sorted(good(pair), key=lambda each: each ^ target)[:most]
            assert named == sorted(expected)


def test_the_bad_are_named_only_when_there_is_nobody_else() -> None:
    pair = Pair(1)
    ids = [pair.own ^ (1 << 60 + n) for n in range(4)]
    for each in ids:
        kernels.answered(pair.world, 0, kernels.word(each), 1, 0.1, 1.0)
    for each in ids:
        for _ in range(POLICY.max_failures):
            kernels.failed(pair.world, 0, kernels.word(each), 2.0)
    count = kernels.nearest_known(pair.world, 0, kernels.word(pair.own), 3)
    assert list(map(int, pair.world.scratch["id"][:count])) == ids[:3]


def test_our_own_id_is_no_contact() -> None:
    pair = Pair(1)
    assert not kernels.room(pair.world, 0, kernels.word(pair.own))
    assert not kernels.answered(pair.world, 0, kernels.word(pair.own), 0, 0.1, 1.0)
    assert kernels.members(pair.world, 0) == [[]]
