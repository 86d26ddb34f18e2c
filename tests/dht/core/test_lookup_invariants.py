"""What holds of a lookup under any interleaving of answers, silences and deaths."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from dht.core.keys import Key, KeySpace
from dht.core.lookup import WIDEST, Lookup
from tests.dht.core.lookup_world import (
    SPACE,
    World,
    contacts,
    keys,
    make_policy,
)

if TYPE_CHECKING:
    from dht.core.messages import Contact
    from dht.core.policy import Policy

SMALL = KeySpace(8)
TARGET = Key(0)  # distance from it is the key itself


class Script:
    """Drives a lookup by draws of Hypothesis and checks what must hold after every step."""

    def __init__(self, lookup: Lookup, policy: Policy, world: dict[Key, list[Contact]]) -> None:
        self.lookup = lookup
        self.policy = policy
        self.world = world
        self.pending: list[Key] = []
        self.state: dict[Key, str] = {}
        self.learnt: set[Key] = set()
        self.doubted = False

    def ask(self) -> None:
        asked = self.lookup.next()
        for each in asked:
            assert each.key not in self.state, "asked twice"
            self.state[each.key] = "waiting"
            self.pending.append(each.key)
        waiting, answered = (
            sum(state == each for state in self.state.values()) for each in ("waiting", "answered")
        )
        settled = 1 + len(self.state) - waiting
        alpha = self.policy.alpha
        window = round(alpha * settled / (1 + answered)) if answered else alpha
        assert not asked or waiting <= window
        assert waiting <= alpha * (WIDEST if self.doubted else 1)

    def step(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.pending)))
        verb = data.draw(st.sampled_from(["answered", "slow", "failed"]))
        before = self.state[key]
        if verb == "answered":
            assert self.lookup.answered(key, self.world[key])
            self.learnt.update(each.key for each in self.world[key])
            self.pending.remove(key)
        else:
            mattered = getattr(self.lookup, verb)(key)
            assert mattered == (before == "waiting" or (before, verb) == ("slow", "failed"))
            if not mattered:
                return
        self.state[key] = verb
        self.doubted |= verb != "answered"
        self.check()

    def check(self) -> None:
        answered = sorted(key for key, state in self.state.items() if state == "answered")
        assert keys(self.lookup.closest(len(self.world))) == answered
        assert self.lookup.answered_count == len(answered)
        assert self.lookup.silent_count == sum(s == "failed" for s in self.state.values())
        live = [k for k in sorted(self.learnt) if self.state.get(k) != "failed"]
        nearest = live[: self.policy.beta]
        assert self.lookup.finished == all(self.state.get(k) == "answered" for k in nearest)
        if self.lookup.finished:
            assert self.lookup.next() == []


KEYS = st.integers(1, 255)


@st.composite
def worlds(draw: st.DrawFn) -> dict[Key, list[Contact]]:
    everyone = draw(st.lists(KEYS, min_size=1, max_size=24, unique=True))
    named = st.lists(st.sampled_from(everyone), max_size=8, unique=True)
    return {Key(key): contacts(*draw(named)) for key in everyone}


@given(worlds(), st.integers(1, 4), st.integers(1, 4), st.data())
def test_any_interleaving_keeps_the_invariants(
    world: dict[Key, list[Contact]], k: int, alpha: int, data: st.DataObject
) -> None:
    policy = make_policy(SMALL, k=4, beta=4, alpha=alpha)
    own = data.draw(st.sampled_from([None, *world]))
    seeds = data.draw(st.lists(st.sampled_from(sorted(world)), max_size=k, unique=True))
    lookup = Lookup(TARGET, policy, contacts(*seeds), own=own)
    world = {key: [c for c in named if c.key != own] for key, named in world.items()}
    script = Script(lookup, policy, world)
    script.learnt.update(key for key in seeds if key != own)
    script.check()
    for _ in range(data.draw(st.integers(0, 60))):
        script.ask()
        if not script.pending:
            assert lookup.finished
            break
        script.step(data)
    assert own not in script.state


def shuffled(lookup: Lookup, world: World, order: Random) -> list[int]:
    """Drive to the end, any pending request being the next to be settled."""
    pending: list[Key] = []
    while not lookup.finished:
        pending += [each.key for each in lookup.next()]
        key = pending.pop(order.randrange(len(pending)))
        if key not in world.dead:
            if order.random() < 0.2:
                lookup.failed(key)  # an answer later than the long timeout
            lookup.answered(key, world.answer(key, lookup.target))
        else:
            if order.random() < 0.5:
                lookup.slow(key)
            lookup.failed(key)
    return keys(lookup.closest(world.k))


@given(st.integers(1, 60), st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**32))
def test_with_full_tables_no_order_of_answers_changes_the_closest_set(
    size: int, k: int, alpha: int, seed: int
) -> None:
    rng = Random(seed)
    world, policy = World(size, k, rng), make_policy(k=k, alpha=alpha)
    begin, target = rng.choice(world.keys), SPACE.draw(rng)
    for _ in range(2):
        lookup = Lookup(target, policy, contacts(begin))
        assert shuffled(lookup, world, rng) == world.truth(target, k)


@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**32))
def test_with_all_known_no_order_of_answers_and_deaths_changes_the_closest_live_set(
    size: int, k: int, alpha: int, seed: int
) -> None:
    rng = Random(seed)
    world, policy = World(size, k, rng, dead_share=rng.random()), make_policy(k=k, alpha=alpha)
    target = SPACE.draw(rng)
    for _ in range(2):
        lookup = Lookup(target, policy, contacts(*world.keys))
        assert shuffled(lookup, world, rng) == world.truth(target, k)
