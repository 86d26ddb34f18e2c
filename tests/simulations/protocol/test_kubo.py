"""Kubo's publication, phase by phase, in worlds where every dial and answer takes what we say."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from simulations.chance import Chance
from simulations.protocol import Run
from simulations.protocol.kubo import BACKOFF, READ, Publication
from simulations.protocol.streams import Streams
from simulations.scenario import Network, Rules, Scenario, Traffic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulations.protocol.node import Node

DIAL, ANSWER = 1.0, 0.25


class Even(Streams):
    """All dials take :data:`DIAL`, those of the dead what ``failing`` says; answers too."""

    def __init__(self, run: Run, failing: Mapping[int, float] | float) -> None:
        super().__init__(Random(1), lambda: run.world.now)
        self._run = run
        self.failing, self.slow = failing, ANSWER
        self.dials: list[tuple[float, int]] = []

    def dial(self, source: Node, target: Node) -> tuple[float, bool]:
        if target.alive:
            pair = (source.index, target.index)
            self._open.setdefault(pair, self._run.world.now + DIAL)
            return max(0.0, self._open[pair] - self._run.world.now), True
        self.dials.append((self._run.world.now, target.index))
        takes = self.failing if isinstance(self.failing, float) else self.failing[target.index]
        return takes, False

    def answer(self) -> float:
        return self.slow


def world(nodes: int = 60, dead: float = 0.0, k: int = 8) -> Run:
    return Run(
        Scenario(
            network=Network(nodes=nodes, dead=dead, streams=True),
            rules=Rules(policy="amino", k=k, alpha=4),
            traffic=Traffic(rate=0),
        ),
        Chance(3),
    )


def published(
    run: Run, streams: Streams, target: bytes = b"x"
) -> tuple[Publication, float, list[Publication]]:
    """A publication of the first live node, and when it ended."""
    ended: list[Publication] = []
    node = next(node for node in run.world.nodes if node.alive)
    policy = run.network.policy
    key = run.network.record(target).key
    it = Publication(
        run.world, streams, node, key, (policy.k, policy.alpha, policy.beta), ended.append
    )
    it.begin()
    run.world.run(when=lambda: bool(ended))
    return it, run.world.now, ended


def test_where_all_live_the_k_closest_take_it() -> None:
    run = world()
    it, end, ended = published(run, Even(run, 5.0))
    assert ended == [it]
    assert it.failures == 0
    closest = run.truth.closest(it.target, 8, it.node.key)
    assert {holder.key for holder in it.holders} == set(closest)
    # One dial and answer for each step of the walk, one for the follow-up; writing takes none.
    steps = end / (DIAL + ANSWER)
    assert 2 <= steps <= 6
    assert it.hops >= 1


def test_the_dead_are_waited_for() -> None:
    run = world(dead=0.3)
    streams = Even(run, 5.0)
    it, end, _ = published(run, streams)
    assert it.failures >= len(streams.dials) > 0
    assert end >= 5.0
    assert len(it.holders) < 8, "nobody takes the place of the dead"


def test_a_walk_does_not_wait_for_what_it_does_not_need() -> None:
    run = world(dead=0.3)
    slow = published(run, Even(run, 50.0))[1]
    again = world(dead=0.3)
    quick = published(again, Even(again, 0.1))[1]
    assert slow > 50.0
    assert quick < 12.0


def test_who_failed_just_now_is_not_dialled_again_but_later_is() -> None:
    run = world(dead=0.4)
    streams = Even(run, 0.5)
    published(run, streams)
    near = {index for _, index in streams.dials}
    assert len(near) == len(streams.dials), "all failed within the backoff, at the end"
    run = world(nodes=200, dead=0.4, k=20)
    # One of them fails at once, another much later: by then the backoff of the first is over.
    dead = [node.index for node in run.world.nodes if not node.alive]
    fates = {index: 0.5 if place % 2 else 3 * BACKOFF for place, index in enumerate(dead)}
    streams = Even(run, fates)
    published(run, streams)
    twice = [index for _, index in streams.dials]
    assert len(set(twice)) < len(twice)


@pytest.mark.parametrize("k", [1, 3])
def test_fewer_than_beta_will_do(k: int) -> None:
    run = world(nodes=5, k=k)
    it, _, ended = published(run, Even(run, 5.0))
    assert ended
    assert len(it.holders) == k


def test_who_knows_nobody_is_done_at_once() -> None:
    run = world(nodes=3)
    for node in run.world.nodes[1:]:
        run.population.leave(node)
    it, _, ended = published(run, Even(run, 2.0))
    assert ended == [it]
    assert not it.holders


def test_who_does_not_answer_in_time_has_failed() -> None:
    run = world()
    streams = Even(run, 5.0)
    streams.slow = READ + 1
    it, end, _ = published(run, streams)
    assert it.failures == it.requests, "nobody can be written to who could not be asked"
    assert not it.holders
    assert end >= DIAL + READ
