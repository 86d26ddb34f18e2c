"""Blocks laid out as they travel, and links that write them into sockets that are nearly full."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING

import pytest
import trio

from tests.torrent_samples import sample
from torrent.core.landing import Landing
from torrent.core.metainfo import Version
from torrent.core.wire import (
    Block,
    Decoder,
    KeepAlive,
    Request,
    block_header,
    encode,
    write_block_header,
)
from torrent.io.disk import Disk
from torrent.io.link import Link
from torrent.io.slab import BLOCKS, Slab
from torrent.io.storage import Storage
from torrent.io.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.torrent_samples import Sample

BLOCK = 16384
PIECE = 4 * BLOCK
ONE = sample({"t": 9 * PIECE + 5000}, Version.V1, PIECE)
TWO = sample({"t/a": PIECE + BLOCK + 100, "t/b": PIECE}, Version.V1, PIECE)


@asynccontextmanager
async def seeded(what: Sample, root: Path) -> AsyncIterator[Storage]:
    """All of a torrent on disk, hashed."""
    what.write(root)
    async with Disk() as disk:
        storage = Storage(disk, what.info, root)
        await storage.open(create=False)
        assert (await storage.check()).full
        yield storage
        await storage.close()


def requests(what: Sample) -> list[Request]:
    """Every block, in order."""
    return [
        Request(piece, begin, min(BLOCK, len(data) - begin))
        for piece, data in enumerate(what.pieces)
        for begin in range(0, len(data), BLOCK)
    ]


def answer(what: Sample, asked: list[Request]) -> bytes:
    """What the answers look like, made the plain way."""
    blocks = [what.pieces[r.piece][r.begin : r.begin + r.length] for r in asked]
    return b"".join(
        encode(Block(r.piece, r.begin, memoryview(data)))
        for r, data in zip(asked, blocks, strict=True)
    )


def test_a_header_is_the_same_wherever_it_is_written() -> None:
    buffer = bytearray(20)
    write_block_header(memoryview(buffer), 5, 7, BLOCK, 99)
    assert bytes(buffer[5:18]) == block_header(7, BLOCK, 99)


@pytest.mark.parametrize("seed", range(10))
async def test_any_requests_in_any_order(tmp_path: Path, seed: int) -> None:
    rng, slab = Random(seed), Slab()
    asked = requests(ONE)
    if seed:
        rng.shuffle(asked)
    del asked[rng.randrange(1, len(asked)) :]
    async with seeded(ONE, tmp_path) as storage:
        ends = slab.load(storage, asked)
    assert len(ends) == min(len(asked), BLOCKS)
    assert slab.view[: ends[-1]] == answer(ONE, asked[:BLOCKS])
    assert ends == [len(answer(ONE, asked[: n + 1])) for n in range(len(ends))]


async def test_nothing_that_was_not_hashed(tmp_path: Path) -> None:
    async with seeded(ONE, tmp_path) as storage:
        storage.trusted.discard(1)
        asked = requests(ONE)
        assert len(Slab().load(storage, asked)) == 4
        assert Slab().load(storage, asked[4:]) == []


async def test_a_block_in_two_files_is_left_to_others(tmp_path: Path) -> None:
    async with seeded(TWO, tmp_path) as storage:
        slab, asked = Slab(), requests(TWO)
        ends = slab.load(storage, asked)
        assert len(ends) == 5  # the sixth has the last 100 bytes of the first file
        assert slab.view[: ends[-1]] == answer(TWO, asked[:5])
        assert slab.load(storage, asked[5:]) == []
        assert len(slab.load(storage, asked[6:])) == len(asked) - 6


async def test_a_file_that_was_cut_short(tmp_path: Path) -> None:
    async with seeded(ONE, tmp_path) as storage:
        assert storage.readable(8, 0, BLOCK)  # looked at; the next look is a second away
        with (tmp_path / "t").open("r+b") as file:
            file.truncate(8 * PIECE + 10)
        with pytest.raises(OSError, match="became shorter"):
            Slab().load(storage, [Request(8, 0, BLOCK)])


class Desk:
    """Stands where a torrent's :class:`Sharing` and its swarm do: requests to be served."""

    def __init__(self, storage: Storage, asked: list[Request]) -> None:
        self.storage = storage
        self.swarm = self
        self.asked = asked
        self.served = 0
        self.fetched: list[Request] = []
        self.control = encode(KeepAlive())

    def output(self, _number: int) -> bytes:
        said, self.control = self.control, b""
        return said

    def uploads(self, _number: int, budget: int) -> list[Request]:
        taken, self.asked = self.asked[: budget // BLOCK], self.asked[budget // BLOCK :]
        self.control = encode(KeepAlive())
        return taken

    def delivered(self, _link: Link, count: int) -> None:
        self.served += count

    def fetch(self, link: Link, request: Request) -> None:
        self.fetched.append(request)
        data = TWO.pieces[request.piece][request.begin : request.begin + request.length]
        link.serve(request, bytearray(data))

    def ended(self, _link: Link, _reason: str) -> None:
        pass


@pytest.mark.parametrize("what", [ONE, TWO])
async def test_a_socket_that_takes_little_at_a_time(tmp_path: Path, what: Sample) -> None:
    near, far = socket.socketpair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    near.settimeout(0)
    far.settimeout(0)
    asked, came = requests(what), bytearray()
    async with seeded(what, tmp_path) as storage, trio.open_nursery() as nursery:
        desk = Desk(storage, list(asked))
        memory = memoryview(b""), Landing(), Slab()
        link = Link(0, near, ("near", 0), desk, Throttle(), *memory)  # type: ignore[arg-type]
        nursery.start_soon(link.write)
        link.pump()
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(far))
        expected = len(answer(what, asked)) + 2 * len(encode(KeepAlive()))
        with trio.fail_after(20):
            while len(came) < expected:
                came += await stream.receive_some()
        link.close("done")
        await stream.aclose()
    blocks = [each for each in Decoder().receive(came) if isinstance(each, Block)]
    found = {(b.piece, b.begin): bytes(b.data) for b in blocks}
    assert len(blocks) == len(asked)
    assert all(
        found[r.piece, r.begin] == what.pieces[r.piece][r.begin : r.begin + r.length] for r in asked
    )
    assert desk.served == sum(request.length for request in asked)
    assert link.sent == len(came)
