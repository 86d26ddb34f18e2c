from __future__ import annotations

import re
from typing import Any

import bencodepy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.codec.bencode import encode
from torrent.core.metainfo import bencoding
from torrent.core.metainfo.bencoding import decode
from torrent.errors import MetainfoError

values = st.recursive(
    st.integers(-(2**63) + 1, 2**63 - 1) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=5), inner),
    max_leaves=20,
)
dictionaries = st.dictionaries(st.binary(max_size=5) | st.just(b"info"), values)


def unsorted(value: Any) -> bytes:
    """Bencode with the keys of every dictionary backwards."""
    if isinstance(value, dict):
        pairs = sorted(value.items(), reverse=True)
        return b"d" + b"".join(encode(key) + unsorted(each) for key, each in pairs) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(map(unsorted, value)) + b"e"
    return encode(value)


@given(dictionaries)
def test_canonical_or_not_the_value_is_the_same(value: dict[bytes, Any]) -> None:
    assert decode(encode(value), "x") == (
        value,
        encode(value[b"info"]) if b"info" in value else b"",
    )
    backwards = unsorted(value)
    found, raw = decode(backwards, "x")
    assert found == value
    assert raw == (unsorted(value[b"info"]) if b"info" in value else b"")
    assert raw in backwards


@given(dictionaries)
def test_a_second_reader_agrees(value: dict[bytes, Any]) -> None:
    backwards = unsorted(value)
    assert decode(backwards, "x")[0] == bencodepy.Bencode().decode(backwards)


@given(st.binary(max_size=60) | st.text("dlie0123:-a", max_size=60).map(str.encode))
def test_only_the_declared_error_leaves(data: bytes) -> None:
    try:
        found, raw = decode(data, "x")
    except MetainfoError as error:
        assert error.field == "x"  # noqa: PT017
    else:
        assert type(found) is dict
        assert raw in data


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "cut short (at byte 0)"),
        (b"d1:a", "cut short"),
        (b"d1:a1", "there is no value (at byte 4)"),
        (b"d1:ax", "there is no value"),
        (b"d1:a9:x", "longer than what is left"),
        (b"d1:a" + b"9" * 30 + b":x", "there is no value"),
        (b"d1:aie", "not an integer"),
        (b"d1:ai-e", "not an integer"),
        (b"d1:ai1", "not an integer"),
        (b"d1:ai1.5e", "not an integer"),
        (b"d1:ai9223372036854775808ee", "not an integer"),
        (b"d1:a" + b"i" + b"9" * 5000 + b"ee", "not an integer"),
        (b"d1:ae", "a key has no value"),
        (b"di1ei1ee", "there is no value"),
        (b"d1:bi1e1:al", "cut short"),
        (b"e", "there is no value"),
        (b"i1e", "not a dictionary"),
        (b"l1:be", "not a dictionary"),
        (b"3:abcx", "not a dictionary"),
    ],
)
def test_faults_are_named(data: bytes, fault: str) -> None:
    with pytest.raises(MetainfoError, match=re.escape(fault)):
        decode(data, "x")


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"d1:bi1e1:ai2ee", {b"a": 2, b"b": 1}),
        (b"d1:ai1e1:ai2ee", {b"a": 1}),
        (b"d1:ai-0ee", {b"a": 0}),
        (b"d1:ai007ee", {b"a": 7}),
        (b"d1:a003:abce", {b"a": b"abc"}),
        (b"dexyz", {}),
        (b"d1:ai9223372036854775807ee", {b"a": 2**63 - 1}),
        (b"d1:ai-9223372036854775807ee", {b"a": -(2**63) + 1}),
        (b"d1:b26:i99999999999999999999999e.e", {b"b": b"i99999999999999999999999e."}),
    ],
)
def test_what_is_read_leniently(data: bytes, value: object) -> None:
    assert decode(data, "x")[0] == value


def test_the_outermost_info_is_meant_and_of_two_the_first() -> None:
    data = b"d1:zd4:infoi1ee4:infod1:bi1e1:ai1ee4:infoi2ee"
    value, raw = decode(data, "x")
    assert raw == b"d1:bi1e1:ai1ee"
    assert value[b"info"] == {b"a": 1, b"b": 1}
    assert decode(b"d4:info1:x1:ai1ee", "x")[1] == b"1:x"


@pytest.mark.parametrize("levels", [98, 99])
@pytest.mark.parametrize("tail", [b"", b"junk"])
def test_depth_is_bounded_either_way(levels: int, tail: bytes) -> None:
    data = b"d1:a" + b"l" * levels + b"e" * levels + b"e" + tail
    if levels < 99:
        assert decode(data, "x")[0]
    else:
        with pytest.raises(MetainfoError, match="nested more than 99 deep"):
            decode(data, "x")


def test_a_bomb_of_brackets_costs_nothing() -> None:
    with pytest.raises(MetainfoError, match="deep"):
        decode(b"l" * 10_000_000, "x")
    with pytest.raises(MetainfoError, match="deep"):
        decode(b"d1:a" * 2_000_000, "x")


def test_tokens_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bencoding, "MAX_TOKENS", 10)
    inside = b"d1:al" + b"0:" * 6 + b"ee"  # a dictionary, a key, a list, six strings, an end
    assert len(decode(b"d1:al" + b"0:" * 5 + b"ee", "x")[0][b"a"]) == 5
    with pytest.raises(MetainfoError, match="more than 10 values"):
        decode(inside, "x")
    # Long strings may hold what looks like tokens.
    assert decode(b"d1:a40:" + b"l" * 40 + b"e", "x")[0] == {b"a": b"l" * 40}
