"""Peers that lie or are silent: found, dropped, and the download completes."""

from __future__ import annotations

import pytest

from tests.samples import make
from tests.swarm_strangers import besieged, stranger
from tests.swarm_world import World
from torrent.core.effects import Completed, Failed
from torrent.core.metainfo import Version
from torrent.core.policy import BLOCK
from torrent.core.wire import (
    BitfieldMessage,
    Choke,
    HaveAll,
    HaveNone,
    Interested,
    Reject,
    Request,
    Unchoke,
    encode,
)

VERSIONS = [Version.V1, Version.V2, Version.HYBRID]


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
