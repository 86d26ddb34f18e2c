"""Web seeds beside peers: runs of pieces, blocks, and failures (BEP 19)."""

from __future__ import annotations

import pytest

from tests.samples import make
from tests.swarm_world import Member, World
from torrent.core import commands as do
from torrent.core.effects import Completed
from torrent.core.metainfo import Version
from torrent.core.policy import BLOCK
from torrent.core.webseed import PieceRun
from torrent.core.webseeding import RUN

URL = "http://seed.example/"


def fetch(world: World, member: Member, run: PieceRun, *, lie: bool = False) -> None:
    """What the shell does with a run."""
    for piece in range(run.first, run.first + run.count):
        data = bytes(member.info.piece_size(piece)) if lie else member.sample.piece(piece)
        for begin in range(0, len(data), BLOCK):
            block = memoryview(data[begin : begin + BLOCK])
            member.perform(member.swarm.webseed_block(URL, piece, begin, block, world.now))
    world.run(world.now + 0.1)


def test_a_web_seed_alone() -> None:
    world = World()
    leech = world.member(make((9_000_000, 70_000), piece_length=1 << 18))
    runs = []
    while (run := leech.swarm.webseed_run(URL, world.now)) is not None:
        runs.append(run)
        assert run.count <= 16
        fetch(world, leech, run)
    assert leech.complete
    assert leech.of(Completed)
    assert len(runs) < leech.info.piece_count / 2
    world.finish(leech)


def test_what_a_web_seed_is_about_to_send_is_waited_for() -> None:
    """In the middle of a run some pieces become urgent, and no peer has anything under way."""
    world = World()
    leech = world.member(make((600_000,)))
    while (run := leech.swarm.webseed_run(URL, world.now)) is not None:
        for piece in range(run.first, run.first + run.count):
            fetch(world, leech, PieceRun(piece))
            leech.perform(leech.swarm.command(do.Deadline(piece, world.now), world.now))
    assert leech.complete
    assert not leech.swarm.fetching.wasted


def test_slow_peers_do_not_keep_a_web_seed_idle_nor_it_them() -> None:
    """Each has room of its own to begin pieces in, and gives it back."""
    world = World()
    sample = make((12_000_000,), piece_length=1 << 15)
    leech = world.member(sample)
    work, policy = leech.swarm.commons.work, leech.swarm.commons.policy
    policy.max_open = work.max_open = most = 4
    first = leech.swarm.webseed_run(URL, world.now)
    assert first is not None
    assert most < first.count <= RUN >> 15
    for _ in range(3):
        leech.know(world.member(sample, pieces=None, uplink=30_000.0))
    world.run(world.now + 5)
    assert len(work.open_pieces) == first.count + most
    fetch(world, leech, first)
    assert len(work.open_pieces) >= most
    again = leech.swarm.webseed_run(URL, world.now)
    assert again is not None
    leech.perform(leech.swarm.webseed_failed(URL, world.now))
    world.run(world.now + 2)
    assert work.max_open == most


def test_padding_is_no_block() -> None:
    world = World()
    sample = make((40_000, 1 << 18), Version.HYBRID, piece_length=1 << 18)
    leech = world.member(sample)
    while (run := leech.swarm.webseed_run(URL, world.now)) is not None:
        if not run.first:  # the padding behind the first file comes first
            begin, zeros = (1 << 18) - BLOCK, memoryview(bytes(BLOCK))
            leech.perform(leech.swarm.webseed_block(URL, 0, begin, zeros, world.now))
        fetch(world, leech, run)
    world.finish(leech)
    assert leech.swarm.commons.down.total == 40_000 + (1 << 18), "nor was it sent"


def test_beside_a_peer() -> None:
    world = World()
    sample = make((2_000_000,))
    seed, leech = world.member(sample, pieces=None, uplink=200_000.0), world.member(sample)
    leech.know(seed)
    world.run(1)
    while (run := leech.swarm.webseed_run(URL, world.now)) is not None and not leech.complete:
        fetch(world, leech, run)
    world.finish(leech)
    assert sum(seed.uploaded.values()) < sample.info.length


def test_what_failed_is_fetched_from_others() -> None:
    world = World()
    sample = make((300_000,))
    seed, leech = world.member(sample, pieces=None), world.member(sample)
    run = leech.swarm.webseed_run(URL, world.now)
    assert run is not None
    other = leech.swarm.webseed_run("http://other/", world.now)
    assert other is not None
    pieces = {*range(run.first, run.first + run.count)}
    assert pieces.isdisjoint(range(other.first, other.first + other.count))
    leech.perform(leech.swarm.webseed_failed("http://other/", world.now))
    leech.perform(leech.swarm.webseed_failed(URL, world.now))
    leech.know(seed)
    world.finish(leech)
    # What comes now is late.
    fetch(world, leech, run)
    assert leech.swarm.fetching.wasted


def test_a_web_seed_that_lies_is_banned() -> None:
    world = World()
    leech = world.member(make((100_000,)))
    run = leech.swarm.webseed_run(URL, world.now)
    assert run is not None
    fetch(world, leech, run, lie=True)
    assert leech.banned == [URL]
    assert leech.swarm.webseed_run(URL, world.now) is None


def test_no_run_without_buffers_or_while_nothing_is_to_be_done() -> None:
    world = World()
    sample = make((300_000,))
    magnet = world.member(sample, magnet=True)
    assert magnet.swarm.webseed_run(URL, 0.0) is None
    assert magnet.swarm.webseed_failed(URL, 0.0) == []
    assert magnet.swarm.webseed_block(URL, 0, 0, memoryview(b"x"), 0.0) == []
    starving = world.member(sample, pool=0)
    assert starving.swarm.webseed_run(URL, 0.0) is None
    paused = world.member(sample)
    paused.swarm.command(do.Pause(), 0.0)
    assert paused.swarm.webseed_run(URL, 0.0) is None
    little = world.member(sample, pool=2 * 32_768)
    run = little.swarm.webseed_run(URL, 0.0)
    assert run is not None
    assert run.count <= 2
    assert little.swarm.webseed_run(URL, 0.0) is None  # It has room, and no buffers to begin with.


def test_a_block_is_a_block() -> None:
    world = World()
    leech = world.member(make((300_000,)))
    run = leech.swarm.webseed_run(URL, 0.0)
    assert run is not None
    for begin, size in ((1, BLOCK), (0, 5), (16_384, 16_385)):
        with pytest.raises(ValueError, match="not one of its blocks"):
            leech.swarm.webseed_block(URL, run.first, begin, memoryview(bytes(size)), 0.0)
    data = memoryview(leech.sample.piece(run.first)[:BLOCK])
    leech.swarm.webseed_block(URL, run.first, 0, data, 0.0)
    leech.swarm.webseed_block(URL, run.first, 0, data, 0.0)
    assert leech.swarm.fetching.wasted == BLOCK
