"""Peers that talk nonsense, or far too much: dropped in bounded memory; nobody else suffers."""

from __future__ import annotations

import pytest

from tests.samples import make
from tests.swarm_strangers import OURS, besieged, extended, hello, stranger
from tests.swarm_world import World
from torrent.core.policy import BLOCK, SwarmPolicy
from torrent.core.wire import (
    BitfieldMessage,
    Block,
    Cancel,
    ExtensionHandshake,
    Have,
    HaveAll,
    HaveNone,
    Interested,
    Message,
    MetadataRequest,
    Pex,
    Reject,
    Request,
    Suggest,
    Unchoke,
    encode,
)
from torrent.core.wire.messages import Extended

# Nonsense.

NONSENSE = {
    "garbage": b"\x00\x00\x00\x05\x63" + b"garbage!" * 50,
    "four gigabytes": b"\xff\xff\xff\xff\x07",
    "a piece that is not there": encode(Have(10_000)),
    "a short bitfield": encode(BitfieldMessage(b"\xff")),
    "spare bits": encode(BitfieldMessage(b"\xff\xff")),
    "a long bitfield": encode(BitfieldMessage(b"\xff" * 60_000)),
    "no dictionary": encode(Extended(0, b"le")),
    "a pex that ends early": encode(Extended(1, b"d5:added5:abcdee")),
    "a huge metadata": extended(ExtensionHandshake({}, metadata_size=1 << 30)),
    "a piece it never had": extended(__import__("torrent.core.wire").core.wire.DontHave(9_999)),
    "another handshake": b"\x13BitTorrent protocol" + bytes(48),
}


@pytest.mark.parametrize("said", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_ends_the_connection_and_nothing_else(said: bytes) -> None:
    world = World(splits=(1 << 20,))
    sample = make((300_000,))
    _, leech = besieged(world, sample)
    fool = world.stranger()
    fool.greeting = hello(sample) + encode(HaveNone()) + said
    fool.dial(leech)
    world.finish(leech)
    assert fool.hung_up
    assert not leech.banned


@pytest.mark.parametrize("message", [HaveAll(), HaveNone(), Reject(0, 0, 1), Suggest(0)])
def test_the_fast_extension_has_to_be_agreed_on(message: Message) -> None:
    world = World()
    sample = make((300_000,))
    leech = world.member(sample)
    fool = stranger(world, sample, message, fast=False)
    fool.dial(leech)
    world.run(1)
    assert fool.hung_up


def test_another_torrent_and_no_torrent() -> None:
    world = World()
    sample, other = make(), make(seed=2)
    leech = world.member(sample)
    wrong = world.stranger()
    wrong.greeting = hello(other)
    web = world.stranger()
    web.greeting = b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(80)
    leech.know(wrong, web)
    world.run(1)
    assert wrong.hung_up
    assert web.hung_up


def test_bitfields_are_judged_once_the_torrent_is_known() -> None:
    world = World()
    sample = make((300_000,))
    seed = world.member(sample, pieces=None)
    leech = world.member(sample, magnet=True)
    odd = [
        stranger(world, sample, BitfieldMessage(b"\xff" * 1_000)),
        stranger(world, sample, BitfieldMessage(b"\xff\xff")),
        stranger(world, sample, Have(1_000)),
        stranger(world, sample, Have(2_097_152)),
    ]
    fine = [
        stranger(world, sample, BitfieldMessage(b"\x80\x00"), Have(3), name=b"f"),
        stranger(world, sample, Have(9), Have(0), name=b"g"),
        stranger(world, sample, HaveAll(), name=b"h"),
    ]
    for at, each in enumerate(odd):
        each.greeting = each.greeting.replace(b"s" * 20, bytes([65 + at]) * 20)
    leech.know(*odd, *fine)
    world.run(1)
    assert [each.hung_up for each in odd] == [False, False, False, True]
    leech.know(seed)
    world.finish(leech)
    assert all(each.hung_up for each in odd)
    assert not any(each.hung_up for each in fine[:2])


def test_blocks_nobody_asked_for() -> None:
    world = World()
    sample = make((300_000,))
    leech = world.member(sample)
    pusher = stranger(world, sample, HaveAll())
    pusher.greeting += encode(Block(0, 0, memoryview(bytes(BLOCK)))) * 60
    pusher.dial(leech)
    world.run(1)
    assert pusher.hung_up
    assert leech.swarm.fetching.wasted > 50 * BLOCK


def test_blocks_of_the_wrong_size() -> None:
    world = World()
    sample = make((300_000,))
    leech = world.member(sample)
    cheat = stranger(world, sample, HaveAll(), Unchoke())
    cheat.reply = lambda message: (
        encode(Block(message.piece, message.begin, memoryview(bytes(100))))
        if isinstance(message, Request)
        else None
    )
    cheat.dial(leech)
    world.run(1)
    assert cheat.hung_up
    assert any("not a block" in reason for reason in leech.closed)


# Floods.


def test_a_flood_of_requests_is_bounded() -> None:
    world = World(splits=(1 << 20,))
    sample = make((300_000,))
    seed = world.member(sample, pieces=None, uplink=1.0)
    greedy = stranger(world, sample, HaveNone(), Interested())
    greedy.dial(seed)
    world.run(0.1)
    assert greedy.heard_of(Unchoke)
    requests = [Request(p, b * 64, 64) for p in range(9) for b in range(60)]
    greedy.say(b"".join(map(encode, requests)))
    world.run(0.15)
    (peer,) = seed.swarm.commons.peers.values()
    assert len(peer.queue) <= 500
    assert greedy.heard_of(Reject)
    assert not greedy.hung_up
    greedy.say(b"".join(encode(Request(8, b * 64, 32)) for b in range(200)))
    world.run(0.3)
    assert greedy.hung_up


@pytest.mark.parametrize(
    "request_",
    [Request(99_999, 0, BLOCK), Request(0, 0, 32_768), Request(0, 32_000, BLOCK), Request(0, 0, 0)],
    ids=str,
)
@pytest.mark.parametrize("fast", [True, False])
def test_requests_that_cannot_be_served(request_: Request, *, fast: bool) -> None:
    world = World()
    sample = make((300_000,))
    seed = world.member(sample, pieces=None)
    fool = stranger(world, sample, Interested(), fast=fast)
    fool.dial(seed)
    world.run(0.1)
    fool.say(encode(request_))
    world.run(0.2)
    assert bool(fool.heard_of(Reject)) is fast
    fool.say(encode(request_) * 60)
    world.run(0.3)
    assert fool.hung_up
    assert not seed.uploaded


def test_requests_while_choked() -> None:
    world = World()
    sample = make((3_000_000,))
    seed = world.member(sample, pieces=None, policy=SwarmPolicy(upload_slots=0, allowed_fast=2))
    for fast in (True, False):
        choked = stranger(world, sample, Interested(), fast=fast, name=b"ab"[fast : fast + 1])
        choked.dial(seed)
        world.run(world.now + 0.1)
        allowed = [
            message.piece for message in choked.heard if type(message).__name__ == "AllowedFast"
        ]
        assert len(allowed) == (2 if fast else 0)
        for piece in (*allowed, 50):
            choked.say(encode(Request(piece, 0, BLOCK)))
        world.run(world.now + 0.1)
        assert sorted(block.piece for block in choked.heard_of(Block)) == sorted(allowed)
        assert bool(choked.heard_of(Reject)) is fast


def test_cancels_are_honoured() -> None:
    world = World()
    sample = make((300_000,))
    seed = world.member(sample, pieces=None, uplink=20_000.0)
    fickle = stranger(world, sample, Interested())
    fickle.dial(seed)
    world.run(0.1)
    requests = [Request(p, 0, BLOCK) for p in range(8)]
    fickle.say(b"".join(map(encode, requests)))
    fickle.say(b"".join(encode(Cancel(p, 0, BLOCK)) for p in range(20)))
    world.run(30)
    blocks, rejects = fickle.heard_of(Block), fickle.heard_of(Reject)
    assert len(blocks) + len(rejects) == 8
    assert len(rejects) >= 5


def test_a_flood_of_pex_is_a_fault() -> None:
    world = World()
    sample = make((300_000,))
    leech = world.member(sample, policy=SwarmPolicy(candidates=100))
    gossip = stranger(world, sample)
    gossip.dial(leech)
    world.run(0.1)
    for turn in range(10):
        named = tuple(((f"8.8.{turn}.{i}", 6881), 0) for i in range(1, 90))
        gossip.say(extended(Pex(named, ())))
    world.run(0.2)
    assert gossip.hung_up
    assert len(leech.swarm.commons.candidates) <= 100


def test_a_peer_that_does_not_read_is_hung_up_on() -> None:
    world = World(splits=(1 << 20,))
    sample = make((300_000,))
    seed = world.member(sample, pieces=None)
    deaf = stranger(world, sample, HaveNone())
    deaf.dial(seed)
    world.run(0.1)
    seed.flush = lambda link: None  # the socket takes nothing
    deaf.say(extended(ExtensionHandshake(OURS)) + extended(MetadataRequest(0)) * 3_000)
    world.run(1)
    (peer,) = seed.swarm.commons.peers.values()
    assert len(peer.out) < 1 << 19  # what is served is bounded first
    seed.swarm.commons.write(peer, bytes(4 << 20), world.now)
    assert peer.closed
    seed.swarm.commons.write(peer, b"late", world.now)
    assert not peer.out
