"""Blocks that are read where they belong, and what else comes there."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.swarm_streams import scatter
from torrent.core.assembly import Assembly
from torrent.core.landing import BLOCKS, LEAST, Landing
from torrent.core.peer import Peer
from torrent.core.policy import BLOCK, SwarmPolicy
from torrent.core.wire import BLOCK_HEADER, Block, Choke, Decoder, Have, encode

if TYPE_CHECKING:
    from torrent.core.wire import Message

MOST = 1 << 20
PIECES, IN_PIECE = 3, 16
NOISE = Random(1).randbytes(BLOCK)


def download(*, asked: int = PIECES * IN_PIECE) -> tuple[Peer, dict[int, Assembly]]:
    """A peer that was asked for the first blocks of some open pieces."""
    peer = Peer(1, ("10.0.0.1", 1), SwarmPolicy(), 0.0, incoming=False)
    size = IN_PIECE * BLOCK
    opened = {p: Assembly(memoryview(bytearray(size)), size, IN_PIECE) for p in range(PIECES)}
    for number in range(asked):
        peer.outstanding[divmod(number, IN_PIECE)] = 0.0
    return peer, opened


def block(piece: int, index: int) -> Block:
    """A block that differs from all others."""
    return Block(piece, index * BLOCK, memoryview(bytes([piece, index]) + NOISE[2:]))


def test_blocks_lie_where_they_belong() -> None:
    peer, opened = download()
    landing = Landing()
    assert landing.lay(peer, opened, MOST)
    expected = list(peer.outstanding)[:BLOCKS]
    stream = b"".join(encode(block(*asked)) for asked in expected)
    assert landing.size == len(stream) == scatter(stream, landing.views)
    assert landing.sort(len(stream)) == (b"", expected, b"")
    for piece, index in expected:
        at = index * BLOCK
        assert opened[piece].buffer[at : at + BLOCK] == block(piece, index).data
    assert not landing.views  # nothing is kept alive


def test_no_more_is_read_than_may_be() -> None:
    peer, opened = download()
    landing = Landing(least=1)
    peer.decoder.receive(encode(block(0, 0))[:100])
    assert landing.lay(peer, opened, 70_000)
    assert landing.size <= 70_000 < landing.size + BLOCK + BLOCK_HEADER
    assert not landing.lay(peer, opened, 10_000)


def test_few_are_not_worth_it() -> None:
    for asked, worth in ((0, False), (LEAST - 1, False), (LEAST, True)):
        assert Landing().lay(*download(asked=asked), MOST) is worth


def test_only_places_of_blocks_that_are_not_here() -> None:
    peer, opened = download()
    landing = Landing(least=1)
    opened[0].senders[3] = "another"  # it was faster
    assert landing.lay(peer, opened, MOST)
    assert landing.size == 3 * (BLOCK_HEADER + BLOCK)
    opened[0].size = 2 * BLOCK + 1  # the third is a short one
    assert landing.lay(peer, opened, MOST)
    assert landing.size == 2 * (BLOCK_HEADER + BLOCK)
    del opened[0]  # it has failed, or was given up
    assert not landing.lay(peer, opened, MOST)


@pytest.mark.parametrize(
    "pending",
    [
        encode(block(0, 0))[:12],
        encode(block(0, 1))[:100],  # not the one whose turn it is
        encode(Have(1))[:-1],
        b"\0\0\1\0\x14" + bytes(99),
    ],
)
def test_other_messages_that_have_begun_are_waited_for(pending: bytes) -> None:
    peer, opened = download()
    assert peer.decoder.receive(pending) == []
    assert not Landing().lay(peer, opened, MOST)


def test_a_block_begun_when_nothing_is_asked_for() -> None:
    peer, opened = download(asked=0)
    assert peer.decoder.receive(encode(block(0, 0))[:100]) == []
    assert not Landing().lay(peer, opened, MOST)


def test_a_handshake_that_has_begun_is_no_block() -> None:
    decoder = Decoder()
    decoder.expect_handshake()
    decoder.receive(b"\x13BitTorrent protocol")
    assert decoder.begun is None


def other(say: st.DrawFn, row: list[Message]) -> list[Message]:
    """The row with something else in it somewhere."""
    said: Message = say(st.sampled_from([Have(7), Choke(), block(2, 15), block(0, 0)]))
    at = say(st.integers(0, len(row)))
    return [*row[:at], said, *row[at:]]


@st.composite
def streams(say: st.DrawFn) -> list[Message]:
    """Blocks in their order, mostly."""
    row: list[Message] = [block(*divmod(n, IN_PIECE)) for n in range(say(st.integers(1, 12)))]
    for _ in range(say(st.integers(0, 2))):
        row = other(say, row)
    return row


def kept(messages: list[Message]) -> list[Message]:
    return [m._replace(data=bytes(m.data)) if isinstance(m, Block) else m for m in messages]


def read(peer: Peer, opened: dict[int, Assembly], landing: Landing, part: bytes) -> list[Message]:
    """Take one reading as a shell does; what was said, as far as it found room."""
    if not landing.lay(peer, opened, MOST):
        return kept(peer.decoder.receive(part))
    came = landing.sort(scatter(part, landing.views))
    said = kept(peer.decoder.receive(came.first))
    for piece, index in came.blocks:
        begin = index * BLOCK
        said.append(Block(piece, begin, opened[piece].buffer[begin : begin + BLOCK]))
    return kept(said) + kept(peer.decoder.receive(came.rest))


@given(streams(), st.lists(st.integers(1, 100_000), max_size=8))
def test_it_makes_no_difference(said: list[Message], readings: list[int]) -> None:
    """Whatever is said, and however it is split: the same messages, in the same order."""
    stream = b"".join(map(encode, said))
    (peer, opened), landing = download(), Landing(least=1)
    heard: list[Message] = []
    at = 0
    for size in [*readings, *[len(stream)] * 4]:
        part = stream[at : at + size]
        room = landing.size if landing.lay(peer, opened, MOST) else size
        at += min(len(part), room)
        for message in read(peer, opened, landing, part):
            if isinstance(message, Block):
                peer.outstanding.pop((message.piece, message.begin // BLOCK), None)
                opened[message.piece].senders[message.begin // BLOCK] = peer.host
            heard.append(message)
    assert heard == kept(said)
