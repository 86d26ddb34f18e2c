"""Requests that are taken back (BEP 3: "it sends cancels to everyone else")."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tests.samples import make
from tests.swarm_strangers import stranger
from tests.swarm_world import World
from torrent.core.metainfo import Version
from torrent.core.policy import BLOCK
from torrent.core.wire import Block, Cancel, HaveAll, Request, Unchoke, encode

if TYPE_CHECKING:
    from tests.swarm_streams import Stranger
    from tests.swarm_world import Member

SAMPLE = make((4 * BLOCK,))


def test_a_block_is_cancelled_where_it_is_outstanding_and_nowhere_else() -> None:
    world = World()
    member = world.member(SAMPLE)
    one, idle = stranger(world, SAMPLE, HaveAll(), Unchoke()), stranger(world, SAMPLE, name=b"t")
    for other in (one, idle):
        other.dial(member)
    world.run(1.0)
    asked = one.heard_of(Request)[0]
    assert isinstance(asked, Request)
    links = [*member.swarm.commons.peers, 999]  # the last closed meanwhile
    for _ in range(2):  # the second time there is nothing left to take back
        member.swarm.fetching.cancel(links, asked.piece, asked.begin, asked.length, world.now)
        for link in member.ends:
            member.flush(link)
    world.run(2.0)
    assert one.heard_of(Cancel) == [Cancel(asked.piece, asked.begin, asked.length)]
    assert idle.heard_of(Cancel) == []


def stalled(world: World) -> tuple[Member, Stranger]:
    """A download whose only peer sends the first block of each piece, and no other."""
    sample = make((8 * BLOCK,))
    peer = stranger(world, sample, HaveAll(), Unchoke())
    first = bytes(BLOCK)
    peer.reply = lambda said: (
        encode(Block(said.piece, 0, first)) if isinstance(said, Request) and not said.begin else b""
    )
    leech = world.member(sample)
    leech.know(peer)
    return leech, peer


def test_pieces_that_stand_still_make_room_where_others_lack_buffers() -> None:
    world = World()
    leech, _ = stalled(world)
    world.run(20.0)
    held = len(leech.pool.out)
    assert held == 4
    world.run(60.0)
    leech.swarm.fetching.make_room(world.now)
    assert len(leech.pool.out) == held  # nobody was refused
    leech.pool.refused += 1
    leech.swarm.fetching.make_room(world.now)
    assert not leech.pool.out
    assert leech.swarm.assemblies.starving
    world.run(62.0)
    assert leech.pool.out  # the peer is asked again, once others had a beat's time


def test_pieces_that_move_keep_their_buffers() -> None:
    world = World()
    leech, _ = stalled(world)
    world.run(20.0)
    leech.pool.refused += 1
    leech.swarm.fetching.make_room(world.now)
    assert leech.pool.out


def test_nobody_is_left_and_pieces_make_room() -> None:
    world = World()
    leech, _ = stalled(world)
    world.run(20.0)
    for link in list(leech.ends):
        leech.perform(leech.swarm.disconnected(link, world.now))
    assert leech.pool.out
    leech.swarm.commons.candidates.ban("10.0.0.1", "not dialled again")
    while (at := leech.swarm.next_deadline()) < math.inf:
        assert at <= 60.0
        leech.pool.refused += 1
        leech.perform(leech.swarm.tick(at))
    assert not leech.pool.out


def test_padding_is_not_asked_for() -> None:
    world = World()
    sample = make((BLOCK + 1, 3 * BLOCK), Version.HYBRID, piece_length=8 * BLOCK)
    seed, leech = world.member(sample, pieces=None), world.member(sample)
    leech.know(seed)
    world.finish(leech)
    assert sum(seed.uploaded.values()) == 5 * BLOCK  # the second block with padding behind it
