"""BEP 52's hashes between swarms: layers for magnets, leaves that convict, and what is refused."""

from __future__ import annotations

import pytest

from tests.samples import Sample, make
from tests.swarm_strangers import hello
from tests.swarm_world import Member, Stranger, World
from torrent.core.effects import Failed, HashPiece, Passed
from torrent.core.metainfo import BLOCK, Version
from torrent.core.metainfo.merkle import leaf_hashes, root, split, verify_proof
from torrent.core.policy import SwarmPolicy
from torrent.core.wire import Hashes, HashReject, HashRequest, HaveNone, encode


def shared_piece(version: Version, lengths: tuple[int, ...], **how: object) -> tuple[World, ...]:
    """A liar and an honest seed, both slow, so that they share the blocks of few pieces."""
    world = World(seed=4)
    sample = make(lengths, version, piece_length=131_072)
    seed = world.member(sample, pieces=None, uplink=60_000.0)
    liar = world.member(sample, pieces=None, uplink=60_000.0)
    liar.lie = lambda request, data: bytes(len(data))
    leech = world.member(sample, **how)
    return world, seed, liar, leech


@pytest.mark.parametrize("version", [Version.V2, Version.HYBRID])
@pytest.mark.parametrize("lengths", [(131_072,), (120_000,), (250_000,), (20_000,)])
def test_leaves_convict_whoever_sent_a_false_block(
    version: Version, lengths: tuple[int, ...]
) -> None:
    world, seed, liar, leech = shared_piece(version, lengths)
    leech.know(seed, liar)
    world.run(60, when=lambda: bool(leech.banned))
    assert leech.banned == [liar.endpoint[0]]
    # Somebody was asked for the leaves, and nothing had to be fetched again for the proof. Even
    # the liar may tell: leaves prove themselves.
    assert seed.of(HashPiece) or liar.of(HashPiece)
    assert len(leech.of(Passed)) < leech.info.piece_count
    assert (leech.of(Failed)[-1].culprits) == (liar.endpoint[0],)
    world.finish(leech)
    assert leech.banned == [liar.endpoint[0]]


def test_where_nobody_knows_the_leaves_the_next_copy_convicts() -> None:
    world, seed, liar, leech = shared_piece(Version.V2, (131_072,))
    seed._hash = lambda piece: seed.perform(seed.swarm.hashed(piece, (), world.now))
    liar._hash = lambda piece: None  # it does not answer at all
    leech.know(seed, liar)
    world.finish(leech)
    assert leech.banned == [liar.endpoint[0]]


def test_the_liar_may_go_before_it_is_asked() -> None:
    world, seed, liar, leech = shared_piece(Version.V2, (131_072,))
    seed._hash = lambda piece: [end.close() for end in list(seed.ends.values())]
    leech.know(seed, liar)
    world.finish(leech, within=200)


@pytest.mark.parametrize("length", [33_000, 100_000, 600 * BLOCK, 1_100 * BLOCK - 5])
def test_layers_of_any_size_are_learned(length: int) -> None:
    world = World(splits=(1 << 20,))
    sample = make((length, 5, 40_000), Version.V2, piece_length=BLOCK)
    seed = world.member(sample, pieces=None)
    leech = world.member(sample, magnet=True)
    leech.know(seed)
    world.run(10, when=lambda: leech.learned)
    assert leech.info.piece_layers == sample.info.piece_layers
    assert not leech.info.missing_layers


def test_layers_are_asked_of_several_and_of_whoever_answers() -> None:
    world = World(splits=(1 << 20,))
    sample = make((1_100 * BLOCK,), Version.V2, piece_length=BLOCK)
    mute, shy, seed = (world.member(sample, pieces=None) for _ in range(3))
    mute.swarm._handlers[HashRequest] = lambda *args: None
    shy.swarm._handlers[HashRequest] = shy.swarm.hashing._reject
    leech = world.member(sample, magnet=True)
    leech.know(mute, shy)
    world.run(15)
    assert not leech.learned
    leech.know(seed)
    world.run(45, when=lambda: leech.learned)
    assert leech.learned


def test_hashes_nobody_asked_for_are_dropped() -> None:
    world, _, _, asker = questioner(make((100_000,), Version.V2))
    asker.say(encode(Hashes(bytes(32), 0, 0, 2, 0, bytes(64))))
    asker.say(encode(HashReject(bytes(32), 0, 0, 2, 0)))
    world.run(world.now + 1)
    assert not asker.hung_up


# Serving.


def questioner(sample: Sample, **how: object) -> tuple[World, Sample, Member, Stranger]:
    """A seed, and a stranger that asks it for hashes."""
    world = World(splits=(1 << 20,))
    seed = world.member(sample, pieces=None, policy=SwarmPolicy(), **how)
    asker = world.stranger()
    asker.greeting = hello(sample) + encode(HaveNone())
    asker.dial(seed)
    world.run(0.1)
    return world, sample, seed, asker


def ask(world: World, asker: Stranger, request: HashRequest) -> Hashes | HashReject:
    """Ask, and wait for the answer."""
    before = len(asker.heard)
    asker.say(encode(request))
    world.run(world.now + 0.5)
    (answer,) = [m for m in asker.heard[before:] if isinstance(m, Hashes | HashReject)]
    fields = (answer.root, answer.base, answer.index, answer.length, answer.proofs)
    assert HashRequest(*fields) == request
    return answer


@pytest.mark.parametrize("version", [Version.V2, Version.HYBRID])
@pytest.mark.parametrize("size", [33_000, 65_536, 100_000, 300_000])
def test_every_sensible_request_is_answered_with_proof(version: Version, size: int) -> None:
    """The oracle: all leaves of the file, and a proof that leads to its root."""
    world, sample, _, asker = questioner(make((40_000, size), version, piece_length=65_536))
    file = next(file for file in sample.info.files if file.length == size)
    leaves = leaf_hashes(sample.data[file.offset : file.offset + size])
    height = (len(leaves) - 1).bit_length()
    width = 1 << height
    padded = leaves + [bytes(32)] * (width - len(leaves))
    for base in range(height):
        layer = [
            root(padded[at : at + (1 << base)], 1 << base) for at in range(0, width, 1 << base)
        ]
        for power in range(1, height - base + 1):
            length = 1 << power
            for index in range(0, len(layer), length):
                request = HashRequest(file.pieces_root, base, index, length, height - base - 1)
                answer = ask(world, asker, request)
                across = (length << base) > 4 and base < 2 and size > 65_536
                nothing = (index << base) * BLOCK >= size
                if isinstance(answer, HashReject):
                    # What spans pieces below their layer would have to be read piece by piece.
                    assert across or nothing, request
                    continue
                hashes = split(answer.hashes)
                assert hashes[:length] == layer[index : index + length]
                top = root(hashes[:length], length, height=base)
                assert verify_proof(top, index >> power, hashes[length:], file.pieces_root)


def test_senseless_requests_are_rejected() -> None:
    world, sample, _, asker = questioner(make((300_000,), Version.V2, piece_length=65_536))
    name = sample.info.files[0].pieces_root
    assert name is not None
    for request in (
        HashRequest(bytes(32), 0, 0, 2, 0),
        HashRequest(name, 0, 0, 3, 0),
        HashRequest(name, 0, 0, 1, 0),
        HashRequest(name, 0, 1, 2, 0),
        HashRequest(name, 0, 0, 1024, 0),
        HashRequest(name, 0, 64, 2, 0),
        HashRequest(name, 0, 0, 2, 99),
        HashRequest(name, 77, 0, 2, 0),
    ):
        assert isinstance(ask(world, asker, request), HashReject), request
    one, _, _, other = questioner(make((300_000,), Version.V1))
    assert isinstance(ask(one, other, HashRequest(bytes(32), 0, 0, 2, 0)), HashReject)


def test_who_knows_nothing_rejects() -> None:
    sample = make((300_000,), Version.V2)
    world = World()
    leech = world.member(sample, magnet=True)
    asker = world.stranger()
    asker.greeting = hello(sample) + encode(HaveNone())
    asker.dial(leech)
    world.run(0.1)
    name = sample.info.files[0].pieces_root
    assert name is not None
    assert isinstance(ask(world, asker, HashRequest(name, 0, 0, 2, 0)), HashReject)


def test_leaves_of_pieces_we_lack_are_not_to_be_had() -> None:
    sample = make((300_000,), Version.V2)
    world = World()
    half = world.member(sample, pieces=[0])
    asker = world.stranger()
    asker.greeting = hello(sample) + encode(HaveNone())
    asker.dial(half)
    world.run(0.1)
    name = sample.info.files[0].pieces_root
    assert name is not None
    assert isinstance(ask(world, asker, HashRequest(name, 0, 0, 2, 3)), Hashes)
    assert isinstance(ask(world, asker, HashRequest(name, 0, 2, 2, 3)), HashReject)


def test_pieces_are_hashed_once_for_all_who_ask_and_not_without_end() -> None:
    world, sample, seed, asker = questioner(make((40 * 32_768,), Version.V2))
    name = sample.info.files[0].pieces_root
    assert name is not None
    seed._hash = lambda piece: None  # the disk is slow
    asker.say(b"".join(encode(HashRequest(name, 0, at * 2, 2, 0)) for at in range(40)))
    asker.say(encode(HashRequest(name, 0, 0, 2, 0)) * 40)
    world.run(world.now + 1)
    assert len(seed.of(HashPiece)) == 16
    assert len(asker.heard_of(HashReject)) == 24 + 40 - 15
    # Who asked may be gone when the answer comes.
    asker.hang_up()
    world.run(world.now + 1)
    seed.perform(seed.swarm.hashed(0, sample.leaves(0), world.now))
    seed.perform(seed.swarm.hashed(999, (), world.now))


def test_leaves_are_forgotten_when_there_are_many() -> None:
    _, _, seed, _ = questioner(make((300_000,), Version.V2))
    hashing = seed.swarm.hashing
    for piece in range(9):
        hashing.keep(piece, (bytes(32),) * 4_000)
        hashing.keep(piece, (bytes(32),) * 4_000)
    assert hashing._held <= 16_384
    assert list(hashing._leaves) == [5, 6, 7, 8]


def test_trees_are_few() -> None:
    world, sample, seed, asker = questioner(make((70_000,) * 6, Version.V2))
    for file in sample.info.files:
        assert file.pieces_root is not None
        assert isinstance(ask(world, asker, HashRequest(file.pieces_root, 1, 0, 2, 1)), Hashes)
        assert isinstance(ask(world, asker, HashRequest(file.pieces_root, 1, 2, 2, 1)), Hashes)
    assert len(seed.swarm.hashing._trees) == 4


@pytest.mark.parametrize("lengths", [(131_072,), (400_000,)])
def test_leaves_of_huge_pieces_come_in_stretches(
    monkeypatch: pytest.MonkeyPatch, lengths: tuple[int, ...]
) -> None:
    """A piece of more than 8 MiB has more leaves than one answer may hold."""
    monkeypatch.setattr("torrent.core.proving.STRETCH", 2)
    world, seed, liar, leech = shared_piece(Version.V2, lengths)
    leech.know(seed, liar)
    world.run(60, when=lambda: bool(leech.banned))
    assert leech.banned == [liar.endpoint[0]]
    world.finish(leech)


def test_where_no_leaves_can_help_none_are_asked_for() -> None:
    world = World()
    for sample in (make((100_000,), Version.V1), make((9_000,), Version.V2)):
        leech = world.member(sample)
        leech.swarm.proving.suspect(0, (bytes(32),), ["10.0.0.1"], 0.0)
        assert not leech.swarm.proving._wanted


def test_who_lacks_a_layer_cannot_prove() -> None:
    """A hybrid learned by a magnet: its pieces are checked by SHA-1, its layers are not known."""
    world = World(splits=(1 << 20,))
    sample = make((300_000,), Version.HYBRID)
    seed, leech = world.member(sample, pieces=None), world.member(sample, magnet=True)
    leech.know(seed)
    world.finish(leech)
    asker = world.stranger()
    asker.greeting = hello(sample) + encode(HaveNone())
    asker.dial(leech)
    world.run(world.now + 0.5)
    name = sample.info.files[0].pieces_root
    assert name is not None
    assert leech.swarm.commons.torrent.missing_layers
    assert isinstance(ask(world, asker, HashRequest(name, 1, 0, 2, 0)), HashReject)
    assert isinstance(ask(world, asker, HashRequest(name, 0, 0, 2, 4)), HashReject)
    assert isinstance(ask(world, asker, HashRequest(name, 0, 0, 2, 0)), Hashes)
