"""Peers that lie, stall, flood, or talk nonsense: found, dropped, and the download completes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from tests.samples import make
from tests.swarm_world import Member, Stranger, World
from torrent.core.effects import Completed, Failed
from torrent.core.metainfo import Version
from torrent.core.policy import BLOCK, SwarmPolicy
from torrent.core.wire import (
    BitfieldMessage,
    Block,
    Cancel,
    Choke,
    ExtensionHandshake,
    Handshake,
    HashRequest,
    Have,
    HaveAll,
    HaveNone,
    Interested,
    Message,
    MetadataData,
    MetadataReject,
    MetadataRequest,
    Pex,
    Reject,
    Request,
    Suggest,
    Unchoke,
    encode,
    encode_extended,
    read_extended,
    reserved_bits,
)
from torrent.core.wire.messages import Extended

if TYPE_CHECKING:
    from tests.samples import Sample

VERSIONS = [Version.V1, Version.V2, Version.HYBRID]
OURS = {"ut_pex": 1, "ut_metadata": 2, "upload_only": 3, "ut_holepunch": 4, "lt_donthave": 7}


def hello(sample: Sample, *, fast: bool = True, extended: bool = True, name: bytes = b"s") -> bytes:
    reserved = reserved_bits(fast=fast, extended=extended, dht=True)
    return encode(Handshake(sample.info.infohashes[0], name * 20, reserved))


def extended(message: object) -> bytes:
    """An extension message for us, under our numbers."""
    data = encode_extended(message, OURS)
    assert data is not None
    return data


def stranger(world: World, sample: Sample, *first: Message, **how: bool) -> Stranger:
    """A stranger that says hello and ``first``."""
    found = world.stranger()
    found.greeting = hello(sample, **how) + b"".join(map(encode, first))
    return found


def besieged(world: World, sample: Sample, **how: object) -> tuple[Member, Member]:
    """An honest seed with a slow uplink, and a leech that knows it."""
    seed = world.member(sample, pieces=None, uplink=100_000.0)
    leech = world.member(sample, **how)
    leech.know(seed)
    return seed, leech


# False data.


@pytest.mark.parametrize("version", VERSIONS)
def test_a_liar_among_honest_peers_is_banned_alone(version: Version) -> None:
    world = World(seed=5)
    sample = make((1_000_000,), version, piece_length=65_536)
    seeds = [world.member(sample, pieces=None, uplink=200_000.0) for _ in range(2)]
    liar = world.member(sample, pieces=None, uplink=200_000.0)
    liar.lie = lambda request, data: bytes(len(data)) if request.begin else None
    leech = world.member(sample)
    leech.know(*seeds, liar)
    world.finish(leech)
    assert leech.banned == [liar.endpoint[0]]
    assert any(failed.culprits for failed in leech.of(Failed)) or leech.banned
    assert leech.of(Completed) == [Completed()]
    # It is not let in again.
    liar.know(leech)
    world.run(world.now + 60)
    assert "the host is banned" in leech.closed


def test_in_v2_the_leaves_convict_before_anything_is_fetched_again() -> None:
    world = World(seed=5)
    sample = make((400_000,), Version.V2, piece_length=131_072)
    seed, liar = (world.member(sample, pieces=None, uplink=200_000.0) for _ in range(2))
    liar.lie = lambda request, data: bytes(len(data))
    leech = world.member(sample)
    leech.know(seed, liar)
    world.run(60, when=lambda: bool(leech.banned))
    assert leech.banned == [liar.endpoint[0]]
    (failed, *accused) = leech.of(Failed)
    assert failed.culprits or accused[0].culprits == (liar.endpoint[0],)
    world.finish(leech)


def test_a_lone_liar_is_banned_at_once() -> None:
    world = World()
    sample = make((100_000,))
    liar = world.member(sample, pieces=None)
    liar.lie = lambda request, data: bytes(len(data))
    leech = world.member(sample)
    leech.know(liar)
    world.run(30)
    assert leech.banned == [liar.endpoint[0]]
    assert not leech.stored
    assert not leech.pool.out


def test_two_liars_and_one_honest_peer() -> None:
    world = World(seed=9)
    sample = make((800_000,), piece_length=65_536)
    seed = world.member(sample, pieces=None, uplink=100_000.0)
    liars = [world.member(sample, pieces=None, uplink=200_000.0) for _ in range(2)]
    for at, liar in enumerate(liars):
        liar.lie = lambda request, data, at=at: (
            bytes(len(data)) if request.piece % 2 == at else None
        )
    leech = world.member(sample)
    leech.know(seed, *liars)
    world.finish(leech)
    assert set(leech.banned) <= {liar.endpoint[0] for liar in liars}


# Silence.


def test_a_lost_last_block_is_asked_again_within_seconds() -> None:
    """With one peer, which forgets the very last request (seen with Transmission 3.00)."""
    world = World()
    sample = make((1_000_000,))
    seed, leech = world.member(sample, pieces=None), world.member(sample)
    last = {"left": -(-sample.info.length // BLOCK)}

    def forget(request: Request, data: bytes) -> bytes | None:
        last["left"] -= 1
        return b"" if last["left"] == 0 else None

    seed.lie = forget
    leech.know(seed)
    assert world.finish(leech) < 8


@pytest.mark.parametrize("every", [3, 7])
def test_lost_requests_hold_nothing_up(every: int) -> None:
    world = World()
    sample = make((600_000,))
    seed, leech = world.member(sample, pieces=None), world.member(sample)
    count = iter(range(10_000))
    seed.lie = lambda request, data: b"" if next(count) % every == 0 else None
    leech.know(seed)
    assert world.finish(leech) < 30


def test_who_stalls_is_passed_over_and_in_the_end_dropped() -> None:
    world = World()
    sample = make((300_000,))
    staller = stranger(world, sample, HaveAll(), Unchoke())
    _, leech = besieged(world, sample)
    leech.know(staller)
    world.finish(leech, within=30)


def test_a_lone_staller_is_dropped() -> None:
    world = World()
    sample = make((300_000,))
    staller = stranger(world, sample, HaveAll(), Unchoke())
    staller.reply = lambda message: bytes(4) if isinstance(message, Request) else None
    leech = world.member(sample)
    leech.know(staller)
    world.run(400)
    assert "the peer unchoked us and sends nothing" in leech.closed
    # It was asked again, and again, ever more slowly.
    asked = len(staller.heard_of(Request))
    assert 5 < asked < 100
    assert not leech.pool.out or len(leech.pool.out) < 5


def test_who_is_silent_is_dropped_and_we_are_not() -> None:
    world = World()
    sample = make((300_000,))
    mute = stranger(world, sample, HaveNone())
    leech = world.member(sample)
    leech.know(mute)
    world.run(128)
    assert leech.ends
    assert len(mute.heard) > 2  # keep-alives
    world.run(145)
    assert "the peer is silent" in leech.closed


def test_who_never_says_hello_is_dropped() -> None:
    world = World()
    sample = make()
    mute = world.stranger()
    leech = world.member(sample)
    leech.know(mute)
    world.run(30)
    assert leech.closed[0] == "the peer did not send its handshake"


def test_who_is_of_no_use_makes_room() -> None:
    world = World()
    sample = make()
    idler = stranger(world, sample, HaveNone())
    leech = world.member(sample)
    leech.know(idler)
    for at in range(0, 700, 60):
        world.schedule(at + 1, lambda: idler.hung_up or idler.say(bytes(4)))
    world.run(650)
    assert "neither of us wants anything for a long time" in leech.closed


def test_who_chokes_for_ever_is_waited_for() -> None:
    world = World()
    sample = make((300_000,))
    choker = stranger(world, sample, HaveAll())
    _, leech = besieged(world, sample)
    leech.know(choker)
    world.finish(leech)
    assert not choker.heard_of(Request)
    assert choker.heard_of(Interested)


def test_who_chokes_at_once_gets_nobody_stuck() -> None:
    world = World()
    sample = make((300_000,))
    for fast in (True, False):
        fickle = stranger(world, sample, BitfieldMessage(b"\xff" + b"\xc0"), Unchoke(), fast=fast)
        fickle.reply = lambda message: (
            encode(Choke()) + encode(Unchoke()) if isinstance(message, Request) else None
        )
        _, leech = besieged(world, sample)
        leech.know(fickle)
        world.finish(leech)
        reason = "the peer unchoked us only to choke us, 51 times in a row"
        assert (reason in leech.closed) is not fast


def test_who_rejects_everything_is_dropped() -> None:
    world = World()
    sample = make((300_000,))
    naysayer = stranger(world, sample, HaveAll(), Unchoke())
    naysayer.reply = lambda message: (
        encode(Reject(message.piece, message.begin, message.length))
        if isinstance(message, Request)
        else None
    )
    _, leech = besieged(world, sample)
    leech.know(naysayer)
    world.finish(leech)
    world.run(world.now + 60)
    assert any("rejected our requests" in reason for reason in leech.closed)


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


# Metadata.


def metadata_teacher(world: World, sample: Sample, raw: bytes, size: int | None = None) -> Stranger:
    """Serves ``raw`` as metadata."""
    teacher = world.stranger()
    said = ExtensionHandshake(OURS, metadata_size=size or len(raw))
    teacher.greeting = (
        hello(sample, name=bytes([len(world.at) % 256])) + extended(said) + encode(HaveNone())
    )

    def reply(message: Message) -> bytes | None:
        if isinstance(message, Extended) and message.id:
            asked = read_extended(message)
            if isinstance(asked, MetadataRequest):
                at = asked.piece * BLOCK
                return extended(MetadataData(asked.piece, len(raw), raw[at : at + BLOCK]))
        return None

    teacher.reply = reply
    return teacher


def test_who_teaches_false_metadata_is_banned() -> None:
    world = World()
    sample = make((3_000_000,), piece_length=16_384)  # two pieces of metadata
    raw = sample.info.raw
    liars = [metadata_teacher(world, sample, raw[:-1] + b"x") for _ in range(2)]
    seed, leech = world.member(sample, pieces=None), world.member(sample, magnet=True)
    leech.know(*liars)
    world.run(5)
    leech.know(seed)
    world.finish(leech)
    assert set(leech.banned) <= {liar.endpoint[0] for liar in liars}
    assert leech.banned


def test_liars_about_its_size_are_among_themselves() -> None:
    world = World()
    sample = make((300_000,))
    liars = [metadata_teacher(world, sample, bytes(10_000 + i)) for i in range(7)]
    silent = metadata_teacher(world, sample, sample.info.raw)
    silent.reply = lambda message: None
    shy = metadata_teacher(world, sample, sample.info.raw)
    shy.reply = lambda message: (
        extended(MetadataReject(0)) if isinstance(message, Extended) and message.id else None
    )
    leech = world.member(sample, magnet=True)
    leech.know(*liars, silent, shy)
    world.run(2)
    leech.know(*(world.member(sample, pieces=None) for _ in range(3)))
    world.finish(leech)


def test_metadata_that_is_no_torrent() -> None:
    from hashlib import sha1

    world = World()
    sample = make()
    raw = b"d4:name4:evile"
    teacher = metadata_teacher(world, sample, raw)
    teacher.greeting = teacher.greeting.replace(sample.info.infohashes[0], sha1(raw).digest())
    leech = world.member(sample, magnet=True, infohashes=(sha1(raw).digest(),))
    leech.know(teacher)
    world.run(5)
    assert any(type(effect).__name__ == "Unusable" for effect in leech.effects)
    assert not leech.learned


def test_who_has_no_metadata_is_told_so_and_says_so() -> None:
    world = World()
    sample = make()
    leech = world.member(sample, magnet=True)
    curious = world.stranger()
    curious.greeting = (
        hello(sample) + extended(ExtensionHandshake(OURS)) + extended(MetadataRequest(0))
    )
    curious.dial(leech)
    world.run(1)
    answers = [read_extended(m) for m in curious.heard_of(Extended) if m.id]
    assert MetadataReject(0) in answers


# v2.


def test_who_sends_false_hashes_is_banned() -> None:
    world = World()
    sample = make((500_000,), Version.V2)
    raw = sample.info.raw
    liar = metadata_teacher(world, sample, raw)
    taught = liar.reply

    def lie(message: Message) -> bytes | None:
        if isinstance(message, HashRequest):
            fields = (message.root, message.base, message.index, message.length, message.proofs)
            head = struct.pack(">32sIIII", *fields)
            uncles = max(0, message.proofs + 1 - (message.length - 1).bit_length())
            body = b"\x16" + head + bytes(32 * (message.length + uncles))
            return struct.pack(">I", len(body)) + body
        return taught(message)

    liar.reply = lie
    leech = world.member(sample, magnet=True)
    leech.know(liar)
    world.run(5)
    assert leech.banned == [liar.endpoint[0]]
    assert not leech.learned
    leech.know(world.member(sample, pieces=None))
    world.finish(leech)


# Who we are.


def test_a_swarm_that_dials_itself() -> None:
    world = World()
    sample = make()
    leech = world.member(sample)
    leech.know(leech)
    world.run(60)
    assert "we connected to ourselves" in leech.closed
    assert not leech.ends
    assert leech.endpoint not in leech.swarm.commons.candidates


@pytest.mark.parametrize("seed", range(6))
def test_two_that_dial_each_other_at_once_keep_one_connection(seed: int) -> None:
    world = World(seed=seed)
    sample = make((2_000_000,))
    one = world.member(sample, pieces=None, uplink=100_000.0)
    two = world.member(sample)
    one.know(two)
    two.know(one)
    world.run(2)
    assert len(one.ends) == 1
    assert len(two.ends) == 1


def test_a_second_connection_to_one_peer() -> None:
    world = World()
    sample = make((2_000_000,))
    policy = SwarmPolicy(per_host=5)
    leech = world.member(sample, policy=policy)
    twin = stranger(world, sample)
    twin.dial(leech)
    world.run(7)
    twin.dial(leech)
    world.run(8)
    assert len(leech.ends) == 1
    other = stranger(world, sample, name=b"o")
    other.endpoint = twin.endpoint
    other.dial(leech)
    world.run(9)
    assert len(leech.ends) == 2


def test_one_connection_per_host() -> None:
    world = World()
    sample = make((2_000_000,))
    leech = world.member(sample)
    for name in (b"a", b"b"):
        each = stranger(world, sample, name=name)
        each.endpoint = ("10.7.7.7", 1)
        each.dial(leech)
        world.run(world.now + 1)
    assert len(leech.ends) == 1
    assert "there is a connection to this host" in leech.closed
