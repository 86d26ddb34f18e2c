"""First words on a new connection: what is said, and what is not said any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.samples import make
from tests.swarm_strangers import hello, stranger
from tests.swarm_world import World
from torrent.core.wire import HaveNone, Port, read_handshake

if TYPE_CHECKING:
    from torrent.core.peer import Peer

SAMPLE = make((100_000,))


def test_who_was_shut_out_on_arrival_is_heard_of_no_more() -> None:
    """The parts are told of a peer in turn; the first that ends it is the last to hear of it."""
    member = World().member(SAMPLE)
    greeter, told = member.swarm.greeter, []

    def closing(peer: Peer, now: float) -> None:
        greeter.commons.close(peer, "not today", now)

    greeter.arrived = [closing, lambda peer, _now: told.append(peer)]
    effects = member.swarm.connected(
        1, ("10.0.0.9", 5000), 0.0, incoming=True, handshake=read_handshake(hello(SAMPLE))
    )
    assert [effect.reason for effect in effects if hasattr(effect, "reason")] == ["not today"]
    assert not told
    assert not member.swarm.commons.peers


def test_no_dht_port_is_named_without_one() -> None:
    world = World()
    member = world.member(SAMPLE)
    other = stranger(world, SAMPLE, HaveNone())
    other.dial(member)
    world.run(1.0)
    assert other.heard
    assert not other.heard_of(Port)
