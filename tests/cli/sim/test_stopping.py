"""One stop, whatever the number of signals."""

from __future__ import annotations

import signal
import threading

import pytest

from cli.sim import stopping
from cli.sim.stopping import stoppable


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_the_first_stops_and_its_echo_does_not(which: signal.Signals) -> None:
    cleaned = []

    def work() -> None:
        with stoppable():
            try:
                signal.raise_signal(which)
            finally:
                signal.raise_signal(signal.SIGINT)
                cleaned.append(True)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert cleaned


def test_a_later_one_is_no_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 10.4, 11.0])
    monkeypatch.setattr(stopping.time, "monotonic", lambda: next(now))
    with stoppable():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_afterwards_signals_are_whose_they_were() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stoppable():
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_who_was_told_not_to_hear_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stoppable():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_have_no_signals() -> None:
    entered = []

    def other() -> None:
        with stoppable():
            entered.append(True)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert entered == [True]
