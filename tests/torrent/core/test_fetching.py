"""Requests that are taken back (BEP 3: "it sends cancels to everyone else")."""

from __future__ import annotations

from tests.samples import make
from tests.swarm_strangers import stranger
from tests.swarm_world import World
from torrent.core.metainfo import Version
from torrent.core.policy import BLOCK
from torrent.core.wire import Cancel, HaveAll, Request, Unchoke

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


def test_padding_is_not_asked_for() -> None:
    world = World()
    sample = make((BLOCK + 1, 3 * BLOCK), Version.HYBRID, piece_length=8 * BLOCK)
    seed, leech = world.member(sample, pieces=None), world.member(sample)
    leech.know(seed)
    world.finish(leech)
    assert sum(seed.uploaded.values()) == 5 * BLOCK  # the second block with padding behind it
