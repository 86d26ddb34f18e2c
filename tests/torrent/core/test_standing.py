"""How a swarm stands: bytes that are wanted, bytes that are here, and who is there."""

from __future__ import annotations

from hashlib import sha1
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.codec import bencode
from tests.samples import Sample, make
from tests.swarm_strangers import hello
from tests.swarm_world import World
from tests.torrent_samples import VERSIONS, sample
from torrent.core import commands as do
from torrent.core.bitfield import Bitfield
from torrent.core.commands import Prioritise
from torrent.core.metainfo import Version, read_info
from torrent.core.policy import BLOCK, SwarmPolicy
from torrent.core.swarm import Identity, Swarm
from torrent.core.wire import Block, HaveNone, encode
from torrent.io.pool import Buffers

LENGTHS = (100_000, 40_000)
LENGTH = 32768
SAMPLE = make(LENGTHS)


def test_nothing_is_known_of_a_magnet_link() -> None:
    member = World().member(SAMPLE, magnet=True)
    stands = member.swarm.statistics(0.0)
    assert (stands.wanted, stands.done, stands.peers, stands.seeds) == (0, 0, 0, 0)
    assert member.swarm.have is None
    assert not member.swarm.complete


@pytest.mark.parametrize("version", [Version.V1, Version.V2, Version.HYBRID])
def test_bytes_are_those_of_the_files(version: Version) -> None:
    """Padding to the next piece (BEP 47, BEP 52) is in no file, and nobody asked for it."""
    sample = make(LENGTHS, version)
    member = World().member(sample, pieces=[0, sample.info.piece_count - 1])
    stands = member.swarm.statistics(0.0)
    sizes = [sample.info.payload_size(piece) for piece in range(sample.info.piece_count)]
    assert stands.wanted == sum(sizes) == sum(LENGTHS)
    assert stands.done == sizes[0] + sizes[-1]
    assert list(member.swarm.have or ()) == [0, sample.info.piece_count - 1]


def test_files_that_are_not_wanted_do_not_count() -> None:
    sample = make(LENGTHS, Version.V2)
    member = World().member(sample)
    member.perform(member.swarm.command(do.Prioritise(files={0: 0}), 0.0))
    assert member.swarm.statistics(0.0).wanted == LENGTHS[1]
    member.perform(member.swarm.command(do.Prioritise(files={1: 0}), 0.0))
    assert member.swarm.statistics(0.0).wanted == 0
    assert member.swarm.complete


def test_a_piece_of_padding_alone_is_wanted_by_nobody_who_chooses() -> None:
    """Only a stranger's torrent has one: makers pad to the end of a piece that was begun."""
    data = bytes(BLOCK) + b"x" * BLOCK
    files = [
        {b"attr": b"p", b"length": BLOCK, b"path": [b".pad", b"16384"]},
        {b"length": BLOCK, b"path": [b"file"]},
    ]
    hashes = b"".join(sha1(data[at : at + BLOCK]).digest() for at in (0, BLOCK))
    names = {b"files": files, b"name": b"t", b"piece length": BLOCK, b"pieces": hashes}
    member = World().member(Sample(read_info(bencode.encode(names)), data))
    member.perform(member.swarm.command(do.Prioritise(files={0: 0}), 0.0))
    assert member.swarm.statistics(0.0).wanted == BLOCK


def test_a_transfer_is_seen_from_both_ends() -> None:
    world = World()
    seed = world.member(SAMPLE, pieces=None, uplink=50_000.0)
    leech = world.member(SAMPLE)
    leech.know(seed)
    world.run(1.0)
    here, there = (each.swarm.statistics(world.now) for each in (leech, seed))
    assert (here.peers, here.seeds) == (1, 1)
    assert (there.peers, there.seeds) == (1, 0)
    assert here.download_rate == pytest.approx(50_000.0, rel=0.7)
    assert there.upload_rate == pytest.approx(50_000.0, rel=0.7)
    assert 0 < here.done <= here.downloaded <= there.uploaded
    world.finish(leech)
    stands = leech.swarm.statistics(world.now)
    assert stands.wanted == stands.done == stands.downloaded == sum(LENGTHS)
    assert stands.wasted == stands.uploaded == 0
    assert leech.swarm.complete


def test_blocks_nobody_asked_for_are_wasted() -> None:
    world = World()
    member = world.member(SAMPLE)
    other = world.stranger()
    other.greeting = hello(SAMPLE) + encode(HaveNone()) + encode(Block(0, 0, bytes(BLOCK)))
    other.dial(member)
    world.run(1.0)
    assert member.swarm.statistics(world.now).wasted == BLOCK


def swarm() -> Swarm:
    identity = Identity((bytes(20),), bytes(20), private=False)
    return Swarm(identity, SwarmPolicy(), Buffers(1 << 20), Random(1))


@given(
    version=st.sampled_from(VERSIONS),
    sizes=st.lists(st.sampled_from([0, 1, 16384, LENGTH, LENGTH + 1, 5 * LENGTH]), min_size=1),
    rng=st.randoms(use_true_random=False),
)
def test_bytes_wanted_and_done(version: Version, sizes: list[int], rng: Random) -> None:
    files = {f"t/{n:02d}": size for n, size in enumerate((*sizes[:6], 1))}
    info = sample(files, version, LENGTH).info
    pieces = range(info.piece_count)
    have, unwanted = Bitfield(info.piece_count), {p for p in pieces if rng.random() < 0.3}
    for piece in pieces:
        if rng.random() < 0.5:
            have.add(piece)
    one = swarm()
    assert one.statistics(0.0).wanted == 0
    one.begin(info, have.copy(), 0.0)
    one.command(Prioritise(pieces=dict.fromkeys(unwanted, 0)), 0.0)
    now = one.statistics(0.0)
    sizes = [info.payload_size(piece) for piece in pieces]
    wanted = set(pieces) - unwanted
    assert now.wanted == sum(sizes[piece] for piece in wanted)
    assert now.done == sum(sizes[piece] for piece in wanted if piece in have)
