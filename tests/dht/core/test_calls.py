"""Pending calls against a naive list of moments."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from dht.core.calls import Calls, Silence
from dht.core.messages import Ping
from dht.core.policy import Timeouts
from dht.core.timing import Timing

TIMEOUTS = Timeouts()
OWNER: object = object()


def make() -> Calls:
    return Calls(Timing(TIMEOUTS), TIMEOUTS)


def opened(calls: Calls, now: float) -> int:
    return calls.open("there", None, Ping(), OWNER, now, None).id  # type: ignore[arg-type]


def test_silence_passes_three_moments_in_order() -> None:
    calls = make()
    number = opened(calls, 100.0)
    short, long = Timing(TIMEOUTS).patience(None)
    moments = [(short, Silence.SLOW), (long, Silence.DEAD), (TIMEOUTS.forget_after, Silence.GONE)]
    for after, silence in moments:
        assert calls.next_deadline() == 100.0 + after
        assert not list(calls.due(100.0 + after - 1e-6))
        assert [(c.id, s) for c, s in calls.due(100.0 + after)] == [(number, silence)]
    assert calls.next_deadline() == math.inf
    assert len(calls) == 0


def test_a_call_that_is_answered_late_is_still_there() -> None:
    calls = make()
    number = opened(calls, 0.0)
    assert [s for _, s in calls.due(TIMEOUTS.long_initial)] == [Silence.SLOW, Silence.DEAD]
    call = calls.close(number)
    assert call is not None
    assert call.passed is Silence.DEAD
    assert calls.close(number) is None
    assert not list(calls.due(math.inf))


def test_nothing_is_due_of_a_call_that_was_answered() -> None:
    calls = make()
    calls.close(opened(calls, 0.0))
    assert calls.next_deadline() == math.inf
    assert not list(calls.due(1e9))


@given(
    st.lists(
        st.tuples(st.floats(0, 20), st.sampled_from(["open", "close", "due"]), st.integers(0, 9)),
        max_size=60,
    )
)
def test_every_open_call_passes_every_moment_once_and_no_closed_one_does(
    steps: list[tuple[float, str, int]],
) -> None:
    calls, now = make(), 0.0
    sent: dict[int, float] = {}
    passed: dict[int, list[Silence]] = {}
    closed: set[int] = set()
    for step, what, which in steps:
        if what == "open":
            number = opened(calls, now)
            sent[number], passed[number] = now, []
        elif what == "close" and sent:
            number = sorted(sent)[which % len(sent)]
            gone = number in closed or Silence.GONE in passed[number]
            assert (calls.close(number) is None) == gone
            closed.add(number)
        else:
            now += step
            for call, silence in calls.due(now):
                assert call.id not in closed
                passed[call.id].append(silence)
    for number, at in sent.items():
        if number in closed:
            continue
        short, long = Timing(TIMEOUTS).patience(None)
        limits = [short, long, TIMEOUTS.forget_after]
        # What has passed follows from the clock of the last `due` alone.
        assert (
            passed[number]
            == [s for s, limit in zip(Silence, limits, strict=True)][: len(passed[number])]
        )
        assert all(at + limit <= now for limit in limits[: len(passed[number])])
    assert len(calls) == sum(
        number not in closed and Silence.GONE not in passed[number] for number in sent
    )
