"""Whom to ask and when: the examples of BEP 12, patience, events, hostile torrents."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.core.announce.messages import Event
from torrent.core.tiers import MAX_TRACKERS, Pace, Tiers, Tracker

PACE = Pace()


def ask_all(tiers: Tiers, now: float) -> list[str]:
    """Every tracker fails; the order in which they were asked."""
    asked = []
    while (tracker := tiers.next(now)) is not None:
        asked.append(tracker.url)
        tiers.failed(tracker, now)
    return asked


def answer(tiers: Tiers, now: float, url: str, **more: float) -> list[str]:
    """All fail up to ``url``, which answers; the order in which they were asked."""
    asked: list[str] = []
    while (tracker := tiers.next(now)) is not None:
        asked.append(tracker.url)
        if tracker.url == url:
            tiers.succeeded(tracker, now, **{"interval": 1800.0, **more})
        else:
            tiers.failed(tracker, now)
    return asked


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=4), max_size=5), st.integers(0, 1000)
)
def test_tiers_in_order_and_each_tracker_once(tiers: list[list[str]], seed: int) -> None:
    asked = ask_all(Tiers(tiers, Random(seed), 0.0), 0.0)
    expected: set[str] = set()
    for tier in tiers:
        fresh = set(tier) - expected
        now_asked, asked = asked[: len(fresh)], asked[len(fresh) :]
        assert set(now_asked) == fresh
        expected |= fresh
    assert asked == []


def test_within_a_tier_the_order_is_drawn_once() -> None:
    urls = [f"t{n}" for n in range(8)]
    orders = {tuple(ask_all(Tiers([urls], Random(seed), 0.0), 0.0)) for seed in range(20)}
    assert len(orders) > 10
    tiers = Tiers([urls], Random(1), 0.0)
    assert ask_all(tiers, 0.0) == ask_all(tiers, 5000.0)


def test_who_answers_moves_to_the_front_of_its_tier() -> None:
    # BEP 12's last example: "d.announce-list = [[ tracker1, tracker2, tracker3 ]]".
    tiers = Tiers([["a", "b", "c"], ["d"]], Random(1), 0.0)
    first = [tracker.url for tracker in tiers.trackers]
    assert answer(tiers, 0.0, first[2]) == first[:3]
    assert [t.url for t in tiers.trackers] == [first[2], first[0], first[1], "d"]
    assert answer(tiers, 1800.0, first[2]) == [first[2]]


def test_a_backup_does_not_move_out_of_its_tier() -> None:
    # "[ [ tracker1 ], [ backup1 ], [ backup2 ] ]": on each announce, first tracker1, then backup1.
    tiers = Tiers([["main"], ["backup"]], Random(1), 0.0)
    assert answer(tiers, 0.0, "backup") == ["main", "backup"]
    assert answer(tiers, 1800.0, "main") == ["main"]


def test_nobody_is_asked_before_it_is_time() -> None:
    tiers = Tiers([["a"]], Random(1), 5.0)
    assert tiers.next(4.9) is None
    assert tiers.next_deadline() == 5.0
    assert answer(tiers, 5.0, "a") == ["a"]
    assert tiers.next_deadline() == 1805.0
    assert tiers.next(1804.0) is None


@pytest.mark.parametrize(
    ("interval", "min_interval", "wait"),
    [
        (1800, 0, 1800),
        (0, 0, 60),
        (-5, 0, 60),
        (100, 900, 900),
        (10**9, 0, 6 * 3600),
        (1800, 10**9, 6 * 3600),
    ],
)
def test_intervals_are_bounded(interval: float, min_interval: float, wait: float) -> None:
    tiers = Tiers([["a"]], Random(1), 0.0)
    answer(tiers, 0.0, "a", interval=interval, min_interval=min_interval)
    assert tiers.due == wait


def test_hastening_waits_for_the_minimum() -> None:
    tiers = Tiers([["a"]], Random(1), 0.0)
    answer(tiers, 0.0, "a", min_interval=300.0)
    tiers.hasten(10.0)
    assert tiers.due == 300.0
    tiers.hasten(400.0)
    assert tiers.due == 300.0  # it was due already
    answer(tiers, 400.0, "a", min_interval=300.0)
    tiers.hasten(1000.0)
    assert tiers.due == 1000.0


def test_backoff_is_that_of_libtorrent() -> None:
    assert [PACE.backoff(n) for n in (1, 2, 3, 4)] == [17.5, 55.0, 117.5, 205.0]
    assert PACE.backoff(17) == PACE.backoff(10**6) == 3600.0


def test_a_dead_tracker_is_passed_over_while_it_rests() -> None:
    tiers = Tiers([["dead"], ["good"]], Random(1), 0.0)
    pace = {"interval": 60.0}
    assert answer(tiers, 0.0, "good", **pace) == ["dead", "good"]
    assert answer(tiers, 60.0, "good", **pace) == ["dead", "good"]  # rested 17.5 s
    assert answer(tiers, 120.0, "good", **pace) == ["dead", "good"]  # 55 s
    assert answer(tiers, 180.0, "good", **pace) == ["good"]  # 117.5 s have not passed


def test_when_all_failed_the_first_to_have_rested_is_next() -> None:
    tiers = Tiers([["a"], ["b"]], Random(1), 0.0)
    a = tiers.next(0.0)
    assert a is not None
    tiers.failed(a, 0.0, retry_in=600.0)
    b = tiers.next(0.0)
    assert b is not None
    tiers.failed(b, 15.0)
    assert tiers.next(15.0) is None
    assert tiers.due == 15.0 + 17.5
    assert ask_all(tiers, 40.0) == ["b"]


def test_who_rested_while_others_were_asked_waits_for_the_next_round() -> None:
    tiers = Tiers([["a"], ["b"]], Random(1), 0.0)
    a = tiers.next(0.0)
    assert a is not None
    tiers.failed(a, 0.0)
    b = tiers.next(0.0)
    assert b is not None
    tiers.failed(b, 100.0)  # it took that long
    assert tiers.next(100.0) is None
    assert tiers.due == 105.0
    assert ask_all(tiers, 105.0) == ["a"]


def named(tiers: Tiers, now: float) -> Tracker:
    tracker = tiers.next(now)
    assert tracker is not None
    return tracker


def test_while_one_is_silent_the_next_may_be_asked() -> None:
    tiers = Tiers([["silent"], ["good"], ["spare"]], Random(1), 0.0)
    silent, good = named(tiers, 0.0), named(tiers, 5.0)
    assert [silent.url, good.url] == ["silent", "good"]
    tiers.succeeded(good, 5.0, interval=1800.0)
    assert tiers.due == 1805.0
    tiers.failed(silent, 45.0)  # which is no reason to announce again
    assert tiers.due == 1805.0
    assert answer(tiers, 1805.0, "good") == ["silent", "good"]


def test_what_a_silent_one_says_late_counts() -> None:
    tiers = Tiers([["late"], ["good"]], Random(1), 0.0)
    late, good = named(tiers, 0.0), named(tiers, 5.0)
    tiers.succeeded(good, 5.0, interval=1800.0)
    assert tiers.to_leave() == [late, good]
    tiers.succeeded(late, 20.0, interval=900.0)
    assert tiers.due == 920.0
    assert tiers.to_leave() == [late, good]


def test_who_is_being_asked_is_not_asked_again() -> None:
    tiers = Tiers([["a"], ["b"]], Random(1), 0.0)
    a, b = named(tiers, 0.0), named(tiers, 5.0)
    assert tiers.next(10.0) is None
    assert tiers.due == math.inf
    tiers.failed(b, 30.0)
    assert tiers.due == 30.0 + 17.5
    assert tiers.next(40.0) is None
    assert named(tiers, 50.0) is b
    tiers.failed(a, 51.0)
    tiers.failed(b, 51.0)
    assert tiers.next(51.0) is None


def test_never_means_never() -> None:
    tiers = Tiers([["a"]], Random(1), 0.0)
    tracker = tiers.next(0.0)
    assert tracker is not None
    tiers.failed(tracker, 0.0, retry_in=math.inf)
    assert tiers.next(0.0) is None
    assert tiers.next_deadline() == math.inf
    assert tiers.next(1e12) is None


def test_no_trackers_no_deadline() -> None:
    tiers = Tiers([[], []], Random(1), 0.0)
    assert tiers.next(0.0) is None
    assert tiers.next_deadline() == math.inf


def test_events_belong_to_a_tracker() -> None:
    tracker = Tracker("a")
    assert tracker.event(complete=False) is Event.STARTED
    assert tracker.event(complete=True) is Event.STARTED
    tracker.listed = True
    assert tracker.event(complete=False) is Event.NONE
    assert tracker.event(complete=True) is Event.COMPLETED
    tracker.knows_complete = True
    assert tracker.event(complete=True) is Event.NONE


def test_completion_is_told_at_once_but_only_to_who_knew_us_incomplete() -> None:
    tiers = Tiers([["a"]], Random(1), 0.0)
    answer(tiers, 0.0, "a", min_interval=900.0)
    tiers.completed(5.0)
    assert tiers.due == 5.0
    tracker = tiers.next(5.0)
    assert tracker is not None
    assert tracker.event(complete=True) is Event.COMPLETED
    tiers.succeeded(tracker, 5.0, interval=1800.0, complete=True)
    tiers.completed(6.0)
    assert tiers.due == 1805.0


def test_who_ought_to_hear_that_we_leave() -> None:
    tiers = Tiers([["a"], ["b"]], Random(1), 0.0)
    assert tiers.to_leave() == []
    a = tiers.next(0.0)
    assert a is not None
    assert tiers.to_leave() == [a]  # the announce under way may have arrived
    tiers.failed(a, 0.0)
    assert tiers.to_leave() == []
    answer(tiers, 0.0, "b")
    assert [tracker.url for tracker in tiers.to_leave()] == ["b"]


def test_no_torrent_names_trackers_without_end() -> None:
    tiers = Tiers([[f"{i}/{j}" for j in range(30)] for i in range(30)], Random(1), 0.0)
    assert len(tiers.trackers) == MAX_TRACKERS
