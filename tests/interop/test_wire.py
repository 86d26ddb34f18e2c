"""The peer wire spoken with libtorrent, message by message, over one connection on loopback.

No client of ours stands behind it: the bytes are made and read by :mod:`torrent.core.wire` alone,
so that what libtorrent sends is its own witness.
"""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

import libtorrent as lt
import pytest
import trio

from tests.messages import frozen
from torrent.core.fastset import allowed_fast
from torrent.core.metadata import MetadataAssembly
from torrent.core.peerid import client_name, make_peer_id
from torrent.core.wire import (
    EXTENSION_IDS,
    AllowedFast,
    Block,
    Decoder,
    DontHave,
    Extended,
    ExtensionHandshake,
    Handshake,
    Hashes,
    HashReject,
    HashRequest,
    HaveAll,
    HaveNone,
    Interested,
    KeepAlive,
    Message,
    MetadataData,
    MetadataRequest,
    Pex,
    Port,
    Request,
    Unchoke,
    UploadOnly,
    encode,
    encode_extended,
    encode_requests,
    read_extended,
    reserved_bits,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from torrent.core.wire import ExtensionMessage

pytestmark = pytest.mark.interop

T = TypeVar("T")
LONG_ENOUGH = 20.0
PIECE = 32768
DATA = Random(8).randbytes(40 * PIECE + 777)
HERE = "127.5.5.0"
"""Where we dial from: BEP 6 sets the last byte to zero, libtorrent forgets to."""

LT_ALLOWED_FAST = 5  # its setting allowed_fast_set_size
SETTINGS: dict[str, Any] = {
    "listen_interfaces": "127.0.0.1:0",
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_ip_notifier": False,
    "allow_multiple_connections_per_ip": True,
    "alert_mask": int(lt.alert_category.status | lt.alert_category.error),
}
KINDS = {"v1": lt.create_torrent.v1_only, "v2": lt.create_torrent.v2_only, "hybrid": 0}


class Seed:
    """libtorrent with one torrent, and what its file says."""

    def __init__(self, directory: Path, kind: str) -> None:
        (directory / "data.bin").write_bytes(DATA)
        made = lt.create_torrent([lt.create_file_entry("data.bin", len(DATA))], PIECE, KINDS[kind])
        lt.set_piece_hashes(made, str(directory))
        raw = lt.bencode(made.generate())
        self.params = lt.load_torrent_buffer(raw)
        self.info: bytes = self.params.ti.info_section()
        self.session = lt.session(SETTINGS)
        self.params.save_path = str(directory)
        self.params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
        self.handle = self.session.add_torrent(self.params)
        self._wait_for(lt.torrent_finished_alert)
        self.port = int(self.session.listen_port())

    def _wait_for(self, kind: type) -> None:
        for _ in range(200):
            self.session.wait_for_alert(1000)
            if any(isinstance(alert, kind) for alert in self.session.pop_alerts()):
                return
        raise AssertionError(f"libtorrent never said {kind}")

    @property
    def infohash(self) -> bytes:
        """What goes into the handshake: of a hybrid, v1's."""
        digest = hashlib.sha1 if b"6:pieces" in self.info else hashlib.sha256
        return digest(self.info).digest()[:20]


class Conversation:
    """One connection, on which whole messages are said and awaited."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.decoder = Decoder()
        self.heard: list[Message | ExtensionMessage] = []
        self.theirs: dict[str, int] = {}
        self.hello = Handshake(b"", b"")

    async def say(self, *messages: Message | bytes) -> None:
        await self.stream.send_all(
            b"".join(said if isinstance(said, bytes) else encode(said) for said in messages)
        )

    async def tell(self, said: ExtensionMessage) -> None:
        data = encode_extended(said, self.theirs)
        assert data is not None
        await self.stream.send_all(data)

    async def listen(self) -> None:
        """Take in what comes next."""
        data = await self.stream.receive_some(4000)  # odd, so that blocks come in parts
        assert data, "libtorrent hung up"
        for message in self.decoder.receive(data):
            if isinstance(message, Extended):
                said = read_extended(message)
                assert said is not None, message
                if isinstance(said, ExtensionHandshake):
                    self.theirs.update(said.extensions)
                self.heard.append(said)
            else:
                self.heard.append(frozen(message))

    async def hear(self, kind: type[T], when: Callable[[T], bool] = lambda _: True) -> T:
        """Wait for a message of ``kind``; it is taken out of what was heard."""
        with trio.fail_after(LONG_ENOUGH):
            while True:
                for message in self.heard:
                    if isinstance(message, kind) and when(message):
                        self.heard.remove(message)
                        return message
                await self.listen()


@asynccontextmanager
async def conversation(tmp_path: Path, kind: str) -> AsyncIterator[tuple[Seed, Conversation]]:
    """A seed, and a connection to it on which both have said hello."""
    seed = await trio.to_thread.run_sync(Seed, tmp_path, kind)
    try:
        async with await trio.open_tcp_stream("127.0.0.1", seed.port, local_address=HERE) as stream:
            talk = Conversation(stream)
            talk.decoder.expect_handshake()
            reserved = reserved_bits(dht=True, v2=kind != "v1")
            await talk.say(Handshake(seed.infohash, make_peer_id(Random(1)), reserved))
            hello = talk.hello = await talk.hear(Handshake)
            assert hello.fast
            assert hello.extended
            assert client_name(hello.peer_id).startswith("libtorrent 2.")
            await talk.say(HaveNone())
            await talk.hear(HaveAll)
            yield seed, talk
    finally:
        with trio.move_on_after(LONG_ENOUGH, shield=True):
            await trio.to_thread.run_sync(seed.session.pause)


@pytest.mark.parametrize("kind", KINDS)
async def test_blocks_and_the_fast_set(tmp_path: Path, kind: str) -> None:
    async with conversation(tmp_path, kind) as (seed, talk):
        count = -(-len(DATA) // PIECE)
        # To a hybrid's v1 infohash with the v2 flag it answers with the v2 one (BEP 52).
        same = talk.hello.infohash == seed.infohash
        assert same is (kind != "hybrid")
        fast = allowed_fast(talk.hello.infohash, HERE, count, LT_ALLOWED_FAST)
        await talk.say(KeepAlive(), Interested())
        assert [(await talk.hear(AllowedFast)).piece for _ in fast] == list(fast)
        await talk.hear(Unchoke)
        wanted = [(piece, begin, 16384) for piece in (0, 7, 39) for begin in (0, 16384)]
        wanted.append((40, 0, 777))
        await talk.say(encode_requests(wanted))
        for piece, begin, length in wanted:
            block = await talk.hear(Block, lambda b, at=(piece, begin): (b.piece, b.begin) == at)
            start = piece * PIECE + begin
            assert block.data == DATA[start : start + length]
        assert talk.decoder.unknown == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_metadata(tmp_path: Path, kind: str) -> None:
    async with conversation(tmp_path, kind) as (seed, talk):
        greeting = await talk.hear(ExtensionHandshake)
        assert set(EXTENSION_IDS) - set(greeting.extensions) == set()
        assert greeting.client is not None
        assert greeting.client.startswith("libtorrent/2.")
        assert greeting.yourip == HERE
        assert greeting.metadata_size == len(seed.info)
        await talk.tell(ExtensionHandshake(EXTENSION_IDS, "dhtctl", reqq=500))
        work = MetadataAssembly([seed.infohash], greeting.metadata_size)
        while (piece := work.ask("lt", 0.0)) is not None:
            await talk.tell(MetadataRequest(piece))
            work.received("lt", await talk.hear(MetadataData), 0.0)
        assert work.raw == seed.info


@pytest.mark.parametrize("kind", ["v2", "hybrid"])
async def test_hashes(tmp_path: Path, kind: str) -> None:
    """The layer of pieces, whose hashes go up to the root with zeroes for what is not there."""
    async with conversation(tmp_path, kind) as (seed, talk):
        root = bytes.fromhex(str(seed.params.ti.layout().root(0)))
        # 41 pieces: 64 places. Two from the middle need one uncle in each of the 5 layers above.
        await talk.say(HashRequest(root, 1, 2, 2, 5), HashRequest(root, 1, 0, 64, 0))
        few = await talk.hear(Hashes, lambda hashes: hashes.length == 2)
        every = await talk.hear(Hashes, lambda hashes: hashes.length == 64)
        assert every.hashes[64:128] == few.hashes[:64]
        assert (len(few.hashes), few.root, few.index, few.proofs) == (7 * 32, root, 2, 5)
        await talk.say(HashRequest(bytes(32), 1, 0, 64, 0))
        assert await talk.hear(HashReject) == HashReject(bytes(32), 1, 0, 64, 0)


async def test_it_understands_everything_we_say(tmp_path: Path) -> None:
    """It hangs up on what it cannot read; it still answers after one of each."""
    async with conversation(tmp_path, "v1") as (_seed, talk):
        await talk.hear(ExtensionHandshake)
        await talk.tell(ExtensionHandshake(EXTENSION_IDS, "dhtctl", 6881, 500, upload_only=False))
        pex = Pex(((("127.0.0.1", 9), 2), (("::1", 9), 0)), (("127.0.0.1", 9),))
        for said in (pex, DontHave(3), UploadOnly(flag=False), MetadataRequest(99)):
            await talk.tell(said)
        await talk.say(Port(6881), encode(KeepAlive()), Interested())
        await talk.hear(Unchoke)
        await talk.say(Request(1, 0, 16384))
        assert (await talk.hear(Block)).data == DATA[PIECE : PIECE + 16384]
