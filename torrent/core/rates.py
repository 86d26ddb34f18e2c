"""How fast, and how much more: measured rates, and buckets of tokens that limit them."""

from __future__ import annotations

from typing import Final

_UNLIMITED: Final = float("inf")
_SLOTS: Final = 10
"""Parts of a window: the measure is at most a tenth of it out of date."""


class Rate:
    """Bytes a second over the last ``window`` seconds.

    Amounts are summed in a ring of ten spans of time, so it costs the same however often it is
    told. Before a whole window has passed, what came is divided by the time since the first.

    Attributes:
        total: All that was ever added.
    """

    __slots__ = ("_born", "_slot", "_span", "_spans", "_sum", "total")

    def __init__(self, window: float = 20.0) -> None:
        if not window > 0:
            raise ValueError(f"a window is longer than {window} s")
        self.total = 0
        self._span = window / _SLOTS
        self._spans = [0] * _SLOTS
        self._sum = 0
        self._slot: int | None = None
        self._born = 0.0

    def add(self, amount: int, now: float) -> None:
        """Count ``amount`` bytes."""
        self._turn(now)
        self.total += amount
        self._sum += amount
        slot = self._slot or 0
        self._spans[slot % _SLOTS] += amount

    def per_second(self, now: float) -> float:
        """Bytes a second, lately."""
        if self._slot is None:
            return 0.0
        self._turn(now)
        whole = (_SLOTS - 1) * self._span
        since = now - max(self._born, self._slot * self._span - whole)
        # A rate over less than one span would be noise: one block after 1 ms is not 16 MB/s.
        return self._sum / max(since, self._span)

    def _turn(self, now: float) -> None:
        """Let go of the spans that are older than the window."""
        slot = int(now // self._span)
        if self._slot is None:
            self._slot, self._born = slot, now
        passed = min(slot - self._slot, _SLOTS)
        for back in range(passed):
            at = (slot - back) % _SLOTS
            self._sum -= self._spans[at]
            self._spans[at] = 0
        self._slot = max(slot, self._slot)


class TokenBucket:
    """A limit of ``rate`` bytes a second that lets up to ``burst`` bytes through at once.

    ``rate`` is infinite where nothing is limited. It may be changed at any time.
    """

    __slots__ = ("_at", "_level", "burst", "rate")

    def __init__(self, rate: float, burst: float) -> None:
        self.rate = rate
        self.burst = burst
        self._level = burst
        self._at: float | None = None

    def take(self, amount: float, now: float) -> bool:
        """Take ``amount`` if there is as much, and say whether there was."""
        if self.available(now) < amount:
            return False
        self._level -= amount
        return True

    def available(self, now: float) -> float:
        """How much can be taken now."""
        if self.rate == _UNLIMITED:
            return _UNLIMITED
        if self._at is not None and now > self._at:
            self._level = min(self.burst, self._level + (now - self._at) * self.rate)
        self._at = now if self._at is None else max(now, self._at)
        return self._level

    def when(self, amount: float, now: float) -> float:
        """The time from which ``amount`` can be taken; infinite if it never can."""
        lacking = amount - self.available(now)
        if lacking <= 0:
            return now
        if amount > self.burst or self.rate <= 0:
            return _UNLIMITED
        return now + lacking / self.rate
