"""False metadata and hashes; and who we are: ourselves, twice, or crossing."""

from __future__ import annotations

import struct

import pytest

from tests.samples import make
from tests.swarm_strangers import OURS, extended, hello, metadata_teacher, stranger
from tests.swarm_world import World
from torrent.core.metainfo import Version
from torrent.core.policy import SwarmPolicy
from torrent.core.wire import (
    ExtensionHandshake,
    HashRequest,
    Message,
    MetadataReject,
    MetadataRequest,
    read_extended,
)
from torrent.core.wire.messages import Extended

# Metadata.


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


def test_a_few_guests_of_one_host() -> None:
    world = World()
    sample = make((2_000_000,))
    leech = world.member(sample)
    for name in (b"a", b"b", b"c", b"d"):
        each = stranger(world, sample, name=name)
        each.endpoint = ("10.7.7.7", 1)
        each.dial(leech)
        world.run(world.now + 1)
    assert len(leech.ends) == 3
    assert "there is a connection to this host" in leech.closed


def test_one_host_is_dialled_once() -> None:
    world = World()
    leech = world.member(make((2_000_000,)))
    for link in (1, 2):
        leech.swarm.connected(link, ("10.7.7.7", link), world.now, incoming=False)
    assert list(leech.swarm.commons.peers) == [1]
