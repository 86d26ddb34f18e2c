"""Compiled swarms: what must hold in every run, and what each switch does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from simulations.chance import Chance
from simulations.laws import Exponential, Fixed
from simulations.statistics import digest
from simulations.swarm import run
from simulations.swarm.fast import memory
from simulations.swarm.results import (
    durations,
    fetching,
    honest,
    least_makespan,
    makespan,
    waste,
)
from simulations.theory.swarms import fluid_bound, gathered_bound
from tests.sim_swarms import PIECE, UP, Access, settings, swarmed

if TYPE_CHECKING:
    from simulations.rows import Rows
    from simulations.swarm.settings import SwarmSettings


def holds(swarm: SwarmSettings, rows: Rows) -> None:
    """The invariants: nothing comes from nowhere, no link carries more than it can."""
    assert rows["uploaded"].sum() == pytest.approx(rows["downloaded"].sum())
    end = np.minimum(rows["left_s"], max(np.nanmax(rows["completion_s"], initial=0.0), 1.0) * 10)
    stayed = np.maximum(end - rows["arrival_s"], 0)
    assert (rows["uploaded"] <= rows["up_bps"] * stayed * (1 + 1e-9) + 1).all()
    done = np.isfinite(rows["completion_s"])
    need = swarm.content.size + rows["wasted"][done]
    assert rows["downloaded"][done] == pytest.approx(need)
    fastest = rows["arrival_s"][done] + swarm.content.size / rows["down_bps"][done]
    assert (rows["completion_s"][done] >= fastest * (1 - 1e-9)).all()
    if done.any() and swarm.arrivals.rate == 0 and done.sum() == fetching(rows).count:
        assert makespan(rows) >= least_makespan(swarm, rows) * (1 - 1e-9)


def test_a_crowd_comes_near_the_limit_and_never_beats_it() -> None:
    swarm, rows = swarmed(peers=100, pieces=200)
    holds(swarm, rows)
    assert 1 <= makespan(rows) / least_makespan(swarm, rows) < 1.25
    assert waste(rows) == 0


def test_one_peer_takes_what_the_source_can_send() -> None:
    swarm, rows = swarmed(peers=1, pieces=40)
    exact = swarm.content.size / (2 * UP)
    assert makespan(rows) == pytest.approx(exact, abs=swarm.step)


def test_the_same_seed_is_the_same_run_and_another_is_not() -> None:
    runs = [digest(swarmed(seed)[1]) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


@tried(deadline=None, max_examples=40)
@given(
    peers=st.integers(1, 12),
    pieces=st.integers(1, 70),
    sources=st.integers(1, 4),
    slots=st.integers(1, 5),
    seed=st.integers(0, 1000),
    equal=st.booleans(),
)
def test_no_tiny_swarm_beats_physics(
    peers: int, pieces: int, sources: int, slots: int, seed: int, *, equal: bool
) -> None:
    how = {"rules__slots": slots, "rules__optimistic": 1, "content__sources": sources}
    swarm, rows = swarmed(seed, peers=peers, pieces=pieces, origin__up=UP * (2 - equal), **how)
    size, took = swarm.content.size, makespan(rows)
    assert rows["downloaded"].sum() == pytest.approx(peers * size)
    assert took >= fluid_bound(size, UP * (2 - equal), [UP] * peers) * (1 - 1e-9)
    if equal:
        assert took >= gathered_bound(pieces, peers) * PIECE / UP * (1 - 1e-9)


def test_slow_downlinks_bound_and_are_filled() -> None:
    down = UP / 2
    swarm, rows = swarmed(access=(Access(up=UP, down=down),))
    holds(swarm, rows)
    assert makespan(rows) >= swarm.content.size / down
    assert makespan(rows) < 1.3 * swarm.content.size / down


def test_unequal_links_are_met_as_their_shares_say() -> None:
    kinds = (Access(share=0.25, up=4 * UP), Access(share=0.75, up=UP / 2))
    swarm, rows = swarmed(access=kinds)
    holds(swarm, rows)
    ups = fetching(rows)["up_bps"]
    assert sorted(set(ups)) == [UP / 2, 4 * UP]
    assert (ups == 4 * UP).sum() == 10
    fast = np.median(durations(rows)[rows["up_bps"] == 4 * UP])
    slow = np.nanmedian(durations(rows)[rows["up_bps"] == UP / 2])
    assert fast <= slow + swarm.step, "nearly all end together, when the last pieces spread"


def test_without_a_source_nobody_has_anything() -> None:
    _, rows = swarmed(origin__count=0, horizon=60.0)
    assert np.isnan(rows["completion_s"]).all()
    assert rows["uploaded"].sum() == 0
    assert math.isnan(makespan(rows))


def test_peers_that_arrive_one_by_one_and_leave_again() -> None:
    swarm, rows = swarmed(
        peers=200, arrivals__rate=2.0, arrivals__seeding=Exponential(10.0), arrivals__selfish=False
    )
    holds(swarm, rows)
    assert (np.diff(fetching(rows)["arrival_s"]) > 0).all()
    gone = np.isfinite(rows["left_s"])
    assert gone.sum() > 50
    assert (rows["left_s"][gone] >= rows["completion_s"][gone]).all()


def test_the_selfish_leave_at_once_and_the_impatient_unfinished() -> None:
    _, rows = swarmed(arrivals__selfish=True)
    done = fetching(rows)
    assert done["left_s"] == pytest.approx(done["completion_s"])
    _, rows = swarmed(arrivals__patience=Fixed(5.0))
    assert np.isnan(fetching(rows)["completion_s"]).all()
    assert (fetching(rows)["left_s"] <= 6).all()


POISON = {"misfits__liars": 0.1, "content__sources": 4, "peers": 100}


def test_digests_ban_liars_and_nobody_else() -> None:
    swarm, rows = swarmed(**POISON)
    holds(swarm, rows)
    assert rows["false_bans"].sum() == 0
    assert rows["banned"][rows["role"] == 3].min() > 0
    assert rows["banned"][rows["role"] != 3].sum() == 0


def test_block_hashes_lose_a_block_a_liar() -> None:
    swarm, rows = swarmed(**POISON, content__hashes="v2")
    holds(swarm, rows)
    lost = rows["wasted"].sum() / 16_384
    # A choke may cut a false block off before it can be known as one.
    assert rows["banned"].sum() <= lost + 1e-6 < 1.1 * rows["banned"].sum()
    assert waste(rows) < waste(swarmed(**POISON)[1])


def test_points_ban_honest_peers_too() -> None:
    swarm, rows = swarmed(**POISON, rules__ban="points", misfits__lie=0.5)
    holds(swarm, rows)
    assert rows["banned"][rows["role"] == 3].sum() > 0


def test_where_nobody_is_banned_liars_go_on() -> None:
    swarm, rows = swarmed(**POISON, rules__ban="never")
    holds(swarm, rows)
    assert rows["banned"].sum() == 0
    assert waste(rows) > waste(swarmed(**POISON)[1])
    _, blocks = swarmed(**POISON, rules__ban="never", content__hashes="v2")
    assert blocks["banned"].sum() == 0
    assert blocks["wasted"].sum() > 0


def test_free_riders_upload_nothing_and_wait_longer() -> None:
    swarm, rows = swarmed(peers=100, pieces=100, misfits__free_riders=0.2)
    holds(swarm, rows)
    riders = rows.where(rows["role"] == 2)
    assert riders.count == 20
    assert riders["uploaded"].sum() == 0
    assert np.median(durations(riders)) > np.median(durations(honest(rows)))


def test_a_large_view_is_trusted_more_often() -> None:
    # As long as few do so: were it one in ten, they would take each other's trust.
    how = {"peers": 200, "pieces": 100, "misfits__free_riders": 0.02}
    few = {"rules__neighbours": 10, "rules__most_neighbours": 20}
    for seed in (1, 2, 3):
        narrow = swarmed(seed, **how, **few)[1]
        wide = swarmed(seed, **how, **few, misfits__view=150)[1]
        times = [float(np.nanmean(durations(r.where(r["role"] == 2)))) for r in (narrow, wide)]
        assert times[1] < times[0]


def test_a_source_no_faster_than_others_gains_by_showing_pieces_once() -> None:
    how = {"peers": 200, "pieces": 200, "origin__up": UP}
    plain, shown = (
        makespan(swarmed(**how, origin__super_seeding=each)[1]) for each in (False, True)
    )
    assert shown < plain


def test_rarest_first_beats_chance() -> None:
    how = {"peers": 200, "pieces": 200, "origin__up": UP}
    rare, any_piece = (makespan(swarmed(**how, rules__rarest=each)[1]) for each in (True, False))
    assert rare < any_piece


@pytest.mark.parametrize("policy", ["fastest", "turns", "lottery"])
def test_other_ways_to_choke_finish_too(policy: str) -> None:
    swarm, rows = swarmed(rules__choke=policy, rules__seed_choke=policy, rules__whole=True)
    holds(swarm, rows)
    assert np.isfinite(makespan(rows))


def test_a_shorter_step_changes_little() -> None:
    took = [makespan(swarmed(peers=100, pieces=100, step=step)[1]) for step in (0.5, 0.125)]
    assert took[0] == pytest.approx(took[1], rel=0.06)


def test_progress_is_told_and_ends_at_the_horizon() -> None:
    told: list[float] = []
    run(settings(), Chance(1), told.append)
    assert told == sorted(told)
    assert told[-1] == 3600.0


def test_memory_is_known_before() -> None:
    assert memory(settings(peers=1000)) > 900 * 1000
    assert memory(settings(**POISON)) > memory(settings(peers=100))
