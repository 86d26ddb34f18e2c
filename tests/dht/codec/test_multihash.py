import contextlib
from collections.abc import Iterator
from typing import Any

import multihash as library
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.codec import multihash
from dht.codec.varint import MalformedError
from tests.vectors import load

# In that table "sha3" is the function with code 0x14.
FUNCTIONS = {"sha1": "sha1", "sha2-256": "sha2-256", "sha2-512": "sha2-512", "sha3": "sha3-512"}


def rows() -> Iterator[tuple[str, bytes, bytes]]:
    for function, text, lengths, longest in load("multihash")["rows"]:
        whole = bytes.fromhex(longest)
        for bits in lengths:
            size = bits // 8
            yield (
                FUNCTIONS[function],
                text.encode("ascii"),
                whole[:1] + bytes([size]) + whole[2 : 2 + size],
            )


def test_the_table_is_whole() -> None:
    assert len(list(rows())) == 260


@pytest.mark.parametrize(("function", "data", "expected"), list(rows()))
def test_published_vectors(function: Any, data: bytes, expected: bytes) -> None:
    made = multihash.digest(data, function, length=len(expected) - 2)
    assert made.encode() == expected
    parsed = multihash.decode_untrusted(expected)
    assert (parsed.name, parsed.digest) == (function, expected[2:])
    assert multihash.encode(parsed.code, parsed.digest) == expected
    assert multihash.matches(expected, data)
    assert not multihash.matches(expected, data + b"x")


def test_gives_the_object_of_the_library() -> None:
    assert isinstance(multihash.decode_untrusted(bytes.fromhex("1101ff")), library.Multihash)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "ends inside"),
        ("12", "ends inside"),
        ("1220", "0 bytes where 32"),
        ("1203aabb", "2 bytes where 3"),
        ("1201aabb", "2 bytes where 1"),
        ("1100", "cannot have 0"),
        ("0000", "cannot have 0"),
        ("1115" + "00" * 21, "cannot have 21"),
        ("1221" + "00" * 33, "cannot have 33"),
        ("0101ff", "unknown hash function 0x1"),
        ("91010aff", "unknown hash function 0x91"),
        ("9100" + "01ff", "padded"),
        ("00" + "8104" + "00" * 513, "cannot have 513"),
    ],
)
def test_refuses(written: str, why: str) -> None:
    with pytest.raises(MalformedError, match=why):
        multihash.decode_untrusted(bytes.fromhex(written))


def test_an_identity_hash_is_the_data_itself() -> None:
    hashed = multihash.encode(multihash.IDENTITY, b"hello")
    assert hashed.hex() == "000568656c6c6f"
    assert multihash.matches(hashed, b"hello")
    assert not multihash.matches(hashed, b"hell")
    assert not multihash.matches(hashed, b"hello, world")


def test_what_is_no_multihash_matches_nothing() -> None:
    assert not multihash.matches(b"\x12", b"")


def test_says_so_when_the_function_is_not_at_hand() -> None:
    skein = bytes.fromhex("81e60201ff")
    assert multihash.decode_untrusted(skein).name == "Skein256-8"
    with pytest.raises(MalformedError, match="cannot compute Skein256-8"):
        multihash.matches(skein, b"")


@given(st.binary(max_size=80))
def test_only_the_declared_error_escapes_and_encodings_are_unique(data: bytes) -> None:
    try:
        parsed = multihash.decode_untrusted(data)
    except MalformedError:
        return
    assert multihash.encode(parsed.code, parsed.digest) == data


@given(st.sampled_from([0x00, 0x11, 0x12, 0x13, 0x14]), st.binary(min_size=1, max_size=20))
def test_base58_round_trip(code: int, digest: bytes) -> None:
    written = multihash.to_base58(multihash.encode(code, digest))
    parsed = multihash.parse_base58_untrusted(written)
    assert (parsed.code, parsed.digest) == (code, digest)


@given(st.text(max_size=60))
def test_base58_of_anything(text: str) -> None:
    with contextlib.suppress(MalformedError):
        multihash.parse_base58_untrusted(text)


@pytest.mark.parametrize("text", ["0OIl", "Qm€", "1" * 5000])
def test_base58_refuses(text: str) -> None:
    with pytest.raises(MalformedError):
        multihash.parse_base58_untrusted(text)
