"""Who leaves a full store: against the rule written down naively, and against attackers."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dht.core.keys import AMINO_SPACE, MAINLINE_SPACE, Key, KeySpace
from dht.core.places import AGE_WEIGHT, SHARES, Places
from tests.store_oracles import NaivePlaces
from tests.strategies import keys, keys_near

if TYPE_CHECKING:
    from collections.abc import Hashable

# A power of two, with whole seconds: every score is exact, so that ties are ties.
LIFETIME = 64.0
OWN = Key(0b1011)
SPACES = (MAINLINE_SPACE, AMINO_SPACE)


class PlacesMachine(RuleBasedStateMachine):
    """A full store in miniature: few payers, many ties, keys at all depths."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    @initialize(space=st.sampled_from(SPACES), limit=st.sampled_from([0, 1, 3, 7, 33]))
    def build(self, space: KeySpace, limit: int) -> None:
        self.space = space
        self.limit = limit
        self.places = Places(OWN, space, limit, LIFETIME)
        self.model = NaivePlaces(OWN, space, limit, LIFETIME)

    @rule(seconds=st.sampled_from([0, 1, 4, 16, 40]))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(data=st.data(), payer=st.sampled_from([None, "a", "b", "c"]), crowd=st.integers(1, 9))
    def come(self, data: st.DataObject, payer: Hashable, crowd: int) -> None:
        for _ in range(crowd):
            self.enter(data.draw(keys_near(self.space, OWN)), payer)

    def enter(self, key: Key, payer: Hashable) -> None:
        if self.model.row(key) is None:
            loser = self.places.loser(key, payer, self.now)
            expected = self.model.loser(key, payer, self.now)
            assert loser in expected if expected is not None else loser is None
            if loser == key:
                return
            if loser is not None:
                self.places.leave(loser)
                self.model.leave(loser)
        self.places.take(key, payer, self.now)
        self.model.take(key, payer, self.now)

    @rule(data=st.data(), payer=st.sampled_from([None, "a", "b"]))
    def renew(self, data: st.DataObject, payer: Hashable) -> None:
        if self.model.rows:
            self.enter(data.draw(st.sampled_from(self.model.rows)).key, payer)

    @rule(data=st.data())
    def go(self, data: st.DataObject) -> None:
        if self.model.rows:
            key = data.draw(st.sampled_from(self.model.rows)).key
            self.places.leave(key)
            self.model.leave(key)

    @rule(data=st.data())
    def rekey(self, data: st.DataObject) -> None:
        own = data.draw(keys(self.space))
        self.places.rekey(own)
        self.model.own = own

    @rule(limit=st.none() | st.integers(0, 4))
    def ask(self, limit: int | None) -> None:
        assert self.places.expired(self.now, limit) == self.model.expired(self.now)[:limit]

    @invariant()
    def agrees(self) -> None:
        assert len(self.places) == len(self.model.rows) <= self.limit
        assert self.places.next_expiry() == self.model.next_expiry()
        for row in self.model.rows:
            assert self.places.renewed(row.key) == row.at
        assert self.places.renewed(Key(1 << self.space.bits)) is None

    @invariant()
    def keeps_no_accounts_of_nobody(self) -> None:
        payers = {row.payer for row in self.model.rows} - {None}
        assert set(self.places._tenants) == payers
        assert set(self.places._crowded) <= payers
        assert len(self.places._crowded) < SHARES


PlacesMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestPlaces = PlacesMachine.TestCase


def key_at(space: KeySpace, bits: int, tail: int = 0) -> Key:
    """A key that shares exactly ``bits`` leading bits with ``OWN``."""
    flipped = OWN ^ 1 << (space.bits - 1 - bits)
    return Key(flipped ^ tail)


def fill(places: Places, keys: list[Key], payer: Hashable, now: float) -> list[Key]:
    """Let ``keys`` come in turn; who had to leave for them."""
    lost = []
    for key in keys:
        loser = places.loser(key, payer, now) if places.renewed(key) is None else None
        if loser == key:
            continue
        if loser is not None:
            places.leave(loser)
            lost.append(loser)
        places.take(key, payer, now)
    return lost


@pytest.mark.parametrize("space", SPACES, ids=repr)
class TestRule:
    def test_expired_ones_leave_first_however_near(self, space: KeySpace) -> None:
        places = Places(OWN, space, 2, LIFETIME)
        near, far = key_at(space, 30), key_at(space, 0)
        places.take(near, None, 0.0)
        places.take(far, None, LIFETIME)
        assert places.loser(key_at(space, 0, 1), None, LIFETIME) == near

    def test_the_far_leave_before_the_near(self, space: KeySpace) -> None:
        places = Places(OWN, space, 3, LIFETIME)
        ring = [key_at(space, bits) for bits in (5, 2, 9)]
        fill(places, ring, None, 0.0)
        assert places.loser(key_at(space, 20), None, 0.0) == ring[1]

    def test_the_old_leave_before_the_young_of_one_distance(self, space: KeySpace) -> None:
        places = Places(OWN, space, 2, LIFETIME)
        older, younger = key_at(space, 5), key_at(space, 5, 1)
        places.take(older, None, 0.0)
        places.take(younger, None, 1.0)
        assert places.loser(key_at(space, 5, 2), None, 2.0) == older
        places.take(older, None, 2.0)
        assert places.loser(key_at(space, 5, 2), None, 2.0) == younger

    def test_a_newcomer_worse_than_all_is_turned_away(self, space: KeySpace) -> None:
        places = Places(OWN, space, 1, LIFETIME)
        places.take(key_at(space, 5), None, 0.0)
        assert places.loser(key_at(space, 4), None, 0.0) == key_at(space, 4)

    @given(bits=st.integers(10, 60), age=st.integers(0, 63), farther=st.integers(0, 10))
    def test_age_weighs_no_more_than_four_bits(
        self, space: KeySpace, bits: int, age: int, farther: int
    ) -> None:
        places = Places(OWN, space, 1, LIFETIME)
        held, offered = key_at(space, bits), key_at(space, bits - farther)
        places.take(held, None, 0.0)
        if farther == 0:
            offered = key_at(space, bits, 1)
        wins = AGE_WEIGHT * age / LIFETIME >= farther
        assert places.loser(offered, None, float(age)) == (held if wins else offered)
        assert not (wins and farther >= AGE_WEIGHT)

    def test_without_end_of_life_distance_alone_decides(self, space: KeySpace) -> None:
        places = Places(OWN, space, 1, math.inf)
        places.take(key_at(space, 7), None, 0.0)
        assert places.next_expiry() == math.inf
        assert places.loser(key_at(space, 6), None, 1e9) == key_at(space, 6)
        assert places.loser(key_at(space, 7, 1), None, 1e9) == key_at(space, 7)

    def test_a_new_own_key_turns_near_into_far(self, space: KeySpace) -> None:
        places = Places(OWN, space, 2, LIFETIME)
        near, far = key_at(space, 40), key_at(space, 0)
        fill(places, [near, far], None, 0.0)
        assert places.loser(key_at(space, 50), None, 0.0) == far
        places.rekey(far)
        assert places.loser(key_at(space, 0, 1), None, 0.0) == near


@pytest.mark.parametrize("space", SPACES, ids=repr)
class TestAttack:
    def test_a_flood_of_far_keys_displaces_nothing_near(self, space: KeySpace) -> None:
        """From however many subnets: a network of 2**14 nodes is enough of a difference."""
        places = Places(OWN, space, 160, LIFETIME)
        rng = Random(7)
        honest = [space.draw_sharing(OWN, 14 + index % 6, rng) for index in range(160)]
        fill(places, honest, None, 0.0)
        flood = [space.draw_sharing(OWN, index % 10, rng) for index in range(2000)]
        for index, key in enumerate(flood):
            assert fill(places, [key], f"subnet {index}", LIFETIME - 1) == []

    def test_a_flood_of_near_keys_gets_one_share(self, space: KeySpace) -> None:
        """Keys made to lie next to ours beat all others by distance, but one subnet pays."""
        places = Places(OWN, space, 160, LIFETIME)
        rng = Random(8)
        honest = [space.draw_sharing(OWN, 14, rng) for _ in range(160)]
        for index, key in enumerate(honest):
            fill(places, [key], f"honest {index}", 0.0)
        flood = [space.draw_sharing(OWN, 60, rng) for _ in range(1000)]
        lost = fill(places, flood, "mallory", 1.0)
        survivors = [key for key in honest if places.renewed(key) is not None]
        assert len(survivors) == 160 - 160 // SHARES
        assert len(lost) == 1000  # the rest was mallory's own
        assert len(places) == 160

    def test_who_filled_an_empty_store_yields_it(self, space: KeySpace) -> None:
        places = Places(OWN, space, 160, LIFETIME)
        rng = Random(9)
        flood = [space.draw_sharing(OWN, 60, rng) for _ in range(160)]
        assert fill(places, flood, "mallory", 0.0) == []
        honest = [space.draw_sharing(OWN, 1, rng) for _ in range(150)]
        for index, key in enumerate(honest):
            # Oldest first, and the honest get in though their keys are far.
            assert fill(places, [key], f"honest {index}", 1.0) == [flood[index]]

    def test_equals_pay_for_themselves(self, space: KeySpace) -> None:
        places = Places(OWN, space, 4, LIFETIME)
        mine, yours = [key_at(space, 9, tail) for tail in (1, 2)], [key_at(space, 9, 3)]
        fill(places, mine, "me", 0.0)
        fill(places, [*yours, key_at(space, 9, 4)], "you", 1.0)
        assert places.loser(key_at(space, 9, 5), "you", 2.0) == yours[0]
        assert places.loser(key_at(space, 9, 5), "me", 2.0) == mine[0]
        assert places.loser(key_at(space, 9, 5), "they", 2.0) in (mine[0], yours[0])

    def test_the_charge_stays_where_it_was(self, space: KeySpace) -> None:
        """Mallory renews what another put, then floods: it is not hers to lose."""
        places = Places(OWN, space, 32, LIFETIME)
        victim = key_at(space, 9)
        places.take(victim, "publisher", 0.0)
        places.take(victim, "mallory", 0.0)
        fill(places, [key_at(space, 9, tail) for tail in range(1, 200)], "mallory", 1.0)
        assert places.renewed(victim) == 0.0

    def test_what_nobody_paid_for_is_charged_on_renewal(self, space: KeySpace) -> None:
        places = Places(OWN, space, 4, LIFETIME)
        restored = [key_at(space, 9, tail) for tail in range(4)]
        fill(places, restored, None, 0.0)
        fill(places, restored, "mallory", 1.0)
        assert places.loser(key_at(space, 0), "another", 2.0) == restored[0]

    def test_the_exempt_are_never_greedy(self, space: KeySpace) -> None:
        places = Places(OWN, space, 4, LIFETIME)
        fill(places, [key_at(space, 9, tail) for tail in range(4)], None, 0.0)
        assert places.loser(key_at(space, 0), "another", 2.0) == key_at(space, 0)


def test_order_is_the_same_in_every_run() -> None:
    """Losers of two equal runs, ties and all."""

    def run() -> list[Key]:
        rng = Random(3)
        places = Places(OWN, MAINLINE_SPACE, 64, LIFETIME)
        lost = []
        for step in range(2000):
            key = MAINLINE_SPACE.draw_sharing(OWN, rng.randrange(4), rng)
            lost += fill(places, [key], f"subnet {rng.randrange(20)}", step // 50)
        return lost

    assert run() == run()
    assert len(run()) > 1000
