"""The compiled walk against the shipped one: told the same, it asks the same, in the same order.

Random worlds in which a part of the contacts is dead, slow, or late; both walks are told of the
same events, and must agree after each on whom they ask next, about what, and whether they are over.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dht.core.edge import EdgeLookup
from dht.core.keys import Key
from dht.core.lookup import Lookup
from dht.core.messages import Contact
from simulations.message import state as st
from simulations.protocol.networks import address, network
from simulations.scenario import Rules
from tests import kernels

if TYPE_CHECKING:
    from dht.core.walker import Walker

WIDTH = {"mainline": 160 - 64, "amino": 256 - 64}


class Pair:
    """One walk twice, through a network that exists only as a list of ids."""

    def __init__(self, name: str, seed: int, dead: float) -> None:
        self.rng = rng = Random(seed)
        self.shift = WIDTH[name]
        self.policy = policy = network(name).policy
        self.world = kernels.world(nodes=2, rules=Rules(policy=name))  # type: ignore[arg-type]
        ids = [rng.getrandbits(64) for _ in range(400)]
        self.dead = {each for each in ids if rng.random() < dead}
        self.contacts = {each: Contact(self.key(each), address(n)) for n, each in enumerate(ids)}
        self.ids = ids
        self.target = rng.getrandbits(64)
        seeds = rng.sample(ids, 2 * policy.k)
        lookup = Lookup(self.key(self.target), policy, [self.contacts[s] for s in seeds])
        edged = policy.beta >= policy.k
        self.walk: Walker = EdgeLookup(lookup, policy.k) if edged else lookup
        kernels.set_out(self.world, 0, kernels.word(self.target), kernels.word(0))
        self.tell(seeds)
        # What is under way: who, and whether its short timeout has passed.
        self.flying: list[tuple[int, bool]] = []

    def key(self, number: int) -> Key:
        return Key(number << self.shift)

    def names(self, ids: list[int]) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        names = np.zeros(len(ids), st.NAMED)
        names["id"] = np.array(ids, np.uint64)
        return names

    def tell(self, ids: list[int]) -> None:
        kernels.learn(self.world, 0, self.names(ids), len(ids), 1)

    def ask(self) -> None:
        """Both say whom to ask, and agree."""
        theirs = [contact.key >> self.shift for contact in self.walk.next()]
        out = np.zeros(64, np.uint64)
        count = kernels.next_asked(self.world, 0, out)
        asked = count if count >= 0 else 1  # below 0: one, about the edge
        ours = [int(each) for each in out[:asked]]
        assert ours == theirs
        about = self.walk.target >> self.shift
        point = int(self.world.ops[0]["point"]) if count < 0 else self.target
        if theirs:
            assert about == point
        self.flying += [(each, False) for each in theirs]
        assert kernels.walk_over(self.world, 0) == self.walk.finished

    def happen(self) -> None:
        """Something happens to a request under way: an answer, or a timeout."""
        who, slow = self.flying.pop(self.rng.randrange(len(self.flying)))
        word = kernels.word(who)
        silent = who in self.dead or self.rng.random() < 0.05
        if silent and not slow:
            self.walk.slow(self.key(who))
            kernels.walk_slow(self.world, 0, word)
            self.flying.append((who, True))
        elif silent:
            theirs = self.walk.failed(self.key(who))
            assert kernels.walk_failed(self.world, 0, word) == theirs
            if self.rng.random() < 0.2:
                self.answer(who)  # late
        else:
            self.answer(who)

    def answer(self, who: int) -> None:
        point = self.rng.choice([self.target, who])
        near = sorted(self.rng.sample(self.ids, 200), key=lambda each: each ^ point)
        closer = near[: self.policy.k]
        self.walk.answered(self.key(who), [self.contacts[each] for each in closer])
        kernels.walk_answered(self.world, 0, kernels.word(who), self.names(closer), len(closer))

    def result(self) -> list[int]:
        """The closest, as the kernel has them."""
        row = self.world.ops[0]
        ranked = self.world.ranked[0][: row["known"]]
        trusting = self.policy.beta < self.policy.k
        counted = ranked["state"] < st_failed() if trusting else ranked["state"] == st_answered()
        return [int(away) ^ self.target for away in ranked["away"][counted][: self.policy.k]]


def st_failed() -> int:
    from dht.core.shortlist import FAILED

    return FAILED


def st_answered() -> int:
    from dht.core.shortlist import ANSWERED

    return ANSWERED


@pytest.mark.parametrize("name", ["mainline", "amino"])
@pytest.mark.parametrize("dead", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("seed", range(12))
def test_told_the_same_both_ask_the_same(name: str, dead: float, seed: int) -> None:
    pair = Pair(name, seed, dead)
    pair.ask()
    for _ in range(3000):
        if pair.walk.finished or not pair.flying:
            break
        pair.happen()
        pair.ask()
    assert pair.walk.finished
    closest = [contact.key >> pair.shift for contact in pair.walk.closest(pair.policy.k)]
    assert pair.result() == closest
    row = pair.world.ops[0]
    assert (row["asked"], row["answered"], row["failed"]) == (
        pair.walk.asked,
        pair.walk.answered_count,
        pair.walk.silent_count,
    )


def test_who_is_dismissed_is_passed_by() -> None:
    pair = Pair("mainline", 1, 0.0)
    pair.ask()
    who = pair.flying[0][0]
    pair.walk.dismiss(pair.key(who))
    kernels.walk_dismiss(pair.world, 0, kernels.word(who))
    pair.ask()
    assert int(pair.world.ops[0]["waiting"]) == len(pair.flying) - 1
