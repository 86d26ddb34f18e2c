"""Chokers fed with rates by hand, and in small worlds of fast, slow, lying and lazy peers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from torrent.core.choker import (
    GRACE,
    LENT,
    NEW_WEIGHT,
    OPTIMISTIC_TURN,
    ROUND,
    SEED_QUOTA,
    SEED_TURN,
    Candidate,
    Choker,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable


def peer(key: Hashable, down: float = 0.0, **changes: object) -> Candidate:
    it = Candidate(
        key=key,
        interested=True,
        choked=True,
        down_rate=down,
        up_rate=0.0,
        is_seed=False,
        snubbed=False,
        since=0.0,
    )
    return replace(it, **changes)  # type: ignore[arg-type]


def rounds(
    choker: Choker, peers: Iterable[Candidate], count: int, *, now: float = 0.0
) -> list[frozenset[Hashable]]:
    """The decisions of some rounds of tit-for-tat."""
    peers = list(peers)
    return [choker.rechoke(peers, now + ROUND * at, seeding=False) for at in range(count)]


def served(
    choker: Choker,
    keys: Callable[[int], list[Hashable]],
    rate: Callable[[Hashable], int],
    count: int,
) -> Counter[Hashable]:
    """Let a seed serve for some rounds; return what each peer got.

    ``keys(at)`` are the peers of a round, in the order of coming; ``rate`` what each would take.
    """
    got: Counter[Hashable] = Counter()
    since: dict[Hashable, float] = {}
    for at in range(count):
        now = at * ROUND
        peers = [peer(key, since=since.setdefault(key, now), uploaded=got[key]) for key in keys(at)]
        for key in choker.rechoke(peers, now, seeding=True):
            got[key] += rate(key)
    return got


# While fetching.


def test_whoever_sends_most_is_unchoked_and_one_slot_in_five_goes_round() -> None:
    peers = [peer(f"fast{at}", 100.0 + at) for at in range(4)]
    peers += [peer(f"slow{at}", 1.0) for at in range(10)]
    history = rounds(Choker(5, Random(1)), peers, 60)
    for unchoked in history:
        assert len(unchoked) == 5
        assert unchoked >= {"fast0", "fast1", "fast2", "fast3"}
    trusted = Counter(key for unchoked in history for key in unchoked if "slow" in str(key))
    assert len(trusted) == 10
    turns = [next(iter(unchoked - {peer.key for peer in peers[:4]})) for unchoked in history]
    changes = sum(before != after for before, after in pairwise(turns))
    assert changes == 60 / (OPTIMISTIC_TURN / ROUND) - 1


def test_free_riders_live_on_trust_alone() -> None:
    peers = [peer(f"worker{at}", 10.0) for at in range(8)]
    peers += [peer(f"rider{at}") for at in range(8)]
    history = rounds(Choker(5, Random(2)), peers, 300)
    for unchoked in history:
        assert sum("rider" in str(key) for key in unchoked) <= 1
    shares = Counter(str(key)[:5] for unchoked in history for key in unchoked)
    assert shares["rider"] < 0.25 * shares["worke"]


def test_what_the_paid_slots_leave_over_goes_round_too() -> None:
    peers = [peer("worker", 10.0), *(peer(f"rider{at}") for at in range(8))]
    history = rounds(Choker(5, Random(3)), peers, 60)
    assert all("worker" in unchoked and len(unchoked) == 5 for unchoked in history)
    got = Counter(key for unchoked in history for key in unchoked)
    assert len(got) == 9
    assert max(got[f"rider{at}"] for at in range(8)) < 45


def test_a_newcomer_is_three_times_as_likely_to_be_tried() -> None:
    first: Counter[bool] = Counter()
    for seed in range(400):
        choker = Choker(1, Random(seed))
        old = [peer(f"old{at}") for at in range(6)]
        for turn in range(6):  # everyone is known after having been tried once
            alone = [replace(it, interested=it is old[turn]) for it in old]
            assert choker.rechoke(alone, float(turn), seeding=False) == {f"old{turn}"}
        choker.rechoke([replace(it, interested=False) for it in old], 6.0, seeding=False)
        chosen = choker.rechoke([*old, peer("new0"), peer("new1")], 100.0, seeding=False)
        first["new" in str(*chosen)] += 1
    expected = 2 * NEW_WEIGHT / (2 * NEW_WEIGHT + 6)
    assert abs(first[True] / 400 - expected) < 0.08


def test_a_snubbed_peer_loses_its_slot_to_a_slower_one() -> None:
    choker = Choker(2, Random(4))
    fast, slow = peer("fast", 100.0), peer("slow", 1.0)
    others = [peer(f"other{at}") for at in range(20)]
    assert "fast" in choker.rechoke([fast, slow, *others], 0.0, seeding=False)
    late = choker.rechoke([replace(fast, snubbed=True), slow, *others], 10.0, seeding=False)
    assert "slow" in late
    assert "fast" not in late


def test_who_is_paid_remains_so_against_an_equal() -> None:
    choker = Choker(4, Random(5))
    first = [peer(f"a{at}", 10.0) for at in range(3)]
    assert choker.rechoke(first, 0.0, seeding=False) == {"a0", "a1", "a2"}
    later = [peer(f"b{at}", 10.0) for at in range(9)]
    for at in range(1, 20):
        assert choker.rechoke([*later, *first], 10.0 * at, seeding=False) > {"a0", "a1", "a2"}


def test_trust_that_pays_off_becomes_a_paid_slot() -> None:
    choker = Choker(2, Random(6))
    old, rider, other = peer("old", 5.0), peer("rider"), peer("other")
    assert choker.rechoke([old, rider], 0.0, seeding=False) == {"old", "rider"}
    now = [old, replace(rider, down_rate=50.0), other]
    unchoked = choker.rechoke(now, 10.0, seeding=False)
    assert "rider" in unchoked
    assert len(unchoked) == 2


def test_between_rounds_slots_are_filled_and_nobody_is_choked() -> None:
    choker = Choker(3, Random(7))
    assert choker.rechoke([peer("a", 1.0)], 0.0, seeding=False) == {"a"}
    crowd = [peer("a", 1.0), *(peer(f"b{at}", 100.0) for at in range(9))]
    at_once = choker.rechoke(crowd, 1.0, seeding=False)
    assert "a" in at_once
    assert len(at_once) == 3
    assert choker.rechoke(crowd, 9.0, seeding=False) == at_once
    gone = [it for it in crowd if it.key != "a"]
    assert len(choker.rechoke(gone, 9.5, seeding=False)) == 3


def test_seeds_and_the_uninterested_need_no_slot() -> None:
    choker = Choker(4, Random(8))
    peers = [peer("seed", 9.0, is_seed=True), peer("bored", 9.0, interested=False), peer("a")]
    assert choker.rechoke(peers, 0.0, seeding=False) == {"a"}
    assert choker.rechoke(peers, 0.0, seeding=True) == {"a"}
    assert choker.rechoke([], 1.0, seeding=False) == frozenset()
    assert not choker._served


def test_fewer_slots_take_trust_away_before_wages() -> None:
    choker = Choker(5, Random(9))
    peers = [peer("a", 3.0), peer("b", 2.0), peer("c", 1.0), peer("d"), peer("e")]
    assert choker.rechoke(peers, 0.0, seeding=False) == set("abcde")
    choker.slots = 3
    assert choker.rechoke(peers, 1.0, seeding=False) == set("abc")
    choker.slots = 0
    assert choker.rechoke(peers, 2.0, seeding=False) == frozenset()


def test_the_next_review_is_ten_seconds_after_the_last() -> None:
    choker = Choker(4, Random(0))
    assert choker.next_deadline() < 0
    choker.rechoke([], 3.0, seeding=False)
    assert choker.next_deadline() == 13.0
    choker.rechoke([], 12.9, seeding=False)
    assert choker.next_deadline() == 13.0
    choker.rechoke([], 14.0, seeding=True)
    assert choker.next_deadline() == 24.0


# As a seed.


def test_a_seed_serves_everybody_alike_in_the_order_of_waiting() -> None:
    keys: list[Hashable] = list(range(20))
    got = served(Choker(4, Random(1)), lambda _: keys, lambda _: 1 << 20, 600)
    assert max(got.values()) < 1.3 * min(got.values())
    assert sum(got.values()) == 600 * 4 << 20


def test_three_fast_liars_get_no_more_turns_than_three_honest_peers() -> None:
    """The attack of Adamsky et al.: fast peers hold a seed that prefers who downloads fastest."""
    keys: list[Hashable] = [*(f"liar{at}" for at in range(3)), *range(27)]
    fast = SEED_QUOTA // 2
    got = served(
        Choker(4, Random(2)),
        lambda _: keys,
        lambda key: fast if key in range(27) else 4 * fast,
        1000,
    )
    honest = sum(got[key] for key in range(27))
    liars = sum(got[f"liar{at}"] for at in range(3))
    # Each of their turns is one round of a rate four times as high; nothing is had beyond that.
    assert liars / 3 <= 2.2 * honest / 27
    alone = served(Choker(4, Random(2)), lambda _: keys[3:], lambda _: fast, 1000)
    assert honest > 0.8 * sum(alone.values())


def test_liars_that_reconnect_stand_at_the_end_of_the_queue() -> None:
    honest: list[Hashable] = list(range(12))

    def keys(at: int) -> list[Hashable]:
        return [*honest, *(f"liar{number}-{at // 2}" for number in range(3))]

    got = served(Choker(3, Random(3)), keys, lambda _: 1 << 20, 600)
    assert sum(got[key] for key in honest) > 0.9 * sum(got.values())


def test_a_slot_that_is_not_used_is_taken_back_after_a_round() -> None:
    keys: list[Hashable] = ["idle0", "idle1", "idle2", *range(12)]
    choker = Choker(3, Random(4))
    got = served(choker, lambda _: keys, lambda key: 0 if "idle" in str(key) else 1 << 20, 600)
    assert sum(got.values()) > 0.9 * (600 * 3 << 20)


def test_turns_end_by_bytes_or_by_time_but_only_if_somebody_waits() -> None:
    choker = Choker(1, Random(5))
    alone = [peer("a", uploaded=at * SEED_QUOTA) for at in range(12)]
    for at, it in enumerate(alone):
        assert choker.rechoke([it], at * ROUND, seeding=True) == {"a"}
    now = 12 * ROUND
    both = [peer("a", uploaded=12 * SEED_QUOTA), peer("b", since=now)]
    assert choker.rechoke(both, now, seeding=True) == {"b"}
    lasted, uploaded = 0, 0
    while choker.rechoke([both[0], peer("b", uploaded=uploaded)], now, seeding=True) == {"b"}:
        uploaded += 1
        lasted += 1
        now = choker.next_deadline()
    assert lasted * ROUND == SEED_TURN


def test_a_turn_that_began_between_rounds_is_not_idle_at_once() -> None:
    choker = Choker(1, Random(6))
    choker.rechoke([], 0.0, seeding=True)
    assert choker.rechoke([peer("a")], 9.0, seeding=True) == {"a"}
    both = [peer("a"), peer("b")]
    assert choker.rechoke(both, 10.0, seeding=True) == {"a"}
    assert choker.rechoke(both, 20.0, seeding=True) == {"b"}


# Always.


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.integers(0, 12), st.integers(0, 3), st.booleans(), st.booleans(), st.booleans()
            ),
            max_size=12,
            unique_by=lambda it: it[0],
        ),
        max_size=12,
    ),
    st.integers(0, 7),
    st.booleans(),
)
def test_slots_are_bounded_full_and_the_same_for_the_same_dice(
    worlds: list[list[tuple[int, int, bool, bool, bool]]],
    slots: int,
    seeding: bool,  # noqa: FBT001
) -> None:
    chokers = [Choker(slots, Random(1)), Choker(slots, Random(1))]
    for at, world in enumerate(worlds):
        peers = [
            peer(key, float(rate), interested=interested, is_seed=seed, snubbed=snubbed)
            for key, rate, interested, seed, snubbed in world
        ]
        able = {it.key for it in peers if it.interested and not it.is_seed}
        unchoked, again = [it.rechoke(peers, at * 4.0, seeding=seeding) for it in chokers]
        assert unchoked == again <= able
        assert len(unchoked) == min(slots, len(able))
        assert all(len(it._served) <= len(peers) for it in chokers)


# Slots that are not used.


def busy(keys: Iterable[Hashable]) -> list[Candidate]:
    return [peer(key, 10.0) for key in keys]


def idle(keys: Iterable[Hashable]) -> list[Candidate]:
    return [peer(key, 10.0, idle=True) for key in keys]


def test_a_slot_that_leaves_the_uplink_idle_is_lent() -> None:
    choker = Choker(3, Random(20))
    assert len(choker.rechoke(idle("abcdef"), 0.0, seeding=False)) == 3
    # They have had no time to ask for anything.
    assert len(choker.rechoke(idle("abcdef"), GRACE / 2, seeding=False)) == 3
    assert len(choker.rechoke(idle("abcdef"), GRACE, seeding=False)) == 6


def test_lent_slots_come_back_at_the_next_round_and_not_before() -> None:
    choker = Choker(3, Random(21))
    choker.rechoke(idle("abcdef"), 0.0, seeding=False)
    everybody = choker.rechoke(idle("abcdef"), GRACE, seeding=False)
    assert choker.rechoke(busy("abcdef"), ROUND - 1, seeding=False) == everybody
    assert len(choker.rechoke(busy("abcdef"), ROUND, seeding=False)) == 3


def test_a_seed_lends_slots_too() -> None:
    choker = Choker(2, Random(22))
    choker.rechoke(idle("abcd"), 0.0, seeding=True)
    assert choker.rechoke(idle("abcd"), GRACE, seeding=True) == set("abcd")


@given(seed=st.integers(0, 2**32), seeding=st.booleans())
def test_lending_has_a_bound(seed: int, *, seeding: bool) -> None:
    choker = Choker(4, Random(seed))
    crowd = idle(range(4 * LENT))
    most = 0
    for second in range(20):
        unchoked = choker.rechoke(crowd, second * GRACE, seeding=seeding)
        most = max(most, len(unchoked))
    assert most == LENT


@given(seed=st.integers(0, 2**32), slots=st.integers(1, 6), seeding=st.booleans())
def test_with_every_slot_in_use_none_is_lent(seed: int, slots: int, *, seeding: bool) -> None:
    rng = Random(seed)
    choker = Choker(slots, rng)
    for second in range(30):
        here = busy(rng.sample(range(20), rng.randrange(20)))
        assert len(choker.rechoke(here, float(second), seeding=seeding)) == min(slots, len(here))
