"""Corners of the swarm's parts that whole transfers seldom reach."""

from __future__ import annotations

import pytest

from tests.samples import make
from tests.swarm_strangers import OURS, besieged, extended, hello, stranger
from tests.swarm_world import World
from torrent.core import commands as do
from torrent.core.effects import Verdict
from torrent.core.metainfo import Version
from torrent.core.policy import BLOCK, SwarmPolicy
from torrent.core.wire import (
    AllowedFast,
    Block,
    Choke,
    DontHave,
    ExtensionHandshake,
    Have,
    HaveAll,
    HaveNone,
    Interested,
    KeepAlive,
    NotInterested,
    Port,
    Reject,
    Request,
    Suggest,
    Unchoke,
    UploadOnly,
    encode,
    read_handshake,
)

SAMPLE = make((300_000,))


def test_what_is_not_there_yet_is_our_mistake() -> None:
    commons = World().member(SAMPLE, magnet=True).swarm.commons
    with pytest.raises(LookupError, match="metadata"):
        _ = commons.torrent
    with pytest.raises(LookupError, match="storage"):
        _ = commons.work
    assert commons.have is None
    assert not commons.done


def test_dht_ports_are_exchanged() -> None:
    world = World()
    member = world.member(SAMPLE, policy=SwarmPolicy(dht_port=7777))
    for name, private in ((b"a", False), (b"b", True)):
        other = stranger(world, SAMPLE, name=name)
        member.swarm.commons.identity = type(member.swarm.commons.identity)(
            SAMPLE.info.infohashes, member.peer_id, private
        )
        other.dial(member)
        world.run(world.now + 0.1)
        assert other.heard_of(Port) == ([] if private else [Port(7777)])


def test_an_incoming_handshake_for_another_torrent() -> None:
    world = World()
    member = world.member(SAMPLE)
    wrong = read_handshake(hello(make(seed=9)))
    effects = member.swarm.connected(5, ("10.0.9.9", 1), 0.0, incoming=True, handshake=wrong)
    assert "another torrent" in effects[-1].reason


def test_who_says_it_is_us_is_waited_for_and_not_heard() -> None:
    world = World()
    member = world.member(SAMPLE, peer_id=b"u" * 20)
    liar = stranger(world, SAMPLE, HaveAll(), name=b"u")
    liar.dial(member)
    world.run(1)
    liar.say(b"garbage" * 100)
    world.run(2)
    assert not liar.hung_up
    world.run(40)
    assert liar.hung_up


def test_answers_to_nothing_are_dropped() -> None:
    member = World().member(SAMPLE)
    assert member.swarm.verified(0, Verdict(ok=True), 0.0) == []
    assert member.swarm.lost(0, 0.0) == []


def test_shells_that_cannot_read_say_so() -> None:
    world = World()
    seed = world.member(SAMPLE, pieces=None)
    for fast in (True, False):
        asker = stranger(world, SAMPLE, Interested(), fast=fast, name=b"xy"[fast : fast + 1])
        asker.dial(seed)
        world.run(world.now + 0.1)
        link = max(seed.ends)
        seed.perform(seed.swarm.unserved(link, Request(0, 0, 5), world.now))
        world.run(world.now + 0.1)
        assert asker.heard_of(Reject) == ([Reject(0, 0, 5)] if fast else [])


def test_what_waits_for_a_damaged_piece_waits_in_vain() -> None:
    world = World()
    seed = world.member(SAMPLE, pieces=None)
    seed.flush = lambda link: None
    askers = []
    for fast in (True, False):
        asker = stranger(world, SAMPLE, Interested(), fast=fast, name=b"xy"[fast : fast + 1])
        asker.dial(seed)
        world.run(world.now + 0.1)
        asker.say(encode(Request(0, 0, 5)) + encode(Request(1, 0, 5)))
        world.run(world.now + 0.1)
        askers.append(asker)
    seed.swarm.lost(0, world.now)
    for peer in seed.swarm.commons.peers.values():
        assert list(peer.queue) == [(1, 0, 5)]


def test_choking_drops_the_queue() -> None:
    world = World()
    seed = world.member(SAMPLE, pieces=None, policy=SwarmPolicy(allowed_fast=0))
    flush, seed.flush = seed.flush, lambda link: None
    for fast in (True, False):
        asker = stranger(world, SAMPLE, Interested(), fast=fast, name=b"xy"[fast : fast + 1])
        asker.dial(seed)
        world.run(world.now + 0.1)
        asker.say(encode(Request(0, 0, 5)))
        world.run(world.now + 0.1)
        link = max(seed.ends)
        peer = seed.swarm.commons.peers[link]
        asker.say(encode(NotInterested()))
        world.run(world.now + 0.1)
        assert peer.am_choking
        assert not peer.queue
        flush(link)
        world.run(world.now + 0.1)
        assert bool(asker.heard_of(Reject)) is fast
        assert asker.heard_of(Choke)


def test_upload_slots_go_round() -> None:
    world = World()
    seed = world.member(SAMPLE, pieces=None, policy=SwarmPolicy(upload_slots=1))
    askers = [stranger(world, SAMPLE, Interested(), name=bytes([65 + i])) for i in range(3)]
    for asker in askers:
        asker.dial(seed)
        for at in range(20, 100, 20):
            world.schedule(at, lambda asker=asker: asker.say(encode(KeepAlive())))
    world.run(100)
    assert all(asker.heard_of(Unchoke) for asker in askers)


def test_fast_words_of_a_fast_peer() -> None:
    world = World()
    leech = world.member(SAMPLE)
    words = [Suggest(3), *(AllowedFast(piece) for piece in range(100)), HaveAll()]
    friend = stranger(world, SAMPLE, *words)
    friend.dial(leech)
    world.run(0.5)
    (peer,) = leech.swarm.commons.peers.values()
    assert len(peer.may_ask) == 40
    asked = friend.heard_of(Request)
    assert asked
    assert asked[0].piece == 3
    # Allowed once, and not any more.
    friend.say(b"".join(encode(Reject(r.piece, r.begin, r.length)) for r in asked))
    friend.say(encode(Reject(5, 0, 1)))
    world.run(1)
    assert 3 not in peer.may_ask
    assert not friend.hung_up


def test_pieces_come_and_go_with_words() -> None:
    world = World()
    leech = world.member(SAMPLE)
    other = stranger(world, SAMPLE, Have(1), Have(1), HaveNone(), HaveAll())
    other.dial(leech)
    world.run(0.5)
    (peer,) = leech.swarm.commons.peers.values()
    assert peer.have.full
    other.say(extended(DontHave(1)) + extended(DontHave(1)) + encode(HaveNone()))
    world.run(1)
    assert not len(peer.have)
    assert not peer.am_interested
    other.say(extended(DontHave(999)))
    world.run(1.5)
    assert other.hung_up


def test_pieces_are_lost_before_the_torrent_is_known() -> None:
    world = World()
    leech = world.member(SAMPLE, magnet=True)
    other = stranger(world, SAMPLE, HaveNone(), Interested(), NotInterested())
    other.greeting += extended(DontHave(1)) + extended(UploadOnly(flag=True))
    other.dial(leech)
    world.run(0.5)
    assert not other.hung_up
    (peer,) = leech.swarm.commons.peers.values()
    assert peer.upload_only


def test_what_comes_late_is_taken_if_it_is_missing() -> None:
    world = World()
    leech = world.member(SAMPLE)
    late = stranger(world, SAMPLE, HaveAll(), Unchoke(), fast=True)
    late.dial(leech)
    world.run(15)  # all of it is overdue by now
    (peer,) = leech.swarm.commons.peers.values()
    assert peer.ghosts
    asked = late.heard_of(Request)
    for request in asked:
        data = SAMPLE.piece(request.piece)[request.begin : request.begin + request.length]
        late.say(encode(Block(request.piece, request.begin, memoryview(data))) * 2)
    world.run(15.5)
    assert not late.hung_up
    assert leech.stored
    assert leech.swarm.fetching.wasted


def test_a_magnet_that_is_met_by_many_sizes_keeps_the_likeliest() -> None:
    world = World()
    sample = make((300_000,), Version.V2)
    leech = world.member(sample, magnet=True)
    sizes = [100, 200, 300, 400, 500, 500, 100]
    for at, size in enumerate(sizes):
        other = world.stranger()
        other.greeting = hello(sample, name=bytes([65 + at])) + extended(
            ExtensionHandshake(OURS, metadata_size=size)
        )
        other.dial(leech)
        world.run(world.now + 0.1)
    world.run(world.now + 3)
    known = set(leech.swarm.learning._assemblies)
    assert len(known) == 4
    assert {100, 500} <= known
    # Who speaks no ut_metadata is not asked, whatever it says.
    mute = world.stranger()
    mute.greeting = hello(sample, name=b"m") + extended(ExtensionHandshake({}, metadata_size=500))
    mute.dial(leech)
    world.run(world.now + 0.5)
    assert not mute.hung_up


def test_limits_of_nothing_change_nothing() -> None:
    member = World().member(SAMPLE)
    before = repr(member.swarm.commons.policy)
    member.swarm.command(do.Limits(), 0.0)
    assert repr(member.swarm.commons.policy) == before


def test_an_info_without_storage_is_not_fetched() -> None:
    from random import Random

    from tests.swarm_world import Pool
    from torrent.core.swarm import Identity, Swarm

    swarm = Swarm(
        Identity(SAMPLE.info.infohashes, bytes(20)), SwarmPolicy(), Pool(), Random(1), SAMPLE.info
    )
    assert swarm.commons.info is SAMPLE.info
    assert swarm.commons.picker is None
    assert BLOCK


def test_plain_peers_wait_for_a_magnet_too() -> None:
    world = World()
    leech = world.member(SAMPLE, magnet=True)
    plain = stranger(world, SAMPLE, Interested(), extended=False, fast=False, name=b"p")
    plain.dial(leech)
    world.run(0.5)
    leech.know(world.member(SAMPLE, pieces=None))
    world.finish(leech)
    world.run(world.now + 1)
    # It is told piece by piece, and unchoked though it asked before there was anything.
    assert len(plain.heard_of(Have)) == SAMPLE.info.piece_count
    assert plain.heard_of(Unchoke)


def test_who_has_a_piece_hears_of_ours_with_the_next_word_or_beat() -> None:
    world = World()
    _, leech = besieged(world, SAMPLE)
    lacking = stranger(world, SAMPLE, HaveNone(), name=b"l")
    having = stranger(world, SAMPLE, HaveAll(), name=b"h")
    for other in (lacking, having):
        other.dial(leech)
    late = 0
    while not leech.swarm.complete:
        world.run(world.now + 0.05)
        late = max(late, len(leech.swarm.have or ()) - len(having.heard_of(Have)))
    assert late
    world.run(world.now + 2)
    assert len(lacking.heard_of(Have)) == SAMPLE.info.piece_count
    # Some went out with a beat; with the last ones it would have to wait, but seeds part.
    assert having.heard_of(Have)
    assert having.hung_up


def test_nothing_is_heard_after_the_end() -> None:
    world = World()
    seed = world.member(SAMPLE, pieces=None)
    # Two seeds part; what came with the last word, a row of requests too, finds nobody.
    words = [HaveAll(), *(Request(0, 0, BLOCK) for _ in range(3)), Port(1)]
    other = stranger(world, SAMPLE, *words)
    other.dial(seed)
    world.run(0.5)
    assert other.hung_up
    assert not other.heard_of(Reject)
    assert not seed.swarm.commons.peers


def test_a_connection_ends_once() -> None:
    world = World()
    seed = world.member(SAMPLE, pieces=None)
    other = stranger(world, SAMPLE, Have(0), fast=False, extended=False)
    other.dial(seed)
    world.run(0.5)
    (peer,) = seed.swarm.commons.peers.values()
    seed.swarm.commons.close(peer, "enough", world.now)
    seed.swarm.commons.close(peer, "enough", world.now)
    assert [type(effect).__name__ for effect in seed.swarm.tick(world.now)].count("Close") == 1
    seed.swarm.fetching.call_off(0, world.now)
    seed.swarm.assemblies.accuse((), 0, world.now)
    assert seed.swarm.tick(world.now) == []
