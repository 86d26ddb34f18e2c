"""The decoder: the same messages however the stream is cut, and no harm from any bytes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.messages import frozen, messages
from torrent.core.wire import (
    Block,
    Cancel,
    Choke,
    Decoder,
    Extended,
    Handshake,
    Have,
    KeepAlive,
    Message,
    Request,
    encode,
    read_handshake,
)
from torrent.errors import WireError

HELLO = Handshake(b"i" * 20, b"p" * 20)


def received(chunks: list[bytes], decoder: Decoder | None = None) -> list[Message]:
    """Feed the chunks, keep nothing that looks into them."""
    decoder = decoder or Decoder()
    return [frozen(message) for chunk in chunks for message in decoder.receive(memoryview(chunk))]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(st.lists(messages(), max_size=12), st.lists(st.integers(0, 1 << 16), max_size=12))
def test_any_cut_of_the_stream_gives_the_same_messages(
    sent: list[Message], places: list[int]
) -> None:
    stream = b"".join(map(encode, sent))
    assert received([stream]) == sent
    assert received(cut(stream, places)) == sent
    assert received([bytes([byte]) for byte in stream]) == sent


@given(st.lists(messages(), max_size=5), st.lists(st.integers(0, 1 << 16), max_size=12))
def test_a_handshake_comes_first_when_expected(sent: list[Message], places: list[int]) -> None:
    stream = b"".join(map(encode, [HELLO, *sent]))
    for chunks in ([stream], cut(stream, places), [bytes([byte]) for byte in stream]):
        decoder = Decoder()
        decoder.expect_handshake()
        assert received(chunks, decoder) == [HELLO, *sent]


def outcome(chunks: list[bytes]) -> tuple[list[Message], str]:
    """What was received before the fault, and the fault."""
    decoder, got = Decoder(limit=64, max_block=32), []
    for chunk in chunks:
        try:
            got += [frozen(message) for message in decoder.receive(memoryview(chunk))]
        except WireError as error:
            return got, str(error)
        assert decoder.pending <= 4 + 64
    return got, ""


@given(
    st.lists(
        st.one_of(
            messages().map(encode),
            st.binary(max_size=20),
            st.binary(max_size=70).map(lambda body: len(body).to_bytes(4, "big") + body),
        ),
        max_size=6,
    )
)
def test_rubbish_is_judged_alike_in_one_piece_and_in_many(parts: list[bytes]) -> None:
    stream = b"".join(parts)
    at_once, fault = outcome([stream])
    one_by_one, same = outcome([bytes([byte]) for byte in stream])
    assert same == fault
    assert at_once == (one_by_one if not fault else [])


def test_only_what_is_split_is_copied() -> None:
    stream = bytearray(b"".join(encode(Block(1, at, memoryview(b"x" * 50))) for at in range(3)))
    decoder = Decoder()
    first = decoder.receive(memoryview(stream)[:100])
    second = decoder.receive(memoryview(stream)[100:])
    stream[:] = bytes(len(stream))
    data = [bytes(block.data) for block in (*first, *second) if isinstance(block, Block)]
    assert data == [bytes(50), b"x" * 50, bytes(50)]
    assert decoder.pending == 0


MALFORMED = [
    (b"\xff\xff\xff\xff", "announces a message of 4294967295 bytes; 1048576 at most"),
    (b"\x80\x00\x00\x01\x00", "announces a message of 2147483649"),  # read as signed: negative
    (b"\x00\x10\x00\x01", "announces a message of 1048577"),
    ((1 + 10**9 // 8).to_bytes(4, "big") + b"\x05", "announces a message of 125000001"),
    (b"\0\0\0\2\0", "Choke has 2 bytes; it takes 1"),
    (b"\0\0\0\2\x0e", "HaveAll has 2 bytes; it takes 1"),
    (b"\0\0\0\4\4", "Have has 4 bytes; it takes 5"),
    (b"\0\0\0\6\4", "Have has 6 bytes; it takes 5"),
    (b"\0\0\0\1\x11", "AllowedFast has 1 bytes; it takes 5"),
    (b"\0\0\0\x0c\6", "Request has 12 bytes; it takes 13"),
    (b"\0\0\0\x0e\6", "Request has 14 bytes; it takes 13"),
    (b"\0\0\0\x0e\x08", "Cancel has 14 bytes; it takes 13"),
    (b"\0\0\0\x01\x10", "Reject has 1 bytes; it takes 13"),
    (b"\0\0\0\x08\7", "Block has 8 bytes; it takes 9 to 16393"),
    (b"\0\0\x40\x0a\7", "Block has 16394 bytes; it takes 9 to 16393"),
    (b"\0\0\0\2\x09", "Port has 2 bytes; it takes 3"),
    (b"\0\0\0\1\x14", "Extended has 1 bytes; it takes 2 to"),
    (b"\0\0\0\x30\x15", "HashRequest has 48 bytes; it takes 49"),
    (b"\0\0\0\x30\x16", "Hashes has 48 bytes; it takes 49 to"),
    (b"\0\0\0\x32\x17", "HashReject has 50 bytes; it takes 49"),
    (b"\0\0\0\x51\x16" + bytes(80), "32 bytes of hashes; 0 and 0 uncles take 0"),
    (b"\0\0\0\x32\x16" + bytes(43) + b"\1" + bytes(5), "1 bytes of hashes; 1 and 1 uncles take 64"),
]


@pytest.mark.parametrize(("data", "fault"), MALFORMED)
def test_malformed_messages_are_refused_as_soon_as_they_can_be(data: bytes, fault: str) -> None:
    for chunks in ([data], [bytes([byte]) for byte in data], [encode(KeepAlive()), data]):
        decoder = Decoder()
        with pytest.raises(WireError, match=fault):
            received(chunks, decoder)
        assert decoder.pending <= len(data)


def test_unknown_kinds_are_skipped_and_counted() -> None:
    decoder = Decoder()
    stream = b"\0\0\0\3\x63ab" + encode(Have(3)) + b"\0\0\0\1\xff" + encode(Choke())
    assert decoder.receive(memoryview(stream)) == [Have(3), Choke()]
    assert decoder.unknown == 2


def test_runs_end_where_something_else_begins() -> None:
    block = Block(1, 2, memoryview(b"data"))
    sent = [Request(1, 2, 3), Request(4, 5, 6), Cancel(1, 2, 3), block, block, Request(7, 8, 9)]
    stream = b"".join(map(encode, sent))
    assert Decoder().receive(stream) == sent
    # A second block that is too long ends the run, and is judged by the ordinary road.
    decoder = Decoder(max_block=4)
    with pytest.raises(WireError, match="Block has 14 bytes"):
        decoder.receive(encode(block) + encode(Block(1, 2, memoryview(b"datum"))))


def test_limits_are_settings() -> None:
    assert Decoder(max_block=1 << 17).receive(encode(Block(0, 0, memoryview(bytes(1 << 17)))))
    decoder = Decoder(limit=10)
    with pytest.raises(WireError, match="10 at most"):
        decoder.receive(encode(Extended(0, bytes(20))))
    decoder = Decoder(limit=10)
    decoder.limit = 100
    assert decoder.receive(encode(Extended(0, bytes(20)))) == [Extended(0, bytes(20))]


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n", b"\x13BitTorrent protocoL", b"\x12", b"\x13BitTorrent  "]
)
def test_a_stranger_is_known_by_its_first_bytes(data: bytes) -> None:
    with pytest.raises(WireError, match="not BitTorrent's handshake"):
        read_handshake(data)
    decoder = Decoder()
    decoder.expect_handshake()
    with pytest.raises(WireError, match="not BitTorrent's handshake"):
        decoder.receive(memoryview(data))


def test_a_handshake_is_waited_for() -> None:
    data = encode(HELLO)
    assert all(read_handshake(data[:end]) is None for end in range(68))
    assert read_handshake(data + b"more") == HELLO
    assert read_handshake(bytearray(data)) == HELLO
