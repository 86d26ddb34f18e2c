"""Messages and their bytes, one by one, as the BEPs spell them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.core.wire import (
    PROTOCOL,
    AllowedFast,
    BitfieldMessage,
    Block,
    Cancel,
    Choke,
    Decoder,
    Extended,
    Handshake,
    Hashes,
    HashReject,
    HashRequest,
    Have,
    HaveAll,
    HaveNone,
    Interested,
    KeepAlive,
    Message,
    NotInterested,
    Port,
    Reject,
    Request,
    Suggest,
    Unchoke,
    block_header,
    encode,
    encode_requests,
    read_handshake,
    reserved_bits,
    write_block_header,
)

ROOT = bytes(range(32))
TREE = ROOT.hex() + "00000002 00000200 00000004 00000003"

# Written out from the BEPs by hand: length, kind, body.
BYTES: list[tuple[Message, str]] = [
    (KeepAlive(), "00000000"),
    (Choke(), "00000001 00"),
    (Unchoke(), "00000001 01"),
    (Interested(), "00000001 02"),
    (NotInterested(), "00000001 03"),
    (Have(0x01020304), "00000005 04 01020304"),
    (BitfieldMessage(b"\xf0\x80"), "00000003 05 f080"),
    (Request(1, 0x4000, 0x4000), "0000000d 06 00000001 00004000 00004000"),
    (Block(1, 0x4000, memoryview(b"abc")), "0000000c 07 00000001 00004000 616263"),
    (Block(2, 0, memoryview(b"")), "00000009 07 00000002 00000000"),
    (Cancel(1, 0x4000, 0x4000), "0000000d 08 00000001 00004000 00004000"),
    (Port(6881), "00000003 09 1ae1"),  # BEP 5
    (Suggest(7), "00000005 0d 00000007"),  # BEP 6 from here
    (HaveAll(), "00000001 0e"),
    (HaveNone(), "00000001 0f"),
    (Reject(1, 0x4000, 0x4000), "0000000d 10 00000001 00004000 00004000"),
    (AllowedFast(1059), "00000005 11 00000423"),
    (Extended(0, b"d1:mdee"), "00000009 14 00 64313a6d646565"),  # BEP 10
    (HashRequest(ROOT, 2, 512, 4, 3), "00000031 15" + TREE),  # BEP 52
    (Hashes(ROOT, 2, 512, 4, 3, b"h" * 192), "000000f1 16" + TREE + "68" * 192),
    (HashReject(ROOT, 2, 512, 4, 3), "00000031 17" + TREE),
]


@pytest.mark.parametrize(("message", "spelled"), BYTES)
def test_every_message_byte_for_byte(message: Message, spelled: str) -> None:
    data = bytes.fromhex(spelled)
    assert encode(message) == data
    assert Decoder().receive(memoryview(data)) == [message]


def test_every_kind_is_in_the_table() -> None:
    kinds = {type(message) for message, _ in BYTES} | {Handshake}
    assert kinds == set(Message.__args__)


def test_the_handshake_byte_for_byte() -> None:
    hello = Handshake(b"i" * 20, b"p" * 20, bytes.fromhex("0000000000100005"))
    data = PROTOCOL + bytes.fromhex("0000000000100005") + b"i" * 20 + b"p" * 20
    assert bytes([19]) + b"BitTorrent protocol" == PROTOCOL
    assert encode(hello) == data
    assert read_handshake(data) == hello
    assert (hello.fast, hello.extended, hello.dht, hello.v2) == (True, True, True, False)


@pytest.mark.parametrize(
    ("flag", "at", "bit"),
    [("fast", 7, 0x04), ("extended", 5, 0x10), ("dht", 7, 0x01), ("v2", 7, 0x10)],
)
def test_each_flag_is_one_bit(flag: str, at: int, bit: int) -> None:
    nothing = {"fast": False, "extended": False, "dht": False, "v2": False}
    reserved = reserved_bits(**{**nothing, flag: True})
    assert reserved == bytes(at) + bytes([bit]) + bytes(7 - at)
    hello = Handshake(bytes(20), bytes(20), reserved)
    assert {name: getattr(hello, name) for name in nothing} == {**nothing, flag: True}


WORDS = st.integers(0, 2**32 - 1)


@given(st.lists(st.tuples(WORDS, WORDS, WORDS)))
def test_a_batch_of_requests_is_its_requests(blocks: list[tuple[int, int, int]]) -> None:
    assert encode_requests(blocks) == b"".join(encode(Request(*block)) for block in blocks)


@given(WORDS, WORDS, st.binary(max_size=50))
def test_a_header_goes_before_its_block(piece: int, begin: int, data: bytes) -> None:
    whole = encode(Block(piece, begin, memoryview(data)))
    assert block_header(piece, begin, len(data)) + data == whole
    row = bytearray(20)
    write_block_header(memoryview(row), 5, piece, begin, len(data))
    assert row == bytes(5) + block_header(piece, begin, len(data)) + bytes(2)


def test_numbers_that_do_not_fit_are_our_own_mistake() -> None:
    with pytest.raises(struct.error):
        encode(Have(-1))
