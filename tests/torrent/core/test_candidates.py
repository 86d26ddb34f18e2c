"""Whom to dial: bounded, backed off, and never again."""

from __future__ import annotations

import math
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from torrent.core.candidates import MAX_BANS, Candidates
from torrent.core.policy import SwarmPolicy

A, B, C = ("10.0.0.1", 1), ("10.0.0.2", 1), ("10.0.0.3", 1)


def candidates(**policy: object) -> Candidates:
    return Candidates(SwarmPolicy(**policy), Random(1))  # type: ignore[arg-type]


def drain(known: Candidates, now: float, *, seeds: bool = True, **taken: int) -> list[object]:
    """Everybody who is due."""
    found = []
    while (endpoint := known.choose(now, seeds=seeds, taken=taken)) is not None:
        found.append(endpoint)
    return found


def test_each_is_dialled_once() -> None:
    known = candidates()
    assert known.found([A, B, A], "dht", 0.0) == 2
    assert sorted(drain(known, 0.0)) == [A, B]
    assert known.half_open == 2
    assert drain(known, 100.0) == []
    assert len(known) == 2
    assert A in known
    assert {candidate.endpoint for candidate in known} == {A, B}


def test_nonsense_is_not_taken() -> None:
    known = candidates()
    assert known.found([("10.0.0.1", 0), ("10.0.0.1", 65_536)], "user", 0.0) == 0
    known.ban("10.0.0.1", "lied")
    assert known.found([A, B], "user", 0.0) == 1


def test_failures_double_the_pause_and_end() -> None:
    known = candidates(redial_after=10.0, max_failures=3)
    known.found([A], "dht", 0.0)
    assert drain(known, 0.0) == [A]
    known.unreachable(A, 1.0)
    assert known.next_deadline() == 21.0
    assert drain(known, 20.0) == []
    assert drain(known, 21.0) == [A]
    known.unreachable(A, 22.0)
    assert known.next_deadline() == 62.0
    assert drain(known, 62.0) == [A]
    known.unreachable(A, 63.0)
    assert A not in known
    assert known.next_deadline() == math.inf


def test_half_open_dials_are_limited_and_expire() -> None:
    known = candidates(half_open=1, dial_patience=30.0)
    known.found([A, B], "dht", 0.0)
    assert len(drain(known, 0.0)) == 1
    assert known.next_deadline() == 30.0
    known.expire(29.0)
    assert known.half_open == 1
    known.expire(30.0)
    assert known.half_open == 0
    assert len(drain(known, 30.0)) == 1


def test_connections_come_back_or_not() -> None:
    known = candidates(redial_after=10.0)
    known.found([A], "dht", 0.0)
    drain(known, 0.0)
    known.connected(A, 7, "user", 1.0)
    assert known.half_open == 0
    known.unreachable(A, 1.0)  # not dialling: nothing to say
    known.disconnected(A, 8, 2.0, useful=False)  # not that one
    known.disconnected(B, 8, 2.0, useful=False)
    assert known.next_deadline() == math.inf
    known.disconnected(A, 7, 2.0, useful=True)
    assert known.next_deadline() == 12.0
    drain(known, 12.0)
    known.connected(A, 9, "user", 13.0)
    known.disconnected(A, 9, 13.0, useful=False)
    assert known.next_deadline() == 33.0


def test_who_is_proven_is_or_was_of_use() -> None:
    known = candidates()
    known.found([A, B], "dht", 0.0)
    assert known.proven() == (), "anybody can name endpoints"
    known.connected(A, 7, "user", 1.0)
    known.connected(B, 8, "user", 1.0)
    assert set(known.proven()) == {A, B}
    known.disconnected(A, 7, 2.0, useful=True, seed=True)
    known.disconnected(B, 8, 2.0, useful=True)
    assert known.proven() == (A,)


def test_seeds_are_left_alone_by_seeds() -> None:
    known = candidates(idle=600.0)
    known.found([A, B], "tracker", 0.0)
    known.presume_seed(A)
    known.presume_seed(C)
    assert drain(known, 0.0, seeds=False) == [B]
    assert known.next_deadline() == 30.0
    known.connected(B, 3, "user", 1.0)
    known.presume_seed(B)
    assert known.next_deadline() == 600.0
    assert drain(known, 600.0) == [A]


def test_one_dial_a_host() -> None:
    known = candidates(redial_after=10.0)
    known.found([("10.0.0.1", port) for port in (1, 2, 3)], "user", 0.0)
    assert len(drain(known, 0.0)) == 1
    many = candidates(per_host=2)
    many.found([("10.0.0.1", port) for port in (1, 2, 3)], "user", 0.0)
    assert len(drain(many, 0.0)) == 2
    taken = candidates()
    taken.found([A], "user", 0.0)
    assert taken.choose(0.0, seeds=True, taken={"10.0.0.1": 1}) is None
    assert taken.choose(99.0, seeds=True, taken={}) == A


def test_a_dead_port_does_not_keep_its_host_waiting() -> None:
    known = candidates(redial_after=10.0)
    known.found([("10.0.0.1", port) for port in (1, 2)], "dht", 0.0)
    [first] = drain(known, 0.0)
    known.retry(("10.0.0.1", 1), 0.0)
    known.retry(("10.0.0.1", 2), 0.0)
    assert drain(known, 0.0) == []
    known.unreachable(first, 0.1)  # type: ignore[arg-type]
    [second] = drain(known, 0.1)
    assert {first, second} == {("10.0.0.1", 1), ("10.0.0.1", 2)}
    known.connected(second, 7, "dht", 0.2)  # type: ignore[arg-type]
    assert known.choose(99.0, seeds=True, taken={"10.0.0.1": 1}) is None


def test_who_waits_for_its_host_may_be_evicted_or_banned() -> None:
    known = candidates(candidates=2)
    known.found([("10.0.0.1", port) for port in (1, 2)], "pex", 0.0)
    [first] = drain(known, 0.0)
    known.found([B], "user", 0.0)
    known.unreachable(first, 0.1)  # type: ignore[arg-type]
    assert drain(known, 0.1) == [B]
    banning = candidates()
    banning.found([("10.0.0.1", port) for port in (1, 2)], "pex", 0.0)
    drain(banning, 0.0)
    banning.ban("10.0.0.1", "lied")
    assert drain(banning, 99.0) == []
    assert banning.half_open == 0


def test_bans_forget_and_are_bounded() -> None:
    known = candidates()
    known.found([A, ("10.0.0.1", 2), B], "user", 0.0)
    drain(known, 0.0)
    known.ban("10.0.0.1", "lied")
    assert [candidate.endpoint for candidate in known] == [B]
    known.forget(("10.9.9.9", 9))
    for number in range(MAX_BANS + 5):
        known.ban(f"host{number}", "lied")
    assert len(known.banned) == MAX_BANS
    assert "10.0.0.1" not in known.banned


def test_introductions_are_dialled_at_once_but_not_twice() -> None:
    known = candidates()
    known.retry(A, 5.0)
    assert drain(known, 5.0) == [A]
    known.retry(A, 6.0)
    known.connected(A, 1, "user", 6.0)
    known.retry(A, 6.0)
    assert drain(known, 99.0) == []
    known.ban("10.0.0.2", "lied")
    known.retry(B, 6.0)
    assert drain(known, 99.0) == []


def test_when_full_the_least_promising_leaves() -> None:
    known = candidates(candidates=4)
    known.found([("10.0.1.1", p) for p in range(1, 5)], "tracker", 0.0)
    assert known.found([A], "pex", 0.0) == 0
    assert known.found([A], "user", 0.0) == 1
    assert len(known) == 4
    # Who was named again by somebody better is worth more.
    known.found([("10.0.1.1", p) for p in range(1, 5)], "user", 0.0)
    assert known.found([B], "tracker", 0.0) == 0
    # Who is connected stays, whatever comes.
    full = candidates(candidates=1)
    full.connected(A, 1, "user", 0.0)
    assert full.found([B], "user", 0.0) == 0


def test_connections_beyond_the_bound_are_not_remembered() -> None:
    full = candidates(candidates=1)
    full.connected(A, 1, "user", 0.0)
    full.connected(B, 2, "peer", 0.0)
    full.disconnected(B, 2, 1.0, useful=True)
    assert B not in full


def test_a_flood_of_names_does_not_pile_up() -> None:
    known = candidates(candidates=50, half_open=0)
    for number in range(5_000):
        known.found([(f"10.{number >> 8}.{number & 255}.1", 1)], "pex", float(number))
    assert len(known) == 50
    assert len(known._waiting) <= 2 * 50 + 65


@given(
    st.lists(
        st.tuples(st.sampled_from("fdcux"), st.integers(1, 6), st.integers(0, 40)), max_size=60
    )
)
def test_nobody_is_dialled_while_dialled_or_connected(steps: list[tuple[str, int, int]]) -> None:
    """Against the plainest account: a set of those we must not dial now."""
    known = candidates(candidates=4, half_open=2)
    busy: dict[tuple[str, int], int] = {}
    now = 0.0
    for verb, number, wait in steps:
        now += wait
        endpoint = (f"10.0.0.{number}", 1)
        known.expire(now)
        for dialled in [e for e, at in busy.items() if 0 <= at <= now - 30]:
            del busy[dialled]
        if verb == "f":
            known.found([endpoint], "pex", now)
        elif verb == "d":
            chosen = known.choose(now, seeds=True, taken={})
            if chosen is not None:
                assert chosen not in busy
                busy[chosen] = int(now)
        elif verb == "c" and busy.get(endpoint, -1) >= 0:
            known.connected(endpoint, number, "user", now)
            busy[endpoint] = -1
        elif verb == "u" and busy.get(endpoint, -1) >= 0:
            known.unreachable(endpoint, now)
            del busy[endpoint]
        elif verb == "x" and busy.get(endpoint) == -1:
            known.disconnected(endpoint, number, now, useful=True)
            del busy[endpoint]
        assert len(known) <= 4
        assert known.half_open <= 2


def test_seeds_we_parted_from_are_recalled() -> None:
    """Who failed, is connected or is no seed is left as it is."""
    known = candidates()
    known.found([A, B, C], "dht", 0.0)
    drain(known, 0.0)
    for link, endpoint in enumerate((A, B, C)):
        known.connected(endpoint, link, "dht", 0.0)
    known.disconnected(A, 0, 1.0, useful=True, seed=True)
    known.disconnected(B, 1, 1.0, useful=False, seed=True)
    assert drain(known, 1.0) == []
    known.recall(1.0)
    assert drain(known, 1.0) == [A]
