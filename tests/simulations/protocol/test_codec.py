from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from dht.core import commands as do
from dht.core.effects import Evidence
from dht.core.keys import Key
from dht.core.messages import Put
from simulations.protocol.codec import Codec
from simulations.protocol.networks import network
from tests.sim_worlds import DELAY, planted

if TYPE_CHECKING:
    from simulations.protocol.world import World


def spoken(count: int, **fields: object) -> World:
    """A world whose nodes speak Mainline."""
    net = network("mainline", rng=Random(1))
    world = planted(count, net=net, **fields)  # type: ignore[arg-type]
    for node in world.nodes:
        node.codec = Codec(world, node, net.policy, Random(node.index))
    return world


def test_a_question_and_its_answer_travel_as_bytes() -> None:
    world, ended = spoken(2), list[Evidence]()
    world.on_finished = lambda node, number, evidence: ended.append(evidence)
    world.command(world.nodes[0], do.Walk(1, Key(5)))
    world.run(1.0)
    assert [evidence.closest for evidence in ended] == [(world.nodes[1].contact,)]
    assert ended[0].ended == pytest.approx(2 * DELAY)
    assert (world.requests, world.responses) == (1, 1)


def test_what_is_no_query_of_ours_is_told_so_and_garbage_is_not() -> None:
    world = spoken(2)
    one, other = world.nodes
    assert one.codec is not None
    assert other.codec is not None
    sent = list[bytes]()
    carry = world.carry

    def watched(source: object, target: object, arrive: object, *details: object) -> None:
        sent.append(details[0])  # type: ignore[arg-type]
        carry(source, target, arrive, *details)  # type: ignore[arg-type]

    world.carry = watched  # type: ignore[method-assign, assignment]
    address = one.endpoint
    other.codec.take(b"garbage", address)  # type: ignore[arg-type]
    assert sent == []
    other.codec.take(b"d1:ade1:q4:ping1:t2:aa1:y1:qe", address)  # type: ignore[arg-type]
    assert b"1:y1:e" in sent[0]
    world.run(1.0)
    other.codec.take(b"d1:ade1:q4:ping1:t2:aa1:y1:qe", ("9.9.9.9", 9))
    assert len(sent) == 1, "nobody lives there"


def test_what_no_datagram_can_carry_is_lost() -> None:
    world, ended = spoken(2), list[Evidence]()
    world.on_finished = lambda node, number, evidence: ended.append(evidence)
    record = network("mainline").record(b"v")
    put = do.Ask(1, world.nodes[1].endpoint, Put(record))
    world.command(world.nodes[0], put)
    world.run(30.0)
    assert ended[0].answered == 0, "a put without a ticket"


def test_who_died_or_speaks_no_codec_takes_nothing() -> None:
    world = spoken(3)
    world.kill(world.nodes[1])
    world.nodes[2].codec = None
    world.command(world.nodes[0], do.Walk(1, Key(5)))
    world.run(30.0)
    assert world.responses == 0
