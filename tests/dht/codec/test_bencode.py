"""dht.codec.bencode: both readers, the walker and their bounds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import bencode2
import bencodepy
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dht.codec.bencode import (
    MAX_DEPTH,
    MAX_LENIENT_SIZE,
    decode,
    decode_untrusted,
    encode,
    is_canonical,
    leading_value,
    raw_item,
    raw_value,
)

if TYPE_CHECKING:
    from random import Random

values = st.recursive(
    st.integers(-(2**63), 2**64) | st.binary(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)
dictionaries = st.dictionaries(st.binary(max_size=6), values, max_size=6)


def write(value: object) -> bytes:
    """Encode as the oracle: by the book (BEP 3), keeping the order of keys."""
    match value:
        case int():
            return b"i%de" % value
        case bytes():
            return b"%d:%b" % (len(value), value)
        case list():
            return b"l%be" % b"".join(write(each) for each in value)
        case dict():
            return b"d%be" % b"".join(write(k) + write(v) for k, v in value.items())
    raise TypeError(value)


@given(values)
def test_encodes_by_the_book_and_decodes_what_it_encodes(value: object) -> None:
    in_order = bencodepy.decode(encode(value))
    assert encode(value) == write(in_order)
    assert decode(encode(value)) == value
    assert is_canonical(encode(value))


# BEP 3: "Integers have no size limitation. i-0e is invalid. All encodings with a leading zero,
# such as i03e, are invalid"; "Keys must be strings and appear in sorted order".
NOT_CANONICAL = {
    "empty": b"",
    "trailing byte": b"i1ex",
    "two values": b"i1ei2e",
    "unsorted": b"d1:bi1e1:ai2ee",
    "repeated key": b"d1:ai1e1:ai2ee",
    "negative zero": b"i-0e",
    "leading zero": b"i03e",
    "leading zero after a minus": b"i-03e",
    "plus": b"i+3e",
    "empty integer": b"ie",
    "only a minus": b"i-e",
    "space": b"i 3e",
    "underscore": b"i1_0e",
    "long length": b"02:ab",
    "negative length": b"-1:a",
    "length beyond the end": b"3:ab",
    "huge length": b"99999999999999999999999:a",
    "open list": b"li1e",
    "open dictionary": b"d1:ai1e",
    "no value for a key": b"d1:ae",
    "key is a number": b"di1ei2ee",
    "key is a list": b"dlei2ee",
    "only an end": b"e",
    "unknown letter": b"x",
    "unsorted inside": b"ld1:bi1e1:ai2eee",
}


@pytest.mark.parametrize("raw", NOT_CANONICAL.values(), ids=NOT_CANONICAL.keys())
def test_what_is_not_canonical_is_no_value(raw: bytes) -> None:
    assert not is_canonical(raw)
    assert decode(raw) is None


@given(st.binary(max_size=60))
@example(b"i-01e")
@example(b"d0:0:e")
@example(b"d0:i0e0:i0ee")
def test_whatever_is_accepted_as_canonical_is_its_own_encoding(raw: bytes) -> None:
    value = decode(raw)
    if value is not None:
        assert write(value) == raw


@given(st.recursive(st.sampled_from([b"i1e", b"1:a", b"le", b"de"]), st.lists, max_leaves=8))
def test_mutations_of_structure_are_canonical_only_if_they_reencode(parts: object) -> None:
    raw = flatten(parts)
    value = decode(raw)
    assert value is None or write(value) == raw


def flatten(parts: object) -> bytes:
    if isinstance(parts, bytes):
        return parts
    assert isinstance(parts, list)
    return b"".join(flatten(each) for each in parts)


class TestEnvelopes:
    def test_a_message_is_a_dictionary(self) -> None:
        assert decode_untrusted(b"d1:ai1ee") == {b"a": 1}
        assert decode_untrusted(b"li1ee") is None
        assert decode_untrusted(b"i1e") is None
        assert decode_untrusted(b"3:abc") is None

    def test_unsorted_keys_are_read(self) -> None:
        packet = b"d1:y1:q1:t2:aa1:q4:ping1:ad2:id20:abcdefghij0123456789ee"
        assert decode_untrusted(packet) == {
            b"y": b"q",
            b"t": b"aa",
            b"q": b"ping",
            b"a": {b"id": b"abcdefghij0123456789"},
        }

    def test_of_a_repeated_key_the_last_counts(self) -> None:
        assert decode_untrusted(b"d1:ai1e1:ai2ee") == {b"a": 2}
        assert raw_value(b"d1:ai1e1:ai2ee", b"a") == b"i2e"

    @pytest.mark.parametrize(
        "raw",
        [
            b"d1:bi1e1:ai2e",
            b"d1:bi1e1:ai2eex",
            b"d1:bi1e1:a9:xe",
            b"d1:bi1e1:aie",
            b"d1:bi1e1:aiee",
            b"d1:bi1e1:ai--1ee",
            b"d1:bi1ei5ei2ee",
            b"d1:bi1elei2ee",
            b"d1:bi1e1:a?e",
            b"d1:bi1e1:ai2eee",
            b"d1:b1:a1:ae",
            b"d2:b:ae1:a1:be",
        ],
    )
    def test_what_is_no_dictionary_even_leniently_is_nothing(self, raw: bytes) -> None:
        assert decode_untrusted(raw) is None

    @given(dictionaries, st.randoms(use_true_random=False))
    def test_any_order_of_keys_reads_the_same(
        self, fields: dict[bytes, object], rng: Random
    ) -> None:
        keys = list(fields)
        rng.shuffle(keys)
        raw = write({key: bencode_sorted(fields[key]) for key in keys})
        assert decode_untrusted(raw) == fields

    def test_leniency_ends_at_a_size(self) -> None:
        for padding, taken in ((MAX_LENIENT_SIZE - 60, True), (MAX_LENIENT_SIZE, False)):
            raw = write({b"b": bytes(padding), b"a": 1})
            assert (decode_untrusted(raw) is not None) is taken
            canonical = write({b"a": 1, b"b": bytes(padding)})
            assert decode_untrusted(canonical) is not None

    def test_leniency_ends_at_a_depth(self) -> None:
        for depth, taken in ((MAX_DEPTH - 1, True), (MAX_DEPTH + 2, False)):
            raw = b"d1:b" + b"l" * depth + b"e" * depth + b"1:ai1ee"
            assert (decode_untrusted(raw) is not None) is taken


def bencode_sorted(value: object) -> object:
    """The same value with the keys of its dictionaries in order."""
    return bencodepy.decode(bencode2.bencode(value))


BOMBS = {
    "lists": b"l" * 65_000,
    "closed lists": b"l" * 32_500 + b"e" * 32_500,
    "dictionaries": b"d0:" * 21_000,
    "closed dictionaries": b"d0:" * 16_000 + b"de" + b"e" * 16_000,
    "lists in an unsorted message": b"d1:bi1e1:a" + b"l" * 2000 + b"e" * 2000 + b"e",
    "digits": b"i" + b"9" * 65_000 + b"e",
    "digits Python refuses": b"i" + b"9" * 4301 + b"e",
    "many long integers": b"l" + (b"i" + b"9" * 4300 + b"e") * 15 + b"e",
    "digits in an unsorted message": b"d1:bi1e1:ai" + b"9" * 4400 + b"ee",
    "digits of a length": b"9" * 65_000 + b":",
    "digits of a length, unsorted": b"d1:bi1e1:a" + b"9" * 4000 + b":e",
    "lengths without end": b"d" + b"1:a" * 20_000,
    "empty strings": b"l" + b"0:" * 32_000 + b"e",
    "colons": b":" * 65_000,
    "open integers": b"l" + b"i" * 64_000,
    "zeros": b"0" * 65_000,
    "ends": b"e" * 65_000,
}


@pytest.mark.parametrize("raw", BOMBS.values(), ids=BOMBS.keys())
def test_bombs_are_defused_in_bounded_time(raw: bytes) -> None:
    started = time.process_time()
    envelope = decode_untrusted(raw)
    found = raw_value(raw, b"a", b"v")
    decode(raw)
    assert time.process_time() - started < 1.0  # measured: under 40 ms each
    assert envelope is None
    assert found is None


@given(st.binary(max_size=200))
def test_no_bytes_make_a_reader_raise(data: bytes) -> None:
    envelope = decode_untrusted(data)
    assert envelope is None or type(envelope) is dict
    assert raw_value(data, b"a") is None or envelope is None or b"a" in envelope


class TestRawValue:
    @given(dictionaries, st.binary(max_size=6))
    def test_finds_what_the_decoder_finds(self, fields: dict[bytes, object], key: bytes) -> None:
        raw = raw_value(encode(fields), key)
        if key in fields:
            assert raw == encode(fields[key])
        else:
            assert raw is None

    @given(st.binary(min_size=1, max_size=3), dictionaries, values)
    def test_finds_nested_values(
        self, outer: bytes, fields: dict[bytes, object], value: object
    ) -> None:
        data = encode({outer: {**fields, b"v": value}, b"zzzz": fields})
        assert raw_value(data, outer, b"v") == encode(value)

    def test_gives_back_what_is_not_canonical_as_it_is(self) -> None:
        # BEP 44: "It is important to use the verbatim bencoded representation as it appeared in
        # the message."
        data = b"d1:rd1:vd1:bi1e1:ai02eee1:t2:aae"
        assert raw_value(data, b"r", b"v") == b"d1:bi1e1:ai02ee"

    def test_without_a_path_it_is_everything(self) -> None:
        assert raw_value(b"i1e") == b"i1e"

    @pytest.mark.parametrize(
        "data",
        [b"", b"i1e", b"le", b"d", b"d1:a", b"d1:ai1e", b"d1:ae", b"d1:xi1e1:a", b"d1:x1:ye"],
    )
    def test_what_is_not_there_is_not_found(self, data: bytes) -> None:
        assert raw_value(data, b"a") is None
        assert raw_value(data, b"a", b"v") is None

    @pytest.mark.parametrize(("tokens", "found"), [(2000, True), (2100, False)])
    def test_a_walk_ends(self, tokens: int, found: bool) -> None:  # noqa: FBT001
        data = b"d1:al" + b"0:" * tokens + b"ee"
        assert (raw_value(data, b"a") is not None) is found
        assert decode_untrusted(data) is not None  # few brackets: the fast reader may have it

    def test_messages_with_many_brackets_are_walked_first(self) -> None:
        nested = b"d1:a" + b"l" * 63 + b"e" * 63 + b"e"
        assert decode_untrusted(nested) == decode(nested)
        assert decode_untrusted(b"d1:a" + b"l" * 64 + b"e" * 64 + b"e") is None
        wide = b"d1:al" + b"le" * 900 + b"ee"
        assert decode_untrusted(wide) == {b"a": [[]] * 900}
        assert decode_untrusted(b"d1:al" + b"le" * 2000 + b"ee") is None
        letters = encode({b"v": b"all well and good, " * 50})
        assert decode_untrusted(letters) == decode(letters)

    def test_a_value_that_is_no_dictionary_holds_nothing(self) -> None:
        assert raw_value(b"d1:a1:ve", b"a", b"v") is None
        assert raw_value(b"d1:al1:vee", b"a", b"v") is None


@given(values, st.binary(max_size=8))
def test_the_leading_value_ends_where_it_ends(value: object, rest: bytes) -> None:
    assert leading_value(write(value) + rest) == write(value)


def test_what_begins_with_no_value_has_no_leading_one() -> None:
    for data in (b"", b"d", b"d1:ai1e", b"5:abc", b"x", b"e", b"l" * 3000):
        assert leading_value(data) is None


class TestRawItem:
    @given(dictionaries, values)
    def test_is_what_the_walk_finds(self, fields: dict[bytes, object], value: object) -> None:
        fields = {**fields, b"v": value}
        data = encode({b"a": {b"1:v": b"1:v1:x"}, b"r": fields})
        assert raw_item(data, fields, b"r") == raw_value(data, b"r", b"v") == encode(value)

    def test_a_string_written_otherwise_is_as_it_was_received(self) -> None:
        assert raw_item(b"d1:rd1:v03:abcee", {b"v": b"abc"}, b"r") == b"03:abc"

    def test_without_one_there_is_nothing(self) -> None:
        assert raw_item(b"d1:rdee", {}, b"r") is None
