"""Pickers and chokers together: how near a swarm comes to what its uplinks allow.

The bound is of Mundinger, Weber and Weiss (J. Scheduling, 2008): with equal uplinks, one seed and
``n`` others need at least ``m + floor(log2(n))`` piece times for ``m`` pieces. Nothing may beat
it: a run that does has counted something that was never sent.
"""

from __future__ import annotations

from math import floor, log2

import pytest

from tests.swarming import BLOCKS, Member, swarm


def bound(size: int, pieces: int) -> int:
    return pieces + floor(log2(size - 1))


def check_books(members: list[Member], pieces: int) -> None:
    """What was sent is what arrived, once each."""
    needed = (len(members) - 1) * pieces * BLOCKS
    assert sum(member.uploaded for member in members) == needed + sum(it.wasted for it in members)
    assert sum(member.wasted for member in members) < 0.005 * needed
    assert all(member.picker.complete and not member.picker.open_pieces for member in members)


@pytest.mark.parametrize(("size", "pieces", "most"), [(25, 100, 1.25), (25, 200, 1.18)])
def test_a_flash_crowd_comes_near_its_bound_and_never_beats_it(
    size: int, pieces: int, most: float
) -> None:
    makespan, members = swarm(size, pieces, seed=1)
    assert 1.0 <= makespan / bound(size, pieces) <= most
    check_books(members, pieces)


@pytest.mark.slow
def test_a_hundred_peers_come_within_a_third_of_their_bound() -> None:
    makespan, members = swarm(101, 100, seed=1, slots=3)
    assert 1.0 <= makespan / bound(101, 100) <= 1.35
    check_books(members, 100)


def test_nobody_waits_long_for_the_last_pieces() -> None:
    _, members = swarm(21, 100, seed=2)
    times = sorted(member.done for member in members if member.done)
    assert len(times) == 20
    assert times[-1] <= 1.05 * times[len(times) // 2]


def test_a_swarm_is_the_same_for_the_same_dice() -> None:
    runs = [swarm(9, 30, seed=3) for _ in range(2)]
    done = [sorted((it.name, it.done, it.uploaded) for it in members) for _, members in runs]
    assert runs[0][0] == runs[1][0]
    assert done[0] == done[1]
