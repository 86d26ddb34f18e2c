"""Rates and token buckets on a clock of numbers."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.core.rates import Rate, TokenBucket

STEPS = st.lists(st.tuples(st.floats(0, 15), st.integers(0, 1000)), max_size=40)


def test_a_rate_that_was_never_told_anything_is_zero() -> None:
    rate = Rate()
    assert rate.per_second(5.0) == 0.0
    assert rate.total == 0


def test_a_steady_stream_has_its_own_rate_from_the_first_seconds_on() -> None:
    rate = Rate(window=20.0)
    for tenth in range(1000):
        now = 7.0 + tenth / 10
        rate.add(100, now)
        if tenth > 100:
            assert rate.per_second(now) == pytest.approx(1000, rel=0.02)
    assert rate.total == 100_000


def test_one_block_after_a_moment_is_no_gigabyte_a_second() -> None:
    rate = Rate(window=20.0)
    rate.add(16384, 0.001)
    assert rate.per_second(0.001) == 16384 / 2


def test_a_rate_fades_within_its_window_and_is_exactly_zero_after_it() -> None:
    rate = Rate(window=10.0)
    rate.add(1000, 3.0)
    assert rate.per_second(3.0) > rate.per_second(6.0) > rate.per_second(9.0) > 0
    assert rate.per_second(14.0) == 0
    rate.add(500, 10_000.0)
    assert rate.per_second(10_000.0) == pytest.approx(500 / 9, rel=0.15)
    assert rate.total == 1500


def test_a_window_takes_time() -> None:
    with pytest.raises(ValueError, match="longer than 0 s"):
        Rate(window=0)


@given(STEPS)
def test_a_rate_counts_what_came_within_its_window_give_or_take_a_tenth(
    steps: list[tuple[float, int]],
) -> None:
    rate, told, now = Rate(window=20.0), list[tuple[float, int]](), 100.0
    for wait, amount in steps:
        now += wait
        rate.add(amount, now)
        told.append((now, amount))
    if told:
        most = sum(amount for at, amount in told if at > now - 20)
        least = sum(amount for at, amount in told if at > now - 18)
        assert least <= rate._sum <= most
        assert 0 <= rate.per_second(now) <= most / 2
        assert rate.total == sum(amount for _, amount in told)


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    bucket = TokenBucket(rate=100.0, burst=50.0)
    assert bucket.take(50, 10.0)
    assert not bucket.take(1, 10.0)
    assert bucket.when(20, 10.0) == pytest.approx(10.2)
    assert not bucket.take(20, 10.19)
    assert bucket.take(20, 10.2 + 1e-9)
    assert bucket.available(99.0) == 50.0
    assert bucket.when(50, 99.0) == 99.0


def test_no_limit_is_a_bucket_that_is_never_empty() -> None:
    bucket = TokenBucket(rate=inf, burst=0.0)
    assert all(bucket.take(1 << 40, now) for now in (0.0, 0.0, 1.0))
    assert bucket.available(1.0) == inf
    assert bucket.when(1 << 50, 1.0) == 1.0


def test_what_can_never_be_had_is_said_to_be_infinitely_far() -> None:
    assert TokenBucket(rate=10.0, burst=5.0).when(6, 0.0) == inf
    stopped = TokenBucket(rate=0.0, burst=5.0)
    assert stopped.take(5, 0.0)
    assert stopped.when(1, 0.0) == inf


def test_a_limit_can_be_lifted_and_set_while_it_works() -> None:
    bucket = TokenBucket(rate=10.0, burst=10.0)
    assert bucket.take(10, 0.0)
    bucket.rate = inf
    assert bucket.take(1000, 0.0)
    bucket.rate = 20.0
    assert bucket.available(0.5) == pytest.approx(10.0)


@given(STEPS)
def test_no_sequence_of_takings_beats_the_limit(steps: list[tuple[float, int]]) -> None:
    bucket, now, taken = TokenBucket(rate=40.0, burst=600.0), 0.0, 0
    for wait, amount in steps:
        now += wait
        at = bucket.when(amount, now)
        assert (at == now) == (bucket.available(now) >= amount)
        if at > now and at != inf:
            now = at + 1e-9
        taken += amount * bucket.take(amount, now)
        assert taken <= 600 + 40 * now + 1e-6
        assert at == inf or not amount or taken
