"""Who may ask how much: against the bucket everybody knows, which counts tokens."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.node.limits import UNLIMITED, Limits, SourceLimiter

# Powers of two, so that neither the buckets nor the limiter round.
RATES = st.sampled_from([0.5, 1.0, 4.0, 16.0])
BURSTS = st.sampled_from([1.0, 2.0, 5.0, 16.0])
PAUSES = st.integers(min_value=0, max_value=640).map(lambda n: n / 64)
SOURCES = st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"])


@dataclass
class Bucket:
    """The textbook token bucket."""

    rate: float
    burst: float
    tokens: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def fill(self, now: float) -> None:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now

    @property
    def holds(self) -> bool:
        return self.tokens >= 1


class Oracle:
    """One bucket per source and one for all, none ever forgotten."""

    def __init__(self, limits: Limits) -> None:
        assert limits.source_rate is not None
        assert limits.total_rate is not None
        self.limits = limits
        self.total = Bucket(limits.total_rate, limits.total_burst)
        self.sources: dict[str, Bucket] = {}

    def allow(self, source: str, now: float) -> bool:
        rate = self.limits.source_rate
        assert rate is not None
        mine = self.sources.setdefault(source, Bucket(rate, self.limits.source_burst, at=now))
        mine.fill(now)
        self.total.fill(now)
        if not mine.holds or not self.total.holds:
            return False
        mine.tokens -= 1
        self.total.tokens -= 1
        return True


@given(RATES, BURSTS, RATES, BURSTS, st.lists(st.tuples(SOURCES, PAUSES), min_size=1, max_size=120))
def test_it_decides_as_counting_tokens_would(
    rate: float, burst: float, total: float, together: float, requests: list[tuple[str, float]]
) -> None:
    limits = Limits(rate, burst, total, together)
    limiter, oracle, now = SourceLimiter(limits), Oracle(limits), 1000.0
    for source, pause in requests:
        now += pause
        assert limiter.allow(source, now) == oracle.allow(source, now)


def test_a_burst_then_the_rate() -> None:
    limiter = SourceLimiter(Limits(source_rate=4.0, source_burst=3.0, total_rate=None))
    assert [limiter.allow("a", 10.0) for _ in range(5)] == [True] * 3 + [False] * 2
    assert [limiter.allow("a", 10.25) for _ in range(2)] == [True, False]
    assert [limiter.allow("a", 20.0) for _ in range(4)] == [True] * 3 + [False]


def test_a_flood_costs_nobody_else() -> None:
    limiter = SourceLimiter(
        Limits(source_rate=1.0, source_burst=2.0, total_rate=1.0, total_burst=10.0)
    )
    for _ in range(1000):
        limiter.allow("flooder", 5.0)
    assert limiter.allow("other", 5.0)


def test_all_together_are_bounded() -> None:
    limiter = SourceLimiter(Limits(total_rate=1.0, total_burst=7.0))
    assert sum(limiter.allow(f"10.0.{n}.1", 3.0) for n in range(100)) == 7


@pytest.mark.parametrize("limits", [UNLIMITED, Limits(source_rate=None, total_rate=None)])
def test_lifted_limits_let_everything_through(limits: Limits) -> None:
    limiter = SourceLimiter(limits)
    assert all(limiter.allow("a", 0.0) for _ in range(10_000))


def test_the_idle_are_forgotten() -> None:
    limiter = SourceLimiter(Limits(source_rate=10.0, source_burst=20.0, total_rate=None))
    for n in range(5000):
        limiter.allow(f"10.{n // 250}.{n % 250}.1", now=n / 100)
    # Each period is 3 s, of 300 sources; two generations are kept.
    assert len(limiter) <= 2 * 301


def test_a_crowd_does_not_fill_the_memory() -> None:
    limiter = SourceLimiter(Limits(total_rate=None), capacity=100)
    for n in range(10_000):
        limiter.allow(str(n), 1.0)
    assert len(limiter) <= 200


def test_a_crowd_does_not_set_a_flooder_free_at_once() -> None:
    """Turning the generations early still remembers the last one."""
    limits = Limits(source_rate=1.0, source_burst=1.0, total_rate=None)
    limiter = SourceLimiter(limits, capacity=100)
    assert limiter.allow("flooder", 1.0)
    for n in range(100):
        limiter.allow(str(n), 1.0)
    assert not limiter.allow("flooder", 1.0)
