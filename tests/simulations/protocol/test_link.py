from __future__ import annotations

from math import inf
from random import Random
from statistics import median

import numpy as np
import pytest

from dht.core.keys import Key
from dht.core.messages import Contact
from simulations.latency import Constant, Latency, LogNormal, Matrix, Nat
from simulations.protocol.link import MAPPING, MOST_HOLES, Link
from simulations.protocol.node import Node


def node(index: int, nat: Nat = Nat.PUBLIC, side: int = 0) -> Node:
    made = Node(index, Contact(Key(index), ("16.0.0.1", index + 1)), None)
    made.nat, made.side = int(nat), side
    if nat:
        made.holes = {}
    return made


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def link(latency: Latency | None = None, loss: float = 0.0, clock: Clock | None = None) -> Link:
    return Link(latency or Constant(0.2), 10, loss, Random(1), clock or Clock())


def test_constant_delays_are_constant() -> None:
    assert {link().delay(node(1), node(2)) for _ in range(9)} == {0.2}


def test_delays_are_the_models() -> None:
    delays = [link(LogNormal(0.1, 0.5)).delay(node(1), node(2))]
    one = link(LogNormal(0.1, 0.5))
    delays = [one.delay(node(1), node(2)) for _ in range(2000)]
    assert median(delays) == pytest.approx(0.1, rel=0.1)
    square = np.array([[0.0, 1.0], [2.0, 0.0]], np.float32)
    sites = link(Matrix.of(square))
    assert (sites.delay(node(0), node(1)), sites.delay(node(1), node(0))) == (1.0, 2.0)
    assert sites.delay(node(10), node(1)) == 1.0, "who comes later takes the place of node 0"


def test_a_share_is_lost() -> None:
    lossy = link(loss=0.3)
    lost = sum(lossy.delay(node(1), node(2)) == inf for _ in range(4000))
    assert lost / 4000 == pytest.approx(0.3, abs=0.03)


def test_sides_are_cut_off_from_each_other_only() -> None:
    parted = link()
    here, there, too = node(0, side=0), node(1, side=1), node(2, side=0)
    assert parted.delay(here, there) == 0.2
    parted.cut = True
    assert parted.delay(here, there) == parted.delay(there, here) == inf
    assert parted.delay(here, too) == 0.2


def test_a_nat_lets_in_whom_its_node_spoke_to_for_a_while() -> None:
    clock = Clock()
    nats = link(clock=clock)
    public, behind = node(1), node(2, Nat.RESTRICTED)
    assert nats.delay(public, behind) == inf
    assert nats.delay(behind, public) == 0.2
    assert nats.delay(public, behind) == 0.2
    assert nats.delay(node(3), behind) == inf
    clock.now = MAPPING
    assert nats.delay(public, behind) == inf


def test_two_symmetric_nats_never_find_each_other() -> None:
    nats = link()
    one, other = node(1, Nat.SYMMETRIC), node(2, Nat.RESTRICTED)
    assert nats.delay(one, other) == nats.delay(other, one) == inf
    third = node(3, Nat.RESTRICTED)
    nats.delay(other, third)
    assert nats.delay(third, other) == 0.2


def test_mappings_are_bounded() -> None:
    clock = Clock()
    nats, behind = link(clock=clock), node(0, Nat.RESTRICTED)
    for index in range(4 * MOST_HOLES):
        clock.now = float(index)
        nats.delay(behind, node(index + 1))
        assert len(behind.holes) <= MOST_HOLES
