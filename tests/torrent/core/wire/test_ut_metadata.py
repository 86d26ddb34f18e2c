"""ut_metadata (BEP 9): three messages, and every way to get one wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.codec.bencode import encode
from torrent.core.wire import MAX_METADATA, MetadataData, MetadataReject, MetadataRequest
from torrent.core.wire.ut_metadata import encode_metadata, metadata_piece_size, read_metadata
from torrent.errors import WireError

# BEP 9's examples, but for the third, whose bytes there say type 1 where its text says 2.
EXAMPLES = [
    (b"d8:msg_typei0e5:piecei0ee", MetadataRequest(0)),
    (
        b"d8:msg_typei1e5:piecei0e10:total_sizei3425ee" + b"x" * 3425,
        MetadataData(0, 3425, b"x" * 3425),
    ),
    (b"d8:msg_typei2e5:piecei0ee", MetadataReject(0)),
]


@pytest.mark.parametrize(("payload", "message"), EXAMPLES)
def test_examples(payload: bytes, message: Any) -> None:
    assert read_metadata(payload) == message
    assert encode_metadata(message) == payload


def test_data_may_look_like_bencode() -> None:
    data = b"eeeed1:a" + b"i1ee" * 10
    payload = b"d8:msg_typei1e5:piecei0e10:total_sizei%dee" % len(data) + data
    assert read_metadata(payload) == MetadataData(0, len(data), data)


def test_libtorrent_says_the_total_in_every_message() -> None:
    payload = b"d8:msg_typei0e5:piecei3e10:total_sizei99999ee"
    assert read_metadata(payload) == MetadataRequest(3)


def test_unsorted_dictionaries_are_read() -> None:
    assert read_metadata(b"d5:piecei7e8:msg_typei2ee") == MetadataReject(7)


def test_types_to_come_are_ignored() -> None:
    assert read_metadata(b"d8:msg_typei3ee") is None
    assert read_metadata(b"d8:msg_typei255e5:piecei0eewhatever") is None


@pytest.mark.parametrize(
    ("fields", "data", "fault"),
    [
        ({}, b"", "needs a `msg_type`"),
        ({"msg_type": b"0"}, b"", "`msg_type` that is not an integer"),
        ({"msg_type": -1}, b"", "needs a `msg_type` from 0 to 255"),
        ({"msg_type": 0}, b"", "needs a `piece`"),
        ({"msg_type": 0, "piece": -1}, b"", "needs a `piece` from 0 to 2047"),
        ({"msg_type": 0, "piece": 2048}, b"", "needs a `piece` from 0 to 2047"),
        ({"msg_type": 2, "piece": 10**300}, b"", "needs a `piece`"),
        ({"msg_type": 0, "piece": 0}, b"x", "carries 1 bytes; 0 belong there"),
        ({"msg_type": 2, "piece": 0}, b"xyz", "carries 3 bytes; 0 belong there"),
        ({"msg_type": 1, "piece": 0}, b"x", "needs a `total_size`"),
        ({"msg_type": 1, "piece": 0, "total_size": 2**31}, b"x", "needs a `total_size` from 0"),
        ({"msg_type": 1, "piece": 0, "total_size": 5}, b"x" * 6, "carries 6 bytes; 5 belong"),
        ({"msg_type": 1, "piece": 0, "total_size": 5}, b"x" * 4, "carries 4 bytes; 5 belong"),
        ({"msg_type": 1, "piece": 0, "total_size": 20000}, b"x", "carries 1 bytes; 16384 belong"),
        ({"msg_type": 1, "piece": 1, "total_size": 16384}, b"x", "carries 1 bytes; 0 belong"),
        ({"msg_type": 1, "piece": 9, "total_size": 16384}, b"x", "carries 1 bytes; 0 belong"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], data: bytes, fault: str) -> None:
    with pytest.raises(WireError, match=f"ut_metadata message .*{fault}"):
        read_metadata(encode(fields) + data)


@pytest.mark.parametrize("payload", [b"", b"d", b"x", b"d8:msg_typei0e", b"l" * 17000])
def test_what_begins_with_no_value_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError, match="does not begin with a bencoded dictionary"):
        read_metadata(payload)


def test_what_begins_with_another_value_is_refused() -> None:
    with pytest.raises(WireError, match="is not a bencoded dictionary"):
        read_metadata(b"i0ex")


@given(st.integers(1, MAX_METADATA))
def test_pieces_add_up(total: int) -> None:
    count = -(-total // 16384)
    sizes = [metadata_piece_size(total, piece) for piece in range(count)]
    assert sum(sizes) == total
    assert set(sizes[:-1]) <= {16384}
    assert sizes[-1] > 0
    assert metadata_piece_size(total, count) <= 0
