"""Swarms that fetch from each other: all versions, sizes of parts, wishes, and what they say."""

from __future__ import annotations

import pytest

from tests.samples import make
from tests.swarm_world import Member, World
from torrent.core import commands as do
from torrent.core.effects import Close, Completed, DhtNode, Failed, Passed, Stuck, Verify
from torrent.core.landing import Landing
from torrent.core.metainfo import Version
from torrent.core.picker import Picker
from torrent.core.policy import BLOCK, SwarmPolicy
from torrent.core.wire import Have

VERSIONS = [Version.V1, Version.V2, Version.HYBRID]
SEVERAL = (300_000, 5, 0, 700_001)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("magnet", [False, True])
def test_one_fetches_from_one(version: Version, *, magnet: bool) -> None:
    world = World()
    sample = make(SEVERAL, version)
    seed, leech = world.member(sample, pieces=None), world.member(sample, magnet=magnet)
    leech.know(seed)
    world.finish(leech)
    assert leech.of(Completed) == [Completed()]
    assert len(leech.of(Passed)) == sample.info.piece_count
    assert leech.learned is magnet
    # Nothing was sent twice, no padding was sent, and nobody was accused of anything.
    info = sample.info
    sizes = [
        min(info.block_count(piece) * BLOCK, info.piece_size(piece))
        for piece in range(info.piece_count)
    ]
    assert sum(seed.uploaded.values()) == sum(sizes)
    assert not leech.of(Failed)
    assert not leech.pool.out


def test_a_seed_and_a_seed_part() -> None:
    world = World()
    sample = make()
    seed, leech = world.member(sample, pieces=None), world.member(sample)
    leech.know(seed)
    world.finish(leech)
    world.run(world.now + 5)
    assert not seed.ends
    assert not leech.ends
    assert "neither of us wants anything" in seed.closed + leech.closed
    # And they do not dial each other for nothing.
    dials = len(leech.effects)
    world.run(world.now + 300)
    assert len(leech.effects) == dials


@pytest.mark.parametrize("splits", [(1, 2, 3, 5), (17, 13, 16_384), (1 << 20,)])
def test_streams_may_split_anywhere(splits: tuple[int, ...]) -> None:
    world = World(splits=splits, latency=lambda rng: rng.uniform(0.0001, 0.0002))
    sample = make((40_000,))
    seed, leech = world.member(sample, pieces=None), world.member(sample, magnet=True)
    leech.know(seed)
    world.finish(leech)


def test_two_runs_from_one_seed_give_one_digest() -> None:
    def run() -> str:
        world = World(seed=7)
        sample = make((900_000,), Version.HYBRID)
        thirds = [[p for p in range(sample.info.piece_count) if p % 3 == i] for i in range(3)]
        members = [world.member(sample, pieces=third) for third in thirds]
        members.append(world.member(sample, magnet=True))
        for member in members:
            member.know(*(other for other in members if other is not member))
        world.finish(*members)
        world.run(world.now + 100)
        return world.digest

    assert run() == run()


@pytest.mark.parametrize("version", VERSIONS)
def test_each_has_a_different_third(version: Version) -> None:
    world = World(seed=2)
    sample = make((1_500_000, 300_000), version)
    members = [
        world.member(sample, pieces=[p for p in range(sample.info.piece_count) if p % 3 == i])
        for i in range(3)
    ]
    for member in members:
        member.know(*(other for other in members if other is not member))
    world.finish(*members)
    sent = sum(sum(member.uploaded.values()) for member in members)
    # The endgame asks twice for up to eight blocks a peer: 128 kB each, of 1.2 MB.
    assert sent <= 1.25 * 2 * sample.info.length


@pytest.mark.parametrize("fast", [(False, False), (True, False), (False, True)])
def test_peers_without_the_fast_extension(fast: tuple[bool, bool]) -> None:
    world = World()
    sample = make((500_000,))
    seed = world.member(sample, pieces=None, policy=SwarmPolicy(fast=fast[0], port=6881))
    leech = world.member(sample, policy=SwarmPolicy(fast=fast[1], port=6881))
    leech.know(seed)
    world.finish(leech)


def test_pieces_travel_on_while_they_are_fetched() -> None:
    world = World()
    sample = make((2_000_000,))
    seed = world.member(sample, pieces=None, uplink=500_000.0)
    leeches = [world.member(sample) for _ in range(4)]
    for leech in leeches:
        leech.know(seed, *(other for other in leeches if other is not leech))
    took = world.finish(*leeches)
    # Sent one after the other, four copies would take 16 s; each other's help makes it about one.
    assert took < 10
    assert sum(seed.uploaded.values()) < 2 * sample.info.length


def test_peers_name_peers() -> None:
    """BEP 11: who knows the seed alone gets to know the others."""
    world = World()
    sample = make((400_000,))
    seed = world.member(sample, pieces=None, uplink=100_000.0)
    leeches = [world.member(sample) for _ in range(3)]
    for leech in leeches:
        leech.know(seed)
    world.run(90)
    world.finish(*leeches)
    met = {end.other.host.endpoint for leech in leeches for end in leech.ends.values()}
    assert len(met) >= 2 or all(leech.complete for leech in leeches)
    assert any(endpoint in leeches[0].swarm.commons.candidates for endpoint in (
        leeches[1].endpoint, leeches[2].endpoint))  # fmt: skip


def test_a_private_torrent_names_nobody() -> None:
    world = World()
    sample = make((400_000,), private=True)
    seed = world.member(sample, pieces=None, uplink=100_000.0)
    leeches = [world.member(sample) for _ in range(2)]
    for leech in leeches:
        leech.know(seed)
    world.finish(*leeches)
    assert leeches[1].endpoint not in leeches[0].swarm.commons.candidates
    for source in ("dht", "pex", "lsd"):
        assert leeches[0].swarm.found([("10.9.9.9", 1)], source, world.now) == []
    leeches[0].swarm.found([("10.9.9.9", 1)], "tracker", world.now)
    assert ("10.9.9.9", 1) in leeches[0].swarm.commons.candidates


def test_only_selected_files_are_fetched() -> None:
    world = World()
    sample = make((200_000, 200_000, 200_000))
    seed, leech = world.member(sample, pieces=None), world.member(sample)
    leech.perform(leech.swarm.command(do.Prioritise(files={0: 0, 2: 0}), world.now))
    leech.know(seed)
    world.run(30, when=lambda: bool(leech.of(Completed)))
    file = sample.info.files[1]
    length = sample.info.piece_length
    pieces = range(file.offset // length, (file.offset + file.length - 1) // length + 1)
    assert sorted(leech.stored) == list(pieces)
    # A partial seed says so, and the two part: nothing more will ever pass.
    world.run(world.now + 5)
    assert not leech.ends
    # Then all of it is wanted after all.
    leech.perform(leech.swarm.command(do.Prioritise(files={0: 1, 2: 7}), world.now))
    world.run(world.now + 60, when=lambda: leech.complete)
    assert leech.complete
    assert len(leech.of(Completed)) == 2


def test_wishes_made_before_the_torrent_is_known() -> None:
    world = World()
    sample = make((200_000, 200_000), Version.V2)
    # Nothing is allowed before the unchoke, so that the order is ours.
    seed = world.member(sample, pieces=None, policy=SwarmPolicy(allowed_fast=0))
    leech = world.member(sample, magnet=True)
    for wish in (
        do.Prioritise(files={0: 0}),
        do.Sequential(on=True),
        do.Deadline(8, 1.0),
        do.Deadline(8, None),
    ):
        leech.perform(leech.swarm.command(wish, world.now))
    leech.know(seed)
    world.run(30, when=lambda: bool(leech.of(Completed)))
    first = sample.info.files[1].offset // sample.info.piece_length
    assert min(leech.stored) == first
    passed = [effect.piece for effect in leech.of(Passed)]
    assert passed == sorted(passed)


def test_what_is_no_longer_wanted_is_called_off() -> None:
    world = World()
    sample = make((600_000,))
    seed, leech = world.member(sample, pieces=None, uplink=50_000.0), world.member(sample)
    leech.know(seed)
    world.run(1.0)
    under_way = list(leech.swarm.assemblies.open)
    assert under_way
    leech.perform(
        leech.swarm.command(
            do.Prioritise(pieces=dict.fromkeys(range(sample.info.piece_count), 0)), world.now
        )
    )
    assert not leech.swarm.assemblies.open
    assert len(leech.of(Completed)) == 1
    world.run(world.now + 2)
    assert not leech.pool.out
    leech.perform(leech.swarm.command(do.Prioritise(pieces={0: 1}), world.now))
    world.run(world.now + 30, when=lambda: 0 in leech.stored)
    assert 0 in leech.stored


def test_pause_and_resume() -> None:
    world = World()
    sample = make((600_000,))
    seed, leech = world.member(sample, pieces=None, uplink=100_000.0), world.member(sample)
    leech.know(seed)
    world.run(2.0)
    leech.perform(leech.swarm.command(do.Pause(), world.now))
    assert not leech.ends
    world.run(world.now + 1)
    held = len(leech.stored)
    assert not leech.pool.out
    seed.know(leech)
    world.run(world.now + 60)
    assert len(leech.stored) == held
    assert "the torrent is paused" in leech.closed
    leech.perform(leech.swarm.command(do.Resume(), world.now))
    world.finish(leech)


def test_a_magnet_may_be_paused() -> None:
    world = World()
    sample = make()
    seed, leech = world.member(sample, pieces=None), world.member(sample, magnet=True)
    leech.perform(leech.swarm.command(do.Pause(), world.now))
    leech.know(seed)
    world.run(10)
    assert not leech.ends
    leech.perform(leech.swarm.command(do.Resume(), world.now))
    world.finish(leech)


def test_a_damaged_piece_is_taken_back_and_fetched_again() -> None:
    world = World()
    sample = make((300_000,))
    seed, other = world.member(sample, pieces=None), world.member(sample)
    # Someone who stays: it wants nothing of ours.
    watcher = world.member(sample)
    other.know(seed)
    world.finish(other)
    watcher.know(seed)
    world.run(world.now + 0.02)
    del seed.stored[3]
    seed.perform(seed.swarm.lost(3, world.now))
    seed.perform(seed.swarm.lost(3, world.now))
    assert 3 not in seed.swarm.commons.have
    seed.know(other)
    world.finish(seed, watcher, within=120)


def test_lt_donthave_is_heard() -> None:
    world = World()
    sample = make((300_000,))
    one, two = world.member(sample, pieces=[0, 1, 2]), world.member(sample, pieces=[0, 4])
    two.know(one)
    world.run(5)
    (peer,) = two.swarm.commons.peers.values()
    assert 0 in peer.have
    del one.stored[0]
    one.perform(one.swarm.lost(0, world.now))
    world.run(world.now + 0.008, when=lambda: 0 not in peer.have)
    assert 0 not in peer.have
    world.run(world.now + 5)
    assert 0 in one.stored
    assert 0 in peer.have


def test_a_small_pool_holds_the_download_back_and_no_more() -> None:
    world = World()
    sample = make((1_000_000,), piece_length=65_536)
    seed = world.member(sample, pieces=None)
    leech = world.member(sample, pool=2 * 65_536)
    leech.know(seed)
    world.run(60, when=lambda: leech.complete or len(leech.pool.out) > 2)
    assert leech.complete


def test_an_empty_pool_is_asked_again() -> None:
    world = World()
    sample = make((200_000,))
    seed, leech = world.member(sample, pieces=None), world.member(sample, pool=0)
    leech.know(seed)
    world.run(5)
    assert not leech.stored
    leech.pool.left = 1 << 20
    world.finish(leech, within=5)


def test_a_full_disk_stops_the_fetching_until_resume() -> None:
    world = World()
    sample = make((300_000,))
    seed, leech = world.member(sample, pieces=None), world.member(sample)
    leech.disk_error = "no space left"
    leech.know(seed)
    world.run(60)
    (stuck, *_) = leech.of(Stuck)
    assert stuck.error == "no space left"
    assert len(leech.of(Verify)) <= sample.info.piece_count
    assert not leech.stored
    leech.disk_error = None
    leech.perform(leech.swarm.command(do.Resume(), world.now))
    world.finish(leech)


def test_the_rate_grows_the_window() -> None:
    world = World(latency=lambda rng: 0.05)
    sample = make((8_000_000,), piece_length=1 << 18)
    seed, leech = world.member(sample, pieces=None), world.member(sample)
    leech.know(seed)
    # 490 blocks in windows of 4 would take 120 round trips of 0.1 s.
    assert world.finish(leech) < 2.5


def test_a_slow_peer_is_asked_for_little() -> None:
    world = World()
    sample = make((2_000_000,))
    seed, leech = world.member(sample, pieces=None, uplink=20_000.0), world.member(sample)
    leech.know(seed)
    world.run(20)
    (peer,) = leech.swarm.commons.peers.values()
    assert len(peer.outstanding) <= 8
    assert peer.window <= 8


def test_limits_close_the_youngest_and_dial_no_more() -> None:
    world = World()
    sample = make((500_000,))
    seeds = [world.member(sample, pieces=None, uplink=20_000.0) for _ in range(6)]
    leech = world.member(sample)
    leech.perform(
        leech.swarm.command(do.Limits(connections=4, half_open=2, upload_slots=1), world.now)
    )
    leech.know(*seeds)
    assert leech.swarm.commons.candidates.half_open == 2
    world.run(3)
    assert len(leech.ends) == 4
    leech.perform(leech.swarm.command(do.Limits(connections=2), world.now))
    assert len(leech.ends) == 2
    assert leech.swarm.serving.choker.slots == 1
    extra = world.member(sample)
    extra.know(leech)
    world.run(world.now + 1)
    assert "there are enough connections" in leech.closed


def test_statistics_of_an_idle_swarm_cost_nothing() -> None:
    sample = make()
    member = World().member(sample)
    assert member.swarm.next_deadline() == float("inf")
    assert member.swarm.tick(100.0) == []


def test_a_swarm_that_begins_complete_says_so() -> None:
    world = World()
    seed = world.member(make(), pieces=None)
    assert seed.swarm.tick(0.0) == [Completed()]


def test_begin_twice_is_begun_once() -> None:
    world = World()
    sample = make()
    leech = world.member(sample)
    picker = leech.swarm.commons.picker
    leech.swarm.begin(sample.info, picker.have, 0.0)
    assert leech.swarm.commons.picker is picker
    assert isinstance(picker, Picker)


def test_links_that_are_gone_mean_nothing() -> None:
    member = World().member(make())
    swarm = member.swarm
    assert swarm.receive(9, memoryview(b"x"), 0.0) == []
    assert not swarm.expect(9, landing := Landing(), 1 << 20)
    assert swarm.landed(9, landing, 1, 0.0) == []
    assert swarm.output(9) == b""
    assert swarm.uploads(9, 1 << 20) == []
    assert swarm.delivered(9, 5, 0.0) == []
    assert swarm.disconnected(9, 0.0) == []
    assert swarm.unserved(9, None, 0.0) == []
    assert swarm.unreachable(("10.0.0.9", 1), 0.0) == []
    assert Close not in map(type, swarm.tick(0.0))
    assert BLOCK == 16_384
    assert Have(1).piece == 1
    assert not member.of(DhtNode)
    assert isinstance(member, Member)
