"""Links to a peer of which every byte is ours: one that does not read, one that breaks off."""

from __future__ import annotations

import socket
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import pytest
import trio
import trio.testing

from tests.torrent_samples import HYBRID, V1, V2, Sample, sample
from torrent.core.wire import (
    Block,
    Decoder,
    Handshake,
    Hashes,
    HashReject,
    HashRequest,
    Interested,
    Message,
    Reject,
    Request,
    Unchoke,
    encode,
    reserved_bits,
)
from torrent.io.results import Phase
from torrent.io.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from torrent.io.torrent import Torrent

M = TypeVar("M")
BLOCK = 16384
HERE = (("127.0.0.1", 0),)
PATIENCE = 30.0
SMALL = 4096
"""Bytes that a peer's system takes before its reader does: so a few blocks fill a socket."""


class Peer:
    """A connection to a session; says what it is told to."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.heard: list[Message] = []
        self._decoder = Decoder()
        self._decoder.expect_handshake()

    async def say(self, *messages: Message) -> None:
        await self.stream.send_all(b"".join(map(encode, messages)))

    async def hear(self, kind: type[M], count: int = 1) -> list[M]:
        """Read until so many messages of a kind came."""
        with trio.fail_after(PATIENCE):
            while True:
                found = [message for message in self.heard if isinstance(message, kind)]
                if len(found) >= count:
                    return found
                data = await self.stream.receive_some()
                assert data, f"it hung up after {self.heard}"
                # Blocks are views of what was received: keep them.
                self.heard += [_kept(message) for message in self._decoder.receive(data)]


def _kept(message: Message) -> Message:
    if isinstance(message, Block):
        return Block(message.piece, message.begin, bytes(message.data))
    return message


@asynccontextmanager
async def meeting(
    what: Sample, root: Path, **how: bool
) -> AsyncIterator[tuple[Peer, Torrent, Session]]:
    """A peer that greeted the seed of a torrent."""
    what.write(root)
    async with Session(listen=HERE, state=root / "state") as session:
        torrent = await session.add(what.metainfo, root, **how)  # type: ignore[arg-type]
        await torrent.ready()
        sock = trio.socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        await sock.connect(session.addresses[0])
        async with trio.SocketStream(sock) as stream:
            peer = Peer(stream)
            hello = Handshake(what.info.infohashes[-1], b"p" * 20, reserved_bits(v2=True))
            await peer.say(hello)
            yield peer, torrent, session


async def test_who_does_not_read_gets_it_all_later(tmp_path: Path) -> None:
    what = sample({"f": 600 * BLOCK}, V1, 4 * BLOCK)
    async with meeting(what, tmp_path, intact=True) as (peer, torrent, session):
        await peer.say(Interested())
        await peer.hear(Unchoke)
        asked = [(piece, at * BLOCK) for piece in range(100) for at in range(4)]
        for first in range(0, 400, 200):  # no more at once than a peer may leave unanswered
            some = asked[first : first + 200]
            await peer.say(*(Request(piece, begin, BLOCK) for piece, begin in some))
            await trio.testing.wait_all_tasks_blocked()
            sent = session.statistics().uploaded
            assert sent < (first + 200) * BLOCK, "the socket is full"
            blocks = await peer.hear(Block, first + 200)
        assert {(block.piece, block.begin) for block in blocks} == set(asked)
        for block in blocks:
            assert block.data == what.pieces[block.piece][block.begin : block.begin + BLOCK]
        assert torrent.phase is Phase.SEEDING


async def test_a_block_of_several_files_is_put_together(tmp_path: Path) -> None:
    what = sample({"t/a": 10_000, "t/b": 3_000, "t/c": 50_000}, V1, 2 * BLOCK)
    async with meeting(what, tmp_path) as (peer, _, _):
        await peer.say(Interested())
        await peer.hear(Unchoke)
        await peer.say(Request(0, 5_000, BLOCK))
        (block,) = await peer.hear(Block)
    assert block.data == what.pieces[0][5_000 : 5_000 + BLOCK]


async def test_who_breaks_off_is_gone(tmp_path: Path) -> None:
    what = sample({"f": 200 * BLOCK}, V1, 4 * BLOCK)
    async with meeting(what, tmp_path, intact=True) as (peer, torrent, session):
        await peer.say(Interested())
        await peer.hear(Unchoke)
        await peer.say(*(Request(piece, 0, BLOCK) for piece in range(50)))
        await trio.testing.wait_all_tasks_blocked()  # there is more than the socket takes
        assert session.statistics().links == 1
        reset = struct.pack("ii", 1, 0)
        peer.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        await peer.stream.aclose()
        with trio.fail_after(PATIENCE):
            while session.statistics().links:
                await trio.testing.wait_all_tasks_blocked()
        assert torrent.statistics().peers == 0
        assert torrent.phase is Phase.SEEDING


async def test_a_file_that_is_gone_is_not_served_and_told(tmp_path: Path) -> None:
    """Its pieces are not known to be true any more; so it is said what is wrong with the disk."""
    what = sample({"t/a": 100_000, "t/b": 100_000}, V1, BLOCK)
    async with meeting(what, tmp_path, intact=True) as (peer, torrent, _):
        (tmp_path / "t" / "a").unlink()
        storage = torrent.sharing.storage
        assert storage is not None
        storage._trust.nothing()
        torrent._disk.files.clear()
        await peer.say(Interested())
        await peer.hear(Unchoke)
        await peer.say(Request(0, 0, BLOCK))
        assert await peer.hear(Reject) == [Reject(0, 0, BLOCK)]
        assert torrent.phase is Phase.FAILED
        assert "it is missing: put it back" in str(torrent.fault)


@pytest.mark.parametrize("version", [V2, HYBRID])
async def test_hashes_of_blocks_are_told(version: object, tmp_path: Path) -> None:
    """BEP 52: who has a piece layer may ask for the leaves below, to find the false block."""
    what = sample({"f": 8 * BLOCK}, version, 4 * BLOCK)  # type: ignore[arg-type]
    (file,) = (each for each in what.info.files if each.length)
    assert file.pieces_root is not None
    async with meeting(what, tmp_path) as (peer, torrent, _):
        await peer.say(HashRequest(file.pieces_root, 0, 4, 4, 0))
        (answer,) = await peer.hear(Hashes)
        assert torrent.sharing.storage is not None
        leaves = await torrent.sharing.storage.leaves(1)
        assert bytes(answer.hashes) == b"".join(leaves)
        await peer.say(HashRequest(bytes(32), 0, 0, 4, 0))
        assert (await peer.hear(HashReject))[0].root == bytes(32)
