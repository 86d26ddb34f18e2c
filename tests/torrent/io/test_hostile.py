"""Hostile peers on real sockets against a whole session: dropped in bounded memory, and the
download completes.

What is the machine's whole story (whom it blames, what it asks again) is told in
``tests/torrent/core/test_swarm_hostile.py``. Where each incident of the field is tested:

==============================================  ===================================================
incident                                        tests
==============================================  ===================================================
``..`` in paths (CVE-2009-1760, 2007-1384)      core/metainfo/test_incidents, test_paths, test_info
... by ``ut_metadata``, in v2's tree (2026-     core/metainfo/test_incidents: one reader for every
57079)                                          route
writes outside by links (anacrolix)             io/test_files, io/test_faults, core/.../test_links
length prefix without a cap (2026-57080)        here, core/wire/test_decoder
brackets without end (GO-2026-6894)             core/metainfo/test_incidents, dht/codec/test_bencode
invalid reads, variants (2017-9847, 2018-       fuzz/metainfo, fuzz/wire, fuzz/packets
10756), stack overflow by long paths (2009-
1759)
gzip bombs (2016-7164)                          io/test_http
magnet links as command lines (2015-5474)       core/metainfo/test_incidents
trackers that reach inward (F1, DNS rebinding)  io/test_forgery
reflection (DRDoS)                              dht/node/test_hostile; there is no uTP, no MSE
seed choking abuse (Adamsky)                    core/test_choker
web interfaces (2018-5702, qBittorrent #18618)  there is none
==============================================  ===================================================
"""

from __future__ import annotations

import struct
import tracemalloc
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import pytest
import trio

from tests.torrent_samples import VERSIONS, Sample, sample
from torrent.core.effects import Banned
from torrent.core.metainfo import Magnet, Version
from torrent.io import sockets
from torrent.io.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from torrent.io.torrent import Torrent

BLOCK = 16384
PATIENCE = 30.0
MIB = 1 << 20
EXTENDED, FAST = b"\0\0\0\0\0\x10\0\0", b"\0\0\0\0\0\0\0\x04"
FOUR_GIB = b"\xff\xff\xff\xff\x07"
A_BILLION_PIECES = struct.pack(">IB", 1 + 10**9 // 8, 5)
Script: TypeAlias = "Callable[[trio.SocketStream, Sample], Awaitable[None]]"


def greeting(
    what: Sample, reserved: bytes = EXTENDED, peer_id: bytes = b"-XX0000-hostilehost!"
) -> bytes:
    return b"\x13BitTorrent protocol" + reserved + what.info.infohashes[0] + peer_id


def framed(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack(">IB", 1 + len(payload), kind) + payload


def extended(number: int, payload: bytes) -> bytes:
    return framed(20, bytes([number]) + payload)


@asynccontextmanager
async def session(host: str = "127.0.0.1", **options: object) -> AsyncIterator[Session]:
    async with Session(**{"listen": ((host, 0),), **options}) as one:  # type: ignore[arg-type]
        yield one


async def seed(one: Session, what: Sample, root: Path) -> tuple[str, int]:
    """Seed it, and where that is."""
    what.write(root)
    torrent = await one.add(what.metainfo, root)
    await torrent.ready()
    return one.addresses[0]


async def completed(torrent: Torrent) -> None:
    with trio.fail_after(PATIENCE):
        await torrent.completed()


def assert_same(what: Sample, root: Path) -> None:
    for name, content in what.content.items():
        assert (root / name).read_bytes() == content, name


# False data.


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_liar_is_banned_alone(version: Version, tmp_path: Path) -> None:
    what = sample({"f": 120 * BLOCK}, version, 4 * BLOCK)
    false = bytearray(what.content["f"])
    for at in range(BLOCK, len(false), 3 * BLOCK):
        false[at] ^= 1
    slow = {"upload": 30.0 * BLOCK}
    async with (
        session("127.0.66.1", **slow) as liar,
        session("127.0.66.2", **slow) as one,
        session("127.0.66.3", **slow) as other,
        session() as ours,
    ):
        (tmp_path / "liar").mkdir()
        (tmp_path / "liar" / "f").write_bytes(false)
        # Told that its files are true, a session serves them unseen: a liar on real sockets.
        await (await liar.add(what.metainfo, tmp_path / "liar", intact=True)).ready()
        honest = [await seed(it, what, tmp_path / str(n)) for n, it in enumerate((one, other))]
        peers = [liar.addresses[0], *honest]
        torrent = await ours.add(what.metainfo, tmp_path / "ours", peers=peers)
        events = torrent.events()
        await completed(torrent)
        banned = {event.host for event in events.waiting() if isinstance(event, Banned)}
        assert banned == {"127.0.66.1"}
        assert_same(what, tmp_path / "ours")


# Nonsense.


async def reads_to_the_end(stream: trio.SocketStream) -> None:
    """Until the other side has hung up."""
    try:
        while await stream.receive_some(65536):
            pass
    except trio.BrokenResourceError:
        pass


async def says_for_ever(stream: trio.SocketStream, words: bytes) -> None:
    try:
        while True:
            await stream.send_all(words)
    except trio.BrokenResourceError:
        pass


def says(words: bytes, then: bytes = b"") -> Script:
    async def script(stream: trio.SocketStream, what: Sample) -> None:
        await stream.send_all(greeting(what) + words)
        if then:
            await says_for_ever(stream, then)
        else:
            await reads_to_the_end(stream)

    return script


NAMES = extended(0, b"d1:md6:ut_pexi1e11:ut_metadatai2ee1:pi1ee")
METADATA = extended(0, b"d1:md11:ut_metadatai2ee13:metadata_sizei2147483647ee")
PEX = extended(1, b"d5:added300:" + b"\x7f\0\x42\x09\0\x01" * 50 + b"e")

CLOSED = {
    "a message of 4 GiB": says(FOUR_GIB, bytes(65536)),
    "a bitfield of a billion pieces": says(A_BILLION_PIECES, bytes(65536)),
    "a short bitfield": says(framed(5, b"\xff")),
    "rubbish": says(bytes(range(3, 256)) * 9),
    "a piece that is none": says(framed(4, struct.pack(">I", 10**9))),
    "blocks nobody asked for": says(b"", framed(7, bytes(8 + BLOCK))),
    "a block of 64 KiB": says(framed(7, bytes(8 + 65536))),
    "brackets without end": says(extended(0, b"l" * 30_000)),
    "a flood of peer exchange": says(NAMES, PEX * 20),
    "requests without end": says(framed(2), framed(6, struct.pack(">III", 10**9, 0, BLOCK)) * 100),
}


@asynccontextmanager
async def hostile(
    host: str, what: Sample, script: Script
) -> AsyncIterator[tuple[tuple[str, int], trio.Event]]:
    """Somebody who listens at ``host``; where, and when the first who came has hung up on him."""
    over = trio.Event()

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            await script(stream, what)
            over.set()

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host=host)
        nursery.start_soon(partial(trio.serve_listeners, serve, [listener]))
        yield listener.socket.getsockname()[:2], over
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("kind", CLOSED)
async def test_nonsense_is_hung_up_on(kind: str, tmp_path: Path) -> None:
    what = sample({"f": 200 * BLOCK}, Version.V1, BLOCK)
    async with (
        hostile("127.0.66.9", what, CLOSED[kind]) as (there, over),
        session() as ours,
    ):
        await ours.add(what.metainfo, tmp_path, peers=[there])
        with trio.fail_after(PATIENCE):
            await over.wait()


async def test_metadata_without_end_is_not_waited_for(tmp_path: Path) -> None:
    what = sample({"f": 20 * BLOCK}, Version.V1, BLOCK)
    endless = extended(2, b"d8:msg_typei1e5:piecei0e10:total_sizei2147483647ee" + bytes(BLOCK))
    async with (
        hostile("127.0.66.9", what, says(METADATA, endless)) as (there, _),
        session("127.0.66.2") as one,
        session() as ours,
    ):
        torrent = await ours.add(str(Magnet.of(what.info)), tmp_path / "ours", peers=[there])
        torrent.add_peers([await seed(one, what, tmp_path / "one")])
        await completed(torrent)
        assert_same(what, tmp_path / "ours")


# All at once.


async def stalls(stream: trio.SocketStream, what: Sample) -> None:
    """Has everything, promises everything, sends nothing."""
    pieces = what.info.piece_count
    bits = (-1 << (-pieces % 8)) & ((1 << 8 * -(-pieces // 8)) - 1)
    field = bits.to_bytes(-(-pieces // 8), "big")
    await stream.send_all(greeting(what, bytes(8)) + framed(5, field) + framed(1))
    await reads_to_the_end(stream)


async def test_a_siege_takes_bounded_memory_and_holds_nothing_up(tmp_path: Path) -> None:
    what = sample({"f": 300 * BLOCK}, Version.HYBRID, 2 * BLOCK)
    async with (
        trio.open_nursery() as nursery,
        session("127.0.66.2", upload=100.0 * BLOCK) as one,
        session() as ours,
    ):
        there = await seed(one, what, tmp_path / "one")
        peers = []
        for number, script in enumerate([*CLOSED.values(), stalls, stalls, stalls]):
            peers.append(await nursery.start(lives_at, f"127.0.67.{number}", what, script))
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            torrent = await ours.add(what.metainfo, tmp_path / "ours", peers=[*peers, there])
            await completed(torrent)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert_same(what, tmp_path / "ours")
        # The pieces on their way, one reading buffer, and a stream's worth for each.
        assert peak - before < 16 * MIB
        nursery.cancel_scope.cancel()


async def lives_at(
    host: str, what: Sample, script: Script, *, task_status: trio.TaskStatus[tuple[str, int]]
) -> None:
    async with hostile(host, what, script) as (there, _):
        task_status.started(there)
        await trio.sleep_forever()


# Who comes to us.


async def caller(host: str, port: int, words: bytes = b"") -> trio.SocketStream:
    sock = trio.socket.socket()
    await sock.bind((host, 0))
    await sock.connect(("127.0.0.1", port))
    stream = trio.SocketStream(sock)
    await stream.send_all(words)
    return stream


async def hung_up(stream: trio.SocketStream) -> None:
    with trio.fail_after(PATIENCE):
        await reads_to_the_end(stream)
    await stream.aclose()


@pytest.mark.parametrize("words", [b"", b"\x13BitTorrent", b"GET / HTTP/1.1\r\n\r\n" + bytes(99)])
async def test_who_says_nothing_is_not_waited_for(
    words: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "_PATIENCE", 0.3)
    async with session() as ours:
        await hung_up(await caller("127.0.66.1", ours.port, words))
        assert ours.statistics().links == 0


async def test_who_asks_for_another_torrent_learns_nothing() -> None:
    what = sample({"f": 1})
    async with session() as ours:
        stream = await caller("127.0.66.1", ours.port, greeting(what))
        with trio.fail_after(PATIENCE):
            assert await stream.receive_some() == b""
        await stream.aclose()


async def test_a_host_that_greets_slowly_does_not_keep_others_out(tmp_path: Path) -> None:
    what = sample({"f": 20 * BLOCK}, Version.V1, BLOCK)
    async with session() as ours, session("127.0.66.2") as other:
        there = await seed(ours, what, tmp_path / "ours")
        slow = [await caller("127.0.66.1", ours.port, b"\x13") for _ in range(80)]
        # Its first few streams are listened to, all others are not.
        for stream in slow[8:]:
            await hung_up(stream)
        torrent = await other.add(what.metainfo, tmp_path / "other", peers=[there])
        await completed(torrent)
        for stream in slow[:8]:
            await stream.aclose()


async def test_connections_beyond_the_limit_are_closed(tmp_path: Path) -> None:
    what = sample({"f": 20 * BLOCK}, Version.V1, BLOCK)
    async with session(connections=3) as ours:
        await seed(ours, what, tmp_path)
        streams = []
        for number in range(3):
            name = b"-XX0000-hostilehost%d" % number
            hello = greeting(what, peer_id=name)
            stream = await caller(f"127.0.66.{number + 1}", ours.port, hello)
            assert await stream.receive_some()
            streams.append(stream)
        await hung_up(await caller("127.0.66.9", ours.port, greeting(what)))
        assert ours.statistics().links == 3
        for stream in streams:
            await stream.aclose()
